"""finetune: pictures, what is true and what is false of them -> CLIP weights. One folder per row."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import command, params, runs
from pipeline.steps import finetune
from pipeline.training import launch, loop, ranks


def main(
    row: Annotated[str, typer.Option(help="A key of finetune.rows in params.yaml.")],
    start: Annotated[Path, typer.Option(help="A start file, or the folder of the row to start from.")],
    shards: Annotated[Path, typer.Option(help="The folder of image-text shards.")],
    graphs: Annotated[Path, typer.Option(help="The folder of graph tables.")],
    captions: Annotated[Path, typer.Option(help="The folder of caption tables.")],
    negatives: Annotated[Path, typer.Option(help="The folder of tables of false captions.")],
    out: Annotated[Path, typer.Option(help="The folder of weights to write.")],
) -> None:
    """Train the row's CLIP once a seed."""
    chosen = params.row(finetune.Row, "finetune", row)
    running = params.load(loop.Running, "finetune.running")
    if launch.spread(chosen.training.devices):
        return
    inputs = finetune.Inputs(start, shards, graphs, captions, negatives)
    with runs.recorded("finetune", row, writes=ranks.leads()) as facts:
        facts.update(finetune.finetune(chosen, running, inputs, key=row, out=out))


if __name__ == "__main__":
    command.run(main)
