"""Clouds of points as inline SVG: each name has a colour of the style sheet and a shape; anchors are large."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from pipeline.core.pages import Cloud, Dots

_WIDTH, _HEIGHT, _EDGE = 640, 420, 14
_NUM_HUES = 6
_DOT, _ANCHOR = 3.2, 9.0  # half the width of a mark


def cloud(chart: Cloud) -> Markup:
    """All points at one scale for x and y, so that distances are comparable; anchors lie on top."""
    xs = [x for dots in chart.series for x in dots.x]
    ys = [y for dots in chart.series for y in dots.y]
    spans = max(max(xs) - min(xs), 1e-9), max(max(ys) - min(ys), 1e-9)
    scale = min((_WIDTH - 2 * _EDGE) / spans[0], (_HEIGHT - 2 * _EDGE) / spans[1])
    middle = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    hues = numbers(chart.series)
    parts = []
    for dots in sorted(chart.series, key=lambda dots: dots.anchor):
        centres = [
            (_WIDTH / 2 + (x - middle[0]) * scale, _HEIGHT / 2 - (y - middle[1]) * scale)
            for x, y in zip(dots.x, dots.y, strict=True)
        ]
        parts.append(_marks(centres, hues[dots.name], dots))
    label = escape(f"{chart.title}: {len(xs)} points of {len(hues)} names")
    return Markup(  # noqa: S704 - every part is a number, a class of ours, or escaped
        f'<svg class="cloud" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    )


def numbers(series: Sequence[Dots]) -> dict[str, int]:
    """The number of each name, which gives its colour and shape, in the order of first occurrence."""
    return {name: place for place, name in enumerate(dict.fromkeys(dots.name for dots in series))}


def swatch(number: int) -> Markup:
    """The mark of the name of that number, for a legend."""
    return Markup(  # noqa: S704 - numbers and a class of ours
        '<svg class="swatch" width="14" height="10" aria-hidden="true">'
        f'<path class="{_hue(number)}" d="{_shape(number, 7, 5, 4)}"/></svg>'
    )


def _marks(centres: Sequence[tuple[float, float]], number: int, dots: Dots) -> str:
    kind = f"{_hue(number)} anchor" if dots.anchor else _hue(number)
    path = "".join(_shape(number, x, y, _ANCHOR if dots.anchor else _DOT) for x, y in centres)
    return f'<path class="{kind}" d="{path}"><title>{escape(dots.name)}</title></path>'


def _hue(number: int) -> str:
    return f"hue{number % _NUM_HUES}"


def _shape(number: int, x: float, y: float, half: float) -> str:
    """Circle, square, triangle and diamond in turn: neighbours differ by more than colour, and 24 names in both."""
    side = 2 * half
    return (
        f"M{_short(x - half)} {_short(y)}a{half} {half} 0 1 0 {side} 0a{half} {half} 0 1 0 -{side} 0z",
        f"M{_short(x - half)} {_short(y - half)}h{side}v{side}h-{side}z",
        f"M{_short(x)} {_short(y - half)}l{half} {side}h-{side}z",
        f"M{_short(x)} {_short(y - half)}l{half} {half}l-{half} {half}l-{half} -{half}z",
    )[(number + number // 12) % 4]


def _short(value: float) -> str:
    return f"{round(value, 1):g}"  # a tenth of a unit of the picture
