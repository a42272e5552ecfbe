"""A block of graphs and captions -> its negatives and what the page shows of them, in any process.

Two passes over a corpus: `tallied` counts the words of a block, and once the counts of all are merged and handed over,
`negated` makes the negatives of a block. A process reads what was handed over once, and remembers words between blocks.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec

from pipeline.core import tables
from pipeline.core.errors import DataError
from pipeline.core.hashing import file_digest, value_digest
from pipeline.core.outputs import whole
from pipeline.core.schemas import CAPTIONS, CaptionRow, GraphRow, NegativeRow
from pipeline.formats.wordnet import WordNet
from pipeline.graphs.blocks import Block
from pipeline.graphs.scene import SceneGraph, from_json
from pipeline.reporting import samples as sampling
from pipeline.reporting.leak import Leak, Told
from pipeline.reporting.samples import Sample, Samples
from pipeline.text import certainty, negate, pools
from pipeline.text.captions import pieces_from_json
from pipeline.text.clip_tokens import ClipTokens, tokens
from pipeline.text.edits import spans
from pipeline.text.lexicon import Lexicon, of_corpus
from pipeline.text.negate import Counts, Negative
from pipeline.text.negatives.shared import Scene
from pipeline.text.pools import Pools, Statistics, Tallies
from pipeline.text.truth import Truth


@dataclass(frozen=True)
class Words:
    """Where the words of a corpus get their meanings: its aliases as JSON, and a folder of WordNet's files."""

    aliases: str
    wordnet: str | None
    digests: str  # of WordNet's files, as JSON: a worker that outlives a run reads them again where they have changed


@dataclass(frozen=True)
class Counting:
    """A block whose words are to be counted."""

    words: Words
    block: Block

    @property
    def name(self) -> str:
        """For messages."""
        return self.block.name


@dataclass(frozen=True)
class Making:
    """How the negatives of a corpus are made; the same for all its blocks."""

    kind: str  # of the corpus
    words: Words
    negatives: negate.Params
    pools: pools.Params
    samples_per_rule: int
    max_tokens: int  # that are read of a text
    leak_share: float  # of the images, measured for the leak of their texts


@dataclass(frozen=True)
class Negating:
    """A block whose negatives are to be made; `tallies` are those of the whole corpus, `key` says which and how."""

    making: Making
    tallies: Path
    key: str
    captions: Path
    block: Block

    @property
    def name(self) -> str:
        """For messages."""
        return self.block.name


@dataclass(frozen=True)
class Negated:
    """The negatives of a block in the order of the table, and what the page says of it."""

    rows: list[NegativeRow]
    counts: Counts
    samples: Samples
    told: Told


@lru_cache(maxsize=1)
def lexicon(words: Words) -> Lexicon:
    """The one of a process: it remembers words."""
    wordnet = WordNet(Path(words.wordnet)) if words.wordnet else None
    return of_corpus({"aliases": json.loads(words.aliases)}, wordnet)


def tallied(task: Counting) -> Tallies:
    """Count the words of the whole images of a block, as regions repeat them."""
    statistics = Statistics(lexicon(task.words))
    for row in task.block.rows():
        if row.graph is not None and not row.region:
            statistics.add(from_json(row.graph))
    return statistics.tallies()


def hand_over(statistics: Statistics, making: Making, file: Path) -> str:
    """Write the counts of a corpus for the processes that make its negatives; returns the key of their tasks."""
    predicates, nouns, attributes, present, num_graphs = statistics.tallies()
    counted = [list(counts.items()) for counts in (predicates, nouns, attributes)]
    with whole(file) as scratch:
        scratch.write_bytes(msgspec.msgpack.encode((counted, list(present.items()), num_graphs)))
    words = [making.words.aliases, making.words.wordnet, making.words.digests]
    how = [making.negatives.model_dump(), making.pools.model_dump(), words]
    rest = [making.kind, making.samples_per_rule, making.max_tokens, making.leak_share]
    return value_digest([file_digest(file), how, rest])


def negated(task: Negating) -> Negated:
    """Make the negatives of a block."""
    maker = _Maker.known.get(task.key)
    if maker is None:
        _Maker.known.clear()
        maker = _Maker.known[task.key] = _Maker(task.making, _statistics(task))
    return maker.negated(task)


def forget() -> None:
    """Give back the memory of what the tasks of this process have built."""
    _Maker.known.clear()
    lexicon.cache_clear()


_Entries = list[tuple[tuple[str, ...], int]]
_TALLIES = msgspec.msgpack.Decoder(tuple[tuple[_Entries, _Entries, _Entries], list[tuple[str, int]], int])


def _statistics(task: Negating) -> Statistics:
    """What was handed over."""
    counted, present, num_graphs = _TALLIES.decode(task.tallies.read_bytes())
    statistics = Statistics(lexicon(task.making.words))
    predicates, nouns, attributes = (Counter(dict(entries)) for entries in counted)
    statistics.merge((predicates, nouns, attributes, Counter(dict(present)), num_graphs))
    return statistics


class _Maker:
    """What a process builds once to make the negatives of a corpus."""

    known: "dict[str, _Maker]" = {}  # noqa: RUF012 - the one of this process, by key

    def __init__(self, making: Making, statistics: Statistics) -> None:
        self._making = making
        self._lexicon = statistics.lexicon
        self._pools = Pools(statistics, making.pools)
        self._rules = negate.load(making.negatives)
        self._leak = Leak(making.negatives, making.pools, statistics, making.leak_share)
        self._shown_false = certainty.judge(making.kind)
        self._clip = tokens()

    def negated(self, task: Negating) -> Negated:
        """The negatives of a block."""
        making, clip = self._making, self._clip
        rows: list[NegativeRow] = []
        counts, samples = Counts(Counter(), Counter()), Samples(making.samples_per_rule)
        for graph_row, graph, truth, caption_row in _rows_with_truth(task, self._lexicon):
            caption, starts = caption_row.fitted, caption_row.fitted_clause_starts
            scene = Scene(graph, caption, pieces_from_json(caption_row.fitted_pieces), truth, self._pools)
            _count(samples, graph, caption_row, making.max_tokens)
            found = list(negate.negatives(scene, starts, self._rules, making.negatives, counts, self._fits))
            self._leak.add(scene, found, self._fits)
            for made in found:
                certain = self._shown_false(scene, made.edit)
                samples.num_certain += certain
                rows.append(_row(graph, scene, made, clip, certain=certain))
                shown = sampling.excerpts(caption, made.text)
                samples.offer(Sample(graph, graph_row.image, graph_row.crop_xywh, caption, made, shown))
        return Negated(rows, counts, samples, self._leak.take())

    def _fits(self, text: str) -> bool:
        return self._clip.count(text) <= self._making.max_tokens


def _rows_with_truth(task: Negating, lexicon: Lexicon) -> Iterator[tuple[GraphRow, SceneGraph, Truth, CaptionRow]]:
    """Graph row, graph, truth of the whole image and caption row of every image and region of a block.

    Both tables stand in the same order, an image before its regions.
    """
    block = task.block
    captions = iter(tables.part(task.captions, CAPTIONS, block.num_before, block.num_before + block.num_graphs))
    truth: Truth | None = None
    for row in block.rows():
        if row.graph is None:
            continue
        caption = next(captions, None)
        if caption is None or (caption.image_id, caption.region) != (row.image_id, row.region):
            raise DataError(f"{task.captions}: no caption of image {row.image_id!r}; run `dvc repro caption`")
        graph = from_json(row.graph)
        if not row.region:
            truth = Truth(graph, lexicon)
        elif truth is None or truth.graph.image_id != row.image_id:
            raise DataError(f"{block.graphs}: a region without its image {row.image_id!r}; run `dvc repro graph`")
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
