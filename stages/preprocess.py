"""preprocess: clips -> model-ready arrays. One zarr per dataset, modality and recipe."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.compute.shared import Compute
from pipeline.core import command, params, runs
from pipeline.sources import decoding
from pipeline.steps import preprocess


def main(
    row: Annotated[str, typer.Option(help="A key of preprocess.rows in params.yaml.")],
    clips: Annotated[Path, typer.Option(help="The clips table of the dataset.")],
    source: Annotated[Path, typer.Option(help="Folder of the recordings.")],
    out: Annotated[Path, typer.Option(help="The store to write.")],
) -> None:
    """Read every accepted clip and write it as one array."""
    chosen = params.row(decoding.Row, "preprocess", row)
    checks = params.load(preprocess.Checks, "preprocess.checks")
    compute = params.load(Compute, "preprocess.compute")
    with runs.recorded("preprocess", row) as facts:
        facts.update(preprocess.preprocess(chosen, checks, compute, key=row, clips=clips, source=source, out=out))


if __name__ == "__main__":
    command.run(main)
