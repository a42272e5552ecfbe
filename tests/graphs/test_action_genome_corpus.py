from pipeline.formats.action_genome import Frame, FrameObject, Person
from pipeline.graphs.corpora import action_genome as corpus
from pipeline.graphs.scene import Relation

RELATIONS = {"attention": ["looking_at"], "spatial": ["in_front_of"], "contacting": ["drinking_from"]}


class One:
    """A corpus of one frame."""

    def __init__(self, frame: Frame) -> None:
        self.read = lambda key: frame


def read(objects: list[FrameObject], persons: list[Person], size=(100, 80)):
    return corpus.reading(One(Frame("V.mp4/000001.png", objects, persons, size)), "V.mp4/000001.png")


def cup(**changes) -> FrameObject:
    return FrameObject(
        **(
            {
                "name": "cup/glass/bottle",
                "visible": True,
                "box_xywh": (5.0, 6.0, 7.0, 8.0),
                "relations": RELATIONS,
                "subset": "test",
            }
            | changes
        )
    )


def test_attention_and_contact_run_from_the_person_and_places_to_it():
    graph = read([cup()], [Person((1.0, 2.0, 11.0, 22.0), 0.9)]).graph
    assert graph.relations == (
        Relation(0, 1, "drinking from", "contacting"),
        Relation(0, 1, "looking at", "attention"),
        Relation(1, 0, "in front of", "spatial"),
    )
    assert graph.objects[1].names == ("cup", "glass", "bottle")


def test_a_persons_corners_become_a_box_and_the_surest_detection_is_taken():
    graph = read([cup()], [Person((0.0, 0.0, 5.0, 5.0), 0.3), Person((10.0, 20.0, 30.0, 90.0), 0.9)]).graph
    assert graph.objects[0].box_xywh == (10, 20, 20, 60)  # cut at the picture's edge


def test_nobody_detected_leaves_a_person_without_a_box():
    assert read([cup()], []).graph.objects[0].box_xywh is None


def test_a_frame_that_shows_no_object_is_rejected():
    made = read([cup(visible=False, box_xywh=None, relations={})], [])
    assert (made.graph, made.reason, made.subset) == (None, "no visible object", "test")


def test_an_object_outside_the_picture_is_left_out_and_said():
    made = read([cup(), cup(name="book", box_xywh=(200.0, 0.0, 5.0, 5.0))], [])
    assert len(made.graph.objects) == 2
    assert made.faults == ["box outside the image: book"]


def test_the_order_of_the_entries_does_not_matter():
    entries = [cup(), cup(name="book"), cup(name="book", box_xywh=(50.0, 6.0, 7.0, 8.0))]
    assert read(entries, []).graph == read(entries[::-1], []).graph


def test_a_frame_names_its_video_and_its_place_there():
    made = read([cup()], [])
    assert (made.video, made.frame) == ("V.mp4", 1)
    hidden = read([cup(visible=False, box_xywh=None, relations={})], [])
    assert (hidden.video, hidden.frame) == ("V.mp4", 1)  # a rejected frame has its part, too


def test_a_key_of_another_form_has_neither():
    other = corpus.reading(One(Frame("a/b/c.png", [cup()], [], (100, 80))), "a/b/c.png")
    assert (other.video, other.frame) == (None, None)
