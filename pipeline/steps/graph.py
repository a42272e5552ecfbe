"""graph: annotations of a corpus -> one scene graph per image, frame or region, rejected ones with a reason."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, RootModel

from pipeline.compute.shared import Compute, run
from pipeline.core import stamp, tables
from pipeline.core.errors import FormatError
from pipeline.core.params import Params
from pipeline.core.progress import say, track
from pipeline.core.rejects import Rejects, counted
from pipeline.core.schemas import GRAPHS, GraphRow
from pipeline.formats import action_genome, picture_size, visual_genome
from pipeline.graphs import parts
from pipeline.graphs.corpora import action_genome as action_genome_corpus
from pipeline.graphs.corpora import visual_genome as visual_genome_corpus
from pipeline.graphs.corpora.shared import Reading
from pipeline.graphs.corpora.visual_genome import RegionParams
from pipeline.graphs.scene import to_json
from pipeline.text.actions import actions
from pipeline.text.lexicon import Lexicon

BLOCK_IMAGES = 256
Share = Annotated[float, Field(ge=0, le=1)]


class VisualGenomeRow(Params):
    """A folder of Visual Genome's files."""

    kind: Literal["visual_genome"]
    source: str
    regions: RegionParams
    parts: parts.Params
    max_rejected: Share  # of the images


class ActionGenomeRow(Params):
    """A folder of Action Genome's files."""

    kind: Literal["action_genome"]
    source: str
    parts: parts.Params
    max_rejected: Share  # of the frames; in the real files 19 % show no object


AnyRow = VisualGenomeRow | ActionGenomeRow


class Row(RootModel[Annotated[AnyRow, Field(discriminator="kind")]]):
    """A row of params: the corpus that its `kind` says."""


@dataclass(frozen=True)
class _Task:
    """A block of images or frames to read."""

    row: AnyRow
    source: Path
    stamp: str
    keys: Sequence[int | str]

    @property
    def name(self) -> str:
        return f"{self.source}: images {self.keys[0]} to {self.keys[-1]}"


def graph(row: AnyRow, compute: Compute, *, source: Path, out: Path) -> dict[str, object]:
    """Write the graphs of a corpus; returns what the log should know. The source must be stamped."""
    stamp.read(source)
    stamped = stamp.digest(source)
    corpus = _corpus(row.kind, source, stamped)
    try:
        keys = corpus.keys
        blocks = [keys[start : start + BLOCK_IMAGES] for start in range(0, len(keys), BLOCK_IMAGES)]
        tasks = [_Task(row, source, stamped, block) for block in blocks]
        tracked = track(chain.from_iterable(run(compute, _graphs, tasks)), total=len(keys), what="images")
        return _write(row, chain.from_iterable(tracked), len(keys), stamped, corpus.aliases, out)
    finally:
        corpus.files.close()
        _corpus.cache_clear()


def _graphs(task: _Task) -> list[list[GraphRow]]:
    """For each image of a block its row and those of its regions, in any process."""
    row, corpus = task.row, _corpus(task.row.kind, task.source, task.stamp)
    readings = (corpus.readings(key, row) for key in task.keys)
    return [[_row(one, row, corpus.pictures, corpus.lexicon) for one in of_image] for of_image in readings]


class _Corpus:
    """The files of a corpus, open or read."""

    def __init__(self, kind: str, source: Path) -> None:
        self.files = ExitStack()
        self.aliases: dict[str, list[list[str]]] = {}  # groups of words that mean the same
        self.keys: Sequence[Any]  # of images or frames, in the order of the table
        self.readings: Callable[[Any, Any], list[Reading]]  # key and row -> an image with its regions, or a frame
        if kind == "action_genome":
            frames = action_genome.Annotations(source)
            self.keys, self.readings = frames.frame_keys(), partial(_frame, frames)
        else:
            self.aliases["nouns"] = visual_genome.read_aliases(source / "object_alias.txt")
            self.aliases["predicates"] = visual_genome.read_aliases(source / "relationship_alias.txt")
            images = self.files.enter_context(visual_genome.opened(source))
            self.keys, self.readings = images.image_ids(), partial(_with_regions, images)
        self.pictures = _Pictures(source)
        self.lexicon = Lexicon(self.aliases.get("nouns", ()), self.aliases.get("predicates", ()))


@lru_cache(maxsize=1)
def _corpus(kind: str, source: Path, _stamp: str) -> _Corpus:
    """The one that a process has open, which costs seconds; files that were stamped anew are opened anew."""
    return _Corpus(kind, source)


def _frame(frames: action_genome.Annotations, key: str, _: ActionGenomeRow) -> list[Reading]:
    return [action_genome_corpus.reading(frames, key)]


def _with_regions(images: visual_genome.Annotations, image_id: int, row: VisualGenomeRow) -> list[Reading]:
    """An image and its regions."""
    whole = visual_genome_corpus.reading(images, image_id)
    return [whole, *visual_genome_corpus.regions(images, whole, row.regions)]


def _write(
    row: AnyRow, rows: Iterable[GraphRow], total: int, stamped: str, aliases: dict[str, list[list[str]]], out: Path
) -> dict[str, object]:
    """Write the rows of `total` images or frames."""
    rejects = Rejects("graph")
    faults = Rejects("graph")  # parts of images; counted, not limited
    num_graphs = num_regions = 0
    with tables.streamed(out, GRAPHS) as table:
        for made in rows:
            table.add(made)
            num_graphs += made.graph is not None
            num_regions += made.crop_xywh is not None
            if made.reason is not None:
                rejects.add(made.image_id, made.reason)
            for fault in made.faults:
                faults.add(made.image_id, fault)
        rejects.check(total=total, at_most=row.max_rejected)
        table.meta = {
            "kind": row.kind,
            "source": row.source,
            "stamp": stamped,
            "aliases": aliases,
            "rejected": rejects.counts(),
            "left_out": faults.counts(),
        }
    say(f"graph: {num_graphs} graphs, {num_regions} of them regions")
    for what, found in (("rejected", rejects), ("left out of graphs", faults)):
        say(f"graph: {what}: {counted(found.counts()) or 'nothing'}")
    return {"graphs": num_graphs, "rejected": len(rejects.rows), "left_out": len(faults.rows)}


class _Pictures:
    """The sizes of a corpus's pictures; regions follow their image, so the last is kept."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._last: tuple[str | None, tuple[bool, int | None, int | None]] = (None, (False, None, None))

    def look_up(self, reading: Reading) -> tuple[bool, int | None, int | None]:
        """Whether the picture is there, its width and height; one that cannot be read is a fault."""
        if reading.image is None or reading.image == self._last[0]:
            return self._last[1] if reading.image else (False, None, None)
        picture: tuple[bool, int | None, int | None] = (False, None, None)
        path = self._source / reading.image
        if _is_there(path):
            try:
                picture = (True, *picture_size.read(path))
            except FormatError:
                picture = (True, None, None)
                reading.faults.append(f"picture without a size: {reading.image}")
        self._last = (reading.image, picture)
        return picture


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than any file's
        return False


def _row(reading: Reading, row: AnyRow, pictures: _Pictures, lexicon: Lexicon) -> GraphRow:
    graph = reading.graph
    there, picture_width, picture_height = pictures.look_up(reading)
    return GraphRow(
        image_id=reading.image_id,
        region=graph.region if graph else "",
        image=reading.image,
        video=reading.video,
        frame=reading.frame,
        coco_id=reading.coco_id,
        subset=reading.subset,
        part=parts.part_of(reading.video or reading.image_id, row.parts),
        crop_xywh=reading.crop_xywh,
        phrase=reading.phrase,
        width=graph.width if graph else None,
        height=graph.height if graph else None,
        has_picture=there,
        picture_width=picture_width,
        picture_height=picture_height,
        num_objects=len(graph.objects) if graph else 0,
        num_relations=len(graph.relations) if graph else 0,
        actions=actions(graph, lexicon) if graph else [],
        graph=to_json(graph) if graph else None,
        faults=reading.faults,
        reason=reading.reason,
    )
