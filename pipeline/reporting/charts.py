"""Marks and line charts as inline SVG. Widths are per cents of the parent element, so text keeps its size on any
screen; colours come from classes of the page's style sheet, so they follow light, dark and print.
"""

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from pipeline.core.pages import Bars, Lines, Series

_MARK_HEIGHT, _BAR_HEIGHT, _AXIS_HEIGHT = 46, 28, 24
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_CHART_HEIGHT = 240
_UNITS = 1000  # inner coordinates of a line chart, stretched over its place


def interval(
    value: float,
    ci95: Sequence[float] | None,
    chance: float,
    *,
    hollow: bool,
    wider: Sequence[float] | None = None,
) -> Markup:
    """A dot on a 0 to 1 axis with its interval as a whisker and chance as a dashed line; hollow marks doubtful values.

    `wider` is an interval drawn as a thin line beneath.
    """
    middle = _MARK_HEIGHT // 2
    kind = "mark hollow" if hollow else "mark"
    parts = [_chance(chance, _MARK_HEIGHT)]
    if wider:
        low, high = _percent(wider[0]), _percent(wider[1])
        parts.append(f'<line class="whisker wider" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>')
    if ci95:
        low, high = _percent(ci95[0]), _percent(ci95[1])
        parts.append(f'<line class="whisker" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>')
        parts += [
            f'<line class="whisker" x1="{end}" x2="{end}" y1="{middle - 4}" y2="{middle + 4}"/>' for end in (low, high)
        ]
    parts.append(f'<circle class="{kind}" cx="{_percent(value)}" cy="{middle}" r="5.5"/>')
    return _hidden(parts, _MARK_HEIGHT)


def bar(value: float, chance: float) -> Markup:
    """A bar from 0 to the value on a 0 to 1 axis, with chance as a dashed line that shows on the bar too."""
    box = f'<rect class="bar" x="0" y="{_BAR_HEIGHT // 2 - 6}" width="{_percent(value)}" height="12"/>'
    return _hidden([box, _chance(chance, _BAR_HEIGHT, "gap"), _chance(chance, _BAR_HEIGHT)], _BAR_HEIGHT)


def signed_bars(chart: Bars) -> list[Markup]:
    """A bar from zero to each value, on one axis that fits all of them; bars below zero are hollow."""
    ends = [0.0, *(bar.value for bar in chart.bars)]
    span = (min(ends), max(ends)) if min(ends) < max(ends) else (0.0, 1.0)
    zero = _percent(_place(0.0, span))
    line = f'<line class="tick" x1="{zero}" x2="{zero}" y1="0" y2="{_BAR_HEIGHT}"/>'
    drawn = []
    for bar in chart.bars:
        left, right = sorted((_place(0.0, span), _place(bar.value, span)))
        kind = "bar hollow" if bar.value < 0 else "bar"
        place = f'x="{_percent(left)}" width="{_percent(right - left)}" y="{_BAR_HEIGHT // 2 - 6}" height="12"'
        drawn.append(_hidden([f'<rect class="{kind}" {place}/>', line], _BAR_HEIGHT))
    return drawn


def axis(chance: float) -> Markup:
    """The 0 to 100 % axis below a column of marks, with the line of chance ending in it."""
    parts = [_chance(chance, 6)]
    for tick in _TICKS:
        anchor = "start" if tick == 0 else "end" if tick == 1 else "middle"
        parts.append(f'<line class="tick" x1="{_percent(tick)}" x2="{_percent(tick)}" y1="0" y2="5"/>')
        parts.append(f'<text x="{_percent(tick)}" y="18" text-anchor="{anchor}">{tick:.0%}</text>')
    return _hidden(parts, _AXIS_HEIGHT)


def lines(chart: Lines) -> Markup:
    """A line chart: gridlines with their values on them, the x axis below, one polyline a series.

    A ring marks the chosen x of a series, a dashed line chance. Between whole x, such as epochs, there is no tick.
    """
    x_ticks = whole_ticks([x for series in chart.series for x in series.x])
    guess = [] if chart.chance is None else [chart.chance]
    y_ticks = ticks([*guess, *(y for series in chart.series for y in series.y)])
    x_range = (min(series.x[0] for series in chart.series), max(series.x[-1] for series in chart.series))
    y_range = (y_ticks[0], y_ticks[-1])
    grid, labels = [], []
    for tick in y_ticks:
        y = _short(_CHART_HEIGHT * (1 - _place(tick, y_range)))
        grid.append(f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>')
        labels.append(f'<text x="0" y="{y}" dy="-4">{_short(tick)}</text>')
    for tick in (tick for tick in x_ticks if x_range[0] <= tick <= x_range[1]):
        place = _place(tick, x_range)
        anchor = "start" if place < 0.02 else "end" if place > 0.98 else "middle"
        x = _percent(place)
        labels.append(f'<text x="{x}" y="{_CHART_HEIGHT + 18}" text-anchor="{anchor}">{_short(tick)}</text>')
    drawn = "".join(_polyline(series, number, x_range, y_range) for number, series in enumerate(chart.series))
    stretched = (
        f'<svg x="0" y="0" width="100%" height="{_CHART_HEIGHT}" viewBox="0 0 {_UNITS} {_UNITS}" '
        f'preserveAspectRatio="none" overflow="visible">{drawn}</svg>'
    )
    label = escape(f"{chart.title}: {chart.y_label} over {chart.x_label}, {len(chart.series)} lines{_told(chart)}")
    marks = [_chosen(series, x_range, y_range) for series in chart.series if series.chosen is not None]
    body = "".join([*grid, *_guess(chart, y_range), stretched, *labels, *marks])
    return Markup(  # noqa: S704 - every part is a number, a class of ours, or escaped
        f'<svg class="lines" width="100%" height="{_CHART_HEIGHT + 24}" role="img" aria-label="{label}">{body}</svg>'
    )


def _told(chart: Lines) -> str:
    """What the marks say, in words."""
    chosen = [f"{series.name} {_short(series.chosen)}" for series in chart.series if series.chosen is not None]
    kept = f"; chosen {chart.x_label}: {', '.join(chosen)}" if chosen else ""
    return kept if chart.chance is None else f"{kept}; chance {_short(chart.chance)}"


def _guess(chart: Lines, y_range: tuple[float, float]) -> list[str]:
    if chart.chance is None:
        return []
    y = _short(_CHART_HEIGHT * (1 - _place(chart.chance, y_range)))
    label = f'<text x="100%" y="{y}" dy="-4" text-anchor="end">chance {_short(round(chart.chance, 4))}</text>'
    return [f'<line class="chance" x1="0" x2="100%" y1="{y}" y2="{y}"/>', label]


def _chosen(series: Series, x_range: tuple[float, float], y_range: tuple[float, float]) -> str:
    """A ring at the chosen x; outside the stretched part, which would make an oval of it."""
    assert series.chosen is not None
    y = _CHART_HEIGHT * (1 - _place(series.y[series.x.index(series.chosen)], y_range))
    x = _percent(_place(series.chosen, x_range))
    title = escape(f"{series.name}: {_short(series.chosen)} was chosen")
    return f'<circle class="chosen" cx="{x}" cy="{_short(y)}" r="4.5"><title>{title}</title></circle>'


def swatch(number: int) -> Markup:
    """The stroke of the series of that number, for a legend."""
    return Markup(  # noqa: S704 - a class of ours
        '<svg class="swatch" width="28" height="10" aria-hidden="true">'
        f'<line class="{_stroke(number)}" x1="0" x2="28" y1="5" y2="5"/></svg>'
    )


def ticks(values: Sequence[float], num: int = 5) -> list[float]:
    """About `num` round numbers that enclose the values, ascending; two at least.

    >>> ticks([0.13, 0.88])
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    low, high = min(values), max(values)
    if low == high:  # a flat line: the unit interval for a fraction, else half a unit around it
        low, high = (0.0, 1.0) if 0 <= low <= 1 else (low - 0.5, high + 0.5)
    return _even(low, high, _round_step((high - low) / num))


def whole_ticks(values: Sequence[float], num: int = 5) -> list[float]:
    """As `ticks`, with whole numbers alone where all values are whole: there is no half epoch.

    >>> whole_ticks([1, 2, 3]), whole_ticks([0.5, 2.5])
    ([1.0, 2.0, 3.0], [0.5, 1.0, 1.5, 2.0, 2.5])
    """
    low, high = min(values), max(values)
    if any(value != int(value) for value in values):
        return ticks(values, num)
    return _even(low, high, max(1.0, _round_step((high - low) / num))) if low < high else [low]


def _even(low: float, high: float, step: float) -> list[float]:
    first, last = math.floor(low / step), math.ceil(high / step)
    return [float(f"{place * step:.12g}") for place in range(first, last + 1)]


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _polyline(series: Series, number: int, x_range: tuple[float, float], y_range: tuple[float, float]) -> str:
    pairs = zip(series.x, series.y, strict=True)
    points = [(_UNITS * _place(x, x_range), _UNITS * (1 - _place(y, y_range))) for x, y in pairs]
    if len(points) == 1:  # a line of one point is invisible: draw a short one
        points = [(max(0.0, points[0][0] - 10), points[0][1]), (min(_UNITS, points[0][0] + 10), points[0][1])]
    path = " ".join(f"{_short(x)},{_short(y)}" for x, y in points)
    return f'<polyline class="{_stroke(number)}" points="{path}"><title>{escape(series.name)}</title></polyline>'


def _stroke(number: int) -> str:
    """Three shades and three dashes tell nine lines apart without more colours; a tenth repeats the first."""
    return f"series shade{number % 3} dash{number // 3 % 3}"


def _place(value: float, span: tuple[float, float]) -> float:
    low, high = span
    return 0.5 if low == high else (value - low) / (high - low)


def _chance(chance: float, height: int, kind: str = "chance") -> str:
    x = _percent(chance)
    return f'<line class="{kind}" x1="{x}" x2="{x}" y1="0" y2="{height}"/>'


def _hidden(parts: Sequence[str], height: int) -> Markup:
    """A mark, hidden from screen readers, which read the number beside it."""
    body = "".join(parts)
    return Markup(  # noqa: S704 - numbers and classes of ours only
        f'<svg class="marks" width="100%" height="{height}" aria-hidden="true">{body}</svg>'
    )


def _percent(fraction: float) -> str:
    return f"{_short(100 * fraction)}%"


def _short(value: float) -> str:
    """A number in at most six digits, without a trailing zero: coordinates and tick labels."""
    return f"{value:.6g}" if abs(value) < 1e6 else f"{value:.3g}"
