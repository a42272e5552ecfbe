"""align: features and class texts -> scores of the classes for the unseen test clips."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import command, params, runs


def main(
    row: Annotated[str, typer.Option(help="A key of align.rows in params.yaml.")],
    features: Annotated[Path, typer.Option(help="A store of clip vectors.")],
    embeddings: Annotated[Path, typer.Option(help="A store of class texts, of the embed stage.")],
    refit_features: Annotated[Path, typer.Option(help="For `refit: both`: of an encoder of all seen classes.")],
    split: Annotated[Path, typer.Option(help="The roles of the clips, a table of the split stage.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
) -> None:
    """Train a method on every split and seed of the row, select it on val, and score the test clips."""
    from pipeline.models.tasks import Inputs  # torch comes in here, not with --help
    from pipeline.steps import align
    from pipeline.training import method_rows, selection

    chosen = params.row(align.Row, "align", row)
    section = f"align.methods.{chosen.method}.{chosen.variant}"
    settings = params.load(selection.method(chosen.method).Params, section)
    compute = params.load(method_rows.Compute, "align.compute")
    again = refit_features if chosen.refit == "both" else None
    inputs = Inputs(features=features, embeddings=embeddings, split=split, refit_features=again)
    with runs.recorded("align", row):
        align.align(row, chosen, settings, compute, inputs, out=out)


if __name__ == "__main__":
    command.run(main)
