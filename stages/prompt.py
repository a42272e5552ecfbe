"""prompt: class names -> class texts. One row per class, prompt type and text."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import command, params, runs
from pipeline.steps import prompt


def main(
    row: Annotated[str, typer.Option(help="A key of prompt.rows in params.yaml.")],
    descriptions: Annotated[Path, typer.Option(help="CSV of class descriptions; the shipped class list is one.")],
    out: Annotated[Path, typer.Option(help="The table of class texts to write.")],
) -> None:
    """Write what is said about each class."""
    chosen = params.row(prompt.Row, "prompt", row)
    with runs.recorded("prompt", row):
        prompt.prompt(chosen, descriptions=descriptions, out=out)


if __name__ == "__main__":
    command.run(main)
