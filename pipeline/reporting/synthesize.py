"""The page of a demo world: its numbers of clips or files, and pictures of it."""

import shutil
import textwrap
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from pipeline.core import pages, stamp
from pipeline.formats import pictures, webdataset
from pipeline.world import overlay
from pipeline.world.filming import Films
from pipeline.world.recordings import Performance, World, all_senses, is_filmed

_SHOWN = 2  # pictures of a world of files
_SHEET = (3, 4)  # rows and columns of samples on a sheet
_CELL = (200, 190)  # width and height of one, pixels


def of_performances(world: World, row: str, performed: Sequence[Performance], folder: Path) -> pages.Page:
    """Clips by class, and pictures, written into the folder, in which the senses of a clip can be compared."""
    filmed = [performance for performance in performed if is_filmed(world, performance)]
    skeletons, films = (Counter(performance.class_id for performance in recorded) for recorded in (performed, filmed))
    counts: list[list[pages.Cell]] = [
        [action.name, world.cameras * skeletons[class_id], films[class_id]]
        for class_id, action in enumerate(world.actions)
    ]
    text = f"{world.subjects} people perform every class {world.repetitions} times before {world.cameras} cameras."
    table = pages.Table(title="Clips", header=["class", "skeletons", "films"], rows=counts)
    images = [_blended(world, world.films, example, folder) for example in _examples(filmed)] if world.films else []
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


def of_image_texts(world: Path, row: str, folder: Path) -> pages.Page:
    """How many samples the shards have, and a sheet of the first with their texts, written into the folder."""
    shards = [webdataset.index(path) for path in webdataset.shard_paths(world)]
    _sheet(shards[0], folder / "samples.png")
    counts: list[list[pages.Cell]] = [[shard.path.name, len(shard.keys_N)] for shard in shards]
    sheet = pages.Image(file="samples.png", alt="Small pictures, each above its text", caption=shards[0].path.name)
    text = "Pictures with a sentence each, in shards as img2dataset writes them."
    return _page(row, text, pages.Table(title="Samples", header=["shard", "samples"], rows=counts), [sheet])


def _sheet(shard: webdataset.Shard, file: Path) -> None:
    from PIL import Image, ImageDraw, ImageOps

    (rows, columns), (width, height) = _SHEET, _CELL
    sheet = Image.new("RGB", (columns * width, rows * height), (255, 255, 255))
    canvas = ImageDraw.Draw(sheet)
    for number in range(min(rows * columns, len(shard.keys_N))):
        left, top = number % columns * width, number // columns * height
        picture = pictures.decode(shard.picture(number), shard.key(number))
        sheet.paste(ImageOps.contain(picture, (width - 8, height - 48)), (left + 4, top + 4))
        text = "\n".join(textwrap.wrap(shard.text(number), 32)[:3])
        canvas.multiline_text((left + 4, top + height - 42), text, fill=(35, 35, 40))
    sheet.save(file)


def _page(row: str, text: str, table: pages.Table, images: list[pages.Image]) -> pages.Page:
    title = f"World {row}"
    return pages.Page(title=title, stage="synthesize", row=row, text=[text], tables=[table], lines=[], images=images)


def _examples(filmed: Sequence[Performance]) -> list[Performance]:
    """The first filmed performance, and the first of another class from the middle on."""
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
        "and all three blended, cut to the person; the green lines are the recorded skeleton in every one of them, the "
        "yellow boxes are those of people and things, named in their corner",
    )
