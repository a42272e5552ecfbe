"""ingest: a stamp and its source folder -> one row per clip and modality, each read once and found good or not."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from pipeline.core import progress, stamp, tables
from pipeline.core.errors import DataError, FormatError
from pipeline.core.hashing import path_digest
from pipeline.core.params import Params
from pipeline.core.rejects import Rejects
from pipeline.core.schemas import CLIPS
from pipeline.core.stamp import StampedFile
from pipeline.datasets import shared
from pipeline.datasets.shared import Dataset, Listed, NamedFile
from pipeline.formats.shared import Footage, Skeleton
from pipeline.steps import ingest_vectors


class Row(Params):
    """Where a dataset's files lie: data/raw/<dataset>, or a world that was synthesized."""

    source: str


class Checks(Params):
    """The share of clips that may be rejected before the stage fails."""

    max_rejected: Annotated[float, Field(ge=0, le=1)]


def ingest(checks: Checks, *, dataset: str, source: Path, out: Path) -> dict[str, int]:
    """Write the clips table of a dataset; returns the number of rejected clips per kind of reason.

    Raises DataError if no stamped file belongs to the dataset, or if more than `checks.max_rejected` are rejected.
    """
    known = shared.load(dataset)
    rows = _vectors(known, source) if known.vectors else _recordings(known, source)
    rejects = Rejects("ingest")
    for row in rows:
        if row["reason"] is not None:
            rejects.add(row["path"], row["reason"])
    progress.say(f"{dataset}: {len(rows)} clips, {len(rejects.rows)} rejected {rejects.counts() or ''}".rstrip())
    rejects.check(total=len(rows), at_most=checks.max_rejected)
    tables.write(out, CLIPS, rows, {"dataset": dataset})
    return rejects.counts()


def _recordings(dataset: Dataset, source: Path) -> list[dict[str, Any]]:
    stamped = stamp.read(source)
    found = _clips_of(dataset, stamped, source)
    inspector = _Inspector(dataset, source, _missing_skeletons(dataset, stamped, source))
    rows = [inspector.row(clip) for clip in progress.track(found, total=len(found), what=f"{dataset.name}: clips")]
    compare_frames(rows, dataset.aligned)
    return rows


def _vectors(dataset: Dataset, source: Path) -> list[dict[str, Any]]:
    """Rows of arrays as clips, when the arrays are those that were scanned."""
    (pattern,) = dataset.patterns.values()
    stamped = [file for file in stamp.read(source) if pattern.search(file.path)]
    for file in stamped:
        if changed := _changed(source / file.path, file):
            raise DataError(f"{source / file.path}: {changed}; run `unseen raw scan {dataset.name}`")
    return ingest_vectors.rows(dataset, stamped, source)


def _clips_of(dataset: Dataset, stamped: Sequence[StampedFile], source: Path) -> list[Listed]:
    clips = shared.listed(dataset, stamped)
    if not clips:
        patterns = ", ".join(pattern.pattern for pattern in dataset.patterns.values())
        raise DataError(
            f"{source}: none of {len(stamped)} files is named as those of {dataset.name} ({patterns}); link the folder "
            f"that holds them there and scan it again"
        )
    return clips


def compare_frames(rows: Sequence[dict[str, Any]], aligned: Collection[str]) -> None:
    """Reject the aligned modalities of a clip if their numbers of frames differ; rows are changed in place."""
    clips: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["modality"] in aligned and row["reason"] is None:
            clips.setdefault(row["clip_id"], []).append(row)
    for same in clips.values():
        if len({row["num_frames"] for row in same}) > 1:
            counts = ", ".join(f"{row['modality']} {row['num_frames']}" for row in same)
            for row in same:
                row["reason"] = f"frame counts differ: {counts}"


def _missing_skeletons(dataset: Dataset, stamped: Iterable[StampedFile], source: Path) -> set[str]:
    """The recordings that the dataset's own list calls bad; the list is the user's and lies in the source folder."""
    wanted = dataset.missing_skeletons
    if wanted is None:
        return set()
    for file in stamped:
        if Path(file.path).name == wanted.file_name:
            if changed := _changed(source / file.path, file):
                raise DataError(f"{source / file.path}: {changed}; run `unseen raw scan {dataset.name}`")
            return shared.read_missing_skeletons(source / file.path, wanted)
    progress.say(
        f"{dataset.name}: no {wanted.file_name} in {source}: its {wanted.num_recordings} recordings with missing "
        f"skeletons stay in, unless their files show it"
    )
    return set()


class _Inspector:
    """Makes the rows of one dataset; remembers what it has seen, so that duplicates are found."""

    def __init__(self, dataset: Dataset, source: Path, missing: set[str]) -> None:
        self.dataset = dataset
        self.source = source
        self.missing = missing
        self.num_classes = len(shared.classes(dataset.name))
        self.path_of: dict[tuple[str, str], str] = {}  # (modality, recording) -> first file
        self.same: dict[tuple[str, str], str] = {}  # (modality, content hash) -> first file

    def row(self, clip: Listed) -> dict[str, Any]:
        """One row of the clips table."""
        file, name = clip.file, clip.name
        first = self.path_of.setdefault((name.modality, name.recording), file.path)
        num_frames = 0
        reason: str | None
        if first != file.path:  # listed under its path, which is unique, since the id is taken
            recording, reason = file.path, f"duplicate clip: {first} is the same recording"
        else:
            recording = name.recording
            reason, num_frames = self._judge(file, name)
        return {
            "clip_id": f"{self.dataset.name}/{recording}",
            "modality": name.modality,
            "class_id": name.class_id,
            "subject": name.subject,
            "camera": name.camera,
            "setup": name.setup,
            "replication": name.replication,
            "path": file.path,
            "num_frames": num_frames,
            "num_bytes": file.num_bytes,
            "content_hash": file.content_hash,
            "reason": reason,
        }

    def _judge(self, file: StampedFile, name: NamedFile) -> tuple[str | None, int]:
        """Why the clip is rejected (None: it is good) and its number of frames."""
        if not 0 <= name.class_id < self.num_classes:
            number = name.class_id + self.dataset.class_base
            return f"unknown class: {number} is none of the {self.num_classes} of {self.dataset.name}", 0
        if name.recording in self.missing:
            return "missing skeleton: listed so by the dataset's owners", 0
        path = self.source / file.path
        if changed := _changed(path, file):
            return changed, 0
        try:
            reason, num_frames = _looked_at(self.dataset.readers[name.modality](path))
        except FormatError as error:
            return f"unreadable: {str(error).removeprefix(f'{path}: ')}", 0
        if reason is None:
            first = self.same.setdefault((name.modality, file.content_hash), file.path)
            reason = f"duplicate content: the same bytes as {first}" if first != file.path else None
        return reason, num_frames


def _looked_at(recording: Skeleton | Footage) -> tuple[str | None, int]:
    """Why a recording cannot be used (None: it can), and its number of frames."""
    if isinstance(recording, Skeleton):
        return fault(recording), recording.num_frames
    num_frames = recording.num_frames
    recording.frames([0])
    return None, num_frames


def _changed(path: Path, file: StampedFile) -> str | None:
    if not path.exists():
        return "missing file: the stamp lists it, the folder lacks it"
    num_bytes = sum(part.stat().st_size for part in ([path] if path.is_file() else path.iterdir()))
    if num_bytes != file.num_bytes:
        return f"changed file: the stamp says {file.num_bytes} bytes, found {num_bytes}"
    if path_digest(path) != file.content_hash:
        return "changed file: its content is not what the stamp says"
    return None


def fault(skeleton: Skeleton) -> str | None:
    """Why a skeleton cannot be used, or None: no body in any frame, or a body with a coordinate that is no number."""
    xyz_MTV3 = skeleton.xyz_MTV3
    absent_MT = np.isnan(xyz_MTV3).all(axis=(2, 3)) | (xyz_MTV3 == 0).all(axis=(2, 3))
    if absent_MT.all():
        return f"empty: no body in any of {skeleton.num_frames} frames"
    broken_T = (~absent_MT & ~np.isfinite(xyz_MTV3).all(axis=(2, 3))).any(axis=0)
    if broken_T.any():
        return f"non-finite: {int(broken_T.sum())} of {skeleton.num_frames} frames, first {int(broken_T.argmax())}"
    return None
