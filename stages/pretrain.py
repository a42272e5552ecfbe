"""pretrain: prepared arrays -> encoders that know the fit classes only. One folder per row."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.compute.shared import Compute
from pipeline.core import command, params, runs
from pipeline.steps import pretrain
from pipeline.training import launch, loop, ranks


def main(
    row: Annotated[str, typer.Option(help="A key of pretrain.rows in params.yaml.")],
    arrays: Annotated[Path, typer.Option(help="The prepared arrays.")],
    split: Annotated[Path, typer.Option(help="The split table: who may be learnt from.")],
    taught_by: Annotated[Path, typer.Option(help="The table of the clips, or of a row with text the class texts.")],
    out: Annotated[Path, typer.Option(help="The folder of weights to write.")],
) -> None:
    """Train one encoder per split and seed of the row."""
    chosen = params.row(pretrain.Row, "pretrain", row)
    compute = params.load(Compute, "pretrain.compute")
    running = params.load(loop.Running, "pretrain.running")
    if launch.spread(chosen.training.devices):
        return
    with runs.recorded("pretrain", row, writes=ranks.leads()) as facts:
        inputs = pretrain.Inputs(arrays, split, taught_by)
        facts.update(pretrain.pretrain(chosen, compute, running, inputs, key=row, out=out))


if __name__ == "__main__":
    command.run(main)
