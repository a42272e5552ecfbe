"""retrieve: vectors bound to one space -> how well each sense finds the clips of each other."""

from pathlib import Path
from typing import Annotated

from typer import Option

from pipeline.core import command, params, runs
from pipeline.steps.retrieve import Bootstrap, Inputs, Row, retrieve


def main(
    row: Annotated[str, Option(help="Row of retrieve.rows in params.yaml.")],
    bound: Annotated[Path, Option(help="What a row of bind left.")],
    clips: Annotated[Path, Option(help="Clips table of the dataset.")],
    split: Annotated[Path, Option(help="Split table: who is a test clip.")],
    arrays: Annotated[Path, Option(help="Folder of the dataset's prepared arrays, to draw clips from.")],
    out: Annotated[Path, Option(help="Figures, as JSON.")],
    page: Annotated[Path, Option(help="Folder of the page to write.")],
) -> None:
    """Ask every sense for the clips of every other."""
    with runs.recorded("retrieve", row):
        retrieve(
            row,
            params.row(Row, "retrieve", row),
            params.load(Bootstrap, "retrieve.bootstrap"),
            Inputs(bound=bound, clips=clips, split=split, arrays=arrays),
            out=out,
            page=page,
        )


if __name__ == "__main__":
    command.run(main)
