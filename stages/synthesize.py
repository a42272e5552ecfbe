"""synthesize: demo worlds in the native file formats of the real datasets."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.compute.shared import Compute
from pipeline.core import command, params, runs
from pipeline.steps import synthesize


def main(
    world: Annotated[str, typer.Option(help="Row of synthesize.rows in params.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder to write; its stamp goes beside it.")],
    page: Annotated[Path, typer.Option(help="Folder of the page of pictures to write.")],
) -> None:
    """Write one demo world."""
    settings = params.row(synthesize.Row, "synthesize", world).root
    compute = params.load(Compute, "synthesize.compute")
    with runs.recorded("synthesize", world) as facts:
        facts["files"] = synthesize.synthesize(settings, compute, row=world, out=out, page=page)


if __name__ == "__main__":
    command.run(main)
