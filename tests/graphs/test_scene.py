import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import FormatError
from pipeline.graphs import crops
from pipeline.graphs.scene import Relation, SceneGraph, SceneObject, components, from_json, scene_graph, to_json
from tests.graphs.networks import to_networkx


def thing(number: int, name: str = "dog", **more) -> SceneObject:
    return SceneObject(number, (name,), **more)


@st.composite
def graphs(draw) -> SceneGraph:
    ids = draw(st.lists(st.integers(0, 30), unique=True, min_size=1, max_size=9))
    box = st.tuples(*[st.floats(0, 50, width=32)] * 2, *[st.floats(1, 50, width=32)] * 2)
    words = st.lists(st.sampled_from(["red", "old", "wet"]), max_size=2).map(tuple)
    objects = [SceneObject(n, ("dog",), draw(words), (), draw(st.none() | box)) for n in ids]
    ends = st.tuples(st.sampled_from(ids), st.sampled_from(ids), st.sampled_from(["on", "near"]))
    relations = [Relation(a, b, p) for a, b, p in draw(st.lists(ends, max_size=12)) if a != b]
    return scene_graph("7", "", (100, 100), objects, relations)


@settings(max_examples=60, deadline=None)
@given(graph=graphs(), data=st.data())
def test_a_graph_does_not_depend_on_the_order_it_is_given_in(graph, data):
    objects = data.draw(st.permutations(graph.objects))
    relations = data.draw(st.permutations([*graph.relations, *graph.relations]))
    assert scene_graph("7", "", (100, 100), objects, relations) == graph


@settings(max_examples=60, deadline=None)
@given(graph=graphs())
def test_json_gives_the_graph_back(graph):
    assert from_json(to_json(graph)) == graph


@settings(max_examples=60, deadline=None)
@given(graph=graphs())
def test_components_are_those_of_networkx_the_largest_first(graph):
    found = components(graph)
    assert {frozenset(group) for group in found} == set(
        map(frozenset, nx.weakly_connected_components(to_networkx(graph)))
    )
    assert found == sorted((sorted(group) for group in found), key=lambda group: (-len(group), group[0]))


@pytest.mark.parametrize(
    ("objects", "relations", "reason"),
    [
        ([thing(1), thing(1)], [], "duplicate object id"),
        ([SceneObject(1, ())], [], "object without a name"),
        ([thing(1)], [Relation(1, 2, "on")], "relation to a missing object"),
        ([thing(1)], [Relation(1, 1, "on")], "relation of an object to itself"),
    ],
)
def test_what_is_no_graph_is_refused_with_its_reason(objects, relations, reason):
    with pytest.raises(ValueError, match=reason):
        scene_graph("7", "", (10, 10), objects, relations)


def test_text_that_is_no_graph_is_refused():
    with pytest.raises(FormatError, match="not a scene graph"):
        from_json('{"image_id": 3}')


def test_a_crop_keeps_what_lies_in_it_and_counts_from_its_corner():
    inside, half, outside = (12.0, 12.0, 4.0, 4.0), (28.0, 10.0, 4.0, 4.0), (50.0, 50.0, 5.0, 5.0)
    objects = [thing(n, box_xywh=box) for n, box in enumerate([inside, half, outside, None])]
    graph = scene_graph("7", "", (100, 100), objects, [Relation(0, 1, "on"), Relation(0, 2, "on")])
    part = crops.crop(graph, "r", (10, 10, 20, 20), min_inside=0.5)
    assert [(o.id, o.box_xywh) for o in part.objects] == [(0, (2, 2, 4, 4)), (1, (18, 0, 2, 4))]
    assert part.relations == (Relation(0, 1, "on"),)
    assert (part.image_id, part.region, part.width, part.height) == ("7", "r", 20, 20)
    assert [o.id for o in crops.crop(graph, "r", (10, 10, 20, 20), min_inside=0.6).objects] == [0]
