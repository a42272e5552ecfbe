"""graph: annotations of a corpus -> one scene graph per image, frame or region, rejected ones with a reason."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, RootModel

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


def graph(row: AnyRow, *, source: Path, out: Path) -> dict[str, object]:
    """Write the graphs of a corpus; returns what the log should know. The source must be stamped."""
    stamp.read(source)
    if isinstance(row, ActionGenomeRow):
        frames = action_genome.Annotations(source)
        keys = frames.frame_keys()
        readings = ([action_genome_corpus.reading(frames, key)] for key in keys)
        return _write(row, readings, len(keys), source, out, {})
    aliases = {
        "nouns": visual_genome.read_aliases(source / "object_alias.txt"),
        "predicates": visual_genome.read_aliases(source / "relationship_alias.txt"),
    }
    with visual_genome.opened(source) as images:
        ids = images.image_ids()
        return _write(row, _with_regions(images, ids, row.regions), len(ids), source, out, aliases)


def _with_regions(images: visual_genome.Annotations, ids: list[int], params: RegionParams) -> Iterator[list[Reading]]:
    """An image and its regions at a time."""
    for image_id in ids:
        whole = visual_genome_corpus.reading(images, image_id)
        yield [whole, *visual_genome_corpus.regions(images, whole, params)]


def _write(
    row: AnyRow,
    images: Iterator[list[Reading]],
    total: int,
    source: Path,
    out: Path,
    aliases: dict[str, list[list[str]]],
) -> dict[str, object]:
    """Write the readings of `total` images or frames, each with those of its regions."""
    lexicon = Lexicon(aliases.get("nouns", ()), aliases.get("predicates", ()))
    pictures = _Pictures(source)
    rejects = Rejects("graph")
    faults = Rejects("graph")  # parts of images; counted, not limited
    num_graphs = num_regions = 0
    with tables.streamed(out, GRAPHS) as table:
        tracked = track(images, total=total, what="images")
        for reading in chain.from_iterable(tracked):
            table.add(_row(reading, row, pictures, lexicon))
            num_graphs += reading.graph is not None
            num_regions += reading.crop_xywh is not None
            if reading.reason is not None:
                rejects.add(reading.image_id, reading.reason)
            for fault in reading.faults:
                faults.add(reading.image_id, fault)
        rejects.check(total=total, at_most=row.max_rejected)
        table.meta = {
            "kind": row.kind,
            "source": row.source,
            "stamp": stamp.digest(source),
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
