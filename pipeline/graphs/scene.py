"""SceneGraph: the objects of an image or frame and the relations between them."""

from collections.abc import Iterable
from operator import attrgetter

import msgspec

from pipeline.core.errors import FormatError

Box = tuple[float, float, float, float]  # x, y of the upper left corner, width, height; pixels


class SceneObject(msgspec.Struct, frozen=True, gc=False):
    """One thing: its names (the first is said), attributes, WordNet synsets and box, where the corpus gives them."""

    id: int
    names: tuple[str, ...]
    attributes: tuple[str, ...] = ()
    synsets: tuple[str, ...] = ()
    box_xywh: Box | None = None
    whole_xywh: Box | None = None  # of a region's graph: the same in the whole picture, not cut at the region's edge


class Relation(msgspec.Struct, frozen=True, gc=False, order=True):
    """subject -> object by object id; `group` is attention, spatial or contacting in Action Genome, else empty."""

    subject: int
    object: int
    predicate: str
    group: str = ""


class SceneGraph(msgspec.Struct, frozen=True, gc=False):
    """A directed multigraph; make one with `scene_graph`, which checks it and puts it into its one canonical order."""

    image_id: str
    region: str  # "" = the whole image
    width: int | None
    height: int | None
    objects: tuple[SceneObject, ...]  # by id
    relations: tuple[Relation, ...]  # by subject, object, predicate

    def by_id(self) -> dict[int, SceneObject]:
        """The objects under their ids."""
        return {thing.id: thing for thing in self.objects}


_DECODER = msgspec.json.Decoder(SceneGraph)
_ENCODER = msgspec.json.Encoder()


def scene_graph(
    image_id: str,
    region: str,
    size: tuple[int | None, int | None],
    objects: Iterable[SceneObject],
    relations: Iterable[Relation],
) -> SceneGraph:
    """A graph whose order does not depend on the order given; relations said twice are kept once.

    Raises ValueError (the message is the reason) for an id given twice, an object without a name, a relation to a
    missing object or from an object to itself.
    """
    things = sorted(objects, key=attrgetter("id"))
    ids = {thing.id for thing in things}
    if len(ids) != len(things):
        raise ValueError("duplicate object id")
    if not all(map(attrgetter("names"), things)):
        raise ValueError("object without a name")
    edges = sorted(set(relations))
    for edge in edges:
        if edge.subject not in ids or edge.object not in ids:
            raise ValueError("relation to a missing object")
        if edge.subject == edge.object:
            raise ValueError("relation of an object to itself")
    return SceneGraph(image_id, region, size[0], size[1], tuple(things), tuple(edges))


def to_json(graph: SceneGraph) -> str:
    """The graph as JSON text; empty fields are written too, so that readers see every field."""
    return _ENCODER.encode(graph).decode()


def from_json(text: str | bytes) -> SceneGraph:
    """The graph of a JSON text; FormatError if it is none."""
    try:
        return _DECODER.decode(text)
    except msgspec.DecodeError as error:
        raise FormatError(f"not a scene graph: {error}; run `dvc repro graph`") from None


def components(graph: SceneGraph) -> list[list[int]]:
    """Weakly connected components as ascending object ids; the largest first, then by smallest id."""
    groups = {thing.id: [thing.id] for thing in graph.objects}  # under the id each begins with
    member = dict(groups)
    for edge in graph.relations:
        one, other = member[edge.subject], member[edge.object]
        if one is not other:
            if len(one) < len(other):
                one, other = other, one
            one += other  # the smaller joins the larger, so that no node moves often
            del groups[other[0]]
            for node in other:
                member[node] = one
    return sorted(map(sorted, groups.values()), key=_size_then_first)


def _size_then_first(group: list[int]) -> tuple[int, int]:
    return (-len(group), group[0])
