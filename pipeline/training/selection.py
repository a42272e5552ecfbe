"""A method is trained on fit, selected on val, trained once more as `refit` says, and asked about the test clips."""

# Shapes: N clips, S settings, K classes.
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from pipeline.core import members, scores, seeds
from pipeline.core.closure import Code
from pipeline.core.outputs import write_json
from pipeline.models import checkpoint
from pipeline.models.methods.shared import Array, Candidate, Cost, Method, MethodParams
from pipeline.models.tasks import Task
from pipeline.training.determinism import deterministic

METHODS = "pipeline.models.methods"
WEIGHTS = "weights.safetensors"


def method(name: str) -> Method:
    """A file of the methods' folder."""
    return cast(Method, members.load(METHODS, name))


@dataclass(frozen=True)
class Plan:
    """What decides a training beside its task."""

    method: str  # a file of pipeline/models/methods
    variant: str
    settings: MethodParams
    refit: str
    num_threads: int
    explained: bool  # keep what lies behind the scores of the unseen clips

    @cached_property
    def code(self) -> str:
        """Digest of the code that makes a part."""
        return Code().digest(__name__, f"{METHODS}.{self.method}")

    def key(self, task: Task) -> dict[str, object]:
        """All that decides the bytes of one task's part, the code that makes it included."""
        return {
            "code": self.code,
            "plan": [self.method, self.variant, self.settings.model_dump(), self.refit, self.num_threads],
            "explained": self.explained,
            "task": task.digest,
        }


def learn(task: Task, member: Method, plan: Plan, folder: Path) -> None:
    """Leave scores (`<label space>.npy`, (N, S, K)), the selected weights and the history of one task in a folder."""
    seed = seeds.derived_seed(task.seed, "align", task.split)
    with deterministic(seed, plan.num_threads):
        history = _history(task, member, plan.settings, seed)
        selected = max(range(len(history)), key=lambda place: history[place]["val_top1"])  # the earliest of equals
        clips = task.training(plan.refit)
        texts = task.texts.of(sorted(set(clips.class_ids)))  # nothing is learnt from the texts of other classes
        scored: dict[str, list[Array]] = {space: [] for space in task.spaces}
        cost: Cost | None = None
        for place, candidate in enumerate(member.candidates(clips, texts, plan.settings, seed)):
            for space, class_ids in task.spaces.items():
                scored[space].append(candidate.score(task.tested(space)[1], task.texts.of(class_ids)))
            if place == selected:
                checkpoint.save(folder / WEIGHTS, candidate.module, _about(task, plan, candidate.setting))
                cost = candidate.cost(len(_first(task))) if candidate.cost else None
                if plan.explained:
                    _explain(task, candidate, folder)
    for space, values in scored.items():
        np.save(folder / f"{space}.npy", np.stack(values, axis=1), allow_pickle=False)
    told = {"history": history, "selected": selected, "cost": asdict(cost) if cost else None}
    write_json(folder / "part.json", told)


def _first(task: Task) -> list[int]:
    """The candidates of the first label space."""
    return next(iter(task.spaces.values()))


def _explain(task: Task, candidate: Candidate, folder: Path) -> None:
    """Leave what lies behind the scores of the unseen clips among the unseen classes (`explain_<name>.npy`)."""
    if candidate.explain is None or "unseen" not in task.spaces:
        return
    for name, rows in candidate.explain(task.tested("unseen")[1], task.texts.of(task.spaces["unseen"])).items():
        np.save(folder / f"{scores.EXPLAIN}{name}.npy", np.asarray(rows, np.float32), allow_pickle=False)


def explained(folder: Path) -> dict[str, Array]:
    """What `learn` has left in a folder beside the scores, by name."""
    files = sorted(folder.glob(f"{scores.EXPLAIN}*.npy"))
    return {file.stem.removeprefix(scores.EXPLAIN): np.load(file, allow_pickle=False) for file in files}


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


def _about(task: Task, plan: Plan, setting: str) -> dict[str, Any]:
    about = {"method": plan.method, "variant": plan.variant, "params": plan.settings.model_dump(), "setting": setting}
    dims = {"feature_dim": task.test_ND.shape[1], "text_dim": task.texts.label_KT.shape[1]}
    classes = task.training_classes(plan.refit)
    return {**about, **dims, "split": task.split, "seed": task.seed, "training_classes": classes} | _source(task, plan)


def _source(task: Task, plan: Plan) -> dict[str, Any]:
    if task.elsewhere is None:
        return {}
    return {"source": task.elsewhere.source, "source_classes": task.source_classes(plan.refit)}
