"""synthesize: a world's params -> its recordings in the native format of the real dataset, and their stamp."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.compute.shared import Compute, run
from pipeline.core import stamp
from pipeline.core.outputs import remove, whole_folder
from pipeline.core.progress import track
from pipeline.world.recordings import Performance, World, performances, record

_BLOCK_PERFORMANCES = 10


@dataclass(frozen=True)
class _Block:
    """One task: performances to record, all before the same cameras."""

    world: World
    performances: list[Performance]
    folder: Path


def synthesize(world: World, compute: Compute, *, out: Path) -> int:
    """Write every recording below `out` and the stamp beside it; returns the number of files."""
    remove(stamp.stamp_path(out))  # a stamp never stands beside a folder it does not describe
    todo = performances(world)
    with whole_folder(out) as folder:
        blocks = [
            _Block(world, todo[start : start + _BLOCK_PERFORMANCES], folder)
            for start in range(0, len(todo), _BLOCK_PERFORMANCES)
        ]
        for _ in track(run(compute, _record, blocks), total=len(blocks), what="blocks of performances"):
            pass
    return stamp.write(out, stamp.scan(out))


def _record(block: _Block) -> int:
    for performance in block.performances:
        record(block.world, performance, block.folder)
    return len(block.performances)
