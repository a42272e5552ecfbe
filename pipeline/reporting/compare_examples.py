"""Pictures of held-out questions that a fine-tuned row answers differently from its start, drawn at random.

A question is won where the start preferred the false text and the tuned row the caption, lost the other way round.
Of several seeds the first is shown.
"""

# Shapes: M captions against negatives.
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pipeline.core import pages, tables
from pipeline.core.errors import DataError
from pipeline.core.schemas import GRAPHS, NEGATIVES, Int32, Int32s
from pipeline.core.seeds import generator
from pipeline.evaluation.comparison import Answers
from pipeline.graphs import drawing

_SIDE = 460  # longest side of a picture on the page, pixels
_LINE, _OUTLINE = (255, 205, 40), (30, 30, 30)
_TURNS = {"won": (0.0, 1.0), "lost": (1.0, 0.0)}  # outcome before and after


_Key = tuple[str, str, str, int]  # what names a negative in its table


class _Texts(msgspec.Struct, frozen=True, gc=False):
    """What is read of a negative: its key, the caption and the false text."""

    image_id: str
    region: str
    rule: str
    index: Int32
    caption: str
    text: str


class _Picture(msgspec.Struct, frozen=True, gc=False):
    """What is read of a graph: where its picture lies."""

    image_id: str
    region: str
    image: str | None
    crop_xywh: Int32s | None


@dataclass(frozen=True)
class Example:
    """One question whose answer changed."""

    row: str
    turn: str  # won | lost
    place: int  # of the question
    name: str  # of its picture's file


class Examples:
    """The questions whose answers changed, and a few of them to show; `negatives` are keys of the held-out vectors."""

    def __init__(
        self, negatives: Sequence[str], start: Sequence[Answers], tuned: Sequence[Answers], max_examples: int, seed: int
    ) -> None:
        self._negatives = negatives
        first: dict[str, Answers] = {}
        for answers in tuned:
            first.setdefault(answers.row, answers)
        before = {answers.seed: answers for answers in start}
        self._pairs = {row: (before.get(answers.seed, start[0]), answers) for row, answers in first.items()}
        self._chosen = [
            example for row in self._pairs for turn in _TURNS for example in self._drawn(row, turn, max_examples, seed)
        ]

    def counts(self) -> list[dict[str, Any]]:
        """How many questions each row won and lost; a tie of either side is neither."""
        counts = []
        for row, (start, tuned) in self._pairs.items():
            turned = {turn: int(self._turned(row, turn).sum()) for turn in _TURNS}
            counts.append(
                {"row": row, "seed": tuned.seed, "start_seed": start.seed, "n": len(self._negatives), **turned}
            )
        return counts

    def show(self, folder: Path, graphs: Path, negatives: Path) -> list[pages.Image]:
        """Draw the examples into a folder, their texts and pictures looked up in the tables of their corpora."""
        images: list[pages.Image] = []
        for corpus in sorted({self._negatives[example.place].split("|", 1)[0] for example in self._chosen}):
            keys = {
                example: _key_of(self._negatives[example.place])
                for example in self._chosen
                if self._is_of(example, corpus)
            }
            texts = _texts(negatives / f"{corpus}.parquet", set(keys.values()))
            graph_table = graphs / f"{corpus}.parquet"
            places = _places(graph_table, {key[:2] for key in keys.values()})
            source = Path(tables.read_meta(graph_table, GRAPHS)["source"])
            for example, key in keys.items():
                picture, crop_xywh = places[key[:2]]
                _draw(source / picture, crop_xywh, folder / example.name)
                images.append(self._image(example, corpus, key, *texts[key]))
        order = [example.name for example in self._chosen]
        return sorted(images, key=lambda image: order.index(image.file))

    def _turned(self, row: str, turn: str) -> Any:
        (start, tuned), (before, after) = self._pairs[row], _TURNS[turn]
        return (start.won_M == before) & (tuned.won_M == after)

    def _drawn(self, row: str, turn: str, max_examples: int, seed: int) -> list[Example]:
        turned = np.flatnonzero(self._turned(row, turn))
        chosen = generator(seed, "examples", row, turn).permutation(turned)[:max_examples]
        return [Example(row, turn, int(place), f"{row}-{turn}-{number}.png") for number, place in enumerate(chosen, 1)]

    def _is_of(self, example: Example, corpus: str) -> bool:
        return self._negatives[example.place].startswith(f"{corpus}|")

    def _image(self, example: Example, corpus: str, key: _Key, caption: str, text: str) -> pages.Image:
        start, tuned = (answers.margin_M[example.place] for answers in self._pairs[example.row])
        image_id, region, rule, _ = key
        where = f"{corpus}, image {image_id}" + (f", region {region}" if region else "")
        return pages.Image(
            file=example.name,
            alt=f"{where}: {caption}",
            caption=f"{example.row} {example.turn} ({rule.replace('_', ' ')}; {where}): "
            f"true “{_marked(caption, text)}”, false “{_marked(text, caption)}”. "
            f"Margin of the true text {start:+.4f} at the start, {tuned:+.4f} after.",
        )


def _marked(text: str, other: str) -> str:
    """A text with the words in brackets that differ from another text."""
    words, others = text.split(" "), other.split(" ")
    if len(words) == len(others):  # an exchange: no block of words was moved
        return " ".join(word if word == its else f"[{word}]" for word, its in zip(words, others, strict=True))
    parts = []
    for kind, start, stop, _, _ in SequenceMatcher(None, words, others, autojunk=False).get_opcodes():
        if start < stop:
            phrase = " ".join(words[start:stop])
            parts.append(phrase if kind == "equal" else f"[{phrase}]")
    return " ".join(parts)


def _key_of(id_: str) -> _Key:
    key, rule, index = id_.rsplit("|", 2)
    image_id, region = key.split("|", 1)[1].rsplit("|", 1)
    return image_id, region, rule, int(index)


def _texts(path: Path, wanted: set[_Key]) -> dict[_Key, tuple[str, str]]:
    """Caption and false text."""
    texts = {}
    for rows in tables.batches(path, NEGATIVES.only(_Texts)):
        for row in rows:
            key = (row.image_id, row.region, row.rule, row.index)
            if key in wanted:
                texts[key] = (row.caption, row.text)
    _check_found(path, sorted(wanted - texts.keys()))
    return texts


def _places(path: Path, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, Sequence[int] | None]]:
    """Picture, relative to the source folder, and the part of it that a region is."""
    places = {}
    for rows in tables.batches(path, GRAPHS.only(_Picture)):
        for row in rows:
            if (row.image_id, row.region) in wanted and row.image is not None:
                places[row.image_id, row.region] = (row.image, row.crop_xywh)
    _check_found(path, sorted(wanted - places.keys()))
    return places


def _check_found(path: Path, missing: Sequence[tuple[object, ...]]) -> None:
    if missing:
        raise DataError(
            f"{path}: lacks {len(missing)} of the held-out pairs' pictures or texts, first {missing[0]!r}; "
            "run `dvc repro finetune`"
        )


def _draw(path: Path, crop_xywh: Sequence[int] | None, out: Path) -> None:
    """The whole picture, as large as a page shows well, with the region framed."""
    from PIL import ImageDraw

    picture = drawing.load_picture(path, None)
    if picture is None:
        raise DataError(f"{path}: no such picture, though it was held out; run `dvc repro graph`")
    scale = _SIDE / max(picture.size)
    picture = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
    if crop_xywh is not None:
        x, y, w, h = (side * scale for side in crop_xywh)
        canvas = ImageDraw.Draw(picture)
        for colour, width in ((_OUTLINE, 4), (_LINE, 2)):
            canvas.rectangle((x, y, x + w, y + h), outline=colour, width=width)
    picture.save(out)
