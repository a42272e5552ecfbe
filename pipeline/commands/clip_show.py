"""clip show: one clip drawn as recorded and as the recipes of preprocess prepare it, with what is known about it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import modalities
from pipeline.commands import clip_find
from pipeline.commands.clip_find import Known
from pipeline.core import params
from pipeline.core.errors import DataError, FormatError, UnseenError
from pipeline.core.outputs import whole
from pipeline.core.prepared import ClipArrays
from pipeline.formats import segments, video
from pipeline.formats.shared import Footage, Skeleton
from pipeline.recognition import files
from pipeline.reporting import clip_sheet
from pipeline.reporting.clip_sheet import Titled
from pipeline.sources.decoding import Row
from pipeline.sources.recordings import verified

OUT = Path("reports/clips")
PREPARED = Path("features/preprocess")
_NO_RATE = 25.0  # frames a second of an animation where the file says none
_NO_FRAMES = 50  # of the animation of an array alone
_VIDEOS = (".avi", ".mkv", ".mov", ".mp4", ".webm")


@dataclass(frozen=True)
class _Clip:
    """What is to be shown: `recording` is what the reader gave, or why it gave nothing."""

    name: str
    modality: str
    facts: list[tuple[str, str]]
    path: Path
    recording: Any
    known: Known | None

    @property
    def num_frames(self) -> int:
        """Of the recording; 0 where it was not read."""
        return 0 if isinstance(self.recording, UnseenError) else int(self.recording.num_frames)


def show(text: str, *, modality: str | None = None, row: str | None = None, out: Path | None = None) -> Iterator[str]:
    """Draw the clip of an id or file; yields the lines to print. DataError, after them, where nothing can be drawn."""
    if out is not None and out.suffix.lower() not in (".png", ".gif"):
        raise DataError(f"{out}: a clip is drawn into a .png or, moving, a .gif; give --out one of these endings")
    rows = _rows(row)
    clip = _known(text, modality, rows, row) if not clip_find.is_file(text) else _file(text, modality, rows, row)
    fitting = _fitting(clip, rows, row)
    yield from (f"{name:9} {value}" for name, value in [*clip.facts, *_measures(clip)])
    parts = [clip_sheet.recorded("as recorded", clip.recording)] if clip.num_frames else []
    for name, one in fitting.items():
        told, part = _prepared(clip, name, one)
        yield f"{'prepared':9} {name}: {told}"
        parts += [part] if part else []
    if not parts:
        raise DataError(f"{clip.name}: nothing to draw; see above why, and replace the file")
    file = out or OUT / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', clip.name)}-{clip.modality}.png"
    _draw(clip, parts, file)
    yield f"{'picture':9} {file}"


def _draw(clip: _Clip, parts: list[Titled], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole(file) as scratch:
        if file.suffix.lower() == ".png":
            clip_sheet.strips(parts, scratch)
        else:
            num_frames = clip.num_frames or _NO_FRAMES
            clip_sheet.moving(parts, num_frames, num_frames / (_rate(clip) or _NO_RATE), scratch)


def _rows(row: str | None) -> dict[str, Row]:
    """The rows of preprocess, or the one that is asked for; none outside of a checkout."""
    if row is not None:
        return {row: params.row(Row, "preprocess", row)}
    if not params.PARAMS_FILE.exists():
        return {}
    section = params.read().get("preprocess", {})
    return {key: params.row(Row, "preprocess", key) for key in section.get("rows", {})}


def _fitting(clip: _Clip, rows: dict[str, Row], asked: str | None) -> dict[str, Row]:
    """The rows that prepare such clips: of a clip of the pipeline its dataset's, of a file any of its modality."""
    fitting = {
        key: row
        for key, row in rows.items()
        if row.modality == clip.modality and (clip.known is None or row.dataset == clip.known.dataset)
    }
    if asked is not None and asked not in fitting:
        one = rows[asked]
        raise DataError(
            f"preprocess.rows.{asked}: prepares {one.modality} of {one.dataset}, and {clip.name} is {clip.modality}"
            + (f" of {clip.known.dataset}" if clip.known else "")
        )
    return fitting if clip.known is None or clip.known.row.reason is None else {}


def _known(text: str, modality: str | None, rows: dict[str, Row], asked: str | None) -> _Clip:
    """A clip of the pipeline. A recording that cannot be read is no error yet: there may be a prepared array."""
    wanted = modality or (rows[asked].modality if asked is not None else None)
    known = clip_find.known(text, wanted)
    row, source = known.row, Path(params.load(_Source, f"ingest.rows.{known.dataset}").source)
    facts = [
        ("clip", row.clip_id),
        ("modality", row.modality),
        ("class", f"{known.class_name} ({row.class_id})" if known.class_name else f"none of the list ({row.class_id})"),
        ("file", str(source / segments.file_of(row.path))),
    ]
    if fragment := row.path.removeprefix(segments.file_of(row.path)):
        facts.append(("part", fragment[1:]))
    if row.reason is not None:
        facts.append(("rejected", row.reason))
    try:
        read = modalities.sense(row.modality).read(known.dataset)
        recording = read(verified(source, row, known.dataset))
        if isinstance(recording, Footage) and row.num_frames:
            recording = recording.counted(row.num_frames)
        recording.fault()
    except UnseenError as error:
        recording = error
        facts.append(("unread", str(error)))
    return _Clip(row.clip_id, row.modality, facts, source / row.path, recording, known)


class _Source(params.Params):
    """A row of ingest."""

    source: str


def _file(text: str, modality: str | None, rows: dict[str, Row], asked: str | None) -> _Clip:
    path = Path(text)
    wanted = modality or (rows[asked].modality if asked is not None else None)
    sense = clip_find.modality_of_file(path, wanted)
    modalities.sense(sense)  # a name that is no modality is told here
    dataset = next((row.dataset for row in rows.values() if row.modality == sense), "manifest")
    recording = files.reader(path, sense, dataset)(path)
    facts = [("file", segments.file_of(text)), ("modality", sense)]
    if fragment := text.removeprefix(segments.file_of(text)):
        facts.insert(1, ("part", fragment[1:]))
    if fault := recording.fault():
        facts.append(("rejected", fault))
    return _Clip(path.name, sense, facts, path, recording, None)


def _measures(clip: _Clip) -> list[tuple[str, str]]:
    """Frames, rate, size and people of what was read."""
    recording = clip.recording
    if isinstance(recording, UnseenError):
        return []
    found = _rate(clip)
    measures = [
        ("frames", f"{recording.num_frames}, " + (f"{found:.4g} a second" if found else "the file says no rate"))
    ]
    if isinstance(recording, Skeleton):
        measures.append(("joints", f"{recording.xyz_MTV3.shape[2]} ({recording.layout})"))
        measures.append(("people", str(len(recording.xyz_MTV3))))
    elif isinstance(recording, Footage):
        height, width = recording.frames([0]).shape[1:3]
        measures.append(("size", f"{width} x {height} pixels, {recording.layout}"))
    return measures


def _rate(clip: _Clip) -> float | None:
    file = Path(segments.file_of(str(clip.path)))
    return video.rate(file) if file.is_file() and file.suffix.lower() in _VIDEOS else None


def _prepared(clip: _Clip, key: str, row: Row) -> tuple[str, Titled | None]:
    """What a row makes of the clip, in words and as a strip, or why there is none."""
    try:
        x_CT, layout = _computed(clip, key, row) if clip.known is None else _stored(clip, key, row)
    except (DataError, FormatError) as error:
        return segments.unplaced(str(error), clip.path), None
    told = f"recipe {row.recipe}, array {' x '.join(map(str, x_CT.shape))}, {x_CT.min():.3g} to {x_CT.max():.3g}"
    return told, clip_sheet.prepared(key, x_CT, layout)


def _computed(clip: _Clip, key: str, row: Row) -> tuple[Any, str]:
    prepare = modalities.sense(row.modality).prepare(row.recipe, row.options, f"preprocess.rows.{key}.options")
    return prepare(clip.recording), clip.recording.layout


def _stored(clip: _Clip, key: str, row: Row) -> tuple[Any, str]:
    folder = PREPARED / row.dataset / f"{row.modality}-{row.recipe}.zarr"
    if not folder.exists():
        raise DataError(f"not prepared yet; run `dvc repro preprocess@{key}`")
    arrays = ClipArrays(folder)
    for clip_id, reason in arrays.store.attrs["rejected"]:
        if clip_id == clip.name:
            raise DataError(f"rejected: {reason}")
    one = arrays.only({clip.name})
    if not len(one):
        raise DataError(f"{folder} does not hold the clip; run `dvc repro preprocess@{key}`")
    return one[[0]][0], arrays.store.attrs["layout"]
