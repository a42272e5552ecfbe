"""Tasks across datasets: what is learnt is of one dataset, the source, what is scored of another, the target.

Both have features of the same weights and class texts of the same text encoder. Nothing of the target is learnt, so
there is one task a seed, whose label spaces are the target's splits. In a task the ids of the source's classes stand
above those of the target's, so that neither can be taken for the other.
"""

# Shapes: K classes, T text size.
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from pipeline.core import store, tables
from pipeline.core.errors import DataError, LeakError
from pipeline.core.params import Params
from pipeline.core.schemas import SPLIT
from pipeline.labels.overlap import CHECKS, Overlap, Target, overlapping
from pipeline.models.clip_vectors import Encoded, Line, encoded, opened
from pipeline.models.methods.shared import ClassTexts, Clips, class_texts
from pipeline.models.tasks import Classes, Elsewhere, Inputs, Task, checked, in_one_space, text_weights, used

Names = Mapping[int, str]  # of classes, by id


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


class SharedParams(Params):
    """Classes of the source that are classes of the target, told by their names, their words and their vectors.

    They are left out, and an encoder that was taught one is refused; with `keep` they are learnt, and every figure
    says so.
    """

    keep: bool
    threshold: float = Field(ge=0, le=2)  # cosine distance below which two classes are one; .05 in E2E
    text_type: Annotated[str, Field(min_length=1)]  # of the class texts whose vectors are compared


@dataclass(frozen=True)
class Side:
    """A dataset's inputs, and the names of its classes."""

    inputs: Inputs
    names: Names


@dataclass(frozen=True)
class Asked:
    """What a row asks for."""

    source: SourceParams
    target: TargetParams
    splits: Sequence[str]  # of the target
    seeds: Sequence[int]
    overlap: SharedParams
    max_missing: float


@dataclass(frozen=True)
class Crossing:
    """The tasks of a row, one a seed, and the overlap of the two datasets."""

    tasks: list[Task]
    names: Names  # of the classes of both, by their ids in the tasks
    overlaps: list[Overlap]  # by the source's own ids
    left_out: list[str]  # classes of the source that are not learnt from, by name


def crossed(source: Side, target: Side, asked: Asked) -> Crossing:
    """Join both datasets by clip and class.

    Raises LeakError for an encoder that was taught classes of the target, DataError for inputs that do not fit.
    """
    parts = checked(source.inputs, asked.source.dataset, asked.source.split_table, [asked.source.split])
    parts_of_target = checked(target.inputs, asked.target.dataset, asked.target.split_table, asked.splits)
    texts, texts_of_target = (store.Store(side.inputs.embeddings, "embed") for side in (source, target))
    for seed in asked.seeds:
        _check_texts(texts, texts_of_target, seed)
    overlaps = _overlaps(source.names, target.names, texts, texts_of_target, asked)
    shift = max(target.names) + 1
    joint = _Joint(source, target, asked, parts[asked.source.split], parts_of_target, overlaps, shift)
    tasks, left_out = [], set[str]()
    for seed in asked.seeds:
        task, without = _task(joint, texts, texts_of_target, seed)
        tasks.append(task)
        left_out |= without
    return Crossing(
        tasks, _told_apart(source.names, target.names, shift, asked.source.dataset), overlaps, sorted(left_out)
    )


@dataclass(frozen=True)
class _Joint:
    source: Side
    target: Side
    asked: Asked
    parts: Classes  # of the source's split
    parts_of_target: dict[str, Classes]
    overlaps: list[Overlap]
    shift: int  # between the source's class ids and those in a task


def _overlaps(names: Names, others: Names, texts: store.Store, of_target: store.Store, asked: Asked) -> list[Overlap]:
    """Classes of the source that are any of the target's; the vectors are those of the first seed."""
    kind, seed = asked.overlap.text_type, asked.seeds[0]
    source_KT = class_texts(texts, sorted(names), seed).of_type(kind)
    target_KT = class_texts(of_target, sorted(others), seed).of_type(kind)
    targets = {asked.target.dataset: Target([others[class_id] for class_id in sorted(others)], target_KT)}
    return overlapping(names, source_KT, targets, CHECKS, asked.overlap.threshold)


def _task(joint: _Joint, texts: store.Store, of_target: store.Store, seed: int) -> tuple[Task, set[str]]:
    """The task of a seed, and the names of the classes that are not learnt from."""
    asked, shift = joint.asked, joint.shift
    learnt, scored = _encoded(joint, seed)
    encoder_names, kept = _taught(learnt, joint)
    without = set() if asked.overlap.keep else {one.source for one in joint.overlaps} | _removed(learnt)
    fit, val = ([c for c in joint.parts[role] if joint.source.names[c] not in without] for role in ("fit", "val"))
    rows, num_missing = _source_rows(joint, learnt, [*fit, *val])
    test, tests, num_unscored = _target_rows(joint, scored)
    unseen = {split: sorted(joint.parts_of_target[split]["unseen"]) for split in asked.splits}
    if not asked.overlap.keep:
        kept = set()
    else:
        kept |= {one.source for one in joint.overlaps if one.class_id in (*fit, *val)}
    afar = {shift + class_id: name for class_id, name in joint.source.names.items()}
    sources = {asked.source.dataset, *([learnt.saw.elsewhere.source] if learnt.saw.elsewhere else [])}
    task = Task(
        split=asked.source.split,
        seed=seed,
        fit=_shifted(learnt.clips(rows["fit"]), shift),
        val=_shifted(learnt.clips(rows["val"]), shift),
        val_classes=[shift + class_id for class_id in sorted(val)],
        test_ids=[row["clip_id"] for row in test],
        test_ND=scored.vectors(test),
        seen_test_ids=[],
        seen_test_ND=scored.vectors([]),
        spaces=unseen,
        encoder_classes=sorted({*scored.saw.training_classes, *(shift + c for c in learnt.saw.training_classes)}),
        pairs=scored.saw.pairs,
        paired_classes=sorted({*scored.saw.paired_classes, *(shift + c for c in learnt.saw.paired_classes)}),
        texts=_joined_texts(
            class_texts(of_target, sorted(set().union(*unseen.values())), seed),
            class_texts(texts, sorted([*fit, *val]), seed),
            shift,
        ),
        num_missing=num_missing + num_unscored,
        pretrained=learnt.saw.pretrained,
        one_space=in_one_space(scored, of_target, seed),
        elsewhere=Elsewhere("+".join(sorted(sources)), encoder_names, afar, sorted(kept)),
        tests=tests,
    )
    return task, without & {joint.source.names[c] for role in ("fit", "val") for c in joint.parts[role]}


def _encoded(joint: _Joint, seed: int) -> tuple[Encoded, Encoded]:
    """The source's and the target's features of one encoder. Raises DataError where the weights are not the same."""
    asked = joint.asked
    features, of_target = opened(joint.source.inputs.features), opened(joint.target.inputs.features)
    split = asked.source.split
    learnt = encoded(features, split, seed, joint.parts)
    unseen = sorted({c for name in asked.splits for c in joint.parts_of_target[name]["unseen"]})
    classes = {"fit": [], "val": [], "unseen": unseen}
    scored = encoded(of_target, split, seed, classes, ", ".join(asked.splits))
    for name in ("modality", "encoder"):
        if features.attrs[name] != of_target.attrs[name]:
            raise DataError(
                f"{of_target.path}: {name} '{of_target.attrs[name]}', but '{features.attrs[name]}' in {features.path}; "
                "name features of one encoder for source and target"
            )
    if learnt.weights_hash is None or learnt.weights_hash != scored.weights_hash:
        raise DataError(
            f"{of_target.path}: group '{scored.group}' is not of the weights of {features.path}, group "
            f"'{learnt.group}'; name features of the same weights for source and target"
        )
    return learnt, scored


def _check_texts(texts: store.Store, of_target: store.Store, seed: int) -> None:
    """Class texts of both datasets must lie in one space."""
    mine, theirs = ((one.attrs.get("encoder"), one.attrs["dim"], text_weights(one, seed)) for one in (texts, of_target))
    if mine != theirs:
        raise DataError(
            f"{of_target.path}: texts by '{theirs[0]}' of other weights than those of {texts.path} ('{mine[0]}'); "
            "embed source and target with the same text encoder"
        )


def _taught(learnt: Encoded, joint: _Joint) -> tuple[list[str], set[str]]:
    """The names of the classes that the encoder was taught, and of those that are classes of the target.

    Raises LeakError for the latter, unless the row keeps them.
    """
    afar = learnt.saw.elsewhere
    names = set(afar.names if afar else ()) | {joint.source.names[c] for c in learnt.saw.training_classes}
    told = {one.source: one for one in joint.overlaps}
    theirs = [joint.target.names[class_id] for class_id in sorted(joint.target.names)]
    strange = dict(enumerate(sorted(names - set(joint.source.names.values()))))  # of a third dataset
    third = overlapping(strange, None, {joint.asked.target.dataset: Target(theirs, None)}, ("names", "words"), 0.0)
    told |= {one.source: one for one in third}
    both = [told[name] for name in sorted(names & set(told))]
    kept = {*(one.source for one in both), *learnt.features.group_attrs(learnt.group).get("kept_overlap", [])}
    if kept and not joint.asked.overlap.keep:
        what = ", ".join(f"'{one.source}' (there '{one.target}', by {one.how})" for one in both) or sorted(kept)
        without = "_".join(str(one.class_id) for one in joint.overlaps)
        raise LeakError(
            f"{learnt.features.path}: the encoder of group '{learnt.group}' was taught classes of "
            f"'{joint.asked.target.dataset}': {what}; train it on the split 'without_{without}', let the row of rest "
            "remove them, or set overlap.keep, which every figure will tell"
        )
    return sorted(names), kept


def _removed(learnt: Encoded) -> set[str]:
    """Classes that the encoder's own filter took out, for whichever target."""
    found: list[list[Any]] = learnt.features.group_attrs(learnt.group).get("removed", [])
    return {one[0] for one in found}


def _source_rows(joint: _Joint, learnt: Encoded, classes: Sequence[int]) -> tuple[dict[str, list[Line]], int]:
    split = joint.asked.source.split
    rows = [
        row
        for row in tables.read_rows(joint.source.inputs.split, SPLIT)
        if row["split"] == split
        and row["role"] in ("fit", "val")
        and not row["held_out"]
        and row["class_id"] in classes
    ]
    found, num_missing = learnt.there(rows, joint.asked.max_missing)
    return used(found, ("fit", "val"), split), num_missing


def _target_rows(joint: _Joint, scored: Encoded) -> tuple[list[Line], dict[str, list[int]], int]:
    """The clips of all splits by id, the places of each split's among them, and how many have no features."""
    rows = [
        row
        for row in tables.read_rows(joint.target.inputs.split, SPLIT)
        if row["split"] in joint.asked.splits and row["role"] == "unseen_test"
    ]
    every = {row["clip_id"]: row for row in rows}
    found, num_missing = scored.there([every[clip_id] for clip_id in sorted(every)], joint.asked.max_missing)
    place = {row["clip_id"]: number for number, row in enumerate(found)}
    tests: dict[str, list[int]] = {split: [] for split in joint.asked.splits}
    for row in rows:
        if row["clip_id"] in place:
            tests[row["split"]].append(place[row["clip_id"]])
    for split, places in tests.items():
        if not places:
            raise DataError(f"split '{split}': no clips with features to score; run `dvc repro split extract`")
    return found, {split: sorted(places) for split, places in tests.items()}, num_missing


def _shifted(clips: Clips, shift: int) -> Clips:
    return Clips(clips.features_ND, tuple(shift + class_id for class_id in clips.class_ids), clips.senses)


def _joined_texts(target: ClassTexts, source: ClassTexts, shift: int) -> ClassTexts:
    """The classes of both; of the types of text those that both have."""
    both = [target, source]
    contexts = [texts.context_KT for texts in both if texts.context_KT is not None]
    return ClassTexts(
        (*target.class_ids, *(shift + class_id for class_id in source.class_ids)),
        np.concatenate([texts.label_KT for texts in both]),
        np.concatenate(contexts) if len(contexts) == len(both) else None,
        {
            kind: np.concatenate([texts.further[kind] for texts in both])
            for kind in sorted(set(target.further) & set(source.further))
        },
    )


def _told_apart(names: Names, others: Names, shift: int, source: str) -> Names:
    """Names of the classes of both, by id in a task; a class of the source that bears a target's name is told so."""
    theirs = set(others.values())
    mine = {shift + c: f"{name} ({source})" if name in theirs else name for c, name in names.items()}
    return {**others, **mine}
