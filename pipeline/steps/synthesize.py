"""synthesize: a world's params -> its recordings in the native format of the real dataset, their stamp, and a page."""

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pipeline.compute.shared import Compute, run
from pipeline.core import pages, stamp
from pipeline.core.outputs import remove, whole_folder
from pipeline.core.progress import track
from pipeline.world import overlay
from pipeline.world.filming import Films
from pipeline.world.recordings import Performance, World, all_senses, is_filmed, performances, record

_BLOCK_PERFORMANCES = 10


@dataclass(frozen=True)
class _Block:
    """One task: performances to record, all before the same cameras."""

    world: World
    performances: list[Performance]
    folder: Path


def synthesize(world: World, compute: Compute, *, row: str, out: Path, page: Path) -> int:
    """Write every recording below `out`, the stamp beside it and the page of the row; returns the number of files."""
    remove(stamp.stamp_path(out))  # a stamp never stands beside a folder it does not describe
    todo = performances(world)
    with whole_folder(out) as folder:
        blocks = [
            _Block(world, todo[start : start + _BLOCK_PERFORMANCES], folder)
            for start in range(0, len(todo), _BLOCK_PERFORMANCES)
        ]
        for _ in track(run(compute, _record, blocks), total=len(blocks), what="blocks of performances"):
            pass
    num_files = stamp.write(out, stamp.scan(out))
    with whole_folder(page) as folder:
        pages.write(folder, _page(world, row, todo, folder))
    return num_files


def _record(block: _Block) -> int:
    for performance in block.performances:
        record(block.world, performance, block.folder)
    return len(block.performances)


def _page(world: World, row: str, todo: list[Performance], folder: Path) -> pages.Page:
    """How much of what there is, and pictures in which a person can check that the senses of a clip agree."""
    filmed = [performance for performance in todo if is_filmed(world, performance)]
    skeletons, films = (Counter(performance.class_id for performance in some) for some in (todo, filmed))
    counts: list[list[pages.Cell]] = [
        [action.name, world.cameras * skeletons[class_id], films[class_id]]
        for class_id, action in enumerate(world.actions)
    ]
    return pages.Page(
        title=f"World {row}",
        stage="synthesize",
        row=row,
        text=[f"{world.subjects} people perform every class {world.repetitions} times before {world.cameras} cameras."],
        tables=[pages.Table(title="Clips", header=["class", "skeletons", "films"], rows=counts)],
        lines=[],
        images=[_picture(world, world.films, shown, folder) for shown in _examples(filmed)] if world.films else [],
    )


def _examples(filmed: list[Performance]) -> list[Performance]:
    """The first that is filmed, and from the middle on the first of another class."""
    others = (shown for shown in filmed[len(filmed) // 2 :] if shown.class_id != filmed[0].class_id)
    return [*filmed[:1], *islice(others, 1)]


def _picture(world: World, films: Films, performance: Performance, folder: Path) -> pages.Image:
    name = world.actions[performance.class_id].name
    recording = performance.recording(1)
    skeleton, film = all_senses(world, films, performance)
    overlay.draw(folder / f"{recording}.png", skeleton, film, films.lens)
    return pages.Image(
        file=f"{recording}.png",
        alt=f"Colour, depth, thermal and all of them blended in three frames of '{name}', each with the skeleton on it",
        caption=f"{recording}, “{name}”: three frames from above to below; colour, depth (near is bright), thermal "
        "and all three blended; the green lines are the recorded skeleton in every one of them, the yellow boxes are "
        "those of people and things",
    )
