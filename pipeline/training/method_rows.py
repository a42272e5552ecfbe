"""A row of a method: every task is trained, each kept once it is finished, and their outputs put into one folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from pipeline.core import scores, store
from pipeline.core.errors import DataError
from pipeline.core.outputs import remove, write_csv
from pipeline.core.params import Params
from pipeline.core.progress import track
from pipeline.core.resume import Parts
from pipeline.models.task import Task
from pipeline.training import selection
from pipeline.training.selection import Plan

HISTORY = ("split", "seed", "setting", "loss", "val_top1")


class Compute(Params):
    """Section `align.compute`: how torch runs."""

    num_threads: int = Field(ge=1)


@dataclass(frozen=True)
class MethodTraining:
    """The training of one task: loss and accuracy on val for every setting, and which setting was chosen."""

    task: Task
    history: list[dict[str, Any]]
    selected: int
    calibration: list[float] | None  # by setting: what is taken from the scores of seen classes
    cost: dict[str, int] | None  # a Cost of the first label space, where the method counts it


@dataclass(frozen=True)
class RowFacts:
    """What errors, logs and scores say of a row."""

    where: str  # the part of params.yaml that errors name
    key: str
    features: str  # whose clips are scored, as the row names them
    embeddings: str
    attrs: dict[str, Any]  # of the scores' store
    costs: bool  # say there what the method takes for a clip, unless `attrs` say what the encoder does


def learn(
    folder: Path, tasks: Sequence[Task], plan: Plan, facts: RowFacts, parts: Parts
) -> tuple[list[MethodTraining], list[Path]]:
    """Leave scores, weights and history in a folder; the second list is of the parts that were used.

    Raises DataError for a method without a map between features and texts that are of different weights.
    """
    if not plan.settings.trains:
        _check_one_space(tasks, plan, facts)
    used, trainings = [], []
    for task in track(tasks, total=len(tasks), what=f"{facts.key}, trainings"):
        make = partial(selection.learn, task, selection.method(plan.method), plan)
        part = folder / "parts" / task.name
        used.append(parts.part(task.name, plan.key(task), make, part))
        part_header = json.loads((part / "part.json").read_text())
        trainings.append(
            MethodTraining(
                task, part_header["history"], part_header["selected"], part_header["calibration"], part_header["cost"]
            )
        )
    _assemble(folder, trainings, plan, facts)
    remove(folder / "parts")
    return trainings, used


def _check_one_space(tasks: Sequence[Task], plan: Plan, facts: RowFacts) -> None:
    """Without a map between them, features and texts must be of the same weights, and be read as they were taught."""
    where = f"{facts.where}: {plan.method} compares features with texts, but"
    both = [(task, task.last(plan.refit)) for task in tasks]
    apart = [task.name for task, last in both if not (task.one_space and last.one_space)]
    if apart:
        raise DataError(
            f"{where} those of {facts.features} and {facts.embeddings} are of different weights ({', '.join(apart)}); "
            "name features and embeddings of the same CLIP, or those that taught an encoder which keeps its map"
        )
    for task, last in both:
        for trained, clips in ((task, task.fit), (last, last.training(plan.refit))):
            _check_wording(where, trained, sorted(set(clips.class_ids)), plan, facts)


def _check_wording(where: str, task: Task, class_ids: Sequence[int], plan: Plan, facts: RowFacts) -> None:
    """The texts, and the classes whose mean is taken off them, are those that taught an encoder which keeps its map."""
    space, read = task.text_space, plan.settings.compares
    if space is None or read is None:
        return
    taught = (space.text_type, space.centre)
    if read != taught:
        raise DataError(
            f"{where} {facts.features} lies among texts of type '{taught[0]}' (centred: {taught[1]}), which taught its "
            f"encoder, and variant '{plan.variant}' reads '{read[0]}' (centred: {read[1]}); give it the same"
        )
    if space.centre == "seen" and (plan.num_folds is not None or class_ids != task.encoder_classes):
        raise DataError(
            f"{where} the texts of {facts.features} are centred on the {len(task.encoder_classes)} classes that taught "
            "its encoder; take `selection: val` and `refit: none`, or `both` with an encoder of all seen classes"
        )


def _assemble(folder: Path, trainings: Sequence[MethodTraining], plan: Plan, facts: RowFacts) -> None:
    """Put the parts together."""
    (folder / "weights").mkdir()
    cost = (trainings[0].cost or {}) if facts.costs else {}
    with store.create(folder / scores.STORE, cost | facts.attrs) as writer:
        for trained in trainings:
            task, part = trained.task.last(plan.refit), folder / "parts" / trained.task.name
            for space in task.spaces:
                provenance = task.provenance(
                    space,
                    selection=trained.task.selection("folds" if plan.num_folds else "val"),
                    refit=plan.refit,
                    settings=plan.settings.settings,
                    selected=trained.selected,
                    calibration=trained.calibration if space == "gzsl" else None,
                    scored_together=plan.settings.transductive,
                )
                values = np.load(part / f"{space}.npy", allow_pickle=False)
                behind = selection.explained(part) if space == "unseen" else {}
                if "text_vectors" in behind:
                    scores.write_texts(writer, provenance, behind.pop("text_vectors"))
                gate = selection.gate(part) if space == "gzsl" else None
                scores.write(writer, scores.Scores(provenance, task.tested(space)[0], values, gate, behind))
            (part / selection.WEIGHTS).rename(folder / "weights" / f"{task.name}.safetensors")
    lines = (
        [trained.task.split, trained.task.seed, epoch["setting"], f"{epoch['loss']:.6f}", f"{epoch['val_top1']:.6f}"]
        for trained in trainings
        for epoch in trained.history
    )
    write_csv(folder / "history.csv", HISTORY, lines)
