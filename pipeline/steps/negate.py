"""negate: graphs and captions -> captions that are false of the graph by one edit each, and a page of samples."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from pipeline.core import tables
from pipeline.core.errors import DataError
from pipeline.core.hashing import file_digest
from pipeline.core.outputs import whole_folder
from pipeline.core.params import Params as BaseParams
from pipeline.core.progress import say
from pipeline.core.schemas import CAPTIONS, GRAPHS, NEGATIVES, CaptionRow, GraphRow, NegativeRow
from pipeline.formats.wordnet import FILES as WORDNET_FILES
from pipeline.formats.wordnet import WordNet
from pipeline.graphs.scene import SceneGraph, from_json
from pipeline.reporting import samples as sampling
from pipeline.reporting.leak import Leak
from pipeline.reporting.samples import Sample, Samples
from pipeline.text import certainty, pools
from pipeline.text import negate as making
from pipeline.text.captions import pieces_from_json
from pipeline.text.clip_tokens import ClipTokens, tokens
from pipeline.text.edits import spans
from pipeline.text.lexicon import Lexicon, of_corpus
from pipeline.text.negate import Counts, Negative
from pipeline.text.negatives.shared import Scene
from pipeline.text.pools import Pools, Statistics
from pipeline.text.truth import Truth


class Params(BaseParams):
    """How negatives are made, from which words, and how many the page shows."""

    source: str
    negatives: making.Params
    pools: pools.Params
    wordnet: str | None  # a folder with WordNet's index.noun and data.noun; null = our own word lists alone
    leak_images: int = Field(ge=0)  # about so many are measured for the leak of their texts
    samples_per_rule: int = Field(ge=0)


def negate(
    params: Params, row: str, *, graphs: Path, captions: Path, source: Path, out: Path, page: Path
) -> dict[str, object]:
    """Write the negatives and the page; returns what the log should know."""
    wordnet = WordNet(Path(params.wordnet)) if params.wordnet else None
    lexicon = of_corpus(tables.read_meta(graphs, GRAPHS), wordnet)
    facts = tables.read_meta(captions, CAPTIONS)
    max_tokens: int = facts["params"]["max_tokens"]
    clip = tokens()
    shown_false = certainty.judge(tables.read_meta(graphs, GRAPHS)["kind"])
    statistics = Statistics(lexicon)
    num_images = _counted(graphs, statistics)
    words = Pools(statistics, params.pools)
    rules = making.load(params.negatives)
    counts, samples = Counts(Counter(), Counter()), Samples(params.samples_per_rule)
    leak = Leak(params.negatives, params.pools, statistics, min(1.0, params.leak_images / max(1, num_images)))

    def fits(text: str) -> bool:
        return clip.count(text) <= max_tokens

    with whole_folder(page) as folder:
        with tables.streamed(out, NEGATIVES) as table:
            for graph_row, graph, truth, caption_row in _rows_with_truth(graphs, captions, lexicon):
                caption, starts = caption_row.fitted, caption_row.fitted_clause_starts
                scene = Scene(graph, caption, pieces_from_json(caption_row.fitted_pieces), truth, words)
                _count(samples, graph, caption_row, max_tokens)
                negatives = list(making.negatives(scene, starts, rules, params.negatives, counts, fits))
                leak.add(scene, negatives, fits)
                for made in negatives:
                    certain = shown_false(scene, made.edit)
                    samples.num_certain += certain
                    table.add(_row(graph, scene, made, clip, certain=certain))
                    shown = sampling.excerpts(caption, made.text)
                    samples.offer(Sample(graph, graph_row.image, graph_row.crop_xywh, caption, made, shown))
            table.meta = {"rules": counts.to_json(), "wordnet": _digests(params.wordnet)}
        sampling.write(folder, row, samples, counts, [leak.table()], facts, source)
    say(f"negate: {counts.made.total()} negatives; {counts.dropped.total()} candidates dropped")
    return {"negatives": counts.made.total(), "dropped": counts.dropped.total()}


def _digests(wordnet: str | None) -> dict[str, str]:
    """Digests of the files of WordNet, which are no dependency of the stage."""
    return {name: file_digest(Path(wordnet) / name) for name in WORDNET_FILES} if wordnet else {}


def _counted(graphs: Path, statistics: Statistics) -> int:
    """Count the words of whole images, as regions repeat them; returns the number of images."""
    num_images = 0
    for rows in tables.batches(graphs, GRAPHS):
        for row in rows:
            if row.graph is not None and not row.region:
                statistics.add(from_json(row.graph))
                num_images += 1
    return num_images


def _rows_with_truth(
    graphs: Path, captions: Path, lexicon: Lexicon
) -> Iterator[tuple[GraphRow, SceneGraph, Truth, CaptionRow]]:
    """Graph row, graph, truth of the whole image and caption row of every image and region.

    Both tables stand in the same order, an image before its regions.
    """
    captions_in_order = (row for rows in tables.batches(captions, CAPTIONS) for row in rows)
    truth: Truth | None = None
    for rows in tables.batches(graphs, GRAPHS):
        for row in rows:
            if row.graph is None:
                continue
            caption = next(captions_in_order, None)
            if caption is None or (caption.image_id, caption.region) != (row.image_id, row.region):
                raise DataError(f"{captions}: no caption of image {row.image_id!r}; run `dvc repro caption`")
            graph = from_json(row.graph)
            if not row.region:
                truth = Truth(graph, lexicon)
            elif truth is None or truth.graph.image_id != row.image_id:
                raise DataError(f"{graphs}: a region without its image {row.image_id!r}; run `dvc repro graph`")
            yield row, graph, truth, caption


def _count(samples: Samples, graph: SceneGraph, caption: CaptionRow, max_tokens: int) -> None:
    samples.count("objects", len(graph.objects))
    samples.count("relations", len(graph.relations))
    samples.count("relations in the caption", caption.num_said)
    samples.count("clauses of the caption", len(caption.clause_starts))
    samples.count("words of the caption", len(caption.text.split()))
    samples.count("tokens of the caption", caption.num_tokens)
    samples.count(f"tokens of the caption fitted to {max_tokens}", caption.fitted_tokens)
    samples.count("relations in the fitted caption", caption.num_said_fitted)


def _row(graph: SceneGraph, scene: Scene, made: Negative, clip: ClipTokens, *, certain: bool) -> NegativeRow:
    before, after = spans(scene, made.edit)
    return NegativeRow(
        image_id=graph.image_id,
        region=graph.region,
        rule=made.rule,
        index=made.index,
        seed=made.seed,
        caption=scene.text,
        text=made.text,
        certain=certain,
        clause=made.clause,
        place=made.edit.place,
        objects=list(made.edit.objects),
        original=made.edit.original,
        new=made.edit.new,
        num_tokens=clip.count(made.text),
        caption_tokens=clip.spans(scene.text, before),
        text_tokens=clip.spans(made.text, after),
    )
