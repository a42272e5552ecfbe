"""bind: senses and a hub over the same clips -> encoders in the hub's space, and their vectors. One folder per row."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import command, params, runs
from pipeline.steps import bind
from pipeline.training import encoding, launch, loop, ranks


def main(
    row: Annotated[str, typer.Option(help="A key of bind.rows in params.yaml.")],
    arrays: Annotated[Path, typer.Option(help="The folder of prepared arrays.")],
    splits: Annotated[Path, typer.Option(help="The folder of split tables: who may be paired.")],
    clips: Annotated[Path, typer.Option(help="The folder of clips tables: which clips show one performance.")],
    pretrained: Annotated[Path, typer.Option(help="The folder of pretrain, for senses that start from its weights.")],
    hub: Annotated[Path, typer.Option(help="The hub's weights: a folder of pretrain or finetune, or a start file.")],
    out: Annotated[Path, typer.Option(help="The folder of weights and vectors to write.")],
) -> None:
    """Bind the row's senses, once a split and seed."""
    chosen = params.row(bind.Row, "bind", row)
    batches = params.load(encoding.Batches, "bind.batches")
    running = params.load(loop.Running, "bind.running")
    if launch.spread(chosen.devices):
        return
    inputs = bind.Inputs(arrays, splits, clips, pretrained, hub)
    with runs.recorded("bind", row, writes=ranks.leads()) as facts:
        facts.update(bind.bind(chosen, batches, running, inputs, key=row, out=out))


if __name__ == "__main__":
    command.run(main)
