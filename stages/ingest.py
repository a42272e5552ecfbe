"""ingest: raw files -> clips. One row per clip and modality, rejected ones with a reason."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import command, params, runs
from pipeline.steps import ingest


def main(
    dataset: Annotated[str, typer.Option(help="A key of ingest.rows in params.yaml: the dataset's name.")],
    source: Annotated[Path, typer.Option(help="Folder of the recordings; its stamp stands beside it.")],
    out: Annotated[Path, typer.Option(help="The clips table to write.")],
) -> None:
    """Read every recording once and list it."""
    params.row(ingest.Row, "ingest", dataset)
    checks = params.load(ingest.Checks, "ingest.checks")
    with runs.recorded("ingest", dataset) as facts:
        facts["rejected"] = ingest.ingest(checks, dataset=dataset, source=source, out=out)


if __name__ == "__main__":
    command.run(main)
