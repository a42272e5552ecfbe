"""Visual Genome -> scene graphs. v1.0 objects are joined by name and box, later ones by id."""

import math
from collections.abc import Iterator
from dataclasses import replace

from pydantic import Field

from pipeline.core.params import Params as BaseParams
from pipeline.formats import visual_genome as annotations
from pipeline.formats.visual_genome import BadImageError, Described, Image, Region
from pipeline.graphs.corpora.shared import Reading, clean, clean_all
from pipeline.graphs.crops import crop, within
from pipeline.graphs.scene import Box, Relation, SceneGraph, SceneObject, scene_graph

FILES = {"*.json": "annotation", "*_alias.txt": "alias", "VG_100K*/*": "picture"}  # what `unseen raw scan` knows
_MAX_SIDE = 1 << 16  # pixels; JPEG and PNG readers stop there
_MAX_ID = 1 << 53


class RegionParams(BaseParams):
    """Which crops of an image become rows of their own."""

    max_regions: int = Field(ge=0)  # of an image; 0 = none
    min_inside: float = Field(gt=0, le=1)  # share of an object's box that must lie in the crop
    max_area: float = Field(gt=0, le=1)  # of a crop, as a share of the image: a crop of all of it shows nothing new


def readings(source: annotations.Annotations) -> Iterator[Reading]:
    """Every image in id order."""
    for image_id in source.image_ids():
        yield reading(source, image_id)


def reading(source: annotations.Annotations, image_id: int) -> Reading:
    """One image. Faulty parts are left out and listed in `faults`; an image with nothing left is rejected."""
    name = str(image_id)
    try:
        image = source.read(image_id)
        return _reading(name, image)
    except BadImageError as error:
        return Reading(name, None, str(error))
    except ValueError as error:  # of scene_graph
        return Reading(name, None, str(error))


def regions(source: annotations.Annotations, whole: Reading, params: RegionParams) -> Iterator[Reading]:
    """The crops of an image that say most: by number of relations, no two with the same objects, ties by region id."""
    if whole.graph is None or not params.max_regions:
        return
    try:
        described = source.read_regions(int(whole.image_id))
    except BadImageError as error:
        whole.faults.append(f"regions left out: {error}")
        return
    chosen: dict[str, Reading] = {}
    seen: set[tuple[int, ...]] = set()
    crops = sorted(_crops(whole.graph, described, params), key=lambda crop: (-len(crop[0].relations), crop[1]))
    for part, number, box, phrase in crops:
        ids = tuple(thing.id for thing in part.objects)
        if ids not in seen and len(chosen) < params.max_regions:
            seen.add(ids)
            chosen[str(number)] = replace(whole, graph=part, faults=[], crop_xywh=box, phrase=phrase or None)
    for name in sorted(chosen):
        yield chosen[name]


def _crops(
    graph: SceneGraph, described: list[Region], params: RegionParams
) -> Iterator[tuple[SceneGraph, int, tuple[int, int, int, int], str]]:
    """Graph, number, box and phrase of every region that shows a relation."""
    numbers = [region.id if region.region_id is None else region.region_id for region in described]
    for number, region in zip(numbers, described, strict=True):
        box = _region_box(region, graph.width, graph.height)
        if box is None or number is None or numbers.count(number) > 1:
            continue
        if graph.width and graph.height and box[2] * box[3] > params.max_area * graph.width * graph.height:
            continue
        part = crop(graph, str(number), box, params.min_inside)
        if part.relations:
            yield part, number, box, " ".join(region.phrase.split())


def _reading(name: str, image: Image) -> Reading:
    faults: list[str] = []
    width, height = _side(image.data.width), _side(image.data.height)
    objects = _objects(image, width, height, faults)
    relations = _relations(image, objects, faults)
    graph = scene_graph(name, "", (width, height), objects.values(), relations)
    if not graph.objects:
        return Reading(name, None, "no objects", faults)
    coco_id = image.data.coco_id if 0 <= (image.data.coco_id or 0) < _MAX_ID else None
    return Reading(name, graph, None, faults, _file(image.data.url), coco_id=coco_id)


def _objects(image: Image, width: int | None, height: int | None, faults: list[str]) -> dict[int, SceneObject]:
    extra = _attributes_by_mention(image) if image.attributed else {}
    objects: dict[int, SceneObject] = {}
    for record in image.objects:
        number = record.object_id
        names = clean_all(record.names)
        box = _box(record, width, height)
        if not names:
            faults.append(f"object without a name: {number}")
        elif box is None:
            faults.append(f"box outside the image: object {number}")
        elif number in objects:
            faults.append(f"duplicate object id: {number}")
        else:
            words = record.attributes
            if extra:
                words = (*words, *extra.get(number, ()), *extra.get(_place(record), ()))
            objects[number] = SceneObject(number, names, clean_all(words), record.synsets, box)
    return objects


def _relations(image: Image, objects: dict[int, SceneObject], faults: list[str]) -> list[Relation]:
    relations = []
    for first, word, second in _ends(image):
        subject, object_ = image.merged.get(first, first), image.merged.get(second, second)
        predicate = clean(word)
        if subject not in objects or object_ not in objects:
            missing = object_ if subject in objects else subject
            faults.append(f"relation to a missing object: {predicate or '?'} {missing}")
        elif subject == object_:
            faults.append(f"relation of an object to itself: {predicate or '?'} {subject}")
        elif not predicate:
            faults.append(f"relation without a predicate: {subject} {object_}")
        else:
            relations.append(Relation(subject, object_, predicate))
    return relations


def _ends(image: Image) -> Iterator[tuple[int, str, int]]:
    """Subject id, predicate, object id; a mention whose id is no object's is found by name and box."""
    yield from image.edges
    if not image.mentioned:
        return
    known = {record.object_id for record in image.objects}
    places = {_place(record): record.object_id for record in reversed(image.objects)}

    def number(mention: Described) -> int:
        if mention.object_id in known and image.one_id_per_object:
            return mention.object_id
        return places.get(_place(mention), mention.object_id)

    for subject, predicate, object_ in image.mentioned:
        yield number(subject), predicate, number(object_)


Place = tuple[str, float, float, float, float]


def _place(record: Described) -> Place:
    return (clean(record.names[0]) if record.names else "", record.x, record.y, record.w, record.h)


def _attributes_by_mention(image: Image) -> dict[int | Place, list[str]]:
    """Attributes under the object's id, and for v1.0 under its name and box."""
    attributes: dict[int | Place, list[str]] = {}
    for mention in image.attributed:
        key = mention.object_id if image.one_id_per_object else _place(mention)
        attributes.setdefault(key, []).extend(mention.attributes)
    return attributes


def _box(record: Described, width: int | None, height: int | None) -> Box | None:
    x, y, w, h = record.x, record.y, record.w, record.h
    if x >= 0 and y >= 0 and w > 0 and h > 0 and width and height and x + w <= width and y + h <= height:
        return (x, y, w, h)
    if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(w) and math.isfinite(h)):
        return None
    return within((x, y, w, h), width, height)


def _region_box(region: Region, width: int | None, height: int | None) -> tuple[int, int, int, int] | None:
    numbers = (region.x, region.y, region.width, region.height)
    box = within(numbers, width, height) if all(math.isfinite(number) for number in numbers) else None
    if box is None or max(box) > _MAX_SIDE:
        return None
    x, y, w, h = (int(number) for number in box)
    return (x, y, w, h) if w and h else None


def _side(pixels: int | None) -> int | None:
    return pixels if pixels is not None and 0 < pixels <= _MAX_SIDE else None


def _file(url: str | None) -> str | None:
    """VG_100K_2/1.jpg of https://.../VG_100K_2/1.jpg; None where that is no plain path."""
    parts = (url or "").split("/")[-2:]
    plain = len(parts) == 2 and all(part not in ("", ".", "..") and "\\" not in part for part in parts)
    return "/".join(parts) if plain else None
