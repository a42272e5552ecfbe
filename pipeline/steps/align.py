"""align: features and class texts -> scores. A method is trained on fit, selected on val, refitted and asked.

Labels come from the split table, which has none for test clips.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from pipeline.core import pages
from pipeline.core.outputs import whole_folder
from pipeline.core.params import Params
from pipeline.core.resume import Parts
from pipeline.core.runs import CACHE
from pipeline.models import clip_vectors
from pipeline.models.methods.shared import MethodParams
from pipeline.models.tasks import Inputs, TaskRequest, build_tasks
from pipeline.reporting import align as page_of
from pipeline.training import method_rows
from pipeline.training.method_rows import Compute
from pipeline.training.selection import Plan, reading


class Row(Params):
    """One method on one encoder's features."""

    dataset: str
    split_table: str
    features: str  # a store below features/
    embeddings: str  # a row of embed
    method: str  # a file of pipeline/models/methods
    variant: str  # its hyper-parameters: align.methods.<method>.<variant>
    splits: list[str] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)
    selection: Literal["val", "folds"]  # by which classes a setting is chosen: val, or all seen ones in turn
    num_folds: Annotated[int, Field(ge=2)] | None  # of the seen classes; null: by the val classes
    # none: scores of what was trained on fit; seen: trained again on fit and val; both: the encoder too
    refit: Literal["none", "seen", "both"]
    refit_features: str  # both: a store of the same encoder, trained on all seen classes; else `features`/zarr.json
    max_missing: float = Field(ge=0, lt=1)  # share of a split's clips that may have no features
    spaces: list[Literal["unseen", "all", "gzsl"]] = Field(min_length=1)  # label spaces, as core.scores says
    explained: bool  # keep what lies behind the scores of the unseen clips, for pictures

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if (self.selection == "folds") != (self.num_folds is not None):
            raise ValueError("num_folds: expected a number with `selection: folds`, and null with `val`")
        repeated = f"{self.features}/zarr.json"
        if self.refit == "both" and self.refit_features in (self.features, repeated):
            raise ValueError("refit_features: expected features of an encoder trained on all seen classes")
        if self.refit != "both" and self.refit_features != repeated:
            raise ValueError(f"refit_features: expected '{repeated}' unless refit is both")
        return self

    @field_validator("splits", "seeds", "spaces")
    @classmethod
    def _once(cls, values: list[Any]) -> list[Any]:
        if len(set(values)) != len(values):
            raise ValueError("expected each value once")
        return values


def align(
    key: str, row: Row, settings: MethodParams, compute: Compute, inputs: Inputs, *, out: Path, cache: Path = CACHE
) -> None:
    """Write scores, weights, history and page of one row.

    Raises LeakError for features of an encoder that saw an unseen or val class, DataError for inputs that do not fit.
    """
    request = TaskRequest(
        row.dataset, row.split_table, row.splits, row.seeds, row.max_missing, row.spaces, reading(row.method)
    )
    tasks = build_tasks(inputs, request)
    plan = Plan(row.method, row.variant, settings, row.refit, compute.num_threads, row.num_folds, row.explained)
    parts = Parts("align", key, cache)
    with whole_folder(out) as scratch:
        trainings, used = method_rows.learn(scratch, tasks, plan, _facts(key, row, inputs), parts)
        page = page_of.MethodFacts(
            row.method,
            row.variant,
            row.refit,
            row.selection,
            settings.setting_name,
            settings.trains,
            settings.transductive,
            settings.remark,
        )
        pages.write(scratch, page_of.page(key, page, trainings))
    parts.keep_only(used)


def _facts(key: str, row: Row, inputs: Inputs) -> method_rows.RowFacts:
    attrs = clip_vectors.encoder_attrs(inputs.features) | {
        "split_table": row.split_table,
        "method": row.method,
        "variant": row.variant,
        "embeddings": row.embeddings,
    }
    return method_rows.RowFacts("align.rows", key, row.features, row.embeddings, attrs, costs=True)
