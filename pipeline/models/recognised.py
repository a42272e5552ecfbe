"""The results of semantic transfer for one task: scores under every setting, and the programs behind them."""

# Shapes: N clips, C classes.
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.core.errors import DataError
from pipeline.core.scores import Provenance
from pipeline.models.clip_vectors import made_by, open_features
from pipeline.models.methods.shared import ClassEmbedder
from pipeline.models.task import Task
from pipeline.transfer import folds, recognise
from pipeline.transfer.folds import Trial
from pipeline.transfer.params import Folds, TransferParams
from pipeline.transfer.prototypes import Setting
from pipeline.transfer.recognise import Inference, Knowledge, Scored
from pipeline.transfer.relatedness import Floats, unit_rows

Names = Mapping[int, str]  # of classes, by id


@contextmanager
def _one_thread() -> Iterator[None]:
    """Multiply matrices in one thread, whatever the environment says: the number decides in which order sums are added.

    More than one would not pay, for the matrices are small.
    """
    with threadpool_limits(1, user_api="blas"):
        yield


@dataclass(frozen=True)
class Recognised:
    """One (split, seed): trials, and for each label space the scores (N, settings, classes) of the test clips."""

    task: Task
    trials: list[Trial]
    selected: int
    values: dict[str, Floats]
    scored: dict[str, list[Scored]]  # by label space, one a setting: the programs behind the values

    @property
    def first(self) -> str:
        """The label space that is shown first."""
        return next(iter(self.values))

    def provenance(self, space: str, request: TransferParams, refit: str) -> Provenance:
        """What must be known of the scores in a label space."""
        return self.task.provenance(
            space,
            selection="none" if len(self.trials) == 1 else self.task.selection(request.selection),
            refit=refit,
            settings=[trial.setting.name for trial in self.trials],
            selected=self.selected,
        )


def check_features(request: TransferParams, features: Path) -> None:
    """Refuse the method name `rest` for features that no transformer of the stage rest has made."""
    encoder = open_features(features).attrs["encoder"] if made_by(features) == "rest" else None
    if request.method == "rest" and encoder != "rest":
        raise DataError(
            f"{features}: method 'rest' composes what a transformer of the stage rest has learnt; name a store of "
            "features/rest with such a one, or say 'prototypes' for any other features"
        )


@_one_thread()
def recognised(task: Task, request: TransferParams, refit: str, folds_: Folds, names: Names) -> Recognised:
    """Select a setting on seen classes, then score the test clips with every setting of the grid."""
    settings = folds.settings(request.grid, request.constraints, request.inference)
    trials = _grid_search(task, request, folds_, names, settings)
    values: dict[str, Floats] = {}
    scored: dict[str, list[Scored]] = {}
    seen = sorted(set(task.training(refit).class_ids))
    known = _known(task, request, names, refit, seen)
    for space, class_ids in task.spaces.items():
        test_ids, test_features_ND = task.tested(space)
        clips_NF = unit_rows(test_features_ND, test_ids, "clip")
        targets, columns = _candidates(seen, class_ids)
        scored[space] = [recognise.scores(known, seen, targets, clips_NF, at, request.scheme) for at in settings]
        values[space] = np.stack([one_setting.values_NC[:, columns] for one_setting in scored[space]], axis=1)
    return Recognised(task, trials, folds.best_trial(trials), values, scored)


@_one_thread()
def by_inference(
    result: Recognised, request: TransferParams, refit: str, names: Names, inference: Inference, places: Sequence[int]
) -> Floats:
    """Scores (N, classes) of some clips of the first label space by another inference of the same knowledge.

    `refit` and `names` are those that `one` was found with; the setting is the one that it selected.
    """
    task, class_ids = result.task, result.task.spaces[result.first]
    test_ids, test_features_ND = task.tested(result.first)
    clips_NF = unit_rows(test_features_ND[list(places)], [test_ids[place] for place in places], "clip")
    seen = sorted(set(task.training(refit).class_ids))
    known = _known(task, request, names, refit, seen)
    targets, columns = _candidates(seen, class_ids)
    setting, scheme = result.trials[result.selected].setting, replace(request.scheme, inference=inference)
    return recognise.scores(known, seen, targets, clips_NF, setting, scheme).values_NC[:, columns]


def _candidates(seen: Sequence[int], class_ids: Sequence[int]) -> tuple[list[int], list[int]]:
    """The candidates that are not seen, and where each candidate stands among the seen and those."""
    targets = [class_id for class_id in class_ids if class_id not in seen]
    return targets, [[*seen, *targets].index(class_id) for class_id in class_ids]


def _known(task: Task, request: TransferParams, names: Names, refit: str, seen: Sequence[int]) -> Knowledge:
    """What is known of the classes; texts of all, centred on the `seen`, clips of those that `refit` lets in."""
    texts_KT = ClassEmbedder.of(request.text_type, request.centre, task.texts.of(seen))(task.texts)
    clips = task.training(refit)
    unnamed = [class_id for class_id in task.texts.class_ids if class_id not in names]
    if unnamed:
        raise DataError(f"split '{task.split}': classes {unnamed} have no name in the prompts; run `dvc repro prompt`")
    return Knowledge(names, dict(zip(task.texts.class_ids, texts_KT, strict=True)), clips.features_ND, clips.class_ids)


def _grid_search(
    task: Task, request: TransferParams, folds_: Folds, names: Names, settings: Sequence[Setting]
) -> list[Trial]:
    """The grid, scored on seen classes that act as unseen; a single setting is measured too.

    Texts are centred on the other seen classes only, because nothing may be known of those that act as unseen.
    """
    seen = sorted(set((task.fit if request.selection == "val" else task.training("seen")).class_ids))
    val = request.selection == "val"
    parts = [task.val_classes] if val else folds.class_folds(seen, folds_.num_folds, folds_.seed)
    by_part = []
    for part in parts:
        known = _known(task, request, names, "seen", sorted(set(seen) - set(part)))
        by_part.append(folds.grid_search(known, [part], seen, settings, request.scheme))
    return [folds.pooled(trials) for trials in zip(*by_part, strict=True)]
