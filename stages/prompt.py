"""prompt: class names -> class texts. One row per class, prompt type and text."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import command, params, runs
from pipeline.steps import prompt
from pipeline.text import captions


def main(
    row: Annotated[str, typer.Option(help="A key of prompt.rows in params.yaml.")],
    descriptions: Annotated[Path, typer.Option(help="CSV of class texts, or a folder of such files and of answers.")],
    out: Annotated[Path, typer.Option(help="The table of class texts to write.")],
    page: Annotated[Path, typer.Option(help="Folder of their page to write.")],
) -> None:
    """Write what is said about each class."""
    chosen = params.row(prompt.Row, "prompt", row)
    worded = params.load(captions.Params, "prompt.captions")
    with runs.recorded("prompt", row):
        prompt.prompt(chosen, worded, descriptions=descriptions, out=out, page=page)


if __name__ == "__main__":
    command.run(main)
