"""Region crops ("dense captions"): the part of a scene graph that lies in a part of the image."""

from pipeline.graphs.scene import Box, SceneGraph, SceneObject, scene_graph


def crop(graph: SceneGraph, region: str, box_xywh: tuple[int, int, int, int], min_inside: float) -> SceneGraph:
    """The objects of which at least the share `min_inside` of the box lies in the region, and their relations.

    Boxes are clipped to the region and counted from its corner (SGVL trains on such pairs of crop and sub-graph); as
    they lie in the whole picture they stand beside.
    """
    objects = []
    for thing in graph.objects:
        inside = _clipped(thing.box_xywh, box_xywh)
        if inside is None or thing.box_xywh is None:
            continue
        if inside[2] * inside[3] >= min_inside * thing.box_xywh[2] * thing.box_xywh[3]:
            objects.append(SceneObject(thing.id, thing.names, thing.attributes, thing.synsets, inside, thing.box_xywh))
    ids = {thing.id for thing in objects}
    relations = [edge for edge in graph.relations if edge.subject in ids and edge.object in ids]
    return scene_graph(graph.image_id, region, (box_xywh[2], box_xywh[3]), objects, relations)


def within(box_xywh: Box, width: int | None, height: int | None) -> Box | None:
    """A box clipped to an image; None if nothing of it is left. An unknown size clips at the upper left only."""
    x, y, w, h = box_xywh
    right = x + w if width is None else min(x + w, width)
    bottom = y + h if height is None else min(y + h, height)
    left, top = max(x, 0.0), max(y, 0.0)
    return (left, top, right - left, bottom - top) if right > left and bottom > top else None


def _clipped(box_xywh: Box | None, region_xywh: tuple[int, int, int, int]) -> Box | None:
    if box_xywh is None:
        return None
    x, y, w, h = box_xywh
    return within((x - region_xywh[0], y - region_xywh[1], w, h), region_xywh[2], region_xywh[3])
