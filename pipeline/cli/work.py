"""Commands about the work that the pipeline would do."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import app


@app.command("plan")
def plan_work(
    name: Annotated[
        str | None,
        typer.Argument(help="A name that `unseen profile list` prints, or a file of your own. Default: params.yaml."),
    ] = None,
) -> None:
    """Look for mistakes in rows and data before any work, and say what would run, how long and how big."""
    from pipeline.commands import plan
    from pipeline.core import checkout

    checkout.require(Path(), "dvc.yaml")
    made = plan.plan(name, Path())
    for line in plan.lines(made):
        typer.echo(line)
    if made.problems:
        raise typer.Exit(1)
