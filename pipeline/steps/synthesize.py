"""synthesize: a world's params -> its recordings in the native format of the real dataset, and their stamp."""

from pathlib import Path

from pipeline.core import stamp
from pipeline.core.outputs import remove, whole_folder
from pipeline.core.progress import track
from pipeline.world.recordings import World, performances, record


def synthesize(world: World, *, out: Path) -> int:
    """Write every recording below `out` and the stamp beside it; returns the number of files."""
    remove(stamp.stamp_path(out))  # a stamp never stands beside a folder it does not describe
    todo = performances(world)
    with whole_folder(out) as folder:
        for performance in track(todo, total=len(todo), what="performances"):
            record(world, performance, folder)
    return stamp.write(out, stamp.scan(out))
