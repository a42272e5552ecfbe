"""Answers of a language model to requests: JSON Lines, each {"id": ..., "answer": ...}; other keys are passed over."""

import codecs
from pathlib import Path

import msgspec

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.formats.typed_json import ERRORS

MAX_CHARACTERS = 4000  # of one answer: a class text is a few sentences

_MAX_BYTES = 16 << 20
_WHAT = "answers in JSON Lines"


class _Line(msgspec.Struct):
    id: str
    answer: str


_DECODER = msgspec.json.Decoder(_Line)


def read(path: Path) -> dict[str, str]:
    """Answer by id, in the order of the file.

    Raises FormatError for a line that is none, an id answered twice, and an answer that is empty or overlong.
    """
    answers: dict[str, str] = {}
    content = outside.content(path, _MAX_BYTES, _WHAT).removeprefix(codecs.BOM_UTF8)
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            answer = _decoded(line, f"{path}: line {number}")
            if answer.id in answers:
                raise FormatError(f"{path}: line {number}: '{answer.id}' is answered twice; leave one answer")
            answers[answer.id] = answer.answer
    return answers


def _decoded(line: bytes, where: str) -> _Line:
    try:
        answer = _DECODER.decode(line)
    except ERRORS as error:
        reason = str(error) if isinstance(error, msgspec.DecodeError) else type(error).__name__
        raise FormatError(f'{where}: expected {{"id": ..., "answer": ...}} as JSON ({reason}); mend the line') from None
    if not answer.answer.strip():
        raise FormatError(f"{where}: the answer to '{answer.id}' is empty; ask again or leave the line out")
    if len(answer.answer) > MAX_CHARACTERS:
        raise FormatError(
            f"{where}: the answer to '{answer.id}' has {len(answer.answer)} characters, at most {MAX_CHARACTERS} are "
            "read; shorten it"
        )
    return answer
