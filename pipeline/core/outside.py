"""Files from outside: read whole and within a bound, or refused in one line that says what was expected."""

import stat
from pathlib import Path
from typing import BinaryIO

from pipeline.core.errors import FormatError

_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


def check_file(path: Path, what: str) -> int:
    """The size of a file in bytes. FormatError unless it is one; `what` says what it should be: "a list of frames"."""
    try:
        state = path.stat()
    except FileNotFoundError:
        raise FormatError(f"{path}: no such file; expected {what}, put it there as its owners publish it") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        reason = error.strerror if isinstance(error, OSError) else error
        raise FormatError(f"{path}: cannot be read ({reason}); expected {what}") from None
    if not stat.S_ISREG(state.st_mode):
        kind = _KINDS.get(stat.S_IFMT(state.st_mode), "a device")
        raise FormatError(f"{path}: {kind}, expected {what} as a file; give the file itself")
    return state.st_size


def opened(path: Path, what: str) -> BinaryIO:
    """A file opened for reading. FormatError where there is none, or a folder or a pipe, which would not end."""
    check_file(path, what)
    try:
        return path.open("rb")
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror}); expected {what}") from None


def content(path: Path, max_bytes: int, what: str) -> bytes:
    """All bytes of a file. FormatError as `opened`, and for a file larger than `max_bytes`."""
    num_bytes = check_file(path, what)
    with opened(path, what) as file:
        try:
            data = file.read(min(num_bytes, max_bytes) + 1)  # so much is set aside at once
        except OSError as error:
            raise FormatError(f"{path}: cannot be read ({error.strerror}); expected {what}") from None
    if len(data) > max_bytes:
        raise FormatError(f"{path}: larger than {_size(max_bytes)}, not {what}; is it the right file?")
    return data


def text(path: Path, max_bytes: int, what: str, encoding: str = "utf-8") -> str:
    """As `content`, as text. FormatError as well where a byte is none of the encoding."""
    try:
        return content(path, max_bytes, what).decode(encoding)
    except UnicodeDecodeError as error:
        named = "UTF-8" if encoding.startswith("utf-8") else encoding.upper()
        raise FormatError(
            f"{path}: not a readable text file: not {named} text ({error.reason} at byte {error.start}); "
            f"expected {what}"
        ) from None


def _size(num_bytes: int) -> str:
    return f"{num_bytes >> 20} MiB" if num_bytes >= 1 << 20 else f"{num_bytes} bytes"
