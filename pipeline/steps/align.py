"""align: features and class texts -> scores. A method is trained on fit, selected on val, refitted and asked.

Labels come from the split table, which has none for test clips.
"""

import csv
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from pydantic import Field, field_validator

from pipeline.core import members, pages, scores, store
from pipeline.core.errors import DataError
from pipeline.core.outputs import remove, whole_folder
from pipeline.core.params import Params
from pipeline.core.progress import track
from pipeline.core.resume import Parts
from pipeline.core.runs import CACHE
from pipeline.models.methods.shared import Method, MethodParams
from pipeline.models.tasks import Asked, Inputs, Task, joined, made_by
from pipeline.reporting import align as page_of
from pipeline.training import selection

METHODS = "pipeline.models.methods"
HISTORY = ("split", "seed", "setting", "loss", "val_top1")


class Compute(Params):
    """How torch runs."""

    num_threads: int = Field(ge=1)


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
    refit: Literal["none", "seen"]  # none: scores of what was trained on fit; seen: trained again on fit and val
    max_missing: float = Field(ge=0, lt=1)  # share of a split's clips that may have no features
    spaces: list[Literal["unseen", "all", "gzsl"]] = Field(min_length=1)  # label spaces, as core.scores says

    @field_validator("splits", "seeds", "spaces")
    @classmethod
    def _once(cls, values: list[Any]) -> list[Any]:
        if len(set(values)) != len(values):
            raise ValueError("expected each value once")
        return values


def method(name: str) -> Method:
    """A file of the methods' folder."""
    return cast(Method, members.load(METHODS, name))


def align(
    key: str, row: Row, settings: MethodParams, compute: Compute, inputs: Inputs, *, out: Path, cache: Path = CACHE
) -> None:
    """Write scores, weights, history and page of one row.

    Raises LeakError for features of an encoder that saw an unseen or val class, DataError for inputs that do not fit.
    """
    asked = Asked(row.dataset, row.split_table, row.splits, row.seeds, row.max_missing, row.spaces)
    tasks = joined(inputs, asked)
    if not settings.trains:
        _check_one_space(tasks, row)
    features = store.Store(inputs.features, made_by(inputs.features))
    plan = selection.Plan(row.method, row.variant, settings, row.refit, compute.num_threads)
    parts = Parts("align", key, cache)
    used = []
    with whole_folder(out) as scratch:
        for task in track(tasks, total=len(tasks), what=f"{key}, trainings"):
            make = partial(selection.learn, task, method(row.method), plan)
            used.append(parts.part(task.name, plan.key(task), make, scratch / "parts" / task.name))
        _assemble(scratch, key, row, features.attrs, settings, tasks)
        remove(scratch / "parts")
    parts.keep_only(used)


def _check_one_space(tasks: Sequence[Task], row: Row) -> None:
    """Without a map between them, features and texts must be of the same weights."""
    apart = [task.name for task in tasks if not task.one_space]
    if apart:
        raise DataError(
            f"align.rows: {row.method} compares features with texts, but those of {row.features} and {row.embeddings} "
            f"are of different weights ({', '.join(apart)}); name features and embeddings of the same CLIP"
        )


def _assemble(
    scratch: Path, key: str, row: Row, attrs: dict[str, Any], settings: MethodParams, tasks: Sequence[Task]
) -> None:
    """Put the parts together."""
    (scratch / "weights").mkdir()
    parts = {task.name: json.loads((scratch / "parts" / task.name / "part.json").read_text()) for task in tasks}
    about = {name: attrs[name] for name in ("dataset", "modality", "encoder")}
    about |= {
        "split_table": row.split_table,
        "method": row.method,
        "variant": row.variant,
        "embeddings": row.embeddings,
    }
    with store.create(scratch / scores.STORE, about) as writer:
        for task in tasks:
            folder = scratch / "parts" / task.name
            for space in task.spaces:
                provenance = _provenance(task, row, settings, space, parts[task.name]["selected"])
                values = np.load(folder / f"{space}.npy", allow_pickle=False)
                scores.write(writer, scores.Scores(provenance, task.tested(space)[0], values))
            (folder / selection.WEIGHTS).rename(scratch / "weights" / f"{task.name}.safetensors")
    _write_history(scratch / "history.csv", tasks, parts)
    shown = [page_of.Part(task, parts[task.name]["history"], parts[task.name]["selected"]) for task in tasks]
    told = page_of.About(row.method, row.variant, row.refit, settings.setting_name, settings.trains, settings.remark)
    pages.write(scratch, page_of.page(key, told, shown))


def _provenance(task: Task, row: Row, settings: MethodParams, space: str, selected: int) -> scores.Provenance:
    return scores.Provenance(
        split=task.split,
        seed=task.seed,
        label_space=space,
        inference=task.inference,
        selection=task.selection,
        refit=row.refit,
        settings=settings.settings,
        selected=selected,
        class_ids=task.spaces[space],
        training_classes=selection.training_classes(task, row.refit),
        pairs=task.pairs,
        paired_classes=task.paired_classes,
        pretrained=task.pretrained,
    )


def _write_history(path: Path, tasks: Sequence[Task], parts: dict[str, Any]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(HISTORY)
        for task in tasks:
            for at in parts[task.name]["history"]:
                figures = [f"{at['loss']:.6f}", f"{at['val_top1']:.6f}"]
                lines.writerow([task.split, task.seed, at["setting"], *figures])
