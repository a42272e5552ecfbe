"""How a stage runs as a command: options in, an UnseenError out as one line and exit code 1."""

import sys
from collections.abc import Callable
from typing import Any

import typer

from pipeline.core.errors import UnseenError


def run(main: Callable[..., Any]) -> None:
    """Run a typer function as a program; errors a user can mend are one line on standard error."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    guarded(app)


def guarded(app: Callable[[], Any]) -> None:
    """Call an app; print an UnseenError as one line and exit with 1."""
    try:
        app()
    except UnseenError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(1) from None
