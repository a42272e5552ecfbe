"""Numbers as pages and commands print them: fractions as per cents with one decimal, intervals, cells of tables."""

from collections.abc import Sequence
from typing import Any

from pipeline.labels.overlap import Overlap


def percent(fraction: float | None) -> str:
    """A fraction as per cents with one decimal, a dash where it is unknown.

    >>> percent(0.5417), percent(None)
    ('54.2', '–')
    """
    return "–" if fraction is None else f"{100 * fraction:.1f}"


def points(difference: float) -> str:
    """A difference of fractions as percentage points, with its sign.

    >>> points(0.0123), points(-0.2)
    ('+1.2', '-20.0')
    """
    return f"{100 * difference:+.1f}"


def margin(difference: float | None) -> str:
    """A difference of scores with its sign in three digits, a dash where there is none.

    >>> margin(0.12345), margin(-3200.0), margin(0.0), margin(None)
    ('+0.123', '-3.2e+03', '0', '–')
    """
    if difference is None:
        return "–"
    return f"{difference:+.3g}" if difference else "0"


def span(ci95: Sequence[float] | None) -> str:
    """An interval as per cents, or a dash where there is none.

    >>> span([0.441, 0.64])
    '44.1 – 64.0'
    """
    return f"{percent(ci95[0])} – {percent(ci95[1])}" if ci95 else "–"


def plain_span(ci95: Sequence[float] | None) -> str:
    """The same in ASCII, for the command line.

    >>> plain_span([0.441, 0.64]), plain_span(None)
    ('44.1-64.0', '-')
    """
    return f"{percent(ci95[0])}-{percent(ci95[1])}" if ci95 else "-"


def unbroken_span(ci95: Sequence[float] | None, scale: int = 100) -> str:
    """The same times `scale`, with spaces that do not break; empty where there is none."""
    return f"{scale * ci95[0]:.1f}\u00a0to\u00a0{scale * ci95[1]:.1f}" if ci95 else ""


def with_span(shown: str, ci95: Sequence[float] | None, scale: int = 100) -> str:
    """A number, printed already, with its interval in brackets where it has one."""
    interval = unbroken_span(ci95, scale)
    return f"{shown} ({interval})" if interval else shown


def ends(ci95: Sequence[float] | None) -> tuple[float, float] | None:
    """An interval read from JSON as the pair that a chart takes."""
    return (ci95[0], ci95[1]) if ci95 else None


def rounded_distance(overlap: Overlap) -> float | None:
    """The distance of two class names as a table's cell; None where a name or its words told them alike."""
    return None if overlap.distance is None else round(overlap.distance, 4)


def number(value: Any) -> str:
    """A table's cell as text: numbers in at most four digits, nothing for None."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
