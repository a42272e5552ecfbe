"""graph: annotations of a corpus -> one scene graph per image or frame."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.compute.shared import Compute
from pipeline.core import command, params, runs
from pipeline.steps.graph import Row, graph


def main(
    row: Annotated[str, typer.Option(help="Row of graph.rows in params.yaml.")],
    source: Annotated[Path, typer.Option(help="Folder of annotations, with its stamp beside it.")],
    out: Annotated[Path, typer.Option(help="Table of scene graphs to write.")],
) -> None:
    """Read one corpus as scene graphs."""
    settings = params.row(Row, "graph", row).root
    compute = params.load(Compute, "graph.compute")
    with runs.recorded("graph", row) as facts:
        facts.update(graph(settings, compute, source=source, out=out))


if __name__ == "__main__":
    command.run(main)
