"""Width and height of a JPEG or PNG picture, read from its header: some hundred bytes, no pixel is unpacked."""

from pathlib import Path
from typing import BinaryIO

from pipeline.core import outside
from pipeline.core.errors import FormatError

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_MAX_SEGMENTS = 4096  # before a JPEG's size; real ones have some ten, a hostile one any number of empty ones
_MAX_SIDE = 1 << 16
_STARTS_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD8)))


def read(path: Path) -> tuple[int, int]:
    """Width and height in pixels as stored; an orientation tag is ignored.

    Raises FormatError for what is neither JPEG nor PNG, is cut short, or has no size below 65,536 pixels a side.
    """
    try:
        with outside.opened(path, "a JPEG or PNG picture") as file:
            start = file.read(24)
            if start.startswith(_PNG):
                size = _png(start)
            elif start.startswith(_JPEG):
                file.seek(len(_JPEG))
                size = _jpeg(file)
            else:
                size = None
    except OSError as error:
        raise FormatError(f"{path}: not a readable picture ({error.strerror}); fetch it again") from None
    if size is None or not 0 < min(size) <= max(size) < _MAX_SIDE:
        raise FormatError(f"{path}: not a readable picture (no JPEG or PNG header with a size); fetch it again")
    return size


def _png(start: bytes) -> tuple[int, int] | None:
    if start[12:16] != b"IHDR" or len(start) < 24:
        return None
    return int.from_bytes(start[16:20], "big"), int.from_bytes(start[20:24], "big")


def _jpeg(file: BinaryIO) -> tuple[int, int] | None:
    """The size in the frame header; segments before it are stepped over."""
    for _ in range(_MAX_SEGMENTS):
        marker = file.read(2)
        if len(marker) < 2 or marker[0] != 0xFF:
            return None
        if marker[1] == 0xFF:  # fill byte
            file.seek(-1, 1)
            continue
        if marker[1] in _WITHOUT_LENGTH:
            continue
        header = file.read(7)
        length = int.from_bytes(header[:2], "big")
        if len(header) < 7 or length < 2:
            return None
        if marker[1] in _STARTS_OF_FRAME:
            return int.from_bytes(header[5:7], "big"), int.from_bytes(header[3:5], "big")
        file.seek(length - 7, 1)
    return None
