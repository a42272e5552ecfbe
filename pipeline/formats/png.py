"""Grey PNG pictures of 8 or 16 bit, exactly as recorded; anything else is refused before its pixels are unpacked."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.core.errors import FormatError

_MAX_PIXELS = 1 << 26
_MODES = {"L": np.uint8, "I;16": np.uint16, "I;16B": np.uint16}


def read_grey(path: Path) -> npt.NDArray[Any]:
    """(H, W) uint8 or uint16, by the file's own depth. Raises FormatError for colour, palettes and broken files."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise FormatError(f"{path}: {image.width} x {image.height} pixels is more than this code reads")
            if image.mode not in _MODES:
                raise FormatError(f"{path}: a grey PNG of 8 or 16 bit was expected, found mode {image.mode!r}")
            return np.asarray(image).astype(_MODES[image.mode])
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FormatError(f"{path}: not a readable PNG ({' '.join(str(error).split())}); replace the file") from None


def write_grey(path: Path, picture_HW: npt.NDArray[Any]) -> None:
    """Write (H, W) uint8 or uint16 as a grey PNG."""
    if picture_HW.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a grey PNG holds uint8 or uint16, found {picture_HW.dtype}")
    Image.fromarray(np.ascontiguousarray(picture_HW)).save(path, format="PNG", compress_level=1)
