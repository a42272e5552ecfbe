"""ingest: a stamp and its source folder -> one row per clip and modality, each read once and found good or not."""

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Annotated

from msgspec.structs import replace
from pydantic import Field

from pipeline.core import progress, stamp, tables
from pipeline.core.boxes import Boxes
from pipeline.core.errors import DataError, FormatError
from pipeline.core.params import Params
from pipeline.core.rejects import Rejects, counted
from pipeline.core.schemas import CLIPS, MAX_CLASSES, ClipRow
from pipeline.datasets import shared
from pipeline.datasets.shared import Dataset
from pipeline.formats import segments
from pipeline.formats.class_names import spelling
from pipeline.sources import listing, vectors
from pipeline.sources.layouts import Layouts
from pipeline.sources.listing import Listed, Source


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
    folder = Source(dataset, source, stamp.read(source))
    names = [listed.name for listed in folder.classes()]
    rows = _vectors(known, folder) if known.vectors else _recordings(known, folder, names)
    rejects = Rejects("ingest")
    for row in rows:
        if row.reason is not None:
            rejects.add(row.path, row.reason)
    reasons = f": {counted(rejects.counts())}" if rejects.rows else ""
    progress.say(f"{dataset}: {len(rows)} clips, {len(rejects.rows)} rejected{reasons}")
    rejects.check(total=len(rows), at_most=checks.max_rejected)
    tables.write(out, CLIPS, rows, {"dataset": dataset, "class_names": names})
    return rejects.counts()


def sampled(
    dataset: str, source: Path, num_read: int
) -> tuple[list[ClipRow], dict[str, list[ClipRow]], dict[str, float]]:
    """The clips table as it would be were every recording good; by modality the rows of a few that are read.

    So it takes seconds: of the files only lists and annotations are opened, and those few, spread over the folder.
    Last the seconds that reading a clip of each modality took. Raises as `ingest` does for what it finds.
    """
    known = shared.load(dataset)
    folder = Source(dataset, source, stamp.read(source))
    names = [listed.name for listed in folder.classes()]
    if known.vectors:
        return _vectors(known, folder), {}, {}
    clips = _clips_of(known, folder)
    unread, reading = _Inspector(known, folder, names, reads=False), _Inspector(known, folder, names)
    rows = compare_classes([unread.row(clip) for clip in clips])
    read: dict[str, list[ClipRow]] = {}
    seconds: dict[str, float] = {}
    for modality in sorted({row.modality for row in rows}):
        good = [clip for clip, row in zip(clips, rows, strict=True) if row.modality == modality and row.reason is None]
        step = max(1, -(-len(good) // max(1, num_read)))
        start = time.perf_counter()
        read[modality] = [reading.row(clip) for clip in good[step // 2 :: step][:num_read]]
        seconds[modality] = (time.perf_counter() - start) / max(1, len(read[modality]))
    return rows, read, seconds


def _recordings(dataset: Dataset, source: Source, class_names: Sequence[str]) -> list[ClipRow]:
    clips = _clips_of(dataset, source)
    inspector = _Inspector(dataset, source, class_names)
    rows = [inspector.row(clip) for clip in progress.track(clips, total=len(clips), what=f"{dataset.name}: clips")]
    return compare_frames(compare_classes(rows), dataset.aligned)


def _vectors(dataset: Dataset, source: Source) -> list[ClipRow]:
    """Rows of arrays as clips, when the arrays are those that were scanned."""
    (pattern,) = dataset.patterns.values()
    stamped = [file for file in source.stamped if pattern.search(file.path)]
    for file in stamped:
        source.verified(file)
    return vectors.rows(dataset, stamped, source.folder)


def _clips_of(dataset: Dataset, source: Source) -> list[Listed]:
    clips = listing.listed(dataset, source)
    if not clips:
        if changed := stamp.what_changed(source.folder, source.stamped):
            raise DataError(f"{source.folder}: no clip was found in what was scanned, and {changed}")
        annotations = dataset.annotations
        lists = [file.path for file in source.stamped if annotations and annotations.files.search(file.path)]
        if lists:
            raise DataError(f"{source.folder}: {lists[0]} tells no clip; bring the released file and scan it again")
        patterns = ", ".join(
            pattern.pattern for pattern in [*dataset.patterns.values(), *([annotations.files] if annotations else [])]
        )
        raise DataError(
            f"{source.folder}: none of {len(source.stamped)} files is named as those of {dataset.name} ({patterns}); "
            f"link the folder that holds them there and scan it again"
        )
    return clips


def compare_classes(rows: Sequence[ClipRow]) -> list[ClipRow]:
    """The rows, with every modality of a clip rejected where they give it different classes."""
    reason = "classes differ: {}; give the clip one label in all modalities"
    return _reject_unequal(rows, lambda row: row.reason is None, "class_id", reason)


def compare_frames(rows: Sequence[ClipRow], aligned: Collection[str]) -> list[ClipRow]:
    """The rows, with the aligned modalities of a clip rejected where their numbers of frames differ."""
    reason = "frame counts differ: {}"
    return _reject_unequal(rows, lambda row: row.modality in aligned and row.reason is None, "num_frames", reason)


def _reject_unequal(
    rows: Sequence[ClipRow], is_compared: Callable[[ClipRow], bool], column: str, reason: str
) -> list[ClipRow]:
    """Give the compared rows of a clip a reason, with what each modality says, if they differ in a column."""
    clips: dict[str, dict[str, int]] = {}
    for row in filter(is_compared, rows):
        clips.setdefault(row.clip_id, {})[row.modality] = getattr(row, column)
    reasons = {
        clip_id: reason.format(", ".join(f"{modality} {value}" for modality, value in values.items()))
        for clip_id, values in clips.items()
        if len(set(values.values())) > 1
    }
    return [
        replace(row, reason=reasons[row.clip_id]) if row.clip_id in reasons and is_compared(row) else row
        for row in rows
    ]


def _missing_skeletons(dataset: Dataset, source: Source) -> set[str]:
    """The recordings that the dataset's own list calls bad; the list is the user's and lies in the source folder."""
    wanted = dataset.missing_skeletons
    if wanted is None:
        return set()
    for file in source.stamped:
        if Path(file.path).name == wanted.file_name:
            return wanted.read(source.verified(file), wanted.num_recordings)
    progress.say(
        f"{dataset.name}: no {wanted.file_name} in {source.folder}: its {wanted.num_recordings} recordings with "
        f"missing skeletons stay in, unless their files show it"
    )
    return set()


class _Inspector:
    """Makes the rows of one dataset; remembers what it has seen, so that duplicates are found."""

    def __init__(self, dataset: Dataset, source: Source, class_names: Sequence[str], *, reads: bool = True) -> None:
        self.dataset, self.reads = dataset, reads
        self.folder = source.folder
        self.layouts = Layouts(dataset.name, source.folder)
        self.missing = _missing_skeletons(dataset, source)
        self.num_classes = len(class_names)
        self.class_id = {spelling(name): class_id for class_id, name in enumerate(class_names)}
        if len(self.class_id) < len(class_names):
            raise DataError(f"{dataset.name}: two classes differ in no letter; rename or merge them in its class list")
        self.path_of: dict[tuple[str, str], str] = {}  # (modality, recording) -> first file
        self.same: dict[tuple[str, str, str], str] = {}  # (modality, content hash, part) -> first file

    def row(self, clip: Listed) -> ClipRow:
        """One row of the clips table."""
        file, name = clip.file, clip.name
        recording, reason = self._unique(clip)
        class_id, unknown = self._class(name.label)
        num_frames = 0
        reason = reason or clip.fault or unknown
        if reason is None:
            reason, num_frames = self._judge(clip)
        return ClipRow(
            clip_id=f"{self.dataset.name}/{recording}",
            modality=name.modality,
            class_id=class_id,
            subject=name.subject,
            camera=name.camera,
            setup=name.setup,
            replication=name.replication,
            train_lists=[protocol for protocol, side in clip.lists.items() if side == "train"] or None,
            test_lists=[protocol for protocol, side in clip.lists.items() if side == "test"] or None,
            path=file.path,
            num_frames=num_frames,
            num_bytes=file.num_bytes,
            content_hash=file.content_hash,
            reason=reason,
        )

    def _unique(self, clip: Listed) -> tuple[str, str | None]:
        """The name of the clip, and why it is rejected if that is taken: its path, with a number, is its name then."""
        recording, modality, path = clip.name.recording, clip.name.modality, clip.file.path
        if (modality, recording) not in self.path_of:
            self.path_of[modality, recording] = path
            return recording, None
        first, number, other = self.path_of[modality, recording], 1, path
        while (modality, other) in self.path_of:
            number, other = number + 1, f"{path} ({number + 1})"
        self.path_of[modality, other] = path
        return other, f"duplicate clip: {first} is the same recording"

    def _class(self, label: int | str | None) -> tuple[int, str | None]:
        """The class id, and why there is none."""
        if isinstance(label, int):
            if 0 <= label < self.num_classes:
                return label, None
            return label if abs(label) <= MAX_CLASSES else -1, self._unknown(str(label + self.dataset.class_base))
        class_id = self.class_id.get(spelling(label or ""), -1)
        return class_id, None if class_id >= 0 else self._unknown(repr(label))

    def _unknown(self, label: str) -> str:
        return f"unknown class: {label} is none of the {self.num_classes} of {self.dataset.name}"

    def _judge(self, clip: Listed) -> tuple[str | None, int]:
        """Why the clip is rejected (None: it is good) and its number of frames."""
        file, name = clip.file, clip.name
        if name.recording in self.missing:
            return "missing skeleton: listed so by the dataset's owners", 0
        if not self.reads:
            return self._seen_before(clip), 0
        whole = self.folder / segments.file_of(file.path)
        if changed := listing.what_changed(whole, file):
            return changed, 0
        path = self.folder / file.path
        self.layouts.digest(name.modality, file.path)  # that it is the one that was scanned
        try:
            recording = self.dataset.readers[name.modality](path)
            if isinstance(recording, Boxes):  # many clips may show nothing, or nothing that moves
                return None, 0
            num_frames, reason = recording.num_frames, recording.fault()
        except FormatError as error:
            return f"unreadable: {segments.unplaced(str(error), path)}", 0
        return reason or self._seen_before(clip), num_frames

    def _seen_before(self, clip: Listed) -> str | None:
        """Why a clip is the same as one before, under whatever name and class; None if it is new."""
        file = clip.file
        key = (clip.name.modality, file.content_hash, file.path.removeprefix(segments.file_of(file.path)))
        if key not in self.same:
            self.same[key] = file.path
            return None
        first = self.same[key]
        if first == file.path:
            return f"duplicate content: {first} is a clip already, under another name"
        return f"duplicate content: the same bytes as {first}"
