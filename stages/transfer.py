"""transfer: features of seen classes, composed by their labels -> scores of the unseen classes."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import command, params, runs


def main(
    row: Annotated[str, typer.Option(help="A key of transfer.rows in params.yaml.")],
    features: Annotated[Path, typer.Option(help="A store of clip vectors.")],
    embeddings: Annotated[Path, typer.Option(help="A store of class texts, of the embed stage.")],
    prompts: Annotated[Path, typer.Option(help="The class names, a table of the prompt stage.")],
    split: Annotated[Path, typer.Option(help="The roles of the clips, a table of the split stage.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
) -> None:
    """Solve the seen-unseen program of every split, compose prototypes, and score the test clips."""
    from pipeline.models.tasks import Inputs  # OR-Tools and matplotlib come in here, not with --help
    from pipeline.reporting import transfer as page_of
    from pipeline.steps import transfer
    from pipeline.transfer.params import Folds

    chosen = params.row(transfer.Row, "transfer", row)
    folds = params.load(Folds, "transfer.folds")
    shown = params.load(page_of.PageParams, "transfer.page")
    inputs = Inputs(features=features, embeddings=embeddings, split=split)
    with runs.recorded("transfer", row):
        transfer.transfer(row, chosen, folds, shown, inputs, prompts=prompts, out=out)


if __name__ == "__main__":
    command.run(main)
