"""Vectors of what was held out of a training: pictures, captions, false captions, and the general pairs.

<row>/heldout-<seed>.zarr, one group each:
  pictures   a row for each picture that differs (id: the first pair that shows it): vectors (P, D)
  texts      a row for each text that differs (id: its digest): vectors (T, D)
  pairs      by key: `picture` and `caption` are rows of the two; `shuffled` is the caption in another order of words
  negatives  by key, rule and index: `text` is a row of texts, `certain` and `unseen` as in core.pairs
  general    by key: vectors of the pictures (G, D), and `text`
"""

# Shapes: N pairs, M negatives, P pictures, T texts, G general pairs, D size of a vector.
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.core import store
from pipeline.core.errors import DataError
from pipeline.core.hashing import value_digest
from pipeline.core.pairs import GeneralPair, GraphPair, ImageText, Picture, Vectors
from pipeline.core.seeds import generator

STAGE = "finetune"  # that leaves the vectors
_PICTURES, _TEXTS = 64, 256  # encoded at once
_NONE = -1
_WORD = re.compile(r"(\w[\w'’-]*)")

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Show = Callable[[GraphPair | GeneralPair], Picture]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The vectors of one training, and which belongs to which; rows stand in the order of their ids."""

    seed: int  # of the order of the shuffled words
    picture_PD: Vectors
    text_TD: Vectors
    texts: list[str]  # digests
    pairs: list[str]  # GraphPair.key
    picture_N: Ints  # row of picture_PD
    caption_N: Ints  # row of text_TD
    shuffled_N: Ints  # row of text_TD; -1 where the words have no other order
    negatives: list[str]
    pair_M: Ints  # row of `pairs`
    rules: list[str]  # of every negative
    negative_M: Ints  # row of text_TD
    certain_M: Bools
    unseen_M: Bools
    general: list[str]  # GeneralPair.key
    general_GD: Vectors
    general_G: Ints  # row of text_TD


def file(folder: Path, seed: int) -> Path:
    """Where the vectors of a seed's training stand in the folder of a finetune row."""
    return folder / f"heldout-{seed}.zarr"


def write(
    path: Path,
    encoder: ImageText,
    pairs: Sequence[GraphPair],
    general: Sequence[GeneralPair],
    picture: Show,
    seed: int,
) -> None:
    """Encode what is held out and store it; each picture and each text once, some at a time.

    The order of the shuffled words is drawn from `seed` and the caption: give the same one to all trainings that are
    to be compared, whatever seed they were trained from. Raises DataError where nothing is held out, and for keys
    that occur twice.
    """
    ordered = sorted(pairs, key=lambda pair: pair.key)
    samples = sorted(general, key=lambda pair: pair.key)
    if not ordered and not samples:
        raise DataError(f"{path}: nothing is held out to be encoded; hold pairs or samples out of the training")
    _check(path, ordered)
    shuffles = [shuffled(pair.caption, seed) for pair in ordered]
    texts = _digested(ordered, samples, shuffles)
    place = {digest: row for row, digest in enumerate(texts)}
    first = _first_shown(ordered)
    with store.create(path, {"seed": seed}) as out:
        dim = _write_vectors(out.group("texts", list(texts)), _read(encoder, list(texts.values())))
        shown = {pair.key: pair for pair in ordered}
        keys = sorted(set(first.values()))
        _write_vectors(out.group("pictures", keys), _seen(encoder, [shown[key] for key in keys], picture), dim)
        row = {key: number for number, key in enumerate(keys)}
        group = out.group("pairs", [pair.key for pair in ordered])
        group.put("picture", _ints(row[first[pair.key]] for pair in ordered))
        group.put("caption", _ints(place[value_digest(pair.caption)] for pair in ordered))
        group.put("shuffled", _ints(_NONE if text is None else place[value_digest(text)] for text in shuffles))
        _write_negatives(out, ordered, place)
        group = out.group("general", [pair.key for pair in samples])
        _write_vectors(group, _seen(encoder, samples, picture), dim)
        group.put("text", _ints(place[value_digest(pair.caption)] for pair in samples))


def read(path: Path) -> HeldOut:
    """The vectors of one training, in memory."""
    stored = store.Store(path, STAGE)
    pairs, negatives = stored.ids("pairs"), stored.ids("negatives")
    row = {key: number for number, key in enumerate(pairs)}
    named = [id_.rsplit("|", 2) for id_ in negatives]
    return HeldOut(
        seed=stored.attrs["seed"],
        picture_PD=stored.read("pictures", "vectors"),
        text_TD=stored.read("texts", "vectors"),
        texts=stored.ids("texts"),
        pairs=pairs,
        picture_N=stored.read("pairs", "picture"),
        caption_N=stored.read("pairs", "caption"),
        shuffled_N=stored.read("pairs", "shuffled"),
        negatives=negatives,
        pair_M=_ints(row[key] for key, _, _ in named),
        rules=[rule for _, rule, _ in named],
        negative_M=stored.read("negatives", "text"),
        certain_M=stored.read("negatives", "certain"),
        unseen_M=stored.read("negatives", "unseen"),
        general=stored.ids("general"),
        general_GD=stored.read("general", "vectors"),
        general_G=stored.read("general", "text"),
    )


def shuffled(caption: str, seed: int) -> str | None:
    """The caption with its words in another order, drawn from the seed; stops and commas stay where they are.

    None where there is no other order: fewer than two words that differ.

    >>> shuffled("a dog", 0)
    'dog a'
    """
    parts = _WORD.split(caption)  # every other part is a word
    words = parts[1::2]
    if len(set(words)) < 2:
        return None
    random = generator(seed, "word order", caption)
    while True:  # no more than half of the orders are the caption's own
        parts[1::2] = [words[place] for place in random.permutation(len(words))]
        text = "".join(parts)
        if text != caption:
            return text


def parted(key: str) -> tuple[str, str, str]:
    """Corpus, image id and region of a pair's key."""
    corpus, rest = key.split("|", 1)
    image_id, region = rest.rsplit("|", 1)
    return corpus, image_id, region


def _check(path: Path, pairs: Sequence[GraphPair]) -> None:
    """Refuse names that contain the separator of keys, which could not be split again."""
    for pair in pairs:
        if any("|" in part for part in (pair.corpus, pair.region, *(false.rule for false in pair.negatives))):
            raise DataError(f"{path}: '|' in the corpus, region or rule of {pair.key!r}; it parts the names of a pair")


def _digested(
    pairs: Sequence[GraphPair], general: Sequence[GeneralPair], shuffles: Sequence[str | None]
) -> dict[str, str]:
    """Every text by its digest, sorted."""
    false = (negative.text for pair in pairs for negative in pair.negatives)
    texts = chain((pair.caption for pair in pairs), false, filter(None, shuffles), (pair.caption for pair in general))
    return dict(sorted((value_digest(text), text) for text in dict.fromkeys(texts)))


def _first_shown(pairs: Sequence[GraphPair]) -> dict[str, str]:
    """For each pair the first one that shows the same part of the same picture."""
    first: dict[tuple[Path, tuple[int, int, int, int] | None], str] = {}
    return {pair.key: first.setdefault((pair.picture, pair.crop_xywh), pair.key) for pair in pairs}


def _write_negatives(out: store.StoreWriter, pairs: Sequence[GraphPair], place: dict[str, int]) -> None:
    negatives = [(f"{pair.key}|{false.rule}|{false.index}", false) for pair in pairs for false in pair.negatives]
    negatives.sort(key=lambda named: named[0])
    group = out.group("negatives", [id_ for id_, _ in negatives])
    group.put("text", _ints(place[value_digest(false.text)] for _, false in negatives))
    group.put("certain", np.array([false.certain for _, false in negatives], dtype=np.bool_))
    group.put("unseen", np.array([false.unseen for _, false in negatives], dtype=np.bool_))


def _seen(encoder: ImageText, pairs: Sequence[GraphPair | GeneralPair], picture: Show) -> Iterator[Vectors]:
    for start in range(0, len(pairs), _PICTURES):
        yield encoder.image_vectors([picture(pair) for pair in pairs[start : start + _PICTURES]])


def _read(encoder: ImageText, texts: Sequence[str]) -> Iterator[Vectors]:
    for start in range(0, len(texts), _TEXTS):
        yield encoder.text_vectors(texts[start : start + _TEXTS])


def _write_vectors(group: store.GroupWriter, parts: Iterator[Vectors], dim: int = 0) -> int:
    """Write vectors as they come; returns their size."""
    first = next(parts, np.empty((0, dim), np.float32))
    group.dense("vectors", first.shape[1:], np.float32).fill(chain([first], parts))
    return int(first.shape[1])


def _ints(values: Iterator[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)
