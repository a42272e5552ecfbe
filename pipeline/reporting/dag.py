"""The picture of the pipeline, drawn from dvc.yaml: three columns of stages with arrows from their inputs.

Arrows that follow from others are left out (transitive reduction); the description names every input. Arrows from
`fingerprint` are left out too, since they would go to every box.
"""

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from pipeline.core import dag

COLUMNS = {"data": "what was recorded", "features": "vectors and weights", "reports": "what we conclude"}

_READ_BY_ALL = "fingerprint"
_BOX_WIDTH, _BOX_HEIGHT = 216, 62
_COLUMN_STEP, _ROW_STEP = 296, 84
_TOP = 64
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
@media (prefers-color-scheme: dark) {
.dag text { fill: #a4aab0; } .dag .head, .dag .name { fill: #e8e6e1; } .dag .idle .name { fill: #a4aab0; }
.dag rect { fill: #15181b; stroke: #4a5057; } .dag .rule { stroke: #e8e6e1; }
.dag path { stroke: #6cc5d6; } .dag marker path { fill: #6cc5d6; stroke: none; }
}
"""
_ARROW_HEAD = (
    '<defs><marker id="dag-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6.5" markerHeight="6.5" '
    'orient="auto"><path d="M0 0.5 L8 4 L0 7.5 z"/></marker></defs>'
)


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
    width = (len(COLUMNS) - 1) * _COLUMN_STEP + _BOX_WIDTH + 2
    height = _TOP + (max(row for _, row in places.values()) * _ROW_STEP) + _BOX_HEIGHT + 2
    reads = "; ".join(f"{stage.name} reads {', '.join(stage.reads) or 'no other stage'}" for stage in boxes)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="dag" viewBox="0 0 {width} {height}" role="img">',
            f"<title>The pipeline: data, features, reports</title><desc>{escape(reads)}.</desc>",
            f"<style>{_STYLE}</style>",
            _ARROW_HEAD,
            *(_head(number, name, words) for number, (name, words) in enumerate(COLUMNS.items())),
            *(_arrow(places[source], places[target]) for source, target in arrows(boxes)),
            *(_box(stage, places[stage.name]) for stage in boxes),
            "</svg>\n",
        ]
    )


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


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    column, row = place
    return 1 + column * _COLUMN_STEP, _TOP + row * _ROW_STEP


def _head(number: int, name: str, words: str) -> str:
    x, _ = _corner((number, 0))
    rule = f'<path class="rule" d="M{x} 40 H{x + _BOX_WIDTH}"/>'
    return f'<text class="head" x="{x}" y="16">{name}</text><text x="{x}" y="32">{words}</text>{rule}'


def _box(stage: Stage, place: tuple[int, int]) -> str:
    x, y = _corner(place)
    lines = textwrap.wrap(stage.desc.replace("->", "→"), 35, max_lines=2, placeholder=" …")
    text = "".join(
        f'<text x="{x + 12}" y="{y + 37 + 14 * number}">{escape(line)}</text>' for number, line in enumerate(lines)
    )
    kind = "stage idle" if stage.is_idle else "stage"
    return (
        f'<g class="{kind}"><rect x="{x}" y="{y}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="3"/>'
        f'<text class="name" x="{x + 12}" y="{y + 20}">{escape(stage.name)}</text>{text}</g>'
    )


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    (x0, y0), (x1, y1) = _corner(start), _corner(end)
    if start[0] == end[0] and end[1] == start[1] + 1:
        middle = x0 + _BOX_WIDTH // 2
        path = f"M{middle} {y0 + _BOX_HEIGHT} V{y1 - 1}"
    elif start[0] == end[0]:  # past other boxes of the column, on its right side
        x, y0, y1 = x0 + _BOX_WIDTH, y0 + _BOX_HEIGHT // 2 + 12, y1 + _BOX_HEIGHT // 2 - 12
        path = f"M{x} {y0} C{x + 34} {y0} {x + 34} {y1} {x + 1} {y1}"
    else:
        x0, y0, y1 = x0 + _BOX_WIDTH, y0 + _BOX_HEIGHT // 2, y1 + _BOX_HEIGHT // 2
        bend = (x1 - x0) // 2
        path = f"M{x0} {y0} C{x0 + bend} {y0} {x1 - bend} {y1} {x1 - 1} {y1}"
    return f'<path d="{path}" marker-end="url(#dag-arrow)"/>'
