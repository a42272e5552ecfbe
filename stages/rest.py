"""rest: videos and class names of a source -> ResT, and what it makes of all clips. One folder per row."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import command, params, runs
from pipeline.steps import rest
from pipeline.training import launch, loop, ranks


def main(
    row: Annotated[str, typer.Option(help="A key of rest.rows in params.yaml.")],
    clips: Annotated[Path, typer.Option(help="The folder of clips tables.")],
    splits: Annotated[Path, typer.Option(help="The folder of split tables: who may be learnt from.")],
    embeddings: Annotated[Path, typer.Option(help="The folder of class texts as vectors.")],
    extracted: Annotated[Path, typer.Option(help="The folder of extract, for rows that look at stored features.")],
    arrays: Annotated[Path, typer.Option(help="The folder of preprocess: pictures that such features are of.")],
    out: Annotated[Path, typer.Option(help="The folder of weights and representations to write.")],
) -> None:
    """Train the row's network once a seed, and encode every clip."""
    chosen = params.row(rest.Row, "rest", row)
    running = params.load(loop.Running, "rest.running")
    if launch.spread(chosen.training.devices):
        return
    inputs = rest.Inputs(clips, splits, embeddings, extracted, arrays)
    with runs.recorded("rest", row, writes=ranks.leads()) as facts:
        facts.update(rest.rest(chosen, running, inputs, key=row, out=out))


if __name__ == "__main__":
    command.run(main)
