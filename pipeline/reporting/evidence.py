"""The inputs of a report, read and checked once: figures, predictions, pages, clips, digests."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.core import pages, tables
from pipeline.core.errors import DataError, FormatError
from pipeline.core.hashing import file_digest
from pipeline.core.pages import Page
from pipeline.core.schemas import CLIPS, PREDICTIONS, PredictionRow
from pipeline.evaluation.tables import rows_of

Row = dict[str, Any]
_MAX_IMAGE_BYTES = 4 << 20
_ASIDE = "pages"  # the folder of a stage's pages whose rows' folders look like a dataset's
_PNG = b"\x89PNG\r\n\x1a\n"


class _Figures(BaseModel):
    """The keys that every row and summary of `reports/evaluate/<row>.json` must have."""

    model_config = ConfigDict(extra="ignore", strict=True)

    class Entry(BaseModel):
        """The keys that rows and summaries share."""

        model_config = ConfigDict(extra="allow", strict=True)
        dataset: str
        split_table: str
        protocol: str | None  # None: nobody of the dataset trains
        modality: str
        encoder: str
        method: str
        variant: str
        embeddings: str
        selection: str
        inference: str
        refit: str
        label_space: str
        leaky: bool
        chance: float
        source: str | None
        num_kept_overlap: int
        leaks: list[str]
        mean_of_batches: float

    class Check(BaseModel):
        """A check of the leak audit."""

        model_config = ConfigDict(extra="forbid", strict=True)
        name: str
        compared: str
        passed: bool | None
        detail: str

    class Line(Entry):
        """The further keys of rows."""

        pairs: str | None
        scored_together: bool
        paired_unseen: list[str]
        num_paired_unseen: int
        num_seen_classes: int
        num_unseen_classes: int
        num_shared_subjects: int
        num_undigested: int
        training_clips: str | None
        num_cells: int
        pretrained: str | None
        num_source_classes: int
        kept_overlap: list[str]
        checks: "list[_Figures.Check]" = Field(min_length=1)

    rows: list[Line]
    summary: list[Entry]


@dataclass(frozen=True)
class Result:
    """One evaluate row: its figures, its predictions with the class names, and its page of explanations, if any."""

    name: str
    rows: list[Row]
    summaries: list[Row]
    predictions: list[PredictionRow]
    class_names: dict[int, str]
    explained: "StagePage | None"


@dataclass(frozen=True)
class StagePage:
    """A page of a stage with the bytes of its images; named by its folders, e.g. pretrain and demo-skeleton-stgcn."""

    stage: str
    row: str
    page: Page
    images: list[bytes]


@dataclass(frozen=True)
class ClipCounts:
    """How many clips of one dataset and modality ingest listed, used and rejected."""

    dataset: str
    modality: str
    num_clips: int
    num_used: int
    rejected: dict[str, int]  # by kind of reason


@dataclass(frozen=True)
class Evidence:
    """All inputs of a report. `digests` are (shown name, SHA-256) of every file read."""

    results: list[Result]
    shown: list[StagePage]
    clips: list[ClipCounts]
    params_text: str
    digests: list[tuple[str, str]]

    @property
    def all_shown(self) -> list[StagePage]:
        """The pages of stages, and those shown as part of the pages of results."""
        return [*self.shown, *(result.explained for result in self.results if result.explained)]


def gather(evaluate: Path, page_folders: Sequence[Path], clips: Path, params: Path, dag: Path) -> Evidence:
    """Read all inputs in the given folders. Missing inputs are left out; broken ones are errors."""
    result_files = sorted(evaluate.glob("*.json"))
    page_files = sorted(file for folder in page_folders for file in folder.glob(f"*/{pages.FILE}"))
    explained = [file for file in map(_explained, result_files) if file.is_file()]
    clips_files = sorted(clips.glob("*.parquet"))
    partners = [file.with_suffix(".parquet") for file in result_files]
    named = [(f"{file.parent.name}/{file.name}", file) for file in [*result_files, *partners, *clips_files]]
    named += [("/".join([*_named(file), file.name]), file) for file in [*page_files, *explained]]
    results = [result(file) for file in result_files]
    shown = [_shown(file) for file in page_files]
    counted = [part for file in clips_files for part in _clips(file)]
    digests = [(name, file_digest(file)) for name, file in [*sorted(named), (params.name, params), (dag.name, dag)]]
    return Evidence(results, shown, counted, params.read_text(encoding="utf-8"), digests)


def figures(file: Path) -> dict[str, list[Row]]:
    """`rows` and `summary` of one row of evaluate; raises FormatError where the file does not hold them."""
    remedy = "run `dvc repro evaluate`"
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        _Figures.model_validate(raw)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise FormatError(f"{file}: not figures of evaluate: {where}: {fault['msg']}; {remedy}") from None
    except ValueError as error:
        raise FormatError(f"{file}: not JSON: {error}; {remedy}") from None
    return {"rows": raw["rows"], "summary": raw["summary"]}


def result(file: Path) -> Result:
    """One row of evaluate: its figures and the predictions beside them.

    Raises FormatError where its summaries are not of its rows.
    """
    written = figures(file)
    rows, summaries = written["rows"], written["summary"]
    if sum(len(rows_of(summary, rows)) for summary in summaries) != len(rows):
        raise FormatError(f"{file}: its summaries are not of its rows; run `dvc repro evaluate`")
    partner = file.with_suffix(".parquet")
    names = tables.read_meta(partner, PREDICTIONS)["class_names"]
    lines = tables.read(partner, PREDICTIONS)
    class_names = {int(key): name for key, name in names.items()}
    shown = _shown(_explained(file)) if _explained(file).is_file() else None
    return Result(file.stem, rows, summaries, lines, class_names, shown)


def _explained(file: Path) -> Path:
    """Where the page of a row of evaluate stands, if it has one."""
    return file.parent / _ASIDE / file.stem / pages.FILE


def _shown(file: Path) -> StagePage:
    page = pages.read(file)
    stage, row = _named(file)
    if (page.stage, page.row) != (stage, row):
        raise FormatError(
            f"{file}: says it is the page of '{page.stage}', row '{page.row}'; expected '{stage}', row '{row}'; "
            f"run `dvc repro {stage}`"
        )
    return StagePage(stage, row, page, [_image(file.parent / image.file) for image in page.images])


def _named(file: Path) -> tuple[str, str]:
    """Stage and row from the folders: <stage>/<row>/, or <stage>/pages/<row>/ where <stage>/<row>/ holds data."""
    *_, stage, row = [part for part in file.parts[-4:-1] if part != _ASIDE]
    return stage, row


def _image(file: Path) -> bytes:
    if not file.is_file():
        raise FormatError(f"{file}: a page shows this image, but it is not there; rerun the stage that wrote the page")
    if file.stat().st_size > _MAX_IMAGE_BYTES:
        raise DataError(
            f"{file}: {file.stat().st_size} bytes, a page's image has at most {_MAX_IMAGE_BYTES}; shrink it"
        )
    data = file.read_bytes()
    if not data.startswith(_PNG):
        raise FormatError(f"{file}: not a PNG image; rerun the stage that wrote it")
    return data


def _clips(file: Path) -> list[ClipCounts]:
    rows = tables.read(file, CLIPS)
    counts = []
    for modality in sorted({row.modality for row in rows}):
        reasons = [row.reason for row in rows if row.modality == modality]
        kinds = Counter(reason.split(":")[0] for reason in reasons if reason is not None)
        num_used = len(reasons) - kinds.total()
        counts.append(ClipCounts(file.stem, modality, len(reasons), num_used, dict(sorted(kinds.items()))))
    return counts
