"""synthesize, for genomes and vectors: their params -> files in the native formats of the real ones, and a stamp."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, RootModel

from pipeline.core import stamp
from pipeline.core.outputs import remove, whole_folder
from pipeline.core.progress import track
from pipeline.world.genomes import ActionGenomeWorld, VisualGenomeWorld, write_action_genome, write_visual_genome
from pipeline.world.recordings import World
from pipeline.world.vectors import VectorsWorld, write_vectors

Genome = VisualGenomeWorld | ActionGenomeWorld


class Row(RootModel[Annotated[World | Genome | VectorsWorld, Field(discriminator="kind")]]):
    """A row of params: the world that its `kind` says."""


def synthesize_vectors(world: VectorsWorld, *, out: Path) -> int:
    """Write all arrays below `out` and the stamp beside it; returns the number of files."""
    remove(stamp.stamp_path(out))
    with whole_folder(out) as folder:
        write_vectors(world, folder)
    return stamp.write(out, stamp.scan(out))


def synthesize_genome(world: Genome, *, out: Path) -> int:
    """Write all files of a genome below `out` and the stamp beside it; returns the number of files."""
    remove(stamp.stamp_path(out))  # a stamp never stands beside a folder it does not describe
    with whole_folder(out) as folder:
        if isinstance(world, VisualGenomeWorld):
            total, what, parts = world.images, "images", write_visual_genome(world, folder)
        else:
            total, what, parts = world.videos, "videos", write_action_genome(world, folder)
        for _ in track(parts, total=total, what=what):
            pass
    return stamp.write(out, stamp.scan(out))
