"""classify: files of one sense and labels -> for each file the labels, ranked."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.commands.bound import Failures, about, answered
from pipeline.recognition import Recogniser, labels
from pipeline.recognition.recogniser import Ranked


@dataclass(frozen=True)
class Answer:
    """One file's labels, the likeliest first."""

    file: Path
    ranked: list[Ranked]


def classify(
    recogniser: Recogniser, paths: Sequence[Path], sense: str, labels_: str, *, top: int, failures: Failures
) -> Iterator[Answer]:
    """The `top` labels of every file that can be used, in order; why the others cannot be goes into `failures`."""
    prompts_of = labels.read(labels_)
    names, label_KD = list(prompts_of), recogniser.texts(prompts_of)
    for path, vector_D in answered(recogniser, paths, sense, failures):
        yield Answer(path, recogniser.ranked(vector_D, names, label_KD)[:top])


def lines(answers: Sequence[Answer]) -> Iterator[str]:
    """A block a file, columns aligned."""
    for answer in answers:
        width = max(len("label"), *(len(one.label) for one in answer.ranked))
        yield str(answer.file)
        yield f"     {'label':{width}}  score  cosine"
        for place, one in enumerate(answer.ranked, 1):
            yield f"{place:3}  {one.label:{width}}  {one.score:5.3f}  {one.cosine:6.3f}"


def as_json(recogniser: Recogniser, sense: str, answers: Sequence[Answer], failures: Failures) -> str:
    """All answers as one JSON value."""
    told: dict[str, Any] = {
        **about(recogniser, sense),
        "answers": [{"file": str(one.file), "labels": [each._asdict() for each in one.ranked]} for one in answers],
        "failures": [{"file": str(path), "reason": str(error)} for path, error in failures],
    }
    return json.dumps(told, indent=1, ensure_ascii=False)
