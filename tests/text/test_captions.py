import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import FormatError
from pipeline.graphs.scene import Relation, SceneObject, components, scene_graph
from pipeline.text.captions import Captioner, Params, component_cover, pieces_from_json, pieces_to_json
from pipeline.text.lexicon import Lexicon
from pipeline.text.realisation import Piece

LEXICON = Lexicon()


def captioner(**changes) -> Captioner:
    return Captioner(Params(**({"max_attributes": 2, "max_matchings": 64} | changes)), LEXICON)


def graph(things: dict[int, str], relations: list[tuple[int, str, int]], groups: str = ""):
    """Things as "red,old car": attributes, a space, the name."""
    objects = []
    for number, words in things.items():
        *attributes, name = words.split("|")
        objects.append(SceneObject(number, tuple(name.split("/")), tuple(attributes)))
    return scene_graph("7", "", (100, 100), objects, [Relation(s, o, p, groups) for s, p, o in relations])


def told(things: dict[int, str], relations: list[tuple[int, str, int]], **changes) -> str:
    return captioner(**changes).caption(graph(things, relations)).text


@pytest.mark.parametrize(
    ("things", "relations", "text"),
    [
        ({1: "man", 2: "ball"}, [(1, "hitting", 2)], "A man hitting a ball."),
        (
            {1: "man", 2: "hat", 3: "shirt"},
            [(1, "wears", 2), (1, "has", 3)],
            "A man wearing a hat, the man with a shirt.",
        ),
        ({1: "car", 2: "bus", 3: "street"}, [(1, "on", 3), (2, "on", 3)], "A car on a street, a bus on the street."),
        ({1: "red|car", 2: "tree"}, [], "A red car. A tree."),
        ({1: "window", 2: "window"}, [], "A window."),
        ({1: "man", 2: "dog", 3: "dog"}, [(1, "walking", 2)], "A man walking a dog."),  # 3 is not named alone, too
        ({1: "house", 2: "window", 3: "window"}, [(1, "has", 2), (1, "has", 3)], "A house with a window."),
        ({1: "sitting|man", 2: "bench"}, [(1, "sitting on", 2)], "A man sitting on a bench."),
        (
            {1: "red|car", 2: "blue|car", 3: "road"},
            [(1, "on", 3), (2, "on", 3)],
            "A red car on a road, a blue car on the road.",
        ),
        ({1: "on|lamp", 2: "table"}, [(1, "on", 2)], "A switched-on lamp on a table."),  # another word than "on"
        ({1: "man", 2: "dog"}, [(1, "has been", 2)], "A man, a dog."),
        ({1: "pluged/outlets", 2: "wall"}, [(1, "on", 2)], "Outlets on a wall."),
        ({1: "sign", 2: '"stop"'}, [(1, "says", 2)], 'A sign saying "stop".'),
        ({1: "brick|tall|building", 2: "sky"}, [(1, "in", 2)], "A tall brick building in the sky."),
        ({1: "black|white|cat"}, [], "A black and white cat."),
        ({1: "grey|gray|striped|cat"}, [], "A striped grey cat."),  # the same said twice takes no place
        ({1: "wooden|metal|bench"}, [], "A wooden and metal bench."),
        ({1: "striped|plaid|cat"}, [], "A striped plaid cat."),  # only colours and materials are joined by "and"
        ({1: "white|white colour|cat"}, [], "A white cat."),  # what is known of "white" is known of both
    ],
)
def test_captions_read_like_english(things, relations, text):
    assert told(things, relations) == text


def test_no_more_attributes_are_said_than_asked_for():
    things = {1: "wet|old|brown|dog"}
    assert [told(things, [], max_attributes=n) for n in range(4)] == [
        "A dog.", "A wet dog.", "An old wet dog.", "An old wet brown dog.",
    ]  # fmt: skip


def test_the_search_budget_decides_what_is_cut_short():
    ring = graph(
        {n: f"thing{n}" for n in range(6)},
        [
            (0, "on", 1),
            (1, "on", 0),
            (2, "on", 3),
            (3, "on", 2),
            (4, "on", 5),
            (5, "on", 4),
            (0, "on", 3),
            (2, "on", 5),
        ],
    )
    assert captioner(max_matchings=1).caption(ring).num_cut_short == 1
    assert captioner(max_matchings=64).caption(ring).num_cut_short == 0


@st.composite
def scenes(draw):
    names = st.sampled_from(["dog", "red|car", "wet|old|man", "shoes", "orange|hat"])
    things = {n: draw(names) for n in draw(st.lists(st.integers(0, 40), unique=True, min_size=1, max_size=10))}
    ends = st.tuples(
        st.sampled_from(sorted(things)),
        st.sampled_from(["on", "has", "near", "has been"]),
        st.sampled_from(sorted(things)),
    )
    return graph(things, [edge for edge in draw(st.lists(ends, max_size=14)) if edge[0] != edge[2]])


@settings(max_examples=120, deadline=None)
@given(scene=scenes())
def test_a_caption_holds_what_its_pieces_say_and_only_edges_in_their_direction(scene):
    made = captioner().caption(scene)
    edges = {(e.subject, e.object, e.predicate) for e in scene.relations}
    things = scene.by_id()
    for place, piece in enumerate(made.pieces):
        words = made.text[piece.start : piece.stop]
        if piece.object < 0:
            assert things[piece.subject].names[0] in words.lower()
        else:
            assert (piece.subject, piece.object, piece.predicate) in edges
            assert words == LEXICON.predicate(piece.predicate).wording
            assert (made.pieces[place - 1].subject, made.pieces[place + 1].subject) == (piece.subject, piece.object)
    assert made.text.endswith(".")
    assert made.clause_starts == sorted(set(made.clause_starts))
    assert {piece.start for piece in made.pieces} >= set(made.clause_starts)
    assert pieces_from_json(pieces_to_json(made.pieces)) == made.pieces
    assert made.num_components == len(components(scene))


@settings(max_examples=80, deadline=None)
@given(scene=scenes())
def test_every_object_is_told_or_one_that_reads_alike(scene):
    made = captioner().caption(scene)
    named = {piece.subject for piece in made.pieces if piece.object < 0}
    described = {(thing.names, thing.attributes) for thing in scene.objects}
    assert {(scene.by_id()[node].names, scene.by_id()[node].attributes) for node in named} == described


@settings(max_examples=80, deadline=None)
@given(scene=scenes())
def test_a_component_takes_no_more_clauses_than_its_smallest_cover(scene):
    teller = captioner()
    edges = teller._edges(scene.relations)
    most = sum(len(component_cover(nodes, edges, 64).paths) for nodes in components(scene))
    assert len(teller.caption(scene).clause_starts) <= most


def test_text_that_is_no_list_of_pieces_is_refused():
    assert pieces_from_json('[[0,1,2,-1,"",false]]') == [Piece(0, 1, 2, -1, "", False)]
    with pytest.raises(FormatError, match="not the pieces"):
        pieces_from_json("[[0,1]]")


def frame(*relations: tuple[int, int, str, str]) -> str:
    """A caption of a person (0), a cup (1) and a table (2)."""
    objects = [SceneObject(n, (name,)) for n, name in enumerate(("person", "cup", "table"))]
    edges = [Relation(*edge) for edge in relations]
    used = {end for edge in edges for end in (edge.subject, edge.object)}
    return captioner().caption(scene_graph("7", "", (9, 9), [o for o in objects if o.id in used], edges)).text


LOOKS, LOOKS_AWAY = (0, 1, "looking at", "attention"), (0, 1, "not looking at", "attention")
HOLDS, DRINKS = (0, 1, "holding", "contacting"), (0, 1, "drinking from", "contacting")
TOUCHES_NOT, BEFORE = (0, 1, "not contacting", "contacting"), (1, 0, "in front of", "spatial")
UNSURE, OTHER = (0, 1, "unsure", "attention"), (0, 1, "other relationship", "contacting")


@pytest.mark.parametrize(
    ("relations", "text"),
    [
        ([LOOKS, TOUCHES_NOT, BEFORE], "A person looking at a cup, the cup in front of the person."),
        ([LOOKS_AWAY, TOUCHES_NOT, BEFORE], "A cup in front of a person."),
        ([LOOKS_AWAY, TOUCHES_NOT], "A person not looking at a cup."),
        ([TOUCHES_NOT], "A person not touching a cup."),
        ([UNSURE, TOUCHES_NOT], "A person not touching a cup."),
        ([UNSURE, OTHER], "A person, a cup."),
        ([(1, 0, "in", "spatial")], "A person, a cup."),
        ([(1, 0, "in", "spatial"), LOOKS_AWAY], "A person, a cup."),  # the place is known, only the wrong way round
        ([(1, 0, "in", "spatial"), TOUCHES_NOT, BEFORE], "A cup in front of a person."),
        ([UNSURE, OTHER, BEFORE], "A cup in front of a person."),
        ([LOOKS_AWAY, HOLDS, BEFORE], "A person holding a cup."),
        ([LOOKS, HOLDS, BEFORE], "A person looking at a cup, the person holding the cup."),
        (
            [LOOKS, HOLDS, DRINKS],
            "A person looking at a cup, the person drinking from the cup, the person holding the cup.",
        ),
        (
            [(0, 1, "touching", "contacting"), (0, 1, "wiping", "contacting")],
            "A person wiping a cup, the person touching the cup.",
        ),
        (
            [HOLDS, (0, 2, "looking at", "attention"), (2, 0, "beneath", "spatial")],
            "A table beneath a person holding a cup, the person looking at the table.",
        ),
    ],
)
def test_looks_and_contacts_are_said_and_what_is_not_so_only_where_nothing_else_is(relations, text):
    assert frame(*relations) == text


def test_every_look_contact_and_place_that_says_something_is_said():
    relations = [LOOKS, HOLDS, (0, 2, "leaning on", "contacting"), (0, 2, "looking at", "attention")]
    text = frame(*relations)
    assert [text.count(words) for words in ("looking at", "holding", "leaning on")] == [2, 1, 1]


def test_what_nobody_can_tell_apart_is_said_once_with_its_first_relation():
    objects = [SceneObject(0, ("person",)), SceneObject(1, ("clothes",)), SceneObject(2, ("clothes",))]
    edges = [
        Relation(0, 1, "looking at", "attention"),
        Relation(0, 1, "wearing", "contacting"),
        Relation(0, 2, "holding", "contacting"),
    ]
    made = captioner().caption(scene_graph("7", "", (9, 9), objects, edges))
    assert made.text == "A person looking at clothes, the person holding clothes."
