"""compositional: a file of pictures with true and false captions -> how often an encoder tells them apart, by rule."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.core.outputs import write_json
from pipeline.core.pairs import ImageText, Picture, Vectors
from pipeline.core.progress import track
from pipeline.core.seeds import generator
from pipeline.evaluation import clusters, compositional
from pipeline.evaluation.comparison import ALL
from pipeline.formats import caption_pairs
from pipeline.formats.caption_pairs import Box, CaptionPair
from pipeline.graphs import drawing
from pipeline.reporting.formatting import percent, plain_span

_RESAMPLES, _SHUFFLES, _SEED = 2000, 8, 0
_AT_ONCE = 64  # pictures or texts

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_Shown = tuple[str, Box | None]  # a picture's name and the part of it


@dataclass(frozen=True)
class Line:
    """One rule, or all. `text_only` is the accuracy with the pictures of others; None where there are no others."""

    rule: str
    n: int
    num_images: int
    accuracy: float
    ci95: tuple[float, float] | None
    text_only: float | None
    text_only_ci95: tuple[float, float] | None


@dataclass(frozen=True)
class Measured:
    """The lines, all rules first; questions without their picture are left out and counted."""

    lines: list[Line]
    mean_of_rules: float  # every rule has the same weight, as ARO reports it
    num_missing: int


def encoder(weights: Path, seed: int) -> ImageText:
    """The encoder of a seed of a row of finetune (a folder), or of a start file."""
    from pipeline.models import clip  # with torch and open_clip: seconds

    return clip.start(weights, seed)


def measured(file: Path, texts: ImageText, *, images: Path, kind: str, out: Path | None) -> Measured:
    """Ask an encoder all questions of a file; with `out` the figures are also written as JSON.

    Raises DataError where not one picture is in the folder `images`, FormatError where one does not decode.
    """
    questions = caption_pairs.read(file, kind)
    is_there = {image: (images / image).is_file() for image in dict.fromkeys(question.image for question in questions)}
    usable = [question for question in questions if is_there[question.image]]
    if not usable:
        raise DataError(
            f"{file}: none of its {len(is_there)} pictures is in {images}, first {questions[0].image!r}; "
            "--images names the folder they are in"
        )
    figures = _measured(usable, texts, images, len(questions) - len(usable))
    if out is not None:
        settings = {"num_resamples": _RESAMPLES, "shuffles": _SHUFFLES, "seed": _SEED}
        write_json(out, {"file": file.name, **asdict(figures), **settings})
    return figures


def lines(measured: Measured) -> Iterator[str]:
    """The lines of the table to print, in per cent."""
    width = max(len(line.rule) for line in measured.lines)
    yield f"{'rule':{width}}  questions  images  accuracy  95 % interval  text alone  95 % interval"
    for line in measured.lines:
        alone = "-" if line.text_only is None else percent(line.text_only)
        counts = f"{line.rule:{width}}  {line.n:9}  {line.num_images:6}"
        right = f"{percent(line.accuracy):>8}  {plain_span(line.ci95):>13}"
        yield f"{counts}  {right}  {alone:>10}  {plain_span(line.text_only_ci95):>13}"
    mean = percent(measured.mean_of_rules)
    yield f"mean of the rules: {mean}; a tie counts half; text alone: with the pictures of other questions"
    if measured.num_missing:
        yield f"{measured.num_missing} questions left out: their pictures are not there"


def _measured(questions: Sequence[CaptionPair], texts: ImageText, images: Path, num_missing: int) -> Measured:
    text_rows, text_UD = _texts(questions, texts)
    picture_rows, picture_PD = _pictures(questions, texts, images)
    true_M, false_M = (
        _rows(text_rows, [getattr(question, name) for question in questions]) for name in ("caption", "false")
    )
    picture_M = _rows(picture_rows, [(question.image, question.crop_xywh) for question in questions])
    cluster_M = clusters.numbered([question.image for question in questions])

    def won(pictures_M: Ints) -> Floats:
        true, false = (compositional.cosines(picture_PD, pictures_M, text_UD, text_M) for text_M in (true_M, false_M))
        return compositional.won(true, false)

    pool_M = np.zeros(len(questions), dtype=np.int64)
    others = [
        compositional.mismatched(cluster_M, pool_M, generator(_SEED, "others", number)) for number in range(_SHUFFLES)
    ]
    alone_M = np.mean([np.where(other_M < 0, np.nan, won(picture_M[other_M])) for other_M in others], axis=0)
    drawn_BC = clusters.resamples(int(cluster_M.max()) + 1, _RESAMPLES, generator(_SEED, "images"))
    outcome_SM = np.stack([won(picture_M), alone_M])
    rule_M = np.array([question.rule for question in questions])
    rules = sorted(set(rule_M.tolist()))
    every = np.ones(len(questions), dtype=np.bool_)
    table = [_line(ALL, outcome_SM, cluster_M, drawn_BC, every)]
    table += [_line(rule, outcome_SM, cluster_M, drawn_BC, rule_M == rule) for rule in rules]
    return Measured(table, float(np.mean([line.accuracy for line in table[1:]])), num_missing)


def _line(
    rule: str, outcome_SM: Floats, cluster_M: Ints, drawn_BC: clusters.Counts, chosen: npt.NDArray[np.bool_]
) -> Line:
    value_S, resampled_BS = clusters.means(outcome_SM[:, chosen], cluster_M[chosen], drawn_BC)
    num_images = len(np.unique(cluster_M[chosen]))
    intervals = [
        clusters.interval(resampled_B, num_images, float(value))
        for value, resampled_B in zip(value_S, resampled_BS.T, strict=True)
    ]
    alone = float(value_S[1]) if np.isfinite(value_S[1]) else None
    return Line(rule, int(chosen.sum()), num_images, float(value_S[0]), intervals[0], alone, intervals[1])


def _rows(row_of: dict[Any, int], wanted: Sequence[Any]) -> Ints:
    return np.array([row_of[key] for key in wanted], dtype=np.int64)


def _texts(questions: Sequence[CaptionPair], texts: ImageText) -> tuple[dict[str, int], Vectors]:
    """Every text once."""
    every = list(dict.fromkeys(text for question in questions for text in (question.caption, question.false)))
    starts = range(0, len(every), _AT_ONCE)
    parts = [
        texts.text_vectors(every[start : start + _AT_ONCE]) for start in track(starts, total=len(starts), what="texts")
    ]
    return {text: row for row, text in enumerate(every)}, np.concatenate(parts)


def _pictures(questions: Sequence[CaptionPair], texts: ImageText, images: Path) -> tuple[dict[_Shown, int], Vectors]:
    """Every part of a picture once."""
    every = list(dict.fromkeys((question.image, question.crop_xywh) for question in questions))
    starts = range(0, len(every), _AT_ONCE)
    parts = [
        texts.image_vectors([_cut(images / name, box) for name, box in every[start : start + _AT_ONCE]])
        for start in track(starts, total=len(starts), what="pictures")
    ]
    return {question: row for row, question in enumerate(every)}, np.concatenate(parts)


def _cut(path: Path, box: Box | None) -> Picture:
    """A picture, or what of its part lies in it."""
    picture = drawing.load_picture(path, None)
    if picture is None:
        raise DataError(f"{path}: gone while it was being read; put it back")
    if box is not None:
        x, y, w, h = box
        if x >= picture.width or y >= picture.height:
            raise DataError(f"{path}: the box {box} lies outside its {picture.width} x {picture.height} pixels")
        picture = picture.crop((x, y, min(x + w, picture.width), min(y + h, picture.height)))
    return np.asarray(picture)
