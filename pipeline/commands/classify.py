"""classify: files of one sense and labels -> for each file the labels, ranked."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.commands.bound import Failures, answered, provenance
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
    """The `top` labels of each usable file, in order; `failures` collects why others are not usable."""
    prompts_of = labels.read(labels_)
    names, label_KD = list(prompts_of), recogniser.texts(prompts_of)
    for path, vector_D in answered(recogniser, paths, sense, failures):
        yield Answer(path, recogniser.ranked(vector_D, names, label_KD)[:top])


def lines(answers: Sequence[Answer]) -> Iterator[str]:
    """The lines to print: one block for each file, columns aligned."""
    for answer in answers:
        width = max(len("label"), *(len(label.label) for label in answer.ranked))
        yield str(answer.file)
        yield f"     {'label':{width}}  score  cosine"
        for place, label in enumerate(answer.ranked, 1):
            yield f"{place:3}  {label.label:{width}}  {label.score:5.3f}  {label.cosine:6.3f}"


def as_json(recogniser: Recogniser, sense: str, answers: Sequence[Answer], failures: Failures) -> str:
    """All answers as one JSON value."""
    answer_json: dict[str, Any] = {
        **provenance(recogniser, sense),
        "answers": [
            {"file": str(answer.file), "labels": [label._asdict() for label in answer.ranked]} for answer in answers
        ],
        "failures": [{"file": str(path), "reason": str(error)} for path, error in failures],
    }
    return json.dumps(answer_json, indent=1, ensure_ascii=False)
