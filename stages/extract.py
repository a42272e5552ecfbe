"""extract: frozen encoders -> vectors. One zarr per row, a group per split and seed."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.compute.shared import Compute
from pipeline.core import command, params, runs
from pipeline.steps import extract
from pipeline.training import encoding


def main(
    row: Annotated[str, typer.Option(help="A key of extract.rows in params.yaml.")],
    arrays: Annotated[Path, typer.Option(help="The prepared arrays.")],
    weights: Annotated[
        Path, typer.Option(help="The folder of weights that pretrain or finetune left, or a start file.")
    ],
    out: Annotated[Path, typer.Option(help="The store to write.")],
) -> None:
    """Encode every clip with every encoder of the row."""
    chosen = params.row(extract.Row, "extract", row)
    batches = params.load(encoding.Batches, "extract.batches")
    compute = params.load(Compute, "extract.compute")
    with runs.recorded("extract", row) as facts:
        facts.update(extract.extract(chosen, batches, compute, key=row, arrays=arrays, weights=weights, out=out))


if __name__ == "__main__":
    command.run(main)
