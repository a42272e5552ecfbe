"""The picture of the pipeline, drawn from dvc.yaml: three columns of stages with arrows from their inputs.

Arrows that follow from others are left out (transitive reduction); the description names every input. Arrows from
`fingerprint` are left out too, since they would go to every box.
"""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from pipeline.core import dag
from pipeline.reporting import dag_routes as routes

COLUMNS = {"data": "what was recorded", "features": "vectors and weights", "reports": "what we conclude"}

_READ_BY_ALL = "fingerprint"
_TOP = 64
_INSET, _FIRST, _LEADING = 12, 37, 14  # of the text in a box: from its left, its first line, from line to line
# Characters of a line: as many as fit where each is .61 em wide, as in typewriter faces; no usual text face is wider.
_LINE = int((routes.BOX_WIDTH - 2 * _INSET) / (0.61 * 11.5))
_MAX_LINES = 4
_STYLE = """
.dag { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; font-size: 11.5px; }
.dag text { fill: #5b6168; }
.dag .head { font: 600 17px "Iowan Old Style", Palatino, "URW Palladio L", "Book Antiqua", serif; fill: #1c2024; }
.dag .name { font-size: 14px; font-weight: 600; fill: #1c2024; }
.dag rect { fill: #fdfcfa; stroke: #c4c0b6; }
.dag .idle rect { stroke-dasharray: 3 3; }
.dag .idle .name { fill: #5b6168; font-weight: 400; }
.dag path { fill: none; stroke: #0a5f73; stroke-width: 1.5; }
.dag marker path { fill: #0a5f73; stroke: none; }
.dag .rule { stroke: #1c2024; }
.dag a { cursor: pointer; } .dag a .name { text-decoration: underline; }
.dag a:hover rect, .dag a:focus-visible rect { stroke: #0a5f73; stroke-width: 2; }
@media screen and (prefers-color-scheme: dark) {
.dag text { fill: #a4aab0; } .dag .head, .dag .name { fill: #e8e6e1; } .dag .idle .name { fill: #a4aab0; }
.dag rect { fill: #15181b; stroke: #4a5057; } .dag .rule { stroke: #e8e6e1; }
.dag path { stroke: #6cc5d6; } .dag marker path { fill: #6cc5d6; stroke: none; }
.dag a:hover rect, .dag a:focus-visible rect { stroke: #6cc5d6; }
}
"""
_ARROW_HEAD = (
    '<defs><marker id="dag-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6.5" markerHeight="6.5" '
    'orient="auto"><path d="M0 0.5 L8 4 L0 7.5 z"/></marker></defs>'
)
_BOX = re.compile('<g class="stage[^"]*" data-stage="([^"]*)">.*?</g>')


@dataclass(frozen=True)
class Stage:
    """One box: its column, its text, and the stages whose outputs it reads."""

    name: str
    column: str
    desc: str
    reads: tuple[str, ...]
    is_idle: bool  # no row of these params uses it


def stages(dvc_yaml: Path, params: Mapping[str, Any]) -> list[Stage]:
    """The stages of dvc.yaml in the order written, with their inputs under these params.

    Every output stands below `<column>/<stage>/`, so a path says which stage made it.
    """
    bodies = dag.read_stages(dvc_yaml)
    instances = dag.instances(dvc_yaml, params)
    boxes = []
    for name, stage in bodies.items():
        body = dag.body(stage)
        rows = [instance for instance in instances if instance.stage == name]
        deps = [*body.get("deps", []), *(dep for instance in rows for dep in instance.deps)]
        reads = _makers(deps, bodies) - {name, _READ_BY_ALL}
        column = dag.out_paths(body)[0].split("/")[0]
        ordered = tuple(other for other in bodies if other in reads)
        boxes.append(Stage(name, column, body.get("desc", ""), ordered, is_idle=not rows))
    return boxes


def arrows(boxes: Iterable[Stage]) -> list[tuple[str, str]]:
    """The (from, to) pairs that no longer path implies."""
    reads = {stage.name: set(stage.reads) for stage in boxes}

    def reaches(name: str) -> set[str]:
        return reads[name].union(*(reaches(other) for other in reads[name]))

    implied = {name: set().union(*(reaches(other) for other in reads[name])) for name in reads}
    return [(other, stage.name) for stage in boxes for other in stage.reads if other not in implied[stage.name]]


def svg(dvc_yaml: Path, params: Mapping[str, Any]) -> str:
    """The picture as one SVG document, for a file or for a page, in light and dark."""
    boxes = stages(dvc_yaml, params)
    places = _places(boxes)
    top, heights = _rows(boxes, places)
    grid, ways = routes.routed(places, arrows(boxes), top, heights)
    width, height = grid.width + 1, top[-1] + heights[-1] + 2
    reads = "; ".join(f"{stage.name} reads {', '.join(stage.reads) or 'no other stage'}" for stage in boxes)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="dag" viewBox="0 0 {width:g} {height:g}" role="img">',
            f"<title>The pipeline: data, features, reports</title><desc>{escape(reads)}.</desc>",
            f"<style>{_STYLE}</style>",
            _ARROW_HEAD,
            *(_head(x, name, words) for x, (name, words) in zip(grid.left, COLUMNS.items(), strict=False)),
            *(_arrow(pair, points) for pair, points in ways.items()),
            *(_box(stage, grid.corner(places[stage.name]), heights[places[stage.name][1]]) for stage in boxes),
            "</svg>\n",
        ]
    )


def linked(picture: str, links: Mapping[str, str]) -> str:
    """The picture with the boxes of these stages as links, for a page. The picture must be one of `svg`."""

    def link(box: re.Match[str]) -> str:
        target = links.get(box[1])
        return f'<a href="{escape(target, {chr(34): "&quot;"})}">{box[0]}</a>' if target else box[0]

    # What holds links is no image to a screen reader, which would read nothing in it.
    page = _BOX.sub(link, picture)
    return page if page == picture else page.replace(' role="img"', ' role="group"', 1)


def _rows(boxes: Iterable[Stage], places: Mapping[str, tuple[int, int]]) -> tuple[list[float], list[float]]:
    """Where each row begins and how high its boxes are: as high as the most text in it asks for."""
    num_lines = [1] * (1 + max(row for _, row in places.values()))
    for stage in boxes:
        row = places[stage.name][1]
        num_lines[row] = max(num_lines[row], len(_lines(stage)))
    heights = [_FIRST + _LEADING * num - 3.0 for num in num_lines]
    top = [float(_TOP)]
    for height in heights[:-1]:
        top.append(top[-1] + height + routes.ROW_GAP)
    return top, heights


def _makers(deps: Iterable[str], names: Iterable[str]) -> set[str]:
    parts = [dep.split("/") for dep in deps]
    return {part[1] for part in parts if part[0] in COLUMNS and len(part) > 1 and part[1] in set(names)}


def _places(boxes: list[Stage]) -> dict[str, tuple[int, int]]:
    """(column, row) of each stage: below the stages of its column that it reads, and level with its other inputs.

    Of several that could come next the highest is taken, then the one that reads the previous box, to keep chains
    together.
    """
    places: dict[str, tuple[int, int]] = {}
    for number, column in enumerate(COLUMNS):
        waiting = [stage for stage in boxes if stage.column == column]
        free, last = 0, ""
        while waiting:
            names = {stage.name for stage in waiting}
            ready = [stage for stage in waiting if not names & {*stage.reads}]
            rows = {stage.name: max(free, _level(stage, places, number)) for stage in ready}
            stage = min(ready, key=lambda stage: (rows[stage.name], last not in stage.reads))
            places[stage.name] = (number, rows[stage.name])
            free, last = rows[stage.name] + 1, stage.name
            waiting.remove(stage)
    return places


def _level(stage: Stage, places: Mapping[str, tuple[int, int]], column: int) -> int:
    """The lowest row among a stage's inputs in the columns left of it; 0 without any."""
    inputs = [places[name] for name in stage.reads if name in places]
    return max((row for place, row in inputs if place < column), default=0)


def _head(x: float, name: str, words: str) -> str:
    rule = f'<path class="rule" d="M{x:g} 40 H{x + routes.BOX_WIDTH:g}"/>'
    return f'<text class="head" x="{x:g}" y="16">{name}</text><text x="{x:g}" y="32">{words}</text>{rule}'


def _lines(stage: Stage) -> list[str]:
    return textwrap.wrap(stage.desc.replace("->", "→"), _LINE, max_lines=_MAX_LINES, placeholder=" …")


def _box(stage: Stage, corner: tuple[float, float], height: float) -> str:
    x, y = corner
    text = "".join(
        f'<text x="{x + _INSET:g}" y="{y + _FIRST + _LEADING * number:g}">{escape(line)}</text>'
        for number, line in enumerate(_lines(stage))
    )
    kind = "stage idle" if stage.is_idle else "stage"
    size = f'width="{routes.BOX_WIDTH}" height="{height:g}"'
    return (
        f'<g class="{kind}" data-stage="{escape(stage.name)}"><rect x="{x:g}" y="{y:g}" {size} rx="3"/>'
        f'<text class="name" x="{x + _INSET:g}" y="{y + 20:g}">{escape(stage.name)}</text>{text}</g>'
    )


def _arrow(pair: tuple[str, str], points: Sequence[tuple[float, float]]) -> str:
    name = f"{pair[0]} to {pair[1]}"
    return f'<path d="{routes.path(points)}" data-arrow="{escape(name)}" marker-end="url(#dag-arrow)"/>'
