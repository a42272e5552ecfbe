import pytest

from pipeline.graphs.scene import Relation, SceneObject, scene_graph
from pipeline.text import certainty, pools
from pipeline.text.captions import Captioner, Params
from pipeline.text.lexicon import Lexicon
from pipeline.text.negatives.shared import Edit, Scene
from pipeline.text.truth import Truth

SEEN = pools.Seen(kind="seen", prior=4, free_share=0.1)

LEXICON = Lexicon()
CAPTIONER = Captioner(Params(max_attributes=2, max_matchings=64), LEXICON)


def scene(*relations: tuple[int, int, str, str]) -> Scene:
    objects = [SceneObject(n, (name,), words) for n, name, words in ((0, "person", ()), (1, "cup", ("red",)))]
    graph = scene_graph("7", "", (9, 9), objects, [Relation(*edge) for edge in relations])
    told = CAPTIONER.caption(graph)
    words = pools.Pools(pools.Statistics(LEXICON), pools.Params(max_words=4, draw=SEEN))
    return Scene(graph, told.text, told.pieces, Truth(graph, LEXICON), words)


def certain(edit_of, *relations: tuple[int, int, str, str], kind: str = "action_genome") -> bool:
    shown = scene(*relations)
    return certainty.judge(kind)(shown, edit_of(shown))


def other_noun(shown: Scene) -> Edit:
    return Edit("object", (1,), "cup", "book", shown.renamed(1, "book"), None)


def other_colour(shown: Scene) -> Edit:
    return Edit("attribute", (1,), "red", "blue", shown.described(1, "red", "blue"), None)


def other_relation(shown: Scene) -> Edit:
    return Edit("relation", (0, 1), "old", "new", ((shown.relations[0], "new"),), None)


def swapped(shown: Scene) -> Edit:
    place = shown.relations[0]
    words = ((place - 1, shown.phrase_at(place + 1, place - 1)), (place + 1, shown.phrase_at(place - 1, place + 1)))
    return Edit("relation", (0, 1), "person / cup", "cup / person", words, None)


HOLDS, BEFORE = (0, 1, "holding", "contacting"), (1, 0, "in front of", "spatial")


@pytest.mark.parametrize(
    ("edit_of", "relation", "known"),
    [
        (other_noun, HOLDS, False),  # there may be a book that has no part in the action
        (other_colour, HOLDS, False),
        (other_relation, HOLDS, True),  # all contacts of the pair are given
        (other_relation, BEFORE, True),
        (other_relation, (0, 1, "looking at", "attention"), True),
        (swapped, HOLDS, True),
        (swapped, (0, 1, "looking at", "attention"), True),
        (swapped, (0, 1, "covered by", "contacting"), False),
        (swapped, (0, 1, "leaning on", "contacting"), False),
        (swapped, BEFORE, False),
    ],
)
def test_action_genome_shows_relations_of_its_pairs_and_nothing_of_other_things(edit_of, relation, known):
    assert certain(edit_of, relation) is known


def test_an_unsure_look_shows_nothing():
    assert not certain(other_relation, (0, 1, "looking at", "attention"), (0, 1, "unsure", "attention"))
    assert certain(other_relation, HOLDS, (0, 1, "unsure", "attention"))


@pytest.mark.parametrize(
    ("edit_of", "known"), [(other_noun, False), (other_colour, True), (other_relation, True), (swapped, True)]
)
def test_visual_genome_shows_what_is_so_of_named_things_and_not_what_is_absent(edit_of, known):
    assert certain(edit_of, (0, 1, "holding", ""), kind="visual_genome") is known
