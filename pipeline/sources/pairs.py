"""Pictures and sentences to fine-tune on, mixed from graph tables and shards, and what is held out of both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import Field

from pipeline.core.batches import Rows, Source
from pipeline.core.errors import DataError, FormatError
from pipeline.core.pairs import GeneralPair, GraphPair, Picture
from pipeline.core.params import Params as BaseParams
from pipeline.core.rejects import Rejects, counted
from pipeline.formats import pictures
from pipeline.formats.pictures import Region
from pipeline.formats.webdataset import Shard
from pipeline.graphs import parts
from pipeline.sources import corpus_tables, mapped, samples, schedule
from pipeline.sources.corpus_tables import Tables
from pipeline.sources.cutting import Cut, at_rest
from pipeline.sources.graph_pairs import PairReader, PairRow, VideoRow, ascending
from pipeline.sources.mapped import MappedRows
from pipeline.sources.mixture import Mixture, Rendering
from pipeline.sources.samples import Tokenize
from pipeline.sources.schedule import Amounts
from pipeline.sources.screening import Screen
from pipeline.text import compositions
from pipeline.text.compositions import CorpusWords, HeldOut
from pipeline.text.lexicon import Lexicon

P = TypeVar("P", GraphPair, GeneralPair)

BROKEN = "held-out pairs: a picture that does not decode"
_PAIRS, _VIDEOS = "pairs.arrow", "videos.arrow"


class Compositions(compositions.Params):
    """What is held out, and the rows of graph whose words make up compositions: all that train, in every row alike."""

    words_of: list[str]


class Params(BaseParams):
    """What is mixed and what is kept out."""

    corpora: list[str]  # rows of graph; [] = shards alone
    graphs_train: bool  # false: of the corpora only what is held out is used, as for a start that others are set beside
    texts_per_graph: float = Field(ge=0)  # shard samples for each graph pair of an all-image step
    video_share: float = Field(ge=0, le=1)  # of the steps
    clip_frames: int = Field(ge=1)
    clip_stride: int = Field(ge=1)  # of frames on disk
    clip_batch_size: int = Field(ge=1)  # rows of an all-video step
    num_negatives: int = Field(ge=0)  # drawn for each graph pair, each time anew; those with fewer have fewer
    only_certain: bool  # negatives that the annotation itself shows to be false
    compositions: Compositions  # held out of every training text and picture
    crop: Cut
    general: parts.Params  # shard samples held out, to see what training forgets
    max_rejected: float = Field(ge=0, le=1)  # of the pictures
    audit: list[str]  # datasets whose class names are looked for in training texts
    withheld: dict[str, list[int]]  # by dataset the classes that no training text may name


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs to train on, those held out, and what was left out of both."""

    train: Source
    heldout: list[GraphPair]  # part val, and pictures that show a held-out composition
    general: list[GeneralPair]
    named_classes: dict[str, list[int]]  # by audited dataset, ascending
    counts: dict[str, int]  # what there is and what was left out, and why
    _size: tuple[int, int]
    _crop: Cut
    _max_rejected: float
    _places: dict[str, tuple[GeneralPair, Shard, int]]

    def picture(self, pair: GraphPair | GeneralPair) -> Picture:
        """The picture of a held-out pair as the model saw those that it was trained on; where those are cut at random,
        the whole of it. FormatError if it does not decode.
        """
        source: Path | bytes
        if isinstance(pair, GraphPair):
            source, where, crop = pair.picture, str(pair.picture), pair.crop_xywh
        else:
            _, shard, place = self._places[pair.key]
            source, where, crop = shard.picture(place), f"{shard.path}: {pair.key}", None

        def shown(width: int, height: int) -> Region:
            x, y, w, h = crop or (0, 0, width, height)
            return at_rest(self._crop, (float(x), float(y), float(w), float(h)), self._size)

        return np.asarray(pictures.resized(source, where, shown, self._size), np.uint8)

    def decoding(self, pairs: Sequence[P]) -> list[P]:
        """Those of some held-out pairs whose pictures decode; the others are counted. DataError where more than
        `max_rejected` of them do not.
        """
        decoded, rejected = [], []
        for pair in pairs:
            try:
                self.picture(pair)
                decoded.append(pair)
            except FormatError as error:
                rejected.append((pair.key, str(error)))
        rejects = Rejects("held-out pictures", rejected)
        rejects.check(total=len(pairs), at_most=self._max_rejected)
        if rejected:
            self.counts[BROKEN] = self.counts.get(BROKEN, 0) + len(rejected)
        return decoded


@dataclass(frozen=True)
class Folders:
    """Where the tables of the stages stand, and what the sources in them are relative to."""

    graphs: Path
    captions: Path
    negatives: Path
    shards: Path | None
    root: Path


def read(
    params: Params,
    folders: Folders,
    *,
    size: tuple[int, int],
    tokenize: Tokenize,
    batch_size: int,
    scratch: Path,
) -> Pairs:
    """Look through tables and shards once; pictures are decoded when the source is read.

    `size` is the model's (H, W), `tokenize` turns texts into int64 (N, L) or into pieces that fit, `scratch` is a
    folder for what readers map, to be kept as long as they read. Raises DataError where nothing is left to train on.
    """
    corpora = [_opened(name, folders) for name in params.corpora]
    screen = Screen(params.audit, params.withheld, _held_out(params, folders))
    gathering = PairReader(screen, only_certain=params.only_certain, trains=params.graphs_train)
    pairs, clip_pairs = _gathered(gathering, corpora, scratch, params)
    split = samples.read(folders.shards, screen, params.general, tokenize) if folders.shards is not None else None
    amounts = Amounts(
        num_pairs=len(pairs),
        num_clips=len(clip_pairs),
        num_texts=len(split.train) if split else 0,
        batch_size=batch_size,
        clip_batch_size=params.clip_batch_size,
        texts_per_graph=Fraction(params.texts_per_graph).limit_denominator(1000),
        video_share=params.video_share,
    )
    shown = Rendering(
        size, params.crop, params.clip_frames, params.clip_stride, params.num_negatives, params.max_rejected
    )
    plan = schedule.plan(amounts)
    videos = MappedRows(scratch / _VIDEOS, VideoRow)
    train = Mixture(plan, pairs, videos, clip_pairs, split.train if split else None, shown, tokenize)
    counts = {
        "graph pairs that train": amounts.num_pairs,
        "graph pairs held out": len(gathering.heldout),
        "shard samples that train": amounts.num_texts,
        "shard samples held out": len(split.general) if split else 0,
        **gathering.counts,
        **(split.counts if split else {}),
        **screen.dropped,
    }
    places = split.general if split else {}
    general = [pair for pair, _, _ in places.values()]
    return Pairs(
        train,
        gathering.heldout,
        general,
        screen.named_classes(),
        dict(sorted(counts.items())),
        size,
        params.crop,
        params.max_rejected,
        places,
    )


def _opened(name: str, folders: Folders) -> Tables:
    return corpus_tables.opened(name, folders.graphs, folders.captions, folders.negatives, folders.root)


def _held_out(params: Params, folders: Folders) -> HeldOut | None:
    """What is held out, by the words of all corpora at once; the tables are read once more for them."""
    how = params.compositions
    if not how.share:
        return None
    if not how.words_of or not set(params.corpora) <= set(how.words_of):
        raise DataError(f"compositions.words_of: {how.words_of} lacks some of {params.corpora}; give all that train")
    corpora = [_opened(name, folders) for name in how.words_of]
    words = CorpusWords()
    for corpus in corpora:
        for graph in corpus_tables.graphs(corpus):
            words.add(graph)
    nouns, predicates = (
        [group for corpus in corpora for group in corpus.aliases.get(kind, [])] for kind in ("nouns", "predicates")
    )
    return HeldOut(how, Lexicon(nouns, predicates), words)


def _gathered(
    gathering: PairReader, corpora: Sequence[Tables], scratch: Path, params: Params
) -> tuple[MappedRows[PairRow], Rows]:
    """The pairs that train, written where readers map them, and which of them can be shown as clips."""
    clip_pairs: list[int] = []
    num_with_negatives = 0

    def rows() -> Iterator[PairRow]:
        nonlocal num_with_negatives
        everything = (row for corpus in corpora for row in gathering.training(corpus))
        for number, row in enumerate(row for row in everything if params.graphs_train):
            if row.video is not None:
                clip_pairs.append(number)
            num_with_negatives += bool(row.negatives)
            yield row

    num_pairs = mapped.write(scratch / _PAIRS, PairRow, rows())
    mapped.write(scratch / _VIDEOS, VideoRow, map(ascending, gathering.videos))
    names = [corpus.corpus for corpus in corpora]
    if params.graphs_train and corpora and not num_pairs:
        raise DataError(f"{', '.join(names)}: no graph pair is left to train on: {counted(gathering.counts)}")
    if num_pairs and params.num_negatives and not num_with_negatives:
        raise DataError(
            f"{names}: no training caption has a negative, num_negatives wants some; set it to 0 or run "
            "`dvc repro negate`"
        )
    return MappedRows(scratch / _PAIRS, PairRow), np.array(clip_pairs, np.int64)
