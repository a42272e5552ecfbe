"""Pictures from outside, decoded by Pillow within bounds: a file, or bytes of a shard -> an RGB picture."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core import outside
from pipeline.core.errors import FormatError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 64 << 20  # more is a decompression bomb or no photograph
_MAX_BYTES = 256 << 20
_FORMATS = ("JPEG", "PNG", "WEBP")

Region = tuple[float, float, float, float]  # x, y, width, height; pixels of the stored picture


def read(path: Path, crop_xywh: Sequence[int] | None = None) -> "Image":
    """The picture of a file, or a part of it. FormatError if it is no JPEG, PNG or WebP, broken, or far too large."""
    with _opened(path, str(path)) as picture:
        if crop_xywh is None:
            return picture.convert("RGB")
        x, y, w, h = crop_xywh
        return picture.convert("RGB").crop((x, y, x + w, y + h))


def decode(content: bytes, where: str) -> "Image":
    """As `read`, of a picture's bytes; `where` names it in errors."""
    with _opened(io.BytesIO(content), where) as picture:
        return picture.convert("RGB")


def resized(picture: Path | bytes, where: str, cut: Callable[[int, int], Region], size: tuple[int, int]) -> "Image":
    """The part that `cut` takes of a picture of a width and height, at `size` (H, W).

    A JPEG is unpacked no larger than that needs.
    """
    source = io.BytesIO(picture) if isinstance(picture, bytes) else picture
    height, width = size
    with _opened(source, where) as opened:
        from PIL.Image import Resampling

        stored = opened.size
        x, y, w, h = cut(*stored)
        least = min(w / width, h / height)
        if least > 1:
            opened.draft("RGB", (int(stored[0] / least), int(stored[1] / least)))
        across, down = opened.size[0] / stored[0], opened.size[1] / stored[1]
        box = (x * across, y * down, min((x + w) * across, opened.size[0]), min((y + h) * down, opened.size[1]))
        plain = opened.convert("RGB")
        return plain.resize((width, height), Resampling.BICUBIC, box=box, reducing_gap=2.0)


@contextmanager
def _opened(source: Path | io.BytesIO, where: str) -> Iterator["Image"]:
    """A picture whose header is valid; any fault of its bytes becomes a FormatError."""
    from PIL import Image

    if isinstance(source, Path):
        source = io.BytesIO(outside.content(source, _MAX_BYTES, "a JPEG, PNG or WebP picture"))
    try:
        with Image.open(source, formats=_FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise FormatError(f"{where}: {picture.width} x {picture.height} pixels, at most {MAX_PIXELS} are read")
            yield picture
    except FormatError:
        raise
    except Exception as error:  # what Pillow raises for a damaged picture has no common family
        raise FormatError(f"{where}: not a readable picture ({type(error).__name__}); fetch it again") from None
