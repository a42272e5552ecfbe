"""synthesize: a world's params -> its files in the native format of the real dataset, and their stamp."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, RootModel

from pipeline.core import stamp
from pipeline.core.outputs import remove, whole_folder
from pipeline.core.progress import track
from pipeline.world.genomes import ActionGenomeWorld, VisualGenomeWorld, write_action_genome, write_visual_genome
from pipeline.world.recordings import Performance, World, performances, record

AnyWorld = World | VisualGenomeWorld | ActionGenomeWorld


class Row(RootModel[Annotated[AnyWorld, Field(discriminator="kind")]]):
    """A row of params: the world that its `kind` says."""


def synthesize(world: AnyWorld, *, out: Path) -> int:
    """Write all files of a world below `out` and the stamp beside it; returns the number of files."""
    remove(stamp.stamp_path(out))  # a stamp never stands beside a folder it does not describe
    with whole_folder(out) as folder:
        total, what, parts = _parts(world, folder)
        for _ in track(parts, total=total, what=what):
            pass
    return stamp.write(out, stamp.scan(out))


def _parts(world: AnyWorld, folder: Path) -> tuple[int, str, Iterator[object]]:
    """Number of parts, what they are, and an iterator that writes one at a time."""
    if isinstance(world, VisualGenomeWorld):
        return world.images, "images", write_visual_genome(world, folder)
    if isinstance(world, ActionGenomeWorld):
        return world.videos, "videos", write_action_genome(world, folder)
    todo = performances(world)
    return len(todo), "performances", _recorded(world, todo, folder)


def _recorded(world: World, todo: list[Performance], folder: Path) -> Iterator[Performance]:
    for performance in todo:
        record(world, performance, folder)
        yield performance
