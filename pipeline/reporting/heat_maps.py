"""Matrices as inline SVG: one shade of the style sheet's accent for each level, names and numbers where they fit."""

from collections.abc import Sequence
from itertools import groupby

from markupsafe import Markup, escape

from pipeline.core.pages import Heat

LEVELS = 8  # shades from none to full, the classes heat0 to heat7
_MAX_NAMED = 60  # names of an axis; more would overprint each other
_MAX_NUMBERED = 16  # columns whose cells hold their number
_WIDE, _NAMED, _SMALL = 42, 15, 5  # a cell with its number, beside names, without
_HIGH = 24  # of a row with numbers
_EM = 7.0  # pixels for a letter of a name
_LONGEST = 30  # letters of a name
_LEGEND = 40


def heat_map(chart: Heat) -> Markup:
    """Rows below each other, a cell for each value; wider than a phone, so a page lets it scroll."""
    numbered = len(chart.columns) <= _MAX_NUMBERED
    named = len(chart.columns) <= _MAX_NAMED, len(chart.rows) <= _MAX_NAMED
    width = _WIDE if numbered else _NAMED if named[0] else _SMALL
    height = _HIGH if numbered else _NAMED if named[1] else _SMALL
    left, top = (
        _room([chart.row_label + " ↓", *(chart.rows if named[1] else [])]),
        _room(chart.columns if named[0] else []) + 18,
    )
    levels = _levels(chart.values)
    parts = [_axes(chart, left, top), *_cells(levels, left, top, width, height)]
    if named[0]:
        parts += [_column_name(name, left + (i + 0.5) * width, top - 6) for i, name in enumerate(chart.columns)]
    if named[1]:
        parts += [_row_name(name, left - 6, top + (i + 0.5) * height) for i, name in enumerate(chart.rows)]
    if numbered:
        parts += [
            _number(value, level, left + (i + 0.5) * width, top + (j + 0.5) * height)
            for j, row in enumerate(zip(chart.values, levels, strict=True))
            for i, (value, level) in enumerate(zip(*row, strict=True))
        ]
    bottom = top + height * len(chart.rows)
    across, down = round(max(left + width * len(chart.columns), 260) + _LONGEST), round(bottom + _LEGEND)
    size = f'viewBox="0 0 {across} {down}" width="{across}" height="{down}"'  # the box lets paper shrink it
    parts.append(_legend(chart, left, bottom + 14))
    return Markup(  # noqa: S704 - numbers, classes of ours, or escaped
        f'<svg class="heat" {size} role="img" aria-label="{escape(chart.alt)}">{"".join(parts)}</svg>'
    )


def _room(names: Sequence[str]) -> float:
    """Pixels beside or above an axis for its names."""
    return _EM * max((len(_cut(name)) for name in names), default=0) + 12


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"


def _levels(values: Sequence[Sequence[float]]) -> list[list[int]]:
    """The level of each value, from 0 at the least to the last at the greatest; all of one value are the last."""
    low, high = _span(values)
    return [
        [round((LEVELS - 1) * (v - low) / (high - low)) if high > low else LEVELS - 1 for v in row] for row in values
    ]


def _span(values: Sequence[Sequence[float]]) -> tuple[float, float]:
    return min(min(row) for row in values), max(max(row) for row in values)


def _cells(levels: Sequence[Sequence[int]], left: float, top: float, width: float, height: float) -> list[str]:
    """One path for each level; equal neighbours of a row are one rectangle."""
    paths: dict[int, list[str]] = {}
    for j, row in enumerate(levels):
        x = left
        for level, run in groupby(row):
            wide = width * len(list(run))
            paths.setdefault(level, []).append(f"M{x:g} {top + j * height:g}h{wide:g}v{height - 1:g}h-{wide:g}z")
            x += wide
    return [f'<path class="heat{level}" d="{"".join(paths[level])}"/>' for level in sorted(paths)]


def _axes(chart: Heat, left: float, top: float) -> str:
    return (
        f'<text class="axis" x="{left:g}" y="12">{escape(chart.column_label)} →</text>'
        f'<text class="axis" x="{left - 6:g}" y="{top - 6:g}" text-anchor="end">{escape(chart.row_label)} ↓</text>'
    )


def _column_name(name: str, x: float, y: float) -> str:
    return f'<text transform="translate({x + 4:g} {y:g}) rotate(-90)">{escape(_cut(name))}</text>'


def _row_name(name: str, x: float, y: float) -> str:
    return f'<text x="{x:g}" y="{y + 4:g}" text-anchor="end">{escape(_cut(name))}</text>'


def _number(value: float, level: int, x: float, y: float) -> str:
    kind = "on" if level > LEVELS // 2 else "off"
    return f'<text class="{kind}" x="{x:g}" y="{y + 4:g}" text-anchor="middle">{value:.2g}</text>'


def _legend(chart: Heat, x: float, y: float) -> str:
    """The shades in order, between the least and the greatest value."""
    low, high = _span(chart.values)
    shades = "".join(
        f'<rect class="heat{level}" x="{x + 46 + 16 * level:g}" y="{y:g}" width="16" height="12"/>'
        for level in range(LEVELS)
    )
    return (
        f'<text x="{x + 40:g}" y="{y + 10:g}" text-anchor="end">{low:.2g}</text>{shades}'
        f'<text x="{x + 52 + 16 * LEVELS:g}" y="{y + 10:g}">{high:.2g} ({escape(chart.unit)})</text>'
    )
