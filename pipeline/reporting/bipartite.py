"""Graphs of two sides as inline SVG: names left and right, lines told apart by their dashes and weight."""

from markupsafe import Markup, escape

from pipeline.core.pages import Graph

_STEP, _EDGE = 26, 16  # from name to name; above the first and below the last
_MIDDLE = 170  # between the two sides
_EM = 7.2  # pixels for a letter


def graph(chart: Graph) -> Markup:
    """The sides as columns, the shorter in the middle of the longer; wider than a phone, so a page lets it scroll."""
    rows = max(len(chart.left), len(chart.right))
    height = 2 * _EDGE + _STEP * (rows - 1)
    x0 = 14 + _EM * max(len(name) for name, _ in chart.left)
    x1 = x0 + _MIDDLE
    places = [_places(len(side), height) for side in (chart.left, chart.right)]
    lines = [
        f'<line class="{edge.kind}" x1="{x0:g}" y1="{places[0][edge.left]:g}" '
        f'x2="{x1:g}" y2="{places[1][edge.right]:g}"/>'
        for edge in chart.edges
    ]
    dots = [f'<circle cx="{x:g}" cy="{y:g}" r="3.5"/>' for x, side in ((x0, 0), (x1, 1)) for y in places[side]]
    left = [_name(name, x0 - 10, y, "end") for name, y in zip(chart.left, places[0], strict=True)]
    right = [_name(name, x1 + 10, y, "start") for name, y in zip(chart.right, places[1], strict=True)]
    width = x1 + 20 + _EM * max(len(name) + len(remark) + 2 for name, remark in chart.right)
    size = f'viewBox="0 0 {width:.0f} {height:g}" width="{width:.0f}" height="{height:g}"'  # paper may shrink it
    body = "".join([*lines, *dots, *left, *right])
    return Markup(  # noqa: S704 - numbers, classes of ours, or escaped
        f'<svg class="bipartite" {size} role="img" aria-label="{escape(chart.alt)}">{body}</svg>'
    )


def _places(number: int, height: float) -> list[float]:
    first = (height - _STEP * (number - 1)) / 2
    return [first + _STEP * place for place in range(number)]


def _name(named: tuple[str, str], x: float, y: float, anchor: str) -> str:
    name, remark = named
    more = f'<tspan class="remark" dx="8">{escape(remark)}</tspan>' if remark else ""
    return f'<text x="{x:g}" y="{y + 4:g}" text-anchor="{anchor}">{escape(name)}{more}</text>'
