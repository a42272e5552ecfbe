"""What the encoder behind features was trained on, as their store says; leaks of unseen classes are refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.core import store
from pipeline.core.errors import LeakError
from pipeline.core.roles import UNKNOWN_CLIPS
from pipeline.core.scores import PAIRS, PAIRS_MAY_NOT_HOLD

Classes = Mapping[str, Sequence[int]]  # class ids by role: fit, val, unseen


@dataclass(frozen=True)
class OtherDataset:
    """What an encoder learned from another dataset than that of its features."""

    source: str  # that dataset
    names: list[str]  # of its classes
    kept_overlap: list[str]  # those of them that a filter would have removed as classes of a target


@dataclass(frozen=True)
class EncoderHistory:
    """What the encoder of one group of features was trained on."""

    training_classes: list[int]  # whose labels or texts any weight was trained on, ascending
    pairs: (
        str | None
    )  # which clips were bound to those of the hub: a word of core.scores; None: the encoder was not bound
    paired_classes: list[int]  # of those clips, ascending
    pretrained: str | None  # the web-scale weights that the encoder started from
    elsewhere: "OtherDataset | None"  # None: nothing was learnt from another dataset
    # Digest of the clips of this dataset whose labels the encoder was trained on; `UNKNOWN_CLIPS` where its store names
    # classes but no clips; None: no such label.
    training_clips: str | None


def checked_history(features: store.Store, group: str, split: str, classes: Classes) -> EncoderHistory:
    """What a group's encoder was trained on. Raises LeakError where it saw unseen classes, or val classes unduly.

    Val classes are allowed for adopted features, for an encoder that belongs to no split, such as CLIP, and for one
    bound to such an encoder. Pairs of val classes are allowed where the store says so. A choice made on val classes is
    then called `validation_seen`. Pairs of unseen classes, without labels, are allowed where the store says `all`.
    """
    attrs = features.group_attrs(group)
    where = f"{features.path}: group '{group}'"
    trained = attrs.get("training_classes")
    if trained is None:
        raise LeakError(f"{where} does not say what its encoder was trained on")
    pairs, paired = _paired(where, features.attrs, attrs)

    def refuse(verb: str, class_ids: Sequence[int], role: str, remedy: str) -> None:
        leaked = sorted(set(class_ids) & set(classes[role]))
        if leaked:
            raise LeakError(
                f"{features.path}: the encoder of group '{group}' was {verb} classes {leaked}, which split '{split}' "
                f"calls {role}; {remedy}"
            )

    refuse("trained on", trained, "unseen", "train it on seen classes")
    if not (attrs.get("adopted") or pairs or group.partition("-")[0] == "all"):
        refuse("trained on", trained, "val", "selection needs one trained on `fit`")
    for role in PAIRS_MAY_NOT_HOLD.get(pairs or "", ()):
        refuse("bound with clips of", paired, role, f"pairs are said to be of `{pairs}`; run `dvc repro bind`")
    elsewhere = _elsewhere(where, features.attrs["dataset"], attrs)
    clips = attrs.get("training_clips", UNKNOWN_CLIPS if trained else None)
    return EncoderHistory(sorted(trained), pairs, sorted(paired), attrs.get("pretrained"), elsewhere, clips)


def _elsewhere(where: str, dataset: str, attrs: Mapping[str, Any]) -> OtherDataset | None:
    """What the encoder learned from another dataset, by class names: its ids are those of that dataset."""
    source, names = attrs.get("source", dataset), attrs.get("training_names")
    if source == dataset:
        if names is not None and len(names) > len(set(attrs["training_classes"])):
            raise LeakError(
                f"{where} was taught {len(names)} classes, of which {len(set(attrs['training_classes']))} are of "
                f"'{dataset}': the features that it learnt from knew another dataset; learn from such as knew none"
            )
        return None
    if names is None:
        raise LeakError(f"{where} does not say which classes of '{source}' its encoder was taught; extract it again")
    return OtherDataset(source, sorted(names), sorted(attrs.get("kept_overlap", [])))


def _paired(where: str, of_store: Mapping[str, Any], attrs: Mapping[str, Any]) -> tuple[str | None, list[int]]:
    """Which clips were bound, and their classes; none for a frozen hub. A store that names its senses must say both."""
    pairs, paired = attrs.get("pairs"), attrs.get("paired_classes")
    if "senses" in of_store and ("pairs" not in attrs or paired is None):
        raise LeakError(f"{where} does not say which clips its encoder was bound with; run `dvc repro bind`")
    if pairs not in (*PAIRS, None) or (pairs is None and paired):
        raise LeakError(f"{where}: pairs is {pairs!r}, expected one of {PAIRS}; run `dvc repro bind`")
    return (pairs, paired) if paired else (None, [])
