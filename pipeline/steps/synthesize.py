"""synthesize: a world's params -> its files in the native formats of the real datasets, their stamp, and a page."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, RootModel

from pipeline.compute.shared import Compute, run
from pipeline.core import pages, stamp
from pipeline.core.outputs import remove, whole_folder
from pipeline.core.progress import track
from pipeline.reporting import synthesize as page_of
from pipeline.world.genomes import ActionGenomeWorld, VisualGenomeWorld, write_action_genome, write_visual_genome
from pipeline.world.image_texts import ImageTextWorld, write_image_texts
from pipeline.world.recordings import Performance, World, performances, record
from pipeline.world.vectors import VectorsWorld, write_vectors

_BLOCK_PERFORMANCES = 10
_GENOME = "People and things in pictures, annotated in the files of the real dataset."
_VECTORS = "Vectors of clips, as if computed elsewhere."

AnyWorld = World | VisualGenomeWorld | ActionGenomeWorld | ImageTextWorld | VectorsWorld


class Row(RootModel[Annotated[AnyWorld, Field(discriminator="kind")]]):
    """A row of params: the world that its `kind` says."""


@dataclass(frozen=True)
class _Block:
    """One task: performances to record, all before the same cameras."""

    world: World
    performances: list[Performance]
    folder: Path


def synthesize(world: AnyWorld, compute: Compute, *, row: str, out: Path, page: Path) -> int:
    """Write every file below `out`, the stamp beside it and the page of the row; returns the number of files."""
    remove(stamp.stamp_path(out))  # a stamp never stands beside a folder it does not describe
    with whole_folder(out) as folder:
        _write(world, compute, folder)
    num_files = stamp.write(out, stamp.scan(out))
    with whole_folder(page) as folder:
        if isinstance(world, World):
            shown = page_of.of_performances(world, row, performances(world), folder)
        elif isinstance(world, ImageTextWorld):
            shown = page_of.of_image_texts(out, row, folder)
        else:
            text = _VECTORS if isinstance(world, VectorsWorld) else _GENOME
            shown = page_of.of_files(out, row, text, folder)
        pages.write(folder, shown)
    return num_files


def _write(world: AnyWorld, compute: Compute, folder: Path) -> None:
    if isinstance(world, World):
        todo = performances(world)
        starts = range(0, len(todo), _BLOCK_PERFORMANCES)
        blocks = [_Block(world, todo[start : start + _BLOCK_PERFORMANCES], folder) for start in starts]
        total, what, parts = len(blocks), "blocks of performances", run(compute, _record, blocks)
    elif isinstance(world, VisualGenomeWorld):
        total, what, parts = world.images, "images", write_visual_genome(world, folder)
    elif isinstance(world, ActionGenomeWorld):
        total, what, parts = world.videos, "videos", write_action_genome(world, folder)
    elif isinstance(world, ImageTextWorld):
        total, what, parts = world.num_shards, "shards", write_image_texts(world, folder)
    else:
        write_vectors(world, folder)
        return
    for _ in track(parts, total=total, what=what):
        pass


def _record(block: _Block) -> int:
    for performance in block.performances:
        record(block.world, performance, block.folder)
    return len(block.performances)
