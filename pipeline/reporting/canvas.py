"""Matplotlib figures as PNG: no display, no global state, the same bytes every time; imported only when drawing."""

from pathlib import Path
from typing import Any

_DPI = 100


def figure(size: tuple[float, float], num_panels: int = 1) -> tuple[Any, list[Any]]:
    """A figure with panels side by side; `size` is width and height in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = Figure(figsize=size, layout="tight")
    FigureCanvasAgg(drawn)
    return drawn, [drawn.add_subplot(1, num_panels, number) for number in range(1, num_panels + 1)]


def save(drawn: Any, path: Path) -> None:
    """Write the figure as PNG, without the version of the library."""
    drawn.savefig(path, dpi=_DPI, metadata={"Software": None})
