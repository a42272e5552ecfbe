"""embed: class texts -> vectors. One store per dataset and text encoder."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import command, params, runs
from pipeline.steps import embed


def main(
    row: Annotated[str, typer.Option(help="A key of embed.rows in params.yaml.")],
    prompts: Annotated[Path, typer.Option(help="Texts of the classes, a table of the prompt stage.")],
    out: Annotated[Path, typer.Option(help="The store to write.")],
) -> None:
    """Encode every text of every class."""
    chosen = params.row(embed.Row, "embed", row)
    compute = params.load(embed.Compute, "embed.compute")
    with runs.recorded("embed", row) as facts:
        facts.update(embed.embed(chosen, compute, prompts=prompts, out=out))


if __name__ == "__main__":
    command.run(main)
