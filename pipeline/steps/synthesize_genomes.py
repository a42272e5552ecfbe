"""synthesize, for genomes and vectors: their params -> files in the native formats of the real ones, and a stamp."""

import shutil
from pathlib import Path
from typing import Annotated

from pydantic import Field, RootModel

from pipeline.core import pages, stamp
from pipeline.core.outputs import remove, whole_folder
from pipeline.core.progress import track
from pipeline.world.genomes import ActionGenomeWorld, VisualGenomeWorld, write_action_genome, write_visual_genome
from pipeline.world.recordings import World
from pipeline.world.vectors import VectorsWorld, write_vectors

_SHOWN = 2

Genome = VisualGenomeWorld | ActionGenomeWorld


class Row(RootModel[Annotated[World | Genome | VectorsWorld, Field(discriminator="kind")]]):
    """A row of params: the world that its `kind` says."""


def synthesize_vectors(world: VectorsWorld, *, row: str, out: Path, page: Path) -> int:
    """Write all arrays below `out`, the stamp beside it and the row's page; returns the number of files."""
    remove(stamp.stamp_path(out))  # a stamp never stands beside a folder it does not describe
    with whole_folder(out) as folder:
        write_vectors(world, folder)
    return _finish(row, "Vectors of clips, as if computed elsewhere.", out, page)


def synthesize_genome(world: Genome, *, row: str, out: Path, page: Path) -> int:
    """Write all files of a genome below `out`, the stamp beside it and the row's page; returns the number of files."""
    remove(stamp.stamp_path(out))
    with whole_folder(out) as folder:
        if isinstance(world, VisualGenomeWorld):
            total, what, parts = world.images, "images", write_visual_genome(world, folder)
        else:
            total, what, parts = world.videos, "videos", write_action_genome(world, folder)
        for _ in track(parts, total=total, what=what):
            pass
    return _finish(row, "People and things in pictures, annotated in the files of the real dataset.", out, page)


def _finish(row: str, text: str, out: Path, page: Path) -> int:
    num_files = stamp.write(out, stamp.scan(out))
    with whole_folder(page) as folder:
        pages.write(folder, _page(row, text, out, folder))
    return num_files


def _page(row: str, text: str, out: Path, folder: Path) -> pages.Page:
    """How many pictures and annotations there are, and the first pictures."""
    files = stamp.files(out)
    pictures = [file for file in files if file.suffix == ".png"]
    images = []
    for number, picture in enumerate(pictures[:_SHOWN], 1):
        shutil.copyfile(picture, folder / f"{number}.png")
        name = picture.relative_to(out).as_posix()
        images.append(pages.Image(file=f"{number}.png", alt=f"Picture {name} of the world", caption=name))
    counts: list[list[pages.Cell]] = [["pictures", len(pictures)], ["other files", len(files) - len(pictures)]]
    return pages.Page(
        title=f"World {row}",
        stage="synthesize",
        row=row,
        text=[text],
        tables=[pages.Table(title="Files", header=["what", "files"], rows=counts)],
        lines=[],
        images=images,
    )
