"""synthesize: demo worlds in the native file formats of the real datasets."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.compute.shared import Compute
from pipeline.core import command, params, runs
from pipeline.steps.synthesize import synthesize
from pipeline.steps.synthesize_genomes import Row, synthesize_genome, synthesize_vectors
from pipeline.world.recordings import World
from pipeline.world.vectors import VectorsWorld


def main(
    world: Annotated[str, typer.Option(help="Row of synthesize.rows in params.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder to write; its stamp goes beside it.")],
    page: Annotated[Path, typer.Option(help="Folder of the page of pictures to write.")],
) -> None:
    """Write one demo world."""
    settings = params.row(Row, "synthesize", world).root
    with runs.recorded("synthesize", world) as facts:
        if isinstance(settings, World):
            compute = params.load(Compute, "synthesize.compute")
            facts["files"] = synthesize(settings, compute, row=world, out=out, page=page)
        elif isinstance(settings, VectorsWorld):
            facts["files"] = synthesize_vectors(settings, row=world, out=out, page=page)
        else:
            facts["files"] = synthesize_genome(settings, row=world, out=out, page=page)


if __name__ == "__main__":
    command.run(main)
