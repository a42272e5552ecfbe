"""split: clips -> roles. Who is trained on, selected on and tested on, per split."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import command, params, runs
from pipeline.steps import split


def main(
    row: Annotated[str, typer.Option(help="A key of split.rows in params.yaml.")],
    clips: Annotated[Path, typer.Option(help="Clips of the dataset, a table of the ingest stage.")],
    out: Annotated[Path, typer.Option(help="The split table to write.")],
) -> None:
    """Give every clip its role in every split of the row."""
    chosen = params.row(split.Row, "split", row)
    with runs.recorded("split", row):
        split.split(chosen, clips=clips, out=out)


if __name__ == "__main__":
    command.run(main)
