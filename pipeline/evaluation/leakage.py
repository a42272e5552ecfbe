"""The leak audit: what must hold before a number may be called zero-shot. One LeakError line says what does not.

It guards against faults of published protocols: an encoder that was trained on an unseen class, or on clips outside the
training part of the split; a class that is both seen and unseen; test clips of training subjects; the same clip under
two ids; the same class under two names. `leaks` names what is allowed but makes a figure more than plain zero-shot.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError, LeakError
from pipeline.core.roles import UNKNOWN_CLIPS, clips_digest
from pipeline.core.schemas import ClipRow, SplitRow
from pipeline.core.scores import INFERENCE, PAIRS, PAIRS_MAY_NOT_HOLD, Provenance

# The words of core.scores that a row may use. Only evaluate makes the selection `oracle`, and marks it.
_WORDS = {
    "label_space": ("unseen", "all", "gzsl"),
    "selection": ("validation", "validation_seen", "folds", "folds_seen", "none"),
    "refit": ("none", "seen", "both"),
    "inference": INFERENCE,
    "pairs": (*PAIRS, None),
}
TEST_ROLES = {"unseen": {"unseen_test"}, "all": {"unseen_test"}, "gzsl": {"seen_test", "unseen_test"}}
TRAINING_ROLES = ("fit", "val")
# The words of `leaks`: such a figure is allowed, and marked.
LEAKS = {
    "oracle": "the setting was chosen by its accuracy on the test clips",
    "kept_overlap": "the weights were taught classes that are tested",
    "transductive": "clips of unseen classes, without their labels, took part in training or in scores of others",
    "training_clips_unknown": "nobody knows on which clips the encoder was trained, only of which classes",
}
FLAGS = {  # the same in a word or two
    "oracle": "oracle",
    "kept_overlap": "overlapping classes kept",
    "transductive": "transductive",
    "training_clips_unknown": "training clips unknown",
}
# A role is for clips of the classes of these parts of the split.
_PARTS_OF = {"fit": ("fit",), "val": ("val",), "seen_test": ("fit", "val"), "unseen_test": ("unseen",)}
# The column of the clips table whose values belong either to training or to test, by the name of the protocol.
PROTOCOL_COLUMN = {
    "xsub": "subject",
    "xview": "camera",
    "xset": "setup",
    "leave_one_out": "subject",
    **dict.fromkeys(("groups1", "groups2", "groups3"), "subject"),  # of UCF101
}
_SAME_COSINE = 1 - 1e-6  # equal texts differ by a float32 rounding, different ones by far more


# Everything that reads the labels of test clips, and why. The stages ingest and split write the tables that hold them.
OPENERS = {
    "stage evaluate": "to count what was named right, after all scores are made",
    "stage retrieve": "to write beside the clips that were found",
    "stage bind": "to tell the classes of the clips that it paired",
    "command constraints": "to set constraint sets side by side, after all scores are made",
}


@dataclass(frozen=True)
class Clip:
    """What the audit and the metrics need to know of a test or training clip."""

    class_id: int
    role: str
    split_group: int | str | None  # from the function `split_group`; None where the dataset does not tell
    subject: int | None  # who performs; None where the dataset does not tell
    contents: tuple[str, ...]  # from the function `content`, one for each modality in use


def split_group(clip: ClipRow, protocol: str | None) -> int | str | None:
    """The group of a row of the clips table that must lie whole in training or whole in test, under a protocol.

    Where the dataset has its own lists for the protocol, the group is the side of the list; else it is the subject,
    camera or setup. None where the protocol or the dataset does not tell.
    """
    for side, lists in (("train", clip.train_lists), ("test", clip.test_lists)):
        if protocol in (lists or ()):
            return f"side {side}"
    column = PROTOCOL_COLUMN.get(protocol) if protocol else None
    group: int | None = getattr(clip, column) if column else None
    return group


def content(clip: ClipRow) -> str | None:
    """A name for the recorded bytes of a row of the clips table; two ids with one name are the same clip.

    None where the table has no digest, for example because the file is missing.
    """
    if not clip.content_hash:
        return None
    part = clip.path.partition("#")[2]  # of a file of many clips, which share its digest
    return f"{clip.modality} {clip.content_hash} {part}"


def check_names(class_names: Mapping[int, str], where: str) -> None:
    """Refuse a class list in which two ids have the same name, apart from case and spacing."""
    first: dict[str, int] = {}
    for class_id, name in sorted(class_names.items()):
        plain = " ".join(name.casefold().split())
        if plain in first:
            raise LeakError(
                f"{where}: classes {first[plain]} and {class_id} are both named '{name}'; "
                "a class must have one id, or it could be both seen and unseen"
            )
        first[plain] = class_id


def check_texts(vectors_KD: npt.NDArray[Any], class_ids: Sequence[int], where: str) -> None:
    """Refuse class vectors of the same direction: no method can tell such classes apart."""
    vectors64_KD = vectors_KD.astype(np.float64)
    unit_KD = vectors64_KD / np.maximum(np.linalg.norm(vectors64_KD, axis=1, keepdims=True), 1e-12)
    twins = np.argwhere(np.triu(unit_KD @ unit_KD.T, k=1) >= _SAME_COSINE)
    if len(twins):
        first, second = (class_ids[place] for place in twins[0])
        raise LeakError(f"{where}: classes {first} and {second} have the same text vector; give them different texts")


def check_split(split: str, parts: Mapping[str, Sequence[int]]) -> None:
    """Refuse a split in which a class is in two of fit, val and unseen."""
    roles = sorted(parts)
    for place, role in enumerate(roles):
        for other in roles[place + 1 :]:
            both = sorted(set(parts[role]) & set(parts[other]))
            if both:
                raise LeakError(
                    f"split '{split}': class {both[0]} is both {role} and {other}; "
                    "a class must be seen or unseen: mend the split's params and run `dvc repro split`"
                )


def check_role(line: SplitRow, class_id: int, parts: Mapping[str, Sequence[int]]) -> None:
    """Refuse a row of the split table whose role does not fit its class, or that names the class of a test clip.

    Methods read the table, so it may hold the classes of training clips only. `class_id` is the true class.
    """
    role, named, clip_id = line.role, line.class_id, line.clip_id
    name = f"split '{line.split}'"
    if role in _PARTS_OF and not any(class_id in parts[part] for part in _PARTS_OF[role]):
        raise LeakError(
            f"{name}: clip '{clip_id}' has the role '{role}', its class {class_id} is not one of that role; "
            "run `dvc repro split`"
        )
    if named is not None and role not in ("fit", "val"):
        raise LeakError(f"{name}: tells the class of clip '{clip_id}', whose role is '{role}'; run `dvc repro split`")
    if named not in (None, class_id):
        raise LeakError(
            f"{name}: clip '{clip_id}' of class {class_id} is taught as class {named}; run `dvc repro split`"
        )


def check_provenance(provenance: Provenance, parts: Mapping[str, Sequence[int]]) -> None:
    """Refuse words that are not known, weights that saw an unseen class, and candidates of another label space."""
    name = f"split '{provenance.split}', seed {provenance.seed}"
    for key, known in _WORDS.items():
        if (word := getattr(provenance, key)) not in known:
            raise LeakError(f"{name}: {key} is '{word}', expected one of {known}; rerun the method's stage")
    unseen, seen = set(parts["unseen"]), {*parts["fit"], *parts["val"]}
    trained = sorted(set(provenance.training_classes) & unseen)
    if trained:
        raise LeakError(f"{name}: the weights were trained on the unseen classes {trained}; train on fit classes only")
    strange = sorted(set(provenance.training_classes) - seen)
    if strange:
        raise LeakError(f"{name}: the weights were trained on classes {strange} that the split does not call seen")
    _check_pairs(name, provenance, parts)
    wanted = unseen if provenance.label_space == "unseen" else unseen | seen
    if list(provenance.class_ids) != sorted(wanted):
        odd = sorted(set(provenance.class_ids) ^ wanted)
        raise LeakError(
            f"{name}: candidates of label space '{provenance.label_space}' are not its classes in ascending order; "
            f"they differ in {odd}"
        )


def _check_pairs(name: str, provenance: Provenance, parts: Mapping[str, Sequence[int]]) -> None:
    """Refuse bound clips that `pairs` does not declare, and rows whose inference or selection hides them."""
    if provenance.pairs is None and provenance.paired_classes:
        raise LeakError(
            f"{name}: weights were bound with classes {provenance.paired_classes}, but they do not declare `pairs`; "
            "rerun the method's stage"
        )
    for part in PAIRS_MAY_NOT_HOLD.get(provenance.pairs or "", ()):
        paired = sorted(set(provenance.paired_classes) & set(parts[part]))
        if paired:
            raise LeakError(
                f"{name}: the weights were bound with clips of the {part} classes {paired}, though `pairs` is "
                f"'{provenance.pairs}'; run `dvc repro bind`"
            )
    if (provenance.pairs == "all" or provenance.scored_together) != (provenance.inference == "transductive"):
        raise LeakError(
            f"{name}: inference is '{provenance.inference}', but pairs are '{provenance.pairs}' and clips are scored "
            f"{'together' if provenance.scored_together else 'each by itself'}; rerun the method's stage"
        )
    if provenance.selection == "validation" and set(provenance.paired_classes) & set(parts["val"]):
        raise LeakError(
            f"{name}: chosen on val classes that the weights were bound with: that selection is 'validation_seen'"
        )
    if provenance.selection == "folds" and set(provenance.paired_classes) & {*parts["fit"], *parts["val"]}:
        raise LeakError(f"{name}: chosen on folds of classes that were bound: that selection is 'folds_seen'")


def check_source(provenance: Provenance, namesakes: Mapping[str, str]) -> None:
    """Refuse weights that another dataset has taught an unseen class, by its name or its words.

    `namesakes` maps classes of `provenance.source_classes` to the unseen class that each is. Classes that the row
    declares as kept are allowed. Class ids are not compared: two datasets number different classes.
    """
    where = f"split '{provenance.split}', seed {provenance.seed}"
    if provenance.source is None and (provenance.source_classes or provenance.kept_overlap):
        raise LeakError(
            f"{where}: weights were taught classes of a source, but name no source; rerun the method's stage"
        )
    strange = sorted(set(provenance.kept_overlap) - set(provenance.source_classes))
    if strange:
        raise LeakError(f"{where}: classes {strange} are listed as kept, but not as taught; rerun the method's stage")
    taught = {name: here for name, here in sorted(namesakes.items()) if name not in provenance.kept_overlap}
    if taught:
        pairs = ", ".join(f"'{name}' (here '{here}')" for name, here in taught.items())
        raise LeakError(
            f"{where}: the weights were taught classes of '{provenance.source}' that are unseen here: {pairs}; train "
            "them on a split `without_<ids>` of these, let the row of rest remove them, or set overlap.keep in the "
            "row of cross, which marks every figure"
        )


def check_clips(provenance: Provenance, clip_ids: Iterable[str], clips: Mapping[str, Clip]) -> None:
    """Refuse scored clips that are not test clips, are training clips under another id, or share a training group."""
    name = f"split '{provenance.split}', seed {provenance.seed}"
    roles = TEST_ROLES[provenance.label_space]
    taught = {clip_id: clip for clip_id, clip in clips.items() if clip.role in TRAINING_ROLES}
    training = {clip.split_group for clip in taught.values()} - {None}
    same = {content: clip_id for clip_id, clip in sorted(taught.items()) for content in clip.contents}
    for clip_id in clip_ids:
        clip = clips.get(clip_id)
        if clip is None:
            raise DataError(f"{name}: clip '{clip_id}' is scored but not in the split; rerun the method's stage")
        if clip.role not in roles:
            raise LeakError(f"{name}: clip '{clip_id}' is scored, but its role is '{clip.role}', not a test role")
        if clip.split_group in training:
            raise LeakError(
                f"{name}: test clip '{clip_id}' shares subject (or camera, or list) {clip.split_group} with training"
            )
        if twin := next((same[content] for content in clip.contents if content in same), None):
            raise LeakError(
                f"{name}: test clip '{clip_id}' is the training clip '{twin}' under another id, of the same bytes; "
                "take one of them out of the source folder and scan it again"
            )


def num_shared_subjects(clip_ids: Iterable[str], clips: Mapping[str, Clip]) -> int:
    """How many performers of scored clips are in training too; 0 where the protocol splits by subject."""
    training = {clip.subject for clip in clips.values() if clip.role in TRAINING_ROLES}
    return len({clips[clip_id].subject for clip_id in clip_ids} & training - {None})


def check_training_clips(
    provenance: Provenance, roles: Mapping[str, Iterable[str]], parts: Mapping[str, Sequence[int]]
) -> None:
    """Refuse weights that read labels of clips outside the split's roles fit, or fit and val.

    Comparing classes is not enough: weights trained on all subjects can name the same classes. `roles` holds the ids of
    the split table by role, of all modalities; the role val is allowed where the weights declare the val classes.
    Refuse as well a setting chosen on classes that the encoder was taught, unless `selection` says so.
    """
    if provenance.training_clips is None:
        return
    name = f"split '{provenance.split}', seed {provenance.seed}"
    if provenance.selection == "folds":
        raise LeakError(f"{name}: chosen on folds of classes that the encoder was taught: it is 'folds_seen'")
    if provenance.training_clips == UNKNOWN_CLIPS:
        return
    taught_val = set(parts["val"]) <= set(provenance.training_classes)
    allowed = [TRAINING_ROLES[:1], TRAINING_ROLES] if taught_val else [TRAINING_ROLES[:1]]
    digests = [clips_digest(clip_id for role in names for clip_id in roles[role]) for names in allowed]
    if provenance.training_clips not in digests:
        expected = " or ".join(" and ".join(names) for names in allowed)
        raise LeakError(
            f"{name}: the encoder was trained on other clips than those that the split calls {expected}, perhaps of "
            "other subjects; train it with this split table"
        )
    # `both` trains the encoder again once the setting is chosen.
    chosen_by_fit = provenance.refit == "both" or provenance.training_clips == digests[0]
    if provenance.selection == "validation" and not chosen_by_fit:
        raise LeakError(f"{name}: chosen on val classes that the encoder was taught: it is 'validation_seen'")


def leaks(provenance: Provenance, selection: str) -> list[str]:
    """The words of LEAKS that apply to a figure; empty for plain zero-shot."""
    holds_of = {
        "oracle": selection == "oracle",
        "kept_overlap": bool(provenance.kept_overlap),
        "transductive": provenance.inference == "transductive",
        "training_clips_unknown": provenance.training_clips == UNKNOWN_CLIPS,
    }
    return [word for word, holds in holds_of.items() if holds]
