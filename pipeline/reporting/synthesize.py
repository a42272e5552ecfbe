"""The page of a demo world: how much of what there is, and pictures of it."""

import shutil
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from pipeline.core import pages, stamp
from pipeline.world import overlay
from pipeline.world.filming import Films
from pipeline.world.recordings import Performance, World, all_senses, is_filmed

_SHOWN = 2  # pictures of a world that is files alone


def of_performances(world: World, row: str, performed: Sequence[Performance], folder: Path) -> pages.Page:
    """Clips by class, and pictures, written into the folder, that show whether the senses of a clip agree."""
    filmed = [performance for performance in performed if is_filmed(world, performance)]
    skeletons, films = (Counter(performance.class_id for performance in some) for some in (performed, filmed))
    counts: list[list[pages.Cell]] = [
        [action.name, world.cameras * skeletons[class_id], films[class_id]]
        for class_id, action in enumerate(world.actions)
    ]
    text = f"{world.subjects} people perform every class {world.repetitions} times before {world.cameras} cameras."
    table = pages.Table(title="Clips", header=["class", "skeletons", "films"], rows=counts)
    images = [_blended(world, world.films, shown, folder) for shown in _examples(filmed)] if world.films else []
    return _page(row, text, table, images)


def of_files(world: Path, row: str, text: str, folder: Path) -> pages.Page:
    """How many pictures and annotations there are, and the first pictures, copied into the folder."""
    files = stamp.files(world)
    pictures = [file for file in files if file.suffix == ".png"]
    images = []
    for number, picture in enumerate(pictures[:_SHOWN], 1):
        shutil.copyfile(picture, folder / f"{number}.png")
        name = picture.relative_to(world).as_posix()
        images.append(pages.Image(file=f"{number}.png", alt=f"Picture {name} of the world", caption=name))
    counts: list[list[pages.Cell]] = [["pictures", len(pictures)], ["other files", len(files) - len(pictures)]]
    return _page(row, text, pages.Table(title="Files", header=["what", "files"], rows=counts), images)


def _page(row: str, text: str, table: pages.Table, images: list[pages.Image]) -> pages.Page:
    title = f"World {row}"
    return pages.Page(title=title, stage="synthesize", row=row, text=[text], tables=[table], lines=[], images=images)


def _examples(filmed: Sequence[Performance]) -> list[Performance]:
    """The first that is filmed, and from the middle on the first of another class."""
    others = (shown for shown in filmed[len(filmed) // 2 :] if shown.class_id != filmed[0].class_id)
    return [*filmed[:1], *islice(others, 1)]


def _blended(world: World, films: Films, performance: Performance, folder: Path) -> pages.Image:
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
