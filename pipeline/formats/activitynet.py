"""ActivityNet's annotations: {"database": {id: {"subset": "training", "annotations": [{"segment": [s, e], "label"}]}}}.

A clip is one annotated segment of an untrimmed video, in seconds; the test subset was published without annotations.
"""

from pathlib import Path

import msgspec

from pipeline.core.errors import FormatError
from pipeline.formats import typed_json
from pipeline.formats.segments import Segment, join
from pipeline.formats.shared import LabelledClip, Sides

_MAX_BYTES = 64 << 20  # version 1.3 has 11
_MAX_SECONDS = 1_000_000  # eleven days


class _Annotation(msgspec.Struct, gc=False):
    segment: msgspec.Raw  # decoded apart, so that an error can say whose it is
    label: str


class _Video(msgspec.Struct, gc=False):
    subset: str
    annotations: list[_Annotation]


class _File(msgspec.Struct, gc=False):
    database: dict[str, _Video]


_FILE = msgspec.json.Decoder(_File)
_SEGMENT = msgspec.json.Decoder(tuple[float, float])


def read_clips(path: Path) -> list[LabelledClip]:
    """The annotated segments; one that is empty or has no valid times gets that as its fault."""
    return [
        _clip(path, video, number, annotation)
        for video, entry in _database(path).items()
        for number, annotation in enumerate(entry.annotations)
    ]


def read_sides(path: Path) -> Sides:
    """Subset `training` trains, `validation` tests."""
    database = _database(path)
    train, test = (
        sorted(video for video, entry in database.items() if entry.subset == subset)
        for subset in ("training", "validation")
    )
    return train, test


def _database(path: Path) -> dict[str, _Video]:
    database = typed_json.read(path, _FILE, _MAX_BYTES, "ActivityNet's annotations").database
    for video in database:
        if not video or not video.isprintable():
            raise FormatError(f"{path}: {video[:40]!r} cannot name a video; replace the file")
    return database


def _clip(path: Path, video: str, number: int, annotation: _Annotation) -> LabelledClip:
    try:
        # The places that a path has; + 0.0 makes a zero of -0.0, which no path can name.
        first, stop = (round(second, 6) + 0.0 for second in _SEGMENT.decode(annotation.segment))
    except typed_json.ERRORS as error:
        raise FormatError(f"{path}: annotation {number} of {video} ({type(error).__name__}: {error})") from None
    if not 0 <= first < stop <= _MAX_SECONDS:
        fault = f"segment: {first} to {stop} seconds cannot be"
        return LabelledClip(f"{video}#annotation={number}", video, annotation.label, fault=fault)
    part = join("", Segment("seconds", first, stop))
    return LabelledClip(video + part, video, annotation.label, part)
