"""Sizes as people write them: 10 GB, in powers of 1000."""

import re

from pipeline.core.errors import ParamsError

_UNITS = ("B", "kB", "MB", "GB", "TB")
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,12})?) ?(B|kB|KB|MB|GB|TB)", re.ASCII)


def size_text(num_bytes: float) -> str:
    """A number of bytes for people.

    >>> size_text(999), size_text(1_500_000), size_text(20_000_000_000)
    ('999 B', '2 MB', '20.0 GB')
    """
    for unit in ("B", "kB", "MB"):
        if num_bytes < 1000:
            return f"{num_bytes:.0f} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:.1f} GB"


def parse_size(text: str, what: str) -> int:
    """The bytes of a size with its unit; `what` begins the message of the ParamsError for anything else.

    >>> parse_size("1.5GB", "--max-size")
    1500000000
    """
    size = _SIZE.fullmatch(text)
    if size is None:
        raise ParamsError(f"{what}: a number and a unit of {', '.join(_UNITS)} are expected, e.g. 10GB, not {text!r}")
    return int(float(size[1]) * 1000 ** [unit.upper() for unit in _UNITS].index(size[2].upper()))
