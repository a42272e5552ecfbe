"""The samples of image-text shards that may train, and those held out to see what training forgets."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.core.pairs import GeneralPair
from pipeline.core.progress import track
from pipeline.core.rejects import counted
from pipeline.formats import webdataset
from pipeline.formats.webdataset import Shard
from pipeline.graphs import parts
from pipeline.sources.screening import Screen

_IN_PIECES = "shard samples: text too long, a piece of it is read"


class Tokenize(Protocol):
    """What a model reads texts by. It is sent to reader processes, so it can be pickled."""

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """token_NL of texts that fit, padded with 0."""

    def pieces(self, text: str) -> list[str]:
        """The text in as few pieces as fit; most texts are their only piece."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples that train, numbered from 0: `places_N2` has the shard and the place in it of each."""

    shards: Sequence[Shard]
    places_N2: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.places_N2)

    def key(self, number: int) -> str:
        """Unique over shards."""
        shard, place = self._place(number)
        return key_of(shard, place)

    def picture(self, number: int) -> bytes:
        """The encoded picture."""
        shard, place = self._place(number)
        return shard.picture(place)

    def text(self, number: int) -> str:
        """The text."""
        shard, place = self._place(number)
        return shard.text(place)

    def _place(self, number: int) -> tuple[Shard, int]:
        shard, place = self.places_N2[number].tolist()
        return self.shards[shard], place


@dataclass(frozen=True, eq=False)
class Split:
    """Samples that train, those that are held out with where they lie, and what was left out."""

    train: Samples
    general: dict[str, tuple[GeneralPair, Shard, int]]
    counts: dict[str, int]


def key_of(shard: Shard, place: int) -> str:
    """The key of a sample with the name of its shard before it."""
    return f"{shard.path.stem}/{shard.key(place)}"


def read(folder: Path, screen: Screen, held_out: parts.Params, tokenize: Tokenize) -> Split:
    """Index every shard of a folder and look through all texts once; those too long to be read whole are counted."""
    shards: list[Shard] = []
    places: list[npt.NDArray[np.int32]] = []
    general: dict[str, tuple[GeneralPair, Shard, int]] = {}
    counts: Counter[str] = Counter()
    paths = webdataset.shard_paths(folder)
    for path in track(paths, total=len(paths), what="shards"):
        shard = webdataset.index(path)
        training: list[int] = []
        counts.update({f"shard samples: {reason}": number for reason, number in shard.left_out.items()})
        for place, text in enumerate(shard.texts()):
            key = key_of(shard, place)
            if not text:
                counts["shard samples: no text"] += 1
            elif parts.part_of(key, held_out) == parts.VAL:
                general[key] = (GeneralPair(key, text), shard, place)
            elif screen.passes(text, "shard samples"):
                training.append(place)
                if len(tokenize.pieces(text)) > 1:
                    counts[_IN_PIECES] += 1
        places.append(np.stack([np.full(len(training), len(shards)), training], axis=1).astype(np.int32))
        shards.append(shard)
    train = Samples(shards, np.concatenate(places))
    if not len(train):
        raise DataError(
            f"{folder}: no sample of its {len(shards)} shards is left to train on: {counted(screen.dropped)}"
        )
    return Split(train, general, dict(counts))
