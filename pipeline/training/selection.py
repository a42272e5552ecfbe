"""A method is trained on fit, selected on val, trained again as `refit` says, and scores the test clips."""

# Shapes: N clips, S settings, K classes.
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from pipeline.core import members, scores, seeds
from pipeline.core.closure import Code
from pipeline.core.outputs import write_json
from pipeline.models import checkpoint, generalised
from pipeline.models.clip_vectors import Reading
from pipeline.models.generalised import Gate, ScoredClips
from pipeline.models.methods.shared import Array, CandidateModel, Clips, Cost, Method, MethodParams
from pipeline.models.task import Task
from pipeline.training.determinism import deterministic
from pipeline.transfer.folds import class_folds

METHODS = "pipeline.models.methods"
WEIGHTS = "weights.safetensors"
GATE = "gate.npy"


def method(name: str) -> Method:
    """A method, by the name of its file."""
    return cast(Method, members.load(METHODS, name))


def reading(name: str) -> Reading:
    """What a method reads of each clip."""
    return Reading(method(name).NEEDS, name)


@dataclass(frozen=True)
class Corrections:
    """The corrections of the bias to seen classes under one setting."""

    calibration: float
    gate: Gate


@dataclass(frozen=True)
class Plan:
    """What decides a training, apart from its task."""

    method: str  # a file of pipeline/models/methods
    variant: str
    settings: MethodParams
    refit: str
    num_threads: int
    num_folds: int | None  # of all seen classes, by which a setting is chosen; None: by the val classes
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
            "chosen": [self.num_folds, self.explained],
            "task": task.digest,
        }


def learn(task: Task, member: Method, plan: Plan, folder: Path) -> None:
    """Write what one task's training leaves into a folder.

    Scores (`<label space>.npy`, (N, S, K)), the gates of generalised scores, the selected weights and, in `part.json`,
    the history.
    """
    seed = seed_of(task)
    with deterministic(seed, plan.num_threads):
        history, parting = _grid_search(task, member, plan, seed)
        selected = max(range(len(history)), key=lambda place: history[place]["val_top1"])  # the earliest of equals
        last = task.last(plan.refit)
        scored: dict[str, list[Array]] = {space: [] for space in task.spaces}
        cost: Cost | None = None
        for place, candidate in enumerate(_trained(last, last.training(plan.refit), member, plan, seed)):
            for space, class_ids in task.spaces.items():
                scored[space].append(candidate.score(last.tested(space)[1], last.texts.of(class_ids)))
            if place == selected:
                checkpoint.save(folder / WEIGHTS, candidate.module, _metadata(last, plan, candidate.setting))
                cost = candidate.cost(len(_first(task))) if candidate.cost else None
                if plan.explained:
                    _explain(last, candidate, folder)
    for space, values in scored.items():
        np.save(folder / f"{space}.npy", np.stack(values, axis=1), allow_pickle=False)
    if parting:
        _gate(last, parting, scored["gzsl"], folder)
    calibration = [part.calibration for part in parting] or None
    results = {"history": history, "selected": selected, "calibration": calibration}
    write_json(folder / "part.json", results | {"cost": asdict(cost) if cost else None})


def seed_of(task: Task) -> int:
    """The seed of everything drawn for a task."""
    return seeds.derived_seed(task.seed, "align", task.split)


def _gate(task: Task, parting: list[Corrections], scored: list[Array], folder: Path) -> None:
    """Write the probabilities that a clip is of an unseen class, (N, S)."""
    is_seen_K = ~np.isin(task.spaces["gzsl"], task.unseen)
    gates = [part.gate(score_NK, is_seen_K) for part, score_NK in zip(parting, scored, strict=True)]
    np.save(folder / GATE, np.stack(gates, axis=1), allow_pickle=False)


def gate(folder: Path) -> Array | None:
    """The probabilities that `learn` has written, if any."""
    return np.load(folder / GATE, allow_pickle=False) if (folder / GATE).is_file() else None


def _first(task: Task) -> list[int]:
    """The candidates of the first label space."""
    return next(iter(task.spaces.values()))


def _explain(task: Task, candidate: CandidateModel, folder: Path) -> None:
    """Write the arrays that explain the scores of the unseen clips among the unseen classes (`explain_<name>.npy`)."""
    if candidate.explain is None or "unseen" not in task.spaces:
        return
    for name, rows in candidate.explain(task.tested("unseen")[1], task.texts.of(task.spaces["unseen"])).items():
        np.save(folder / f"{scores.EXPLAIN}{name}.npy", np.asarray(rows, np.float32), allow_pickle=False)


def explained(folder: Path) -> dict[str, Array]:
    """The explaining arrays that `learn` has written, by name."""
    files = sorted(folder.glob(f"{scores.EXPLAIN}*.npy"))
    return {file.stem.removeprefix(scores.EXPLAIN): np.load(file, allow_pickle=False) for file in files}


def _grid_search(task: Task, member: Method, plan: Plan, seed: int) -> tuple[list[dict[str, Any]], list[Corrections]]:
    """For every setting loss and accuracy on clips of classes that stand in for unseen ones.

    Where test clips of seen classes are scored too, also how seen and unseen ones are parted.
    """
    parting: list[Corrections] = []
    is_parted = "gzsl" in task.spaces
    if plan.num_folds is not None:
        folded = _by_folds(task, member, plan, seed)
        candidates = _trained(task, task.fit, member, plan, seed) if is_parted else ()
        return folded, [_parting(task, candidate) for candidate in candidates]
    history = []
    for candidate in _trained(task, task.fit, member, plan, seed):
        hits = _hits(task, candidate, task.val, task.val_classes)
        history.append({"setting": candidate.setting, "loss": candidate.loss, "val_top1": float(np.mean(hits))})
        if is_parted:
            parting.append(_parting(task, candidate))
    return history, parting


def _trained(task: Task, clips: Clips, member: Method, plan: Plan, seed: int) -> Iterator[CandidateModel]:
    """The candidates of one training; nothing is learnt from the texts of other classes."""
    return member.candidates(clips, task.texts.of_clips(clips), plan.settings, seed)


def _by_folds(task: Task, member: Method, plan: Plan, seed: int) -> list[dict[str, Any]]:
    """The seen classes take turns as unseen, a fold at a time; clips are counted and losses averaged over all folds."""
    clips = task.training("seen")
    history: list[dict[str, Any]] = [{"setting": setting, "loss": [], "hits": []} for setting in plan.settings.settings]
    for fold in class_folds(sorted(set(clips.class_ids)), plan.num_folds or 0, seed):
        is_out_N = np.isin(clips.class_ids, fold)
        out = clips.of(is_out_N)
        for line, candidate in zip(history, _trained(task, clips.of(~is_out_N), member, plan, seed), strict=True):
            line["loss"].append(candidate.loss)
            line["hits"].extend(_hits(task, candidate, out, fold))
    return [
        {"setting": row["setting"], "loss": float(np.mean(row["loss"])), "val_top1": float(np.mean(row["hits"]))}
        for row in history
    ]


def _hits(task: Task, candidate: CandidateModel, clips: Clips, class_ids: Sequence[int]) -> list[bool]:
    """Which clips are told apart rightly from those of each other's classes."""
    texts = task.texts.of(class_ids)
    guesses = candidate.score(clips.features_ND, texts).argmax(axis=1)
    hits: list[bool] = (guesses == texts.rows(clips.class_ids)).tolist()
    return hits


def _parting(task: Task, candidate: CandidateModel) -> Corrections:
    """How well a method trained on fit separates held-out clips of its classes from those of val classes."""
    fit = sorted({*task.fit.class_ids, *task.held_out.class_ids})
    texts = task.texts.of(sorted([*fit, *task.val_classes]))
    features_ND = np.concatenate([task.held_out.features_ND, task.val.features_ND])
    truth_N = texts.rows([*task.held_out.class_ids, *task.val.class_ids])
    scored = ScoredClips(candidate.score(features_ND, texts), np.isin(texts.class_ids, fit), truth_N)
    fewest = min(len(fit), len(task.val_classes), len(task.unseen))
    return Corrections(generalised.calibration(scored), generalised.fit_gate(scored, min(generalised.NUM_BEST, fewest)))


def _metadata(task: Task, plan: Plan, setting: str) -> dict[str, Any]:
    meta = {"method": plan.method, "variant": plan.variant, "params": plan.settings.model_dump(), "setting": setting}
    dims = {"feature_dim": task.test_features_ND.shape[-1], "text_dim": task.texts.label_KT.shape[1]}
    classes = task.training_classes(plan.refit)
    return {**meta, **dims, "split": task.split, "seed": task.seed, "training_classes": classes} | _source(task, plan)


def _source(task: Task, plan: Plan) -> dict[str, Any]:
    if task.elsewhere is None:
        return {}
    return {"source": task.elsewhere.source, "source_classes": task.source_classes(plan.refit)}
