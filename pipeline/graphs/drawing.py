"""Drawings of scene graphs for people: the picture with its boxes on the left, the graph on the right."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.formats import pictures
from pipeline.graphs.scene import SceneGraph

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw as Canvas
    from PIL.ImageFont import FreeTypeFont, ImageFont

Point = tuple[float, float]

_PANEL = 460  # width and height of either half, pixels
_INK, _EDGE, _MARK = (35, 35, 40), (120, 125, 135), (200, 60, 40)
_NODE, _MARKED_NODE = (224, 234, 246), (250, 220, 205)


def neighbourhood(graph: SceneGraph, start: Sequence[int], max_nodes: int) -> list[int]:
    """The given objects and those nearest to them along relations, at most `max_nodes`, ascending."""
    chosen = list(dict.fromkeys(start))
    for node in chosen:  # grows while it is walked: breadth first
        for edge in graph.relations:
            if node in (edge.subject, edge.object):
                other = edge.object if node == edge.subject else edge.subject
                if other not in chosen and len(chosen) < max_nodes:
                    chosen.append(other)
    return sorted(chosen[:max_nodes])


def load_picture(path: Path, crop_xywh: Sequence[int] | None) -> "Image | None":
    """The picture of a graph, cut to its region; None where there is no such file. FormatError if it is no picture."""
    return pictures.read(path, crop_xywh) if path.is_file() else None


def draw(graph: SceneGraph, nodes: Sequence[int], marked: Sequence[int], picture: "Image | None") -> "Image":
    """The picture (a frame without one) with the boxes of `nodes`, and the graph over them; `marked` stand out."""
    from PIL import Image, ImageDraw, ImageFont

    sheet = Image.new("RGB", (2 * _PANEL, _PANEL), (255, 255, 255))
    canvas = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    _boxes(sheet, canvas, font, graph, nodes, marked, picture)
    _network(canvas, font, graph, nodes, marked)
    return sheet


def _boxes(
    sheet: "Image",
    canvas: "Canvas",
    font: "FreeTypeFont | ImageFont",
    graph: SceneGraph,
    nodes: Sequence[int],
    marked: Sequence[int],
    picture: "Image | None",
) -> None:
    things = graph.by_id()
    ends = [(box[0] + box[2], box[1] + box[3]) for node in nodes if (box := things[node].box_xywh)]
    width = graph.width or (picture.width if picture else max((x for x, _ in ends), default=1.0))
    height = graph.height or (picture.height if picture else max((y for _, y in ends), default=1.0))
    scale = (_PANEL - 20) / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if picture is not None:
        sheet.paste(picture.resize(size), (10, 10))
    canvas.rectangle((10, 10, 10 + size[0], 10 + size[1]), outline=_EDGE)
    for node in nodes:
        box = things[node].box_xywh
        if box is not None:
            x, y, w, h = (side * scale for side in box)
            colour = _MARK if node in marked else _INK
            canvas.rectangle((10 + x, 10 + y, 10 + x + w, 10 + y + h), outline=colour, width=2)
            _label(canvas, font, (14 + x, 12 + y), things[node].names[0], colour)


def _network(
    canvas: "Canvas", font: "FreeTypeFont | ImageFont", graph: SceneGraph, nodes: Sequence[int], marked: Sequence[int]
) -> None:
    things = graph.by_id()
    centre = (1.5 * _PANEL, 0.5 * _PANEL)
    places = {node: _on_ring(centre, place, len(nodes)) for place, node in enumerate(nodes)}
    between: dict[tuple[int, int], list[str]] = {}
    for edge in graph.relations:
        if edge.subject in places and edge.object in places:
            between.setdefault((edge.subject, edge.object), []).append(edge.predicate)
    for (subject, object_), words in between.items():
        start, end = places[subject], places[object_]
        canvas.line((*start, *end), fill=_EDGE, width=1)
        canvas.ellipse((*_along(start, end, 0.8, -3), *_along(start, end, 0.8, 3)), fill=_EDGE)  # near the object
        _label(canvas, font, _along(start, end, 0.42, 0), ", ".join(words), _EDGE)
    for node, (x, y) in places.items():
        thing = things[node]
        text = " ".join([*thing.attributes[:2], thing.names[0]])[:28]
        half = canvas.textlength(text, font=font) / 2 + 6
        fill = _MARKED_NODE if node in marked else _NODE
        canvas.rounded_rectangle((x - half, y - 11, x + half, y + 11), 6, fill=fill, outline=_INK)
        canvas.text((x - half + 6, y - 8), text, fill=_INK, font=font)


def _on_ring(centre: Point, place: int, number: int) -> Point:
    angle = 2 * math.pi * place / max(1, number) - math.pi / 2
    radius = 0.0 if number == 1 else 0.38 * _PANEL
    return (centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle))


def _along(start: Point, end: Point, share: float, shift: float) -> Point:
    return (start[0] + share * (end[0] - start[0]) + shift, start[1] + share * (end[1] - start[1]) + shift)


def _label(
    canvas: "Canvas", font: "FreeTypeFont | ImageFont", where: Point, text: str, colour: tuple[int, int, int]
) -> None:
    width = canvas.textlength(text, font=font)
    canvas.rectangle((where[0] - 1, where[1], where[0] + width + 1, where[1] + 15), fill=(255, 255, 255))
    canvas.text(where, text, fill=colour, font=font)
