"""negate: graphs and captions -> captions that are false of the graph by one edit each, and a page of samples."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.core import tables
from pipeline.core.errors import DataError
from pipeline.core.outputs import whole_folder
from pipeline.core.params import Params as BaseParams
from pipeline.core.progress import say
from pipeline.core.schemas import CAPTIONS, GRAPHS, NEGATIVES
from pipeline.graphs.scene import SceneGraph, from_json
from pipeline.reporting import samples as sampling
from pipeline.reporting.samples import Sample, Samples
from pipeline.steps.caption import lexicon_of
from pipeline.text import negate as making
from pipeline.text import pools
from pipeline.text.captions import Captioner, pieces_from_json
from pipeline.text.captions import Params as CaptionParams
from pipeline.text.negate import Counts, Negative
from pipeline.text.negatives.shared import Scene
from pipeline.text.pools import Pools, Statistics


class Params(BaseParams):
    """How negatives are made, from which words, and how many the page shows."""

    source: str
    negatives: making.Params
    pools: pools.Params
    samples_a_rule: int = Field(ge=0)


def negate(
    params: Params, row: str, *, graphs: Path, captions: Path, source: Path, out: Path, page: Path
) -> dict[str, object]:
    """Write the negatives and the page; returns what the log should know."""
    lexicon = lexicon_of(graphs)
    facts = tables.read_meta(captions, CAPTIONS)
    captioner = Captioner(CaptionParams.model_validate(facts["params"]), lexicon)
    words = Pools(_statistics(graphs, Statistics(lexicon)), params.pools)
    rules = making.load(params.negatives)
    counts, samples = Counts(Counter(), Counter()), Samples(params.samples_a_rule)
    with whole_folder(page) as folder:
        with tables.streamed(out, NEGATIVES) as table:
            for graph_row, graph, told in _joined(graphs, captions):
                scene = Scene(graph, told["text"], pieces_from_json(told["pieces"]), captioner, words)
                _count(samples, graph, told)
                for made in making.negatives(scene, told["clause_starts"], rules, params.negatives, counts):
                    table.add(_row(graph, told["text"], made))
                    shown = sampling.excerpts(told["text"], made.text)
                    samples.offer(Sample(graph, graph_row["image"], graph_row["crop_xywh"], told["text"], made, shown))
            table.meta = {"rules": counts.to_json()}
        sampling.write(folder, row, samples, counts, facts, source)
    say(f"negate: {counts.made.total()} negatives; {counts.dropped.total()} candidates dropped")
    return {"negatives": counts.made.total(), "dropped": counts.dropped.total()}


def _statistics(graphs: Path, statistics: Statistics) -> Statistics:
    """Word counts over whole images; regions repeat what these say."""
    for rows in tables.batches(graphs, GRAPHS):
        for row in rows:
            if row["graph"] is not None and not row["region"]:
                statistics.add(from_json(row["graph"]))
    return statistics


def _joined(graphs: Path, captions: Path) -> Iterator[tuple[dict[str, Any], SceneGraph, dict[str, Any]]]:
    """Graph row, graph and caption row of every image and region; both tables stand in the same order."""
    told = (row for rows in tables.batches(captions, CAPTIONS) for row in rows)
    for rows in tables.batches(graphs, GRAPHS):
        for row in rows:
            if row["graph"] is None:
                continue
            caption = next(told, None)
            if caption is None or (caption["image_id"], caption["region"]) != (row["image_id"], row["region"]):
                raise DataError(f"{captions}: no caption of image {row['image_id']!r}; run `dvc repro caption`")
            yield row, from_json(row["graph"]), caption


def _count(samples: Samples, graph: SceneGraph, told: dict[str, Any]) -> None:
    samples.count("objects", len(graph.objects))
    samples.count("relations", len(graph.relations))
    samples.count("relations in the caption", told["num_said"])
    samples.count("clauses of the caption", len(told["clause_starts"]))
    samples.count("words of the caption", len(told["text"].split()))


def _row(graph: SceneGraph, caption: str, made: Negative) -> dict[str, Any]:
    return {
        "image_id": graph.image_id,
        "region": graph.region,
        "rule": made.rule,
        "index": made.index,
        "seed": made.seed,
        "caption": caption,
        "text": made.text,
        "clause": made.clause,
        "place": made.edit.place,
        "objects": list(made.edit.objects),
        "original": made.edit.original,
        "new": made.edit.new,
    }
