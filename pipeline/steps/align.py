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

from pipeline.core import members, pages, scores, seeds, store
from pipeline.core.hashing import path_digest
from pipeline.core.outputs import remove, whole_folder, write_json
from pipeline.core.params import Params
from pipeline.core.progress import track
from pipeline.core.resume import Parts
from pipeline.core.runs import CACHE
from pipeline.models.methods.shared import Array, Method, MethodParams
from pipeline.models.tasks import Asked, Inputs, Task, joined
from pipeline.reporting import align as page_of
from pipeline.training import checkpoint
from pipeline.training.determinism import deterministic

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

    @field_validator("splits", "seeds")
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
    asked = Asked(row.dataset, row.split_table, row.splits, row.seeds, row.max_missing)
    tasks = joined(inputs, asked)
    features = store.Store(inputs.features, "extract")
    with whole_folder(out) as scratch:
        parts = Parts("align", _identity(row, settings, compute, inputs), cache)
        for task in track(tasks, total=len(tasks), what=f"{key}, trainings"):
            parts.part(task.name, partial(_make, task, row, settings, compute), scratch / "parts" / task.name)
        _assemble(scratch, key, row, features.attrs, settings, tasks)
        remove(scratch / "parts")
    parts.clear()


def _identity(row: Row, settings: MethodParams, compute: Compute, inputs: Inputs) -> dict[str, object]:
    """All that decides the bytes of one part."""
    asked = row.model_dump(exclude={"splits", "seeds", "max_missing"})
    digests = {name: path_digest(path) for name, path in vars(inputs).items()}
    return {"row": asked, "settings": settings.model_dump(), "compute": compute.model_dump(), "inputs": digests}


def _make(task: Task, row: Row, settings: MethodParams, compute: Compute, folder: Path) -> None:
    """Select on val, train once more as `refit` says, and leave scores, weights and history of one part."""
    member, seed = method(row.method), seeds.derived_seed(task.seed, "align", task.split)
    with deterministic(seed, compute.num_threads):
        history = _history(task, member, settings, seed)
        selected = max(range(len(history)), key=lambda place: history[place]["val_top1"])  # the earliest of equals
        clips = task.training(row.refit)
        texts = task.texts.of(sorted(set(clips.class_ids)))  # nothing is learnt from the texts of other classes
        scored: dict[str, list[Array]] = {space: [] for space in task.spaces}
        for place, candidate in enumerate(member.candidates(clips, texts, settings, seed)):
            for space, class_ids in task.spaces.items():
                scored[space].append(candidate.score(task.test_ND, task.texts.of(class_ids)))
            if place == selected:
                about = _about(task, row, settings, candidate.setting)
                checkpoint.save(folder / "weights.safetensors", candidate.module, about)
    for space, values in scored.items():
        np.save(folder / f"{space}.npy", np.stack(values, axis=1), allow_pickle=False)
    write_json(folder / "part.json", {"history": history, "selected": selected})


def _history(task: Task, member: Method, settings: MethodParams, seed: int) -> list[dict[str, Any]]:
    """Loss and accuracy on the val clips, which are told apart from each other's classes, for every setting."""
    seen = task.texts.of(sorted(set(task.fit.class_ids)))
    val = task.texts.of(task.val_classes)
    history = []
    for candidate in member.candidates(task.fit, seen, settings, seed):
        guesses = candidate.score(task.val.features_ND, val).argmax(axis=1)
        top1 = float(np.mean(guesses == val.rows(task.val.class_ids)))
        history.append({"setting": candidate.setting, "loss": candidate.loss, "val_top1": top1})
    return history


def _training_classes(task: Task, refit: str) -> list[int]:
    return sorted({*task.encoder_classes, *task.training(refit).class_ids})


def _about(task: Task, row: Row, settings: MethodParams, setting: str) -> dict[str, Any]:
    about = {"method": row.method, "variant": row.variant, "params": settings.model_dump(), "setting": setting}
    dims = {"feature_dim": task.test_ND.shape[1], "text_dim": task.texts.label_KT.shape[1]}
    classes = _training_classes(task, row.refit)
    return {**about, **dims, "split": task.split, "seed": task.seed, "training_classes": classes}


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
                scores.write(writer, scores.Scores(provenance, task.test_ids, values))
            (folder / "weights.safetensors").rename(scratch / "weights" / f"{task.name}.safetensors")
    _write_history(scratch / "history.csv", tasks, parts)
    shown = [page_of.Part(task, parts[task.name]["history"], parts[task.name]["selected"]) for task in tasks]
    told = page_of.About(row.method, row.variant, row.refit, settings.setting_name)
    pages.write(scratch, page_of.page(key, told, shown))


def _provenance(task: Task, row: Row, settings: MethodParams, space: str, selected: int) -> scores.Provenance:
    return scores.Provenance(
        split=task.split,
        seed=task.seed,
        label_space=space,
        inference="inductive",
        selection=task.selection,
        refit=row.refit,
        settings=settings.settings,
        selected=selected,
        class_ids=task.spaces[space],
        training_classes=_training_classes(task, row.refit),
    )


def _write_history(path: Path, tasks: Sequence[Task], parts: dict[str, Any]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(HISTORY)
        for task in tasks:
            for at in parts[task.name]["history"]:
                figures = [f"{at['loss']:.6f}", f"{at['val_top1']:.6f}"]
                lines.writerow([task.split, task.seed, at["setting"], *figures])
