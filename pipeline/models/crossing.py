"""Tasks across datasets: methods learn from one dataset, the source, and score clips of another, the target.

Both have features of the same weights and class texts of the same text encoder. Nothing is learnt from the target, so
there is one task a seed, and its label spaces are the target's splits. In a task the class ids of the source are
shifted above those of the target, so that they cannot be confused.
"""

# Shapes: K classes.
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.core import store
from pipeline.core.errors import DataError
from pipeline.core.hashing import value_digest
from pipeline.core.params import Params
from pipeline.core.schemas import SplitRow
from pipeline.core.split_table import Classes, SplitTable
from pipeline.labels.overlap import Overlap
from pipeline.models import shared_classes
from pipeline.models.clip_vectors import Encoded, Reading, encoded
from pipeline.models.methods.shared import ClassTexts, Clips, text_group
from pipeline.models.shared_classes import Names, SharedClasses, SharedParams, text_space_key
from pipeline.models.stored_texts import StoredTexts
from pipeline.models.task import SourceDataset, Task
from pipeline.models.tasks import Inputs, by_role, in_one_space, open_inputs

ROLES = ("fit", "val")  # of the source's clips that are learnt from


class SourceParams(Params):
    """Whose clips and labels are learnt from."""

    dataset: str
    split_table: str
    split: str  # `source`, or another whose fit and val classes are learnt from
    features: str  # a store below features/
    embeddings: str  # a row of embed


class TargetParams(Params):
    """Whose clips are scored."""

    dataset: str
    split_table: str
    features: str
    embeddings: str


@dataclass(frozen=True)
class DatasetInputs:
    """Where a dataset's inputs stand, and the names of its classes."""

    inputs: Inputs
    names: Names


@dataclass(frozen=True)
class CrossRequest:
    """What a row asks for."""

    source: SourceParams
    target: TargetParams
    splits: Sequence[str]  # of the target
    seeds: Sequence[int]
    overlap: SharedParams
    max_missing: float
    reading: Reading


@dataclass(frozen=True)
class Crossing:
    """The tasks of a row, one a seed, and what the two datasets share."""

    tasks: list[Task]
    names: Names  # of the classes of both, by their ids in the tasks
    overlaps: list[Overlap]  # by the source's own ids
    left_out: list[str]  # classes of the source that are not learnt from, by name


@dataclass(frozen=True)
class _Opened:
    """A dataset's inputs, each opened once."""

    features: store.Store
    split: SplitTable
    texts: StoredTexts  # of all its classes
    names: Names


@dataclass(frozen=True)
class _Joint:
    source: _Opened
    target: _Opened
    request: CrossRequest
    shared: SharedClasses

    @property
    def classes(self) -> Classes:
        """Of the source's split, by role."""
        return self.source.split.splits[self.request.source.split]

    @property
    def splits(self) -> dict[str, list[int]]:
        """The unseen classes of each split of the target."""
        return {name: sorted(self.target.split.splits[name]["unseen"]) for name in self.request.splits}

    @property
    def shift(self) -> int:
        """Between a class id of the source and that in a task."""
        return max(self.target.names) + 1

    def shifted(self, class_ids: Iterable[int]) -> list[int]:
        """Class ids of the source as they are in a task."""
        return [self.shift + class_id for class_id in class_ids]


def crossed(source: DatasetInputs, target: DatasetInputs, request: CrossRequest) -> Crossing:
    """Join both datasets by clip and class.

    Raises LeakError for an encoder that was taught classes of the target, DataError for inputs that do not fit.
    """
    learn = _open(source, request.source, [request.source.split])
    test = _open(target, request.target, request.splits)
    for seed in request.seeds:
        _check_texts(learn.texts.store, test.texts.store, seed)
    seed = request.seeds[0]
    texts = [(side.names, side.texts.of(sorted(side.names), seed)) for side in (learn, test)]
    shared = shared_classes.find_shared(texts[0], texts[1], request.target.dataset, request.overlap)
    joint = _Joint(learn, test, request, shared)
    tasks, left_out = [], set[str]()
    for seed in request.seeds:
        learnt, scored = _encoded(joint, seed)
        tasks.append(_task(joint, learnt, scored, seed))
        left_out |= shared.left_out(learnt)
    names = {source.names[class_id] for role in ROLES for class_id in joint.classes[role]}
    return Crossing(tasks, _told_apart(joint), shared.overlaps, sorted(left_out & names))


def _open(side: DatasetInputs, params: SourceParams | TargetParams, splits: Sequence[str]) -> _Opened:
    opened = open_inputs(side.inputs, params.dataset, params.split_table, splits)
    return _Opened(opened.features, opened.split, StoredTexts(opened.embeddings, side.names), side.names)


def _check_texts(texts: store.Store, of_target: store.Store, seed: int) -> None:
    """Class texts of both datasets must lie in one space."""
    source_space, target_space = (text_space_key(embeddings, seed) for embeddings in (texts, of_target))
    if source_space != target_space:
        raise DataError(
            f"{of_target.path}: texts by '{target_space[0]}' of other weights than those of {texts.path} "
            f"('{source_space[0]}'); embed source and target with the same text encoder"
        )


def _encoded(joint: _Joint, seed: int) -> tuple[Encoded, Encoded]:
    """The source's and the target's features of one encoder. Raises DataError where the weights are not the same."""
    features, of_target = joint.source.features, joint.target.features
    for name in ("modality", "encoder"):
        if features.attrs[name] != of_target.attrs[name]:
            raise DataError(
                f"{of_target.path}: {name} '{of_target.attrs[name]}', but '{features.attrs[name]}' in {features.path}; "
                "name features of one encoder for source and target"
            )
    unseen = {"fit": [], "val": [], "unseen": sorted(set().union(*joint.splits.values()))}
    learnt = encoded(features, joint.request.source.split, seed, joint.classes)
    scored = encoded(of_target, joint.request.source.split, seed, unseen, ", ".join(joint.splits))
    # Regressions to label vectors bear the hash of those vectors, so what was taught must agree too.
    elsewhere = scored.history.elsewhere
    agree = elsewhere is None or set(elsewhere.names) == joint.shared.names_taught(learnt)
    if _made_by(learnt) is None or _made_by(learnt) != _made_by(scored) or not agree:
        raise DataError(
            f"{of_target.path}: group '{scored.group}' is not of the weights of {features.path}, group "
            f"'{learnt.group}'; name features of the same weights for source and target"
        )
    return learnt, scored


def _made_by(source: Encoded) -> str | None:
    """What made a group's vectors: weights, by their hash; or an encoder that learns nothing, by what it measures.

    Such a one gives the same numbers for every joint layout, which the hash in place of its weights tells apart.
    """
    attrs = source.features.group_attrs(source.group)
    return value_digest([attrs["measured"], attrs["options"]]) if attrs.get("measured") else source.weights_hash


def _task(joint: _Joint, learnt: Encoded, scored: Encoded, seed: int) -> Task:
    without = joint.shared.left_out(learnt)
    fit, val = ([c for c in joint.classes[role] if joint.source.names[c] not in without] for role in ROLES)
    for role, classes in zip(ROLES, (fit, val), strict=True):
        if joint.classes[role] and not classes:
            raise DataError(
                f"{joint.source.split.path}: all {role} classes of split '{joint.request.source.split}' are left out, "
                f"as classes of '{joint.request.target.dataset}' or by the row of rest; name another split, lower "
                "overlap.threshold, or set overlap.keep"
            )
    rows, num_missing = _source_rows(joint, learnt, [*fit, *val])
    test, tests, num_unscored = _target_rows(joint, scored)
    unseen, reading = sorted(set().union(*joint.splits.values())), joint.request.reading
    task = Task(
        split=joint.request.source.split,
        seed=seed,
        fit=_clips(joint, learnt, rows["fit"]),
        val=_clips(joint, learnt, rows["val"]),
        val_classes=joint.shifted(sorted(val)),
        unseen=unseen,
        held_out=_clips(joint, learnt, []),
        test_ids=[row.clip_id for row in test],
        test_features_ND=scored.vectors(test, reading),
        seen_test_ids=[],
        seen_test_features_ND=scored.vectors([], reading),
        spaces=joint.splits,
        encoder_classes=[*scored.history.training_classes, *joint.shifted(learnt.history.training_classes)],
        training_clips=scored.history.training_clips,
        pairs=scored.history.pairs,
        paired_classes=[*scored.history.paired_classes, *joint.shifted(learnt.history.paired_classes)],
        texts=_texts(joint, unseen, sorted([*fit, *val]), seed),
        num_missing=num_missing + num_unscored,
        pretrained=learnt.history.pretrained,
        one_space=in_one_space(scored, joint.target.texts.store, seed),
        elsewhere=_elsewhere(joint, learnt, [*fit, *val]),
        tests=tests,
        text_space=scored.text_space,
    )
    _check_width(task, joint)
    return task


def _check_width(task: Task, joint: _Joint) -> None:
    """Source and target need vectors of one size; the number of tokens may differ."""
    mine, theirs = task.fit.features_ND.shape[-1], task.test_features_ND.shape[-1]
    if mine != theirs:
        raise DataError(
            f"{joint.target.features.path}: features of {theirs} numbers, but of {mine} in "
            f"{joint.source.features.path}; extract source and target with the same encoder"
        )


def _elsewhere(joint: _Joint, learnt: Encoded, classes: Sequence[int]) -> SourceDataset:
    """What is learnt of the source; `classes` are those whose clips are at hand."""
    names, kept = joint.shared.taught(learnt)
    kept |= {
        match.source for match in joint.shared.overlaps if match.class_id in classes
    }  # none, but where they are kept
    third = [learnt.history.elsewhere.source] if learnt.history.elsewhere else []
    datasets = "+".join(sorted({joint.request.source.dataset, *third}))
    by_id = {joint.shift + class_id: name for class_id, name in joint.source.names.items()}
    return SourceDataset(datasets, names, by_id, sorted(kept))


def _source_rows(joint: _Joint, learnt: Encoded, classes: Sequence[int]) -> tuple[dict[str, list[SplitRow]], int]:
    """The clips that are learnt from, by role, and how many have no features."""
    split = joint.request.source.split
    rows = [
        row
        for row in joint.source.split.rows[split]
        if row.role in ROLES and not row.held_out and row.class_id in classes
    ]
    clips, num_missing = learnt.with_features(rows, joint.request.max_missing)
    return by_role(clips, ROLES, split), num_missing


def _target_rows(joint: _Joint, scored: Encoded) -> tuple[list[SplitRow], dict[str, list[int]], int]:
    """The clips of all splits by id, the places of each split's among them, and how many have no features."""
    rows_of = {
        split: [row for row in joint.target.split.rows[split] if row.role == "unseen_test"] for split in joint.splits
    }
    every = {row.clip_id: row for rows in rows_of.values() for row in rows}
    clips, num_missing = scored.with_features([every[clip_id] for clip_id in sorted(every)], joint.request.max_missing)
    place = {row.clip_id: number for number, row in enumerate(clips)}
    tests = {
        split: sorted(place[row.clip_id] for row in rows if row.clip_id in place) for split, rows in rows_of.items()
    }
    for split, places in tests.items():
        if not places:
            raise DataError(f"split '{split}': no clips with features to score; run `dvc repro split extract`")
    return clips, tests, num_missing


def _clips(joint: _Joint, learnt: Encoded, rows: Sequence[SplitRow]) -> Clips:
    clips = learnt.clips(rows, joint.request.reading)
    return replace(clips, class_ids=tuple(joint.shifted(clips.class_ids)))


def _texts(joint: _Joint, unseen: Sequence[int], seen: Sequence[int], seed: int) -> ClassTexts:
    """Classes of the target, then of the source; of the types of text those that both datasets have."""
    both = [joint.target.texts.of(unseen, seed), joint.source.texts.of(seen, seed)]
    contexts = [texts.context_KT for texts in both if texts.context_KT is not None]
    kinds = [kind for kind in sorted(both[0].further) if _is_of_both(joint, kind, seed)]
    return ClassTexts(
        (*unseen, *joint.shifted(seen)),
        np.concatenate([texts.label_KT for texts in both]),
        np.concatenate(contexts) if len(contexts) == len(both) else None,
        {kind: np.concatenate([texts.further[kind] for texts in both]) for kind in kinds},
    )


def _is_of_both(joint: _Joint, kind: str, seed: int) -> bool:
    """Whether both datasets have a type of text, in one space: groups of no text encoder say what made them."""
    stores = joint.target.texts.store, joint.source.texts.store
    if not all(kind in {name.partition("@")[0] for name in texts.groups()} for texts in stores):
        return False
    attrs = [texts.group_attrs(text_group(texts, kind, seed)) for texts in stores]
    return len({(str(attrs_of_store.get("dim")), str(attrs_of_store.get("lexicon"))) for attrs_of_store in attrs}) == 1


def _told_apart(joint: _Joint) -> Names:
    """Names of the classes of both, by id in a task; the source is added to a name that both datasets have."""
    theirs, source = set(joint.target.names.values()), joint.request.source.dataset
    mine = {c: f"{name} ({source})" if name in theirs else name for c, name in joint.source.names.items()}
    return {**joint.target.names, **{joint.shift + c: name for c, name in mine.items()}}
