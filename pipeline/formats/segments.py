"""Paths that name a part of a recording: `PKU/0001-L.txt#frames=120-190`, `v_x.mp4#seconds=12.5-30`.

Untrimmed datasets hold many clips in one file; the clips table has one path a clip, so the part stands behind a '#'.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.errors import FormatError

_CLIP = re.compile(r"(.+)#clip=([^#/]+)")
_FRAGMENT = re.compile(r"(.+)#(frames|seconds)=(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Segment:
    """A part of a recording, first inclusive and stop exclusive, in frames from 0 or in seconds."""

    unit: str  # frames | seconds
    first: float
    stop: float

    def frames(self, num_recorded: int, frames_per_second: float | None = None) -> range:
        """The frames of a recording that belong to the part. Raises FormatError if there are none, or no rate."""
        scale = 1.0
        if self.unit == "seconds":
            if not frames_per_second:
                raise FormatError(
                    f"part {self.first}-{self.stop} s: the file states no frame rate; give frames instead"
                )
            scale = frames_per_second
        # 1e-9: a time that is a whole frame must not lose that frame to rounding; a path can name infinite times
        first, stop = (min(place * scale, num_recorded) for place in (self.first, self.stop))
        inside = range(math.floor(first + 1e-9), min(math.ceil(stop - 1e-9), num_recorded))
        if not inside:
            raise FormatError(f"part {self.first}-{self.stop} {self.unit} lies outside the {num_recorded} frames")
        return inside


def join(path: str, segment: Segment) -> str:
    """The path of a part.

    >>> join("a.txt", Segment("frames", 3, 9))
    'a.txt#frames=3-9'
    """
    return f"{path}#{segment.unit}={_text(segment.first)}-{_text(segment.stop)}"


def named(path: str, clip: str) -> str:
    """The path of a clip that a file holds under a name.

    >>> named("a.pkl", "S001C001P001R001A001")
    'a.pkl#clip=S001C001P001R001A001'
    """
    return f"{path}#clip={clip}"


def clip_of(path: str) -> tuple[str, str]:
    """The file of a path that `named` made, and the clip's name there."""
    match = _CLIP.fullmatch(path)
    if match is None:
        raise FormatError(f"{path}: no clip is named in it; expected a path such as a.pkl#clip=name")
    return match[1], match[2]


def file_of(path: str) -> str:
    """The file that a path lies in, whatever part of it is meant.

    >>> file_of("a.txt#frames=3-9"), file_of("a.pkl#clip=b"), file_of("#1.avi")
    ('a.txt', 'a.pkl', '#1.avi')
    """
    match = _FRAGMENT.fullmatch(path) or _CLIP.fullmatch(path)
    return match[1] if match else path


def unplaced(message: str, path: Path) -> str:
    """A message about a recording without its folder, which differs between machines.

    >>> unplaced("/data/a/Depth-00000002.png: 8-bit PNG", Path("/data/a"))
    'Depth-00000002.png: 8-bit PNG'
    """
    for place in (str(path), file_of(str(path))):
        message = message.replace(f"{place}: ", "").replace(f"{place}/", "")
    return message


def parse(path: str) -> tuple[str, Segment | None]:
    """The file of a path and the part of it that is meant; None means all of it.

    >>> parse("a.txt#frames=3-9")
    ('a.txt', Segment(unit='frames', first=3.0, stop=9.0))
    """
    match = _FRAGMENT.fullmatch(path)
    if match is None:
        return path, None
    segment = Segment(match[2], float(match[3]), float(match[4]))
    if segment.stop <= segment.first:
        raise FormatError(f"{path}: the part ends before it begins")
    return match[1], segment


def _text(value: float) -> str:
    return f"{value + 0.0:.6f}".rstrip("0").rstrip(".")  # + 0.0: -0.0 is 0
