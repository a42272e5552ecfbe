"""Where a clip that a user names stands: a row of a clips table, or a file."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.core import tables
from pipeline.core.errors import DataError
from pipeline.core.schemas import CLIPS, ClipRow
from pipeline.formats import segments
from pipeline.recognition import files

INGEST = Path("data/ingest")
_BESIDE = "boxes"  # rows of the clips table that are no modality
_MAX_NEAR = 3


@dataclass(frozen=True)
class Known:
    """A clip of the pipeline in one modality, and what is decoded with it."""

    dataset: str
    row: ClipRow
    beside: dict[str, ClipRow]  # by modality
    class_name: str | None


def is_file(text: str) -> bool:
    """Whether a text is the path of a file or folder, or of a part of one."""
    return files.existing(segments.file_of(text)) is not None


def known(clip_id: str, modality: str | None, ingest: Path = INGEST) -> Known:
    """The clip of that id. DataError, with what is near, where there is none or the modality does not decide."""
    named = sorted(ingest.glob("*.parquet"))
    own = [table for table in named if table.stem == clip_id.partition("/")[0]]
    rows = [row for table in own for row in tables.read(table, CLIPS) if row.clip_id == clip_id]
    if not rows:
        raise DataError(_unknown(clip_id, own or named, ingest))
    by_modality = {row.modality: row for row in rows}
    chosen = _chosen(clip_id, {name: row for name, row in by_modality.items() if name != _BESIDE}, modality)
    names = tables.read_meta(own[0], CLIPS)["class_names"]
    class_name = names[chosen.class_id] if 0 <= chosen.class_id < len(names) else None
    return Known(own[0].stem, chosen, {name: by_modality[name] for name in by_modality}, class_name)


def modality_of_file(path: Path, modality: str | None) -> str:
    """The modality of a file by its ending and name, or as asked. DataError where several or none fit."""
    if modality is not None:
        return modality
    file = Path(segments.file_of(str(path)))
    fitting = [
        name for name, forms in files.FORMS.items() if _fits(file, forms) and not files.is_of_another(file, name)
    ]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise DataError(f"{path}: could be {_either(fitting)}; say which with --modality")
    every = "; ".join(f"{name}: {forms}" for name, forms in files.FORMS.items())
    raise DataError(f"{path}: not a clip by its ending, or an empty folder; a clip is one of {every}")


def _fits(file: Path, forms: files.Forms) -> bool:
    if file.is_dir():
        return forms.folder is not None and any(file.glob("*.png"))
    return file.suffix.lower() in forms.files


def _chosen(clip_id: str, rows: dict[str, ClipRow], modality: str | None) -> ClipRow:
    if modality is None and len(rows) == 1:
        return next(iter(rows.values()))
    if modality is None:
        raise DataError(f"{clip_id}: recorded as {_either(sorted(rows), 'and')}; say which with --modality")
    if modality not in rows:
        raise DataError(f"{clip_id}: no {modality} of this clip, only {_either(sorted(rows), 'and')}")
    return rows[modality]


def _unknown(clip_id: str, searched: Sequence[Path], ingest: Path) -> str:
    if not searched:
        return (
            f"{clip_id}: no such file, and no clips table in {ingest} that could know it as a clip; "
            "run `dvc repro ingest` in the folder of the checkout, or name a file"
        )
    ids = sorted({row.clip_id for table in searched for row in tables.read(table, CLIPS)})
    holding = [known_id for known_id in ids if clip_id in known_id][:_MAX_NEAR]
    near = holding or difflib.get_close_matches(clip_id, ids, n=_MAX_NEAR, cutoff=0.5)
    meant = f"did you mean {_either(near)}?" if near else f"ids look like {ids[0]}" if ids else "it holds no clip"
    return f"{clip_id}: neither a file nor a clip of {', '.join(map(str, searched))}; {meant}"


def _either(names: Sequence[str], word: str = "or") -> str:
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last
