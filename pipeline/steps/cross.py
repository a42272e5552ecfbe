"""cross: what is learnt from one dataset -> scores of the classes of another, told apart by name, words and vectors.

A method of models/methods, or the seen-unseen program, learns from features and class texts of the source; the clips
and the classes that are scored are the target's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from pipeline.core import pages
from pipeline.core.errors import ParamsError
from pipeline.core.outputs import whole_folder
from pipeline.core.params import Params
from pipeline.core.progress import track
from pipeline.core.resume import Parts
from pipeline.core.runs import CACHE
from pipeline.models import clip_vectors, crossing
from pipeline.models.crossing import Crossing, DatasetInputs, SourceParams, TargetParams
from pipeline.models.methods.shared import MethodParams
from pipeline.models.recognised import check_features, recognised
from pipeline.models.shared_classes import SharedParams
from pipeline.models.tasks import Inputs, class_names
from pipeline.reporting import align as method_page
from pipeline.reporting import cross as page_of
from pipeline.reporting import nearest_classes, transfer_files
from pipeline.reporting import transfer as program_page
from pipeline.training import method_rows
from pipeline.training.method_rows import Compute
from pipeline.training.selection import Plan, reading
from pipeline.transfer.params import Folds, TransferParams


class ByMethod(Params):
    """A file of models/methods and its hyper-parameters: align.methods.<method>.<variant>."""

    method: str
    variant: str


def _kind(how: Any) -> str | None:
    method = how.get("method") if isinstance(how, dict) else getattr(how, "method", None)
    if method is None:
        return None
    return "program" if method in ("prototypes", "rest") else "method"


_UNSAID = "expected `method`: prototypes or rest with how they compose, or a file of models/methods and its variant"
How = Annotated[
    Annotated[TransferParams, Tag("program")] | Annotated[ByMethod, Tag("method")],
    Discriminator(_kind, custom_error_type="how", custom_error_message=_UNSAID),
]


class Row(Params):
    """One row of `cross.rows`."""

    source: SourceParams
    target: TargetParams
    splits: list[str] = Field(min_length=1)  # of the target: half_<seed> and full
    seeds: list[int] = Field(min_length=1)
    overlap: SharedParams
    max_missing: float = Field(ge=0, lt=1)  # share of the clips of either dataset that may have no features
    refit: Literal["none", "seen"]  # none: what was learnt from the fit classes of the source; seen: from val too
    how: How

    @field_validator("splits", "seeds")
    @classmethod
    def _once(cls, values: list[Any]) -> list[Any]:
        if len(set(values)) != len(values):
            raise ValueError("expected each value once")
        return values


@dataclass(frozen=True)
class Settings:
    """Sections of params.yaml that rows of align and transfer share with those of cross."""

    method: MethodParams | None  # None where a row composes
    compute: Compute
    folds: Folds
    page: program_page.PageParams


@dataclass(frozen=True)
class DatasetPaths:
    """Where the inputs of one dataset stand."""

    inputs: Inputs
    prompts: Path

    @property
    def side(self) -> DatasetInputs:
        """With the names of the classes."""
        return DatasetInputs(self.inputs, class_names(self.prompts))


def cross(
    key: str,
    row: Row,
    settings: Settings,
    source: DatasetPaths,
    target: DatasetPaths,
    *,
    out: Path,
    cache: Path = CACHE,
) -> None:
    """Write scores, history and page of one row; of a method also its weights, of the program also the programs.

    Raises LeakError for an encoder that was taught a class of the target, DataError for inputs that do not fit.
    """
    if row.source.dataset == row.target.dataset:
        raise ParamsError(
            f"cross.rows.{key}: source and target are both '{row.source.dataset}'; rows of align and transfer score a "
            "dataset's own unseen classes"
        )
    what = clip_vectors.POOLED if isinstance(row.how, TransferParams) else reading(row.how.method)
    request = crossing.CrossRequest(row.source, row.target, row.splits, row.seeds, row.overlap, row.max_missing, what)
    joint = crossing.crossed(source.side, target.side, request)
    attrs = clip_vectors.encoder_attrs(target.inputs.features) | {
        "split_table": row.target.split_table,
        "method": row.how.method,
        "variant": row.how.variant,
        "embeddings": row.target.embeddings,
    }
    parts = Parts("cross", key, cache)
    used: list[Path] = []
    with whole_folder(out) as scratch:
        if isinstance(row.how, TransferParams):
            check_features(row.how, source.inputs.features)
            page = _composed(scratch, key, row, row.how, settings, joint, attrs)
        else:
            facts = method_rows.RowFacts(
                f"cross.rows.{key}", key, row.target.features, row.target.embeddings, attrs, costs=False
            )
            page, used = _learnt(scratch, row, row.how, settings, joint, facts, parts)
        pages.write(scratch, page_of.page(key, page, row.source, row.target, row.overlap, joint))
    if used:
        parts.keep_only(used)


def _composed(
    scratch: Path, key: str, row: Row, how: TransferParams, settings: Settings, joint: Crossing, attrs: dict[str, Any]
) -> pages.Page:
    """Scores by the seen-unseen program."""
    if extra := how.scheme.extra:
        extra.check_names(list(joint.names.values()))
    composed = [
        recognised(task, how, row.refit, settings.folds, joint.names)
        for task in track(joint.tasks, total=len(joint.tasks), what=f"{key}, transfers")
    ]
    transfer_files.write(scratch, composed, how, row.refit, attrs)
    page_facts = program_page.facts(key, how, row.source.embeddings)
    page = program_page.page(page_facts, settings.page, composed)
    beside = nearest_classes.table(composed[0], how, row.refit, joint.names)
    return page.model_copy(update={"tables": [*page.tables, *beside]})


def _learnt(
    scratch: Path,
    row: Row,
    how: ByMethod,
    settings: Settings,
    joint: Crossing,
    facts: method_rows.RowFacts,
    parts: Parts,
) -> tuple[pages.Page, list[Path]]:
    """Scores by a method, and the parts that were used."""
    params = settings.method
    if params is None:
        raise ValueError(f"{facts.where}: the method {how.method} needs its hyper-parameters")
    threads = settings.compute.num_threads
    plan = Plan(how.method, how.variant, params, row.refit, threads, num_folds=None, explained=False)
    trainings, used = method_rows.learn(scratch, joint.tasks, plan, facts, parts)
    of_method = params.setting_name, params.trains, params.transductive, params.remark
    page_facts = method_page.MethodFacts(how.method, how.variant, row.refit, "val", *of_method)
    return method_page.page(facts.key, page_facts, trainings), used
