"""adopt: vectors that others have computed -> the store. One zarr per row, a group per split."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import command, params, runs
from pipeline.steps import adopt


def main(
    row: Annotated[str, typer.Option(help="A key of adopt.rows in params.yaml.")],
    clips: Annotated[Path, typer.Option(help="The clips table: a row for each vector.")],
    source: Annotated[Path, typer.Option(help="Folder of the arrays.")],
    out: Annotated[Path, typer.Option(help="The store to write.")],
) -> None:
    """Bring published vectors into the store."""
    chosen = params.row(adopt.Row, "adopt", row)
    with runs.recorded("adopt", row) as facts:
        facts.update(adopt.adopt(chosen, clips=clips, source=source, out=out))


if __name__ == "__main__":
    command.run(main)
