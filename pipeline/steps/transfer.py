"""transfer: seen classes, composed -> scores of the unseen ones, with the programs that chose them and why.

The labels of test clips are not in any input. Programs take milliseconds, so a row is not kept in parts.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.core import pages
from pipeline.core.outputs import whole_folder
from pipeline.core.progress import track
from pipeline.models import clip_vectors
from pipeline.models.recognised import check_features, recognised
from pipeline.models.tasks import Inputs, TaskRequest, build_tasks, class_names
from pipeline.reporting import transfer as report
from pipeline.reporting import transfer_files
from pipeline.reporting.transfer import PageParams
from pipeline.transfer.params import Folds, TransferParams


class Row(TransferParams):
    """One row of `transfer.rows`."""

    dataset: str
    split_table: str
    features: str  # a store below features/
    embeddings: str  # a row of embed
    refit: Literal["none", "seen"]  # none: prototypes of fit classes; seen: of fit and val, the same encoder
    splits: list[str] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)
    max_missing: float = Field(ge=0, lt=1)  # share of a split's clips that may have no features


def transfer(key: str, row: Row, folds: Folds, shown: PageParams, inputs: Inputs, *, prompts: Path, out: Path) -> None:
    """Write scores, programs, history and page of one row.

    Raises LeakError for features of an encoder that saw an unseen or val class, DataError for inputs that do not fit.
    """
    names = class_names(prompts)
    if extra := row.scheme.extra:
        extra.check_names(list(names.values()))
    check_features(row, inputs.features)
    tasks = build_tasks(inputs, TaskRequest(row.dataset, row.split_table, row.splits, row.seeds, row.max_missing))
    transfers = [
        recognised(task, row, row.refit, folds, names)
        for task in track(tasks, total=len(tasks), what=f"{key}, transfers")
    ]
    attrs = clip_vectors.encoder_attrs(inputs.features) | {
        "split_table": row.split_table,
        "method": row.method,
        "variant": row.variant,
        "embeddings": row.embeddings,
    }
    with whole_folder(out) as scratch:
        transfer_files.write(scratch, transfers, row, row.refit, attrs)
        pages.write(scratch, report.page(report.facts(key, row, row.embeddings), shown, transfers))
