"""How a stage runs as a command: options in, an UnseenError out as one line and exit code 1."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import typer

from pipeline.core import refusals, repro
from pipeline.core.errors import UnseenError

_LAUNCHER = "TORCHELASTIC_ERROR_FILE"  # where a process that torchrun's agent has started leaves its error


def run(main: Callable[..., Any]) -> None:
    """Run a typer function as a program; errors a user can mend are one line on standard error."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    guarded(repro.told()(app))


def guarded(app: Callable[[], Any]) -> None:
    """Call an app; print an UnseenError, or a refusal of the disk, as one line and exit with 1."""
    try:
        app()
    except UnseenError as error:
        _stop(str(error))
    except Exception as error:
        if refused := refusals.line(error):
            _stop(refused)
        if _LAUNCHER not in os.environ or not isinstance(error, RuntimeError) or "closed by peer" not in str(error):
            raise
        raise SystemExit(1) from None  # another of the processes has gone, and says why


def _stop(message: str) -> NoReturn:
    message = " ".join(message.split())
    launcher = os.environ.get(_LAUNCHER)
    if launcher is None:
        print(f"error: {message}", file=sys.stderr)
    else:  # one of several processes, which may all say the same: who has started them says it once
        Path(launcher).write_text(json.dumps({"message": message}))
    raise SystemExit(1) from None
