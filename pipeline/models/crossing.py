"""Tasks across datasets: what is learnt is of one dataset, the source, what is scored of another, the target.

Both have features of the same weights and class texts of the same text encoder. Nothing of the target is learnt, so
there is one task a seed, whose label spaces are the target's splits. In a task the ids of the source's classes stand
above those of the target's, so that neither can be taken for the other.
"""

# Shapes: K classes.
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.core import store, tables
from pipeline.core.errors import DataError
from pipeline.core.hashing import value_digest
from pipeline.core.params import Params
from pipeline.core.schemas import SPLIT
from pipeline.labels.overlap import Overlap
from pipeline.models import shared_classes
from pipeline.models.clip_vectors import Encoded, Line, Reading, encoded, opened
from pipeline.models.methods.shared import ClassTexts, Clips, class_texts, text_group
from pipeline.models.shared_classes import Names, SharedClasses, SharedParams, text_space_key
from pipeline.models.tasks import Classes, Elsewhere, Inputs, Task, checked, in_one_space, used

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
class Side:
    """A dataset's inputs, and the names of its classes."""

    inputs: Inputs
    names: Names

    @property
    def texts(self) -> store.Store:
        """The class texts."""
        return store.Store(self.inputs.embeddings, "embed")


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
class _Joint:
    source: Side
    target: Side
    asked: CrossRequest
    parts: Classes  # of the source's split
    splits: dict[str, list[int]]  # of the target: its unseen classes
    shared: SharedClasses

    @property
    def shift(self) -> int:
        """Between a class id of the source and that in a task."""
        return max(self.target.names) + 1

    def shifted(self, class_ids: Iterable[int]) -> list[int]:
        """Class ids of the source as they are in a task."""
        return [self.shift + class_id for class_id in class_ids]


def crossed(source: Side, target: Side, asked: CrossRequest) -> Crossing:
    """Join both datasets by clip and class.

    Raises LeakError for an encoder that was taught classes of the target, DataError for inputs that do not fit.
    """
    parts = checked(source.inputs, asked.source.dataset, asked.source.split_table, [asked.source.split])
    of_target = checked(target.inputs, asked.target.dataset, asked.target.split_table, asked.splits)
    for seed in asked.seeds:
        _check_texts(source.texts, target.texts, seed)
    every = [(side.names, class_texts(side.texts, sorted(side.names), asked.seeds[0])) for side in (source, target)]
    shared = shared_classes.find_shared(every[0], every[1], asked.target.dataset, asked.overlap)
    splits = {name: sorted(of_target[name]["unseen"]) for name in asked.splits}
    joint = _Joint(source, target, asked, parts[asked.source.split], splits, shared)
    tasks, left_out = [], set[str]()
    for seed in asked.seeds:
        learnt, scored = _encoded(joint, seed)
        tasks.append(_task(joint, learnt, scored, seed))
        left_out |= shared.left_out(learnt)
    names = {source.names[class_id] for role in ROLES for class_id in joint.parts[role]}
    return Crossing(tasks, _told_apart(joint), shared.overlaps, sorted(left_out & names))


def _check_texts(texts: store.Store, of_target: store.Store, seed: int) -> None:
    """Class texts of both datasets must lie in one space."""
    mine, theirs = (text_space_key(one, seed) for one in (texts, of_target))
    if mine != theirs:
        raise DataError(
            f"{of_target.path}: texts by '{theirs[0]}' of other weights than those of {texts.path} ('{mine[0]}'); "
            "embed source and target with the same text encoder"
        )


def _encoded(joint: _Joint, seed: int) -> tuple[Encoded, Encoded]:
    """The source's and the target's features of one encoder. Raises DataError where the weights are not the same."""
    features, of_target = opened(joint.source.inputs.features), opened(joint.target.inputs.features)
    for name in ("modality", "encoder"):
        if features.attrs[name] != of_target.attrs[name]:
            raise DataError(
                f"{of_target.path}: {name} '{of_target.attrs[name]}', but '{features.attrs[name]}' in {features.path}; "
                "name features of one encoder for source and target"
            )
    split = joint.asked.source.split
    unseen = {"fit": [], "val": [], "unseen": sorted(set().union(*joint.splits.values()))}
    learnt = encoded(features, split, seed, joint.parts)
    scored = encoded(of_target, split, seed, unseen, ", ".join(joint.splits))
    # Regressions to label vectors bear the hash of those vectors, so what was taught must agree too.
    afar = scored.saw.elsewhere
    agree = afar is None or set(afar.names) == joint.shared.names_taught(learnt)
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
    fit, val = ([c for c in joint.parts[role] if joint.source.names[c] not in without] for role in ROLES)
    for role, classes in zip(ROLES, (fit, val), strict=True):
        if joint.parts[role] and not classes:
            raise DataError(
                f"{joint.source.inputs.split}: all {role} classes of split '{joint.asked.source.split}' are left out, "
                f"as classes of '{joint.asked.target.dataset}' or by the row of rest; name another split, lower "
                "overlap.threshold, or set overlap.keep"
            )
    rows, num_missing = _source_rows(joint, learnt, [*fit, *val])
    test, tests, num_unscored = _target_rows(joint, scored)
    unseen, reading = sorted(set().union(*joint.splits.values())), joint.asked.reading
    task = Task(
        split=joint.asked.source.split,
        seed=seed,
        fit=_clips(joint, learnt, rows["fit"]),
        val=_clips(joint, learnt, rows["val"]),
        val_classes=joint.shifted(sorted(val)),
        unseen=unseen,
        held_out=_clips(joint, learnt, []),
        test_ids=[row["clip_id"] for row in test],
        test_ND=scored.vectors(test, reading),
        seen_test_ids=[],
        seen_test_ND=scored.vectors([], reading),
        spaces=joint.splits,
        encoder_classes=[*scored.saw.training_classes, *joint.shifted(learnt.saw.training_classes)],
        training_clips=scored.saw.training_clips,
        pairs=scored.saw.pairs,
        paired_classes=[*scored.saw.paired_classes, *joint.shifted(learnt.saw.paired_classes)],
        texts=_texts(joint, unseen, sorted([*fit, *val]), seed),
        num_missing=num_missing + num_unscored,
        pretrained=learnt.saw.pretrained,
        one_space=in_one_space(scored, joint.target.texts, seed),
        elsewhere=_elsewhere(joint, learnt, [*fit, *val]),
        tests=tests,
        text_space=scored.text_space,
    )
    _check_width(task, joint)
    return task


def _check_width(task: Task, joint: _Joint) -> None:
    """What is learnt of vectors of one size cannot be asked about those of another; tokens may differ in number."""
    mine, theirs = task.fit.features_ND.shape[-1], task.test_ND.shape[-1]
    if mine != theirs:
        raise DataError(
            f"{joint.target.inputs.features}: features of {theirs} numbers, but of {mine} in "
            f"{joint.source.inputs.features}; extract source and target with the same encoder"
        )


def _elsewhere(joint: _Joint, learnt: Encoded, classes: Sequence[int]) -> Elsewhere:
    """What is learnt of the source; `classes` are those whose clips are at hand."""
    names, kept = joint.shared.taught(learnt)
    kept |= {one.source for one in joint.shared.overlaps if one.class_id in classes}  # none, but where they are kept
    third = [learnt.saw.elsewhere.source] if learnt.saw.elsewhere else []
    datasets = "+".join(sorted({joint.asked.source.dataset, *third}))
    by_id = {joint.shift + class_id: name for class_id, name in joint.source.names.items()}
    return Elsewhere(datasets, names, by_id, sorted(kept))


def _source_rows(joint: _Joint, learnt: Encoded, classes: Sequence[int]) -> tuple[dict[str, list[Line]], int]:
    """The clips that are learnt from, by role, and how many have no features."""
    split = joint.asked.source.split
    rows = [
        row
        for row in tables.read_rows(joint.source.inputs.split, SPLIT)
        if row["split"] == split and row["role"] in ROLES and not row["held_out"] and row["class_id"] in classes
    ]
    found, num_missing = learnt.there(rows, joint.asked.max_missing)
    return used(found, ROLES, split), num_missing


def _target_rows(joint: _Joint, scored: Encoded) -> tuple[list[Line], dict[str, list[int]], int]:
    """The clips of all splits by id, the places of each split's among them, and how many have no features."""
    rows = [
        row
        for row in tables.read_rows(joint.target.inputs.split, SPLIT)
        if row["split"] in joint.splits and row["role"] == "unseen_test"
    ]
    every = {row["clip_id"]: row for row in rows}
    found, num_missing = scored.there([every[clip_id] for clip_id in sorted(every)], joint.asked.max_missing)
    place = {row["clip_id"]: number for number, row in enumerate(found)}
    tests: dict[str, list[int]] = {split: [] for split in joint.splits}
    for row in rows:
        if row["clip_id"] in place:
            tests[row["split"]].append(place[row["clip_id"]])
    for split, places in tests.items():
        if not places:
            raise DataError(f"split '{split}': no clips with features to score; run `dvc repro split extract`")
    return found, {split: sorted(places) for split, places in tests.items()}, num_missing


def _clips(joint: _Joint, learnt: Encoded, rows: Sequence[Line]) -> Clips:
    clips = learnt.clips(rows, joint.asked.reading)
    return replace(clips, class_ids=tuple(joint.shifted(clips.class_ids)))


def _texts(joint: _Joint, unseen: Sequence[int], seen: Sequence[int], seed: int) -> ClassTexts:
    """Classes of the target, then of the source; of the types of text those that both datasets have."""
    both = [class_texts(joint.target.texts, unseen, seed), class_texts(joint.source.texts, seen, seed)]
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
    stores = joint.target.texts, joint.source.texts
    if not all(kind in {name.partition("@")[0] for name in texts.groups()} for texts in stores):
        return False
    attrs = [texts.group_attrs(text_group(texts, kind, seed)) for texts in stores]
    return len({(str(each.get("dim")), str(each.get("lexicon"))) for each in attrs}) == 1


def _told_apart(joint: _Joint) -> Names:
    """Names of the classes of both, by id in a task; a class of the source that bears a target's name is told so."""
    theirs, source = set(joint.target.names.values()), joint.asked.source.dataset
    mine = {c: f"{name} ({source})" if name in theirs else name for c, name in joint.source.names.items()}
    return {**joint.target.names, **{joint.shift + c: name for c, name in mine.items()}}
