"""caption: scene graphs -> sentences."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.compute.shared import Compute
from pipeline.core import command, params, runs
from pipeline.steps.caption import Params, caption


def main(
    row: Annotated[str, typer.Option(help="Row of caption.rows in params.yaml.")],
    graphs: Annotated[Path, typer.Option(help="Table of scene graphs.")],
    out: Annotated[Path, typer.Option(help="Table of captions to write.")],
) -> None:
    """Tell the graphs of one corpus."""
    settings = params.row(Params, "caption", row)
    compute = params.load(Compute, "caption.compute")
    with runs.recorded("caption", row) as facts:
        facts.update(caption(settings, compute, graphs=graphs, out=out))


if __name__ == "__main__":
    command.run(main)
