"""negate: scene graphs and captions -> sentences that are false of the graph."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.compute.shared import Compute
from pipeline.core import command, params, runs
from pipeline.steps.negate import Params, negate


def main(
    row: Annotated[str, typer.Option(help="Row of negate.rows in params.yaml.")],
    graphs: Annotated[Path, typer.Option(help="Table of scene graphs.")],
    captions: Annotated[Path, typer.Option(help="Table of their captions.")],
    source: Annotated[Path, typer.Option(help="Folder the pictures are in, for the page of samples.")],
    out: Annotated[Path, typer.Option(help="Table of negatives to write.")],
    page: Annotated[Path, typer.Option(help="Folder of the page of samples to write.")],
) -> None:
    """Make the captions of one corpus false."""
    settings = params.row(Params, "negate", row)
    compute = params.load(Compute, "negate.compute")
    with runs.recorded("negate", row) as facts:
        facts.update(
            negate(settings, compute, row, graphs=graphs, captions=captions, source=source, out=out, page=page)
        )


if __name__ == "__main__":
    command.run(main)
