"""Pictures of the clips that queries find in other senses; the queries are drawn at random.

The query is a skeleton where the space has one, else the first of its senses. Of several runs the first is shown.
"""

# Shapes: N clips, D size of a vector.
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pipeline.core import pages
from pipeline.core.errors import DataError
from pipeline.core.prepared import ClipArrays
from pipeline.evaluation import retrieval
from pipeline.evaluation.retrieval_tables import Answers
from pipeline.reporting import clip_strips

SHOWN = 3  # clips that a query finds in each sense, as drawn
_QUERY_FRAMES, _FRAMES = 8, 3
_HEIGHT, _LINE, _EDGE = 84, 18, 3  # of a strip, of a line of text, of a frame, pixels
_INK, _RIGHT = (35, 35, 40), (20, 140, 60)
_NUM_COLOURS = 256


@dataclass(frozen=True, eq=False)
class Gallery:
    """The test clips that the query's sense and another have: their vectors, row by row of the same clip."""

    target: str
    ids: list[str]
    performance_N: npt.NDArray[np.int64]
    query_ND: npt.NDArray[np.float32]
    target_ND: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Answer:
    """The clips that one query found in one sense, best first, and the rank of the right clip."""

    clip_id: str
    target: str
    nearest: tuple[str, ...]
    rank: int


def query_sense(modalities: Mapping[str, str]) -> str:
    """The sense whose clips are shown as queries, of all senses by name with their modality, the hub last."""
    skeletons = [name for name, modality in modalities.items() if modality == "skeleton"]
    return [*skeletons, *modalities][0]


def draw(galleries: Sequence[Gallery], max_queries: int, random: np.random.Generator) -> list[Answer]:
    """Random queries, at most `max_queries` clips that all galleries have, with what each finds in each gallery."""
    common = sorted(set.intersection(*(set(gallery.ids) for gallery in galleries)))
    chosen = [common[place] for place in random.permutation(len(common))[:max_queries]]
    return [_answer(clip_id, gallery) for clip_id in chosen for gallery in galleries]


def _answer(clip_id: str, gallery: Gallery) -> Answer:
    place = gallery.ids.index(clip_id)
    ranked = retrieval.nearest(
        gallery.query_ND[place], gallery.target_ND, gallery.performance_N, place, len(gallery.ids)
    )
    return Answer(clip_id, gallery.target, tuple(gallery.ids[n] for n in ranked[:SHOWN]), ranked.index(place) + 1)


def counts(answers: Sequence[Answer], answered: Sequence[Answers]) -> list[dict[str, Any]]:
    """For each sense how often the right clip was among the first, of the drawn and of all queries."""
    rows = []
    for pair in answered:
        of_pair = [drawn for drawn in answers if drawn.target == pair.target]
        rows.append(
            {
                "query": pair.query,
                "target": pair.target,
                "among_first": SHOWN,
                "drawn": len(of_pair),
                "drawn_right": sum(drawn.rank <= SHOWN for drawn in of_pair),
                "n": len(pair.rank_N),
                "right": int((pair.rank_N <= SHOWN).sum()),
                "chance": retrieval.chance(pair.num_candidates_N, SHOWN),
            }
        )
    return rows


class Pictures:
    """Draws the found clips from the prepared arrays of every sense; `labels` are the classes of clips."""

    def __init__(
        self, query: str, modalities: Mapping[str, str], stores: Mapping[str, Path], labels: Mapping[str, str]
    ) -> None:
        self._query = query
        self._names = {name: name if name == kind else f"{name} ({kind})" for name, kind in modalities.items()}
        self._clips = {sense: ClipArrays(path) for sense, path in stores.items()}
        self._labels = labels

    def show(self, folder: Path, answers: Sequence[Answer]) -> list[pages.Image]:
        """Write one PNG for each query into the folder."""
        images = []
        for number, clip_id in enumerate(dict.fromkeys(answer.clip_id for answer in answers), 1):
            of_clip = [answer for answer in answers if answer.clip_id == clip_id]
            clip_strips.save(self._sheet(clip_id, of_clip), folder / f"{number}.png", num_colours=_NUM_COLOURS)
            images.append(self._image(f"{number}.png", clip_id, of_clip))
        return images

    def _sheet(self, clip_id: str, answers: Sequence[Answer]) -> Image.Image:
        text = f"query: {self._names[self._query]} of {_short(clip_id)}, {self._labels[clip_id]}"
        query = _labelled(self._strip(self._query, clip_id, _QUERY_FRAMES), text, _INK, framed=False)
        panels = [[self._panel(answer, place) for place in range(len(answer.nearest))] for answer in answers]
        width = max(panel.width for row in panels for panel in row)
        rows = [query, *(_beside(row, width) for row in panels)]
        width = max(row.width for row in rows)
        sheet = Image.new("RGB", (width, sum(row.height for row in rows)), clip_strips.PAPER)
        top = 0
        for row in rows:
            sheet.paste(row, (0, top))
            top += row.height
        return sheet

    def _panel(self, answer: Answer, place: int) -> Image.Image:
        clip_id, is_right = answer.nearest[place], answer.nearest[place] == answer.clip_id
        text = f"{self._names[answer.target]} {place + 1}: {'SAME CLIP, ' if is_right else ''}{self._labels[clip_id]}"
        return _labelled(
            self._strip(answer.target, clip_id, _FRAMES), text, _RIGHT if is_right else _INK, framed=is_right
        )

    def _strip(self, sense: str, clip_id: str, num_frames: int) -> Image.Image:
        clips = self._clips[sense]
        if clip_id not in clips.ids:
            raise DataError(f"{clips.store.path}: lacks {clip_id}, which has a vector; run `dvc repro preprocess bind`")
        x_CT = clips[[clips.ids.index(clip_id)]][0]
        return clip_strips.strip(x_CT, clips.store.attrs["layout"], num_frames=num_frames, height=_HEIGHT)

    def _image(self, file: str, clip_id: str, answers: Sequence[Answer]) -> pages.Image:
        ranks = ", ".join(f"{answer.target} {answer.rank}" for answer in answers)
        return pages.Image(
            file=file,
            alt=f"{self._query} of clip {clip_id} ({self._labels[clip_id]}) above the first {SHOWN} clips that it "
            f"finds in {', '.join(answer.target for answer in answers)}",
            caption=f"{clip_id}, {self._labels[clip_id]}: above, the {self._query} that asks; below, the first {SHOWN} "
            f"clips that it finds in each sense, best first, the right one framed green. Rank of the right one: "
            f"{ranks}.",
        )


def _labelled(picture: Image.Image, text: str, colour: tuple[int, int, int], *, framed: bool) -> Image.Image:
    """A strip with a line of text above it, cut to the width of the strip, and a frame if wanted."""
    font = ImageFont.load_default(12)
    sheet = Image.new("RGB", (picture.width + 2 * _EDGE, picture.height + _LINE + 2 * _EDGE), clip_strips.PAPER)
    pen = ImageDraw.Draw(sheet)
    while pen.textlength(text, font=font) > picture.width and len(text) > 1:
        text = text[:-2] + "…"
    pen.text((_EDGE, 2), text, fill=colour, font=font)
    if framed:
        pen.rectangle((0, _LINE, sheet.width - 1, sheet.height - 1), fill=colour)
    sheet.paste(picture, (_EDGE, _LINE + _EDGE))
    return sheet


def _beside(panels: Sequence[Image.Image], width: int) -> Image.Image:
    """Panels in columns of one width, so that those of all senses line up."""
    step = width + 3 * clip_strips.GAP
    row = Image.new("RGB", (step * len(panels), max(panel.height for panel in panels)), clip_strips.PAPER)
    for number, panel in enumerate(panels):
        row.paste(panel, (step * number, 0))
    return row


def _short(clip_id: str) -> str:
    return clip_id.partition("/")[2] or clip_id
