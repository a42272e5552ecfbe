"""Word-vector files (GloVe text, word2vec text or binary, plain or .gz) -> the vectors of the words asked for.

A file is read once from front to back and only wanted words are kept, so memory does not depend on its size.
"""

import gzip
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from pipeline.core import outside
from pipeline.core.errors import DataError, FormatError
from pipeline.formats.class_names import content_words

Vectors = npt.NDArray[np.float32]

_MAX_NUMBERS = 4096  # a vector
_MAX_WORD_BYTES = 4096
_MAX_LINE_BYTES = 1 << 18
_MAX_DIGITS = 12  # of the number of words
_BLOCK_BYTES = 1 << 20
_DAMAGE = (OSError, EOFError, zlib.error)

Record = tuple[bytes, bytes]  # a word and its numbers, as text or as little-endian float32


@dataclass(frozen=True)
class WordVectors:
    """Vectors of known words, all of one length."""

    dim: int
    by_word: dict[str, Vectors]


def read(path: Path, wanted: Collection[str]) -> WordVectors:
    """The vectors of the wanted words that the file knows; of a word given twice the first.

    Raises FormatError for a file that is none of the formats, is cut short, or holds a wanted vector that is not
    finite.
    """
    header = _first_line(path)
    numbers = header.split()
    if len(numbers) == 2 and all(part.isdigit() for part in numbers):
        if max(map(len, numbers)) > _MAX_DIGITS:
            raise FormatError(f"{path}: a header of {len(header)} digits; not GloVe text, word2vec text or binary")
        num_words, dim = (int(part) for part in numbers)
        _check_dim(path, dim)
        is_text = _is_text(path, dim)
        records = _text(path, dim, skip=1) if is_text else _binary(path, dim, num_words)
        vectors = _wanted_vectors(path, _counted(path, records, num_words), wanted, dim, is_text=is_text)
    else:
        dim = len(numbers) - 1 if _are_numbers(numbers[1:]) else 0
        _check_dim(path, dim)
        vectors = _wanted_vectors(path, _text(path, dim, skip=0), wanted, dim, is_text=True)
    return WordVectors(dim, vectors)


def check_exists(path: Path) -> None:
    """Raise DataError where there is no such file."""
    if not path.is_file():
        raise DataError(f"{path}: no such word-vector file; get GloVe or word2vec vectors from their owners")


def _open(path: Path) -> IO[bytes]:
    check_exists(path)
    outside.check_file(path, "a word-vector file")
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _first_line(path: Path) -> bytes:
    with _open(path) as file:
        return _line(path, file, 1)


def _line(path: Path, file: IO[bytes], number: int) -> bytes:
    try:
        line = file.readline(_MAX_LINE_BYTES)
    except _DAMAGE as error:
        raise FormatError(f"{path}: line {number}: {error}; the file is damaged or cut short") from None
    if len(line) == _MAX_LINE_BYTES:
        raise FormatError(f"{path}: line {number} is longer than {_MAX_LINE_BYTES} bytes; not a word-vector file")
    return line


def _check_dim(path: Path, dim: int) -> None:
    if not 1 <= dim <= _MAX_NUMBERS:
        raise FormatError(
            f"{path}: vectors of {dim} numbers, expected 1 to {_MAX_NUMBERS}; not GloVe text, word2vec text or binary"
        )


def _is_text(path: Path, dim: int) -> bool:
    """Whether the first record after the header is text: in binary it would have to spell numbers by chance."""
    with _open(path) as file:
        _line(path, file, 1)
        record = _block(path, file, _MAX_LINE_BYTES).partition(b"\n")[0].rsplit(maxsplit=dim)
    return len(record) == dim + 1 and _are_numbers(record[1:])


def _are_numbers(parts: Sequence[bytes]) -> bool:
    try:
        return all(map(np.isfinite, map(float, parts)))
    except ValueError:
        return False


def _text(path: Path, dim: int, *, skip: int) -> Iterator[Record]:
    """Records of a text file; numbers are split off from the right, for GloVe has words with blanks in them."""
    with _open(path) as file:
        number = 0
        while line := _line(path, file, number + 1):
            number += 1
            if number <= skip or not line.strip():
                continue
            word, _, numbers = line.rstrip().partition(b" ")
            if numbers.count(b" ") != dim - 1:
                parts = line.rstrip().rsplit(b" ", dim)
                if len(parts) != dim + 1:
                    raise FormatError(f"{path}: line {number}: expected a word and {dim} numbers; the file is damaged")
                word, numbers = parts[0], b" ".join(parts[1:])
            yield word, numbers


def _binary(path: Path, dim: int, num_words: int) -> Iterator[Record]:
    size = 4 * dim
    with _open(path) as file:
        _line(path, file, 1)
        block, at = b"", 0
        for number in range(num_words):
            while (end := block.find(b" ", at, at + _MAX_WORD_BYTES + 1)) < 0 or len(block) < end + 1 + size:
                if end < 0 and len(block) - at > _MAX_WORD_BYTES:
                    raise FormatError(f"{path}: word {number + 1} is too long; not word2vec binary")
                more = _block(path, file, _BLOCK_BYTES)
                if not more:
                    return  # the count is checked by the reader
                block, at = block[at:] + more, 0
            yield block[at:end].lstrip(b"\n"), block[end + 1 : end + 1 + size]
            at = end + 1 + size


def _block(path: Path, file: IO[bytes], num_bytes: int) -> bytes:
    try:
        return file.read(num_bytes)
    except _DAMAGE as error:
        raise FormatError(f"{path}: {error}; the file is damaged or cut short") from None


def _counted(path: Path, records: Iterator[Record], num_words: int) -> Iterator[Record]:
    count = 0
    for record in records:
        count += 1
        yield record
    if count != num_words:
        raise FormatError(f"{path}: the header promises {num_words} words, found {count}; the file is cut short")


def _wanted_vectors(
    path: Path, records: Iterator[Record], wanted: Collection[str], dim: int, *, is_text: bool
) -> dict[str, Vectors]:
    names = {word.encode(): word for word in wanted}
    vectors: dict[str, Vectors] = {}
    for raw, numbers in records:
        word = names.get(raw)
        if word is not None and word not in vectors:
            vectors[word] = _vector(path, word, numbers, dim, is_text=is_text)
    return vectors


def _vector(path: Path, word: str, numbers: bytes, dim: int, *, is_text: bool) -> Vectors:
    try:
        with np.errstate(over="ignore"):  # infinite then, and refused
            vector = np.array(numbers.split(), dtype=np.float32) if is_text else np.frombuffer(numbers, dtype="<f4")
    except ValueError:
        vector = np.empty(0, dtype=np.float32)
    if len(vector) != dim or not np.isfinite(vector).all():
        raise FormatError(f"{path}: the vector of {word!r} is not {dim} finite numbers; the file is damaged")
    return vector.astype(np.float32)


def text_vectors(
    texts: Sequence[str], vectors: WordVectors, *, unit_words: bool
) -> tuple[Vectors, dict[str, list[str]]]:
    """One vector a text, the mean over its known words (ResT 3.3.1), and the unknown words of each text that has some.

    `unit_words` scales every word vector to length 1 first, as the E2E protocol does. Stop words are left out. Raises
    DataError for a text without any known word.
    """
    rows, unknown = [], {}
    for text in texts:
        words = content_words(text)
        known = [vectors.by_word[word] for word in words if word in vectors.by_word]
        missing = [word for word in words if word not in vectors.by_word]
        if not known:
            raise DataError(f"text {text!r}: none of its words {missing} has a vector; rename it or use other vectors")
        if missing:
            unknown[text] = missing
        stacked = np.stack(known)
        lengths = np.linalg.norm(stacked, axis=1, keepdims=True) if unit_words else np.ones((1, 1))
        rows.append((stacked / np.maximum(lengths, 1e-12)).mean(axis=0))
    return np.stack(rows).astype(np.float32), unknown
