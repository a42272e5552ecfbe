"""Recordings -> arrays, a block of clips at a time. What keeps them stands apart (blocks.py): it decides no array."""

# Shapes: C channels, T frames and what follows them depend on the modality.
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline import modalities
from pipeline.core.boxes import Boxes
from pipeline.core.closure import Code
from pipeline.core.errors import DataError, FormatError, UnseenError
from pipeline.core.hashing import value_digest
from pipeline.core.params import Params
from pipeline.core.sampling import num_nonempty_frames
from pipeline.datasets import shared as datasets
from pipeline.formats import segments
from pipeline.formats.shared import Footage
from pipeline.modalities import shared as films
from pipeline.sources.layouts import Layouts
from pipeline.sources.recordings import verified

if TYPE_CHECKING:  # else an edit of any table's columns would decode every clip again
    from pipeline.core.schemas import ClipRow


class Row(Params):
    """One dataset, modality and recipe; `options` are the Params of the recipe's file."""

    dataset: str
    source: str  # folder of the recordings, as ingest was given it
    modality: str
    recipe: str
    options: dict[str, Any]
    boxes: bool  # also say where the arrays show the people and things that the dataset has boxes of


@dataclass(frozen=True, slots=True)  # of a row there may be a million
class Source:
    """One clip to decode: its cache key, its row and the rows of what is decoded with it, by modality."""

    key: str
    clip: "ClipRow"
    beside: "Mapping[str, ClipRow]"


@dataclass(frozen=True)
class Block:
    """One task: clips to decode."""

    row: Row
    section: str
    source: Path
    cache: Path
    clips: list[Source]

    @property
    def name(self) -> str:
        """For messages."""
        return f"clips {self.clips[0].clip.clip_id} to {self.clips[-1].clip.clip_id}"


def key(clip: "ClipRow", beside: "Mapping[str, ClipRow]", row: Row, layouts: Layouts) -> str:
    """The cache key of a clip's array: a digest of all that decides the array, but not of its path."""
    told = {other.modality: layouts.digest(other.modality, other.path) for other in (clip, *beside.values())}
    return value_digest(
        {
            "content": clip.content_hash,
            "part": _part(clip),
            "num_frames": clip.num_frames,
            "beside": {name: [other.content_hash, _part(other)] for name, other in beside.items()},
            "boxes": row.boxes,
            "layouts": {modality: digest for modality, digest in told.items() if digest is not None},
            "extractor": _extractor(row.dataset, row.modality, row.recipe),
            "reader": [row.dataset, row.modality],
            "recipe": row.recipe,
            "options": row.options,
            "dtype": "float32",
        }
    )


def _part(clip: "ClipRow") -> str:
    """Which part of its file a clip is; "" = all of it."""
    return clip.path.removeprefix(segments.file_of(clip.path))


@cache
def _extractor(dataset: str, modality: str, recipe: str) -> str:
    """Digest of the code between a file and its array."""
    recipes = f"pipeline.modalities.{modality}.recipes"
    return Code().digest(__name__, f"{datasets.PACKAGE}.{datasets.member_of(dataset)}", f"{recipes}.{recipe}")


def decoded(block: Block) -> Iterator[tuple[str, dict[str, Any], npt.NDArray[np.float32]]]:
    """Key, header and array of each clip of a block; of a clip that cannot be used the reason, and an empty array."""
    row = block.row
    sense = modalities.sense(row.modality)
    read, prepare = sense.read(row.dataset), sense.prepare(row.recipe, row.options, block.section)
    boxed = films.box_reader(row.modality, row.recipe, row.options, block.section) if row.boxes else None
    for source in block.clips:
        path = verified(block.source, source.clip, row.dataset)
        beside = {name: verified(block.source, other, row.dataset) for name, other in source.beside.items()}
        try:
            recording = _recording(read(path), source.clip, row.dataset, beside)
            x_CT = prepare(recording)
            header = {"layout": recording.layout, "num_nonempty_frames": num_nonempty_frames(x_CT)}
            if boxed is not None:
                header["boxes"] = box_rows(boxed(recording))
        except (DataError, FormatError) as error:
            header, x_CT = {"reason": _reason(error, source, block)}, np.zeros(0, np.float32)
        yield source.key, header, x_CT


def _recording(recording: Any, clip: "ClipRow", dataset: str, beside: Mapping[str, Path]) -> Any:
    """Footage with the number of frames that ingest counted, so that it is decoded once, and with its skeleton and
    boxes.
    """
    if not isinstance(recording, Footage):
        return recording
    readers = datasets.load(dataset).readers
    return replace(recording.counted(clip.num_frames), **{name: readers[name](path) for name, path in beside.items()})


def _reason(error: UnseenError, source: Source, block: Block) -> str:
    """Why a clip cannot be used, without the folder of its files: reasons are cached by content."""
    reason = str(error)
    for clip in (source.clip, *source.beside.values()):
        reason = segments.unplaced(reason, block.source / clip.path)
    return reason


def box_rows(boxes: Boxes) -> list[list[Any]]:
    """Boxes as JSON can hold them; `boxes_of` reads them."""
    rows = zip(boxes.frame_K.tolist(), boxes.corners_K4.tolist(), boxes.labels, strict=True)
    return [[frame, *corners, label] for frame, corners, label in rows]


def boxes_of(header: Mapping[str, Any]) -> Boxes:
    """The boxes that the side cache says a clip has; none if it was decoded without."""
    rows = header.get("boxes", [])
    corners_K4 = np.array([row[1:5] for row in rows], np.float32).reshape(-1, 4)
    return Boxes(np.array([row[0] for row in rows], np.int64), corners_K4, tuple(row[5] for row in rows))
