"""JSON from outside, read into expected types: other values are refused or ignored.

Ignored values are never built, so that a file of empty lists costs no more than its bytes. The reader refuses NaN,
Infinity, numbers beyond their type, and halves of surrogate pairs in texts.
"""

import codecs
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from pipeline.core import outside
from pipeline.core.errors import FormatError

T = TypeVar("T")
V = TypeVar("V")

# What a decoder raises for hostile input; ValidationError, where the JSON is none of the expected, is a DecodeError.
ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, MemoryError)


def read(path: Path, decoder: "msgspec.json.Decoder[T]", max_bytes: int, what: str) -> T:
    """The value of a file. FormatError where it is larger than `max_bytes`, no JSON or not `what`."""
    return _decoded(path, decoder.decode, max_bytes, what)


def read_lines(path: Path, decoder: "msgspec.json.Decoder[T]", max_bytes: int, what: str) -> list[T]:
    """The values of a file that has one a line; empty lines are none. FormatError as `read`."""
    return _decoded(path, decoder.decode_lines, max_bytes, what)


def _decoded(path: Path, decode: Callable[[bytes], V], max_bytes: int, what: str) -> V:
    content = outside.content(path, max_bytes, what).removeprefix(codecs.BOM_UTF8)
    try:
        return decode(content)
    except msgspec.ValidationError as error:
        raise FormatError(f"{path}: not {what} ({error}); replace the file") from None
    except ERRORS as error:
        reason = str(error) if isinstance(error, msgspec.DecodeError) else type(error).__name__
        raise FormatError(f"{path}: not readable as JSON, not {what} ({reason}); replace the file") from None
