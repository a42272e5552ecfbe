"""ActivityNet's annotations: {"database": {id: {"subset": "training", "annotations": [{"segment": [s, e], "label"}]}}}.

A clip is one annotated segment of an untrimmed video, in seconds; the test subset was published without annotations.
"""

import json
import math
from pathlib import Path
from typing import Any

from pipeline.core.errors import FormatError
from pipeline.formats.segments import Segment, join
from pipeline.formats.shared import LabelledClip, Sides

_MAX_BYTES = 64 << 20  # of empty lists alone that is two gigabytes in memory


def read_clips(path: Path) -> list[LabelledClip]:
    """The annotated segments; one that ends before it begins, or lies nowhere, has that as its fault."""
    return [
        _clip(path, video, number, annotation)
        for video, entry in _database(path).items()
        for number, annotation in enumerate(entry["annotations"])
    ]


def read_sides(path: Path) -> Sides:
    """Subset `training` trains, `validation` tests."""
    database = _database(path)
    train, test = (
        sorted(video for video, entry in database.items() if entry["subset"] == subset)
        for subset in ("training", "validation")
    )
    return train, test


def _database(path: Path) -> dict[str, dict[str, Any]]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise FormatError(f"{path}: larger than {_MAX_BYTES >> 20} MiB, not ActivityNet's annotations")
        database = json.loads(path.read_bytes())["database"]
        for entry in database.values():
            str(entry["subset"]), list(entry["annotations"])
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{path}: not ActivityNet's annotations ({type(error).__name__}: {error})") from None
    found: dict[str, dict[str, Any]] = database
    return found


def _clip(path: Path, video: str, number: int, annotation: Any) -> LabelledClip:
    try:
        first, stop = (float(second) for second in annotation["segment"])
        label = str(annotation["label"])
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise FormatError(f"{path}: annotation {number} of {video} ({type(error).__name__}: {error})") from None
    if not (math.isfinite(first) and math.isfinite(stop) and 0 <= first < stop):
        fault = f"segment: {first} to {stop} seconds cannot be"
        return LabelledClip(f"{video}#annotation={number}", video, label, fault=fault)
    part = join("", Segment("seconds", first, stop))
    return LabelledClip(video + part, video, label, part)
