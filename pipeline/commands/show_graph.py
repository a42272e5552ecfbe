"""graph show: one image's graph drawn beside its picture, with its caption and negatives."""

from pathlib import Path

import pyarrow.compute as pc

from pipeline.core import tables
from pipeline.core.errors import DataError
from pipeline.core.outputs import whole
from pipeline.core.schemas import CAPTIONS, GRAPHS, NEGATIVES, Format, Row
from pipeline.graphs import drawing
from pipeline.graphs.scene import from_json
from pipeline.reporting.samples import excerpts

MAX_NODES = 16


def show_graph(image_id: str, *, graphs: Path, captions: Path, negatives: Path, source: Path, out: Path) -> list[str]:
    """Draw the graph of a whole image into the PNG `out`; returns the lines to print: caption and negatives."""
    rows = _rows(graphs, GRAPHS, image_id)
    if not rows:
        raise DataError(f"{graphs}: no image {image_id!r}; take an image_id of that table")
    if rows[0].graph is None:
        raise DataError(f"{graphs}: image {image_id!r} was rejected: {rows[0].reason}")
    graph = from_json(rows[0].graph)
    picture = drawing.load_picture(source / rows[0].image, None) if rows[0].image else None
    busiest = sorted((-sum(t.id in (e.subject, e.object) for e in graph.relations), t.id) for t in graph.objects)
    nodes = drawing.neighbourhood(graph, [node for _, node in busiest[:1]], MAX_NODES)
    sheet = drawing.draw(graph, nodes, [], picture)
    with whole(out) as scratch:
        sheet.save(scratch, format="PNG")
    caption = _rows(captions, CAPTIONS, image_id)[0]
    lines = [
        f"image     {image_id}: {len(graph.objects)} objects, {len(graph.relations)} relations",
        f"caption   {caption.text} ({caption.num_tokens} tokens)",
    ]
    if caption.fitted != caption.text:
        lines.append(f"fitted    {caption.fitted} ({caption.fitted_tokens} tokens)")
    for row in _rows(negatives, NEGATIVES, image_id):
        true, false = excerpts(row.caption, row.text)
        unsure = "" if row.certain else " (not certain)"
        lines.append(f"{row.rule:20} {true} -> {false}{unsure}")
    return lines


def _rows(path: Path, form: Format[Row], image_id: str) -> list[Row]:
    table = tables.read_table(path, form)
    mask = pc.and_(pc.equal(table["image_id"], image_id), pc.equal(table["region"], ""))
    return tables.values(table.filter(mask), form)
