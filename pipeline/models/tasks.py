"""Tasks: the features, class texts and roles of one (split, seed), joined by id; whatever leaks is refused here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import groups, store, tables
from pipeline.core.errors import DataError
from pipeline.core.hashing import array_digest, value_digest
from pipeline.core.rejects import Rejects
from pipeline.core.schemas import SPLIT
from pipeline.models.innocence import Saw, saw
from pipeline.models.methods.shared import Array, ClassTexts, Clips, class_texts, text_group

ROLES = ("fit", "val", "unseen_test")  # which every task uses
OF_UNSEEN = ("unseen", "all")  # label spaces in which test clips of unseen classes are scored

Line = dict[str, Any]  # of the split table
Classes = dict[str, list[int]]  # class ids by role: fit, val, unseen


@dataclass(frozen=True)
class Inputs:
    """Where the inputs stand."""

    features: Path
    embeddings: Path  # of the class texts
    split: Path


@dataclass(frozen=True)
class Asked:
    """What a row asks for."""

    dataset: str
    split_table: str
    splits: Sequence[str]
    seeds: Sequence[int]
    max_missing: float  # share of a split's clips that may have no features
    spaces: Sequence[str] = OF_UNSEEN  # which label spaces are scored; `gzsl`: test clips of seen classes too

    @property
    def roles(self) -> tuple[str, ...]:
        """Of the clips that are needed."""
        return (*ROLES, "seen_test") if "gzsl" in self.spaces else ROLES


@dataclass(frozen=True)
class Source:
    """The features of one encoder."""

    features: store.Store
    group: str
    saw: Saw
    weights_hash: str | None

    @property
    def senses(self) -> tuple[str, ...]:
        """Whose vectors stand end to end; none where the store does not say."""
        return tuple(self.features.attrs.get("senses", ()))


@dataclass(frozen=True)
class _Found:
    rows: list[Line]
    num_missing: int


@dataclass(frozen=True)
class Task:
    """One (split, seed): who is learnt from, who is selected on, who is scored."""

    split: str
    seed: int
    fit: Clips
    val: Clips
    val_classes: list[int]
    test_ids: list[str]  # of the unseen classes
    test_ND: Array
    seen_test_ids: list[str]  # of the seen classes: none where no label space asks for them
    seen_test_ND: Array
    spaces: dict[str, list[int]]  # candidates of each label space, ascending
    encoder_classes: list[int]  # which the features' encoder was trained on
    pairs: str | None  # which clips it was bound with, a word of core.scores; None: it was not bound
    paired_classes: list[int]  # of those clips
    texts: ClassTexts
    num_missing: int  # clips of these roles without features
    pretrained: str | None  # the weights of the web that the features' encoder began as; nobody knows what they saw
    one_space: bool  # features and texts may be compared: nothing says that they are of different weights

    @property
    def name(self) -> str:
        """As in file and group names."""
        return f"{self.split}-{self.seed}"

    @property
    def digest(self) -> str:
        """Of everything that is learnt from, selected on and scored."""
        texts = [self.texts.label_KT, *([] if self.texts.context_KT is None else [self.texts.context_KT])]
        arrays = [self.fit.features_ND, self.val.features_ND, self.test_ND, self.seen_test_ND, *texts]
        clips = [self.fit.class_ids, self.val.class_ids, self.test_ids, self.seen_test_ids, self.fit.senses]
        classes = [self.val_classes, self.spaces, self.encoder_classes, self.texts.class_ids]
        return value_digest([self.split, self.seed, clips, classes, [array_digest(array) for array in arrays]])

    @property
    def selection(self) -> str:
        """What to call a choice made on the val clips: an encoder that was trained or bound with them is flattered."""
        known = {*self.encoder_classes, *self.paired_classes}
        return "validation_seen" if known & set(self.val_classes) else "validation"

    @property
    def inference(self) -> str:
        """How a score comes about: transductive where clips of unseen classes, without labels, took part in binding."""
        return "transductive" if self.pairs == "all" else "inductive"

    def tested(self, space: str) -> tuple[list[str], Array]:
        """Ids, sorted, and vectors of the clips that are scored in a label space."""
        if space != "gzsl":
            return self.test_ids, self.test_ND
        ids = [*self.test_ids, *self.seen_test_ids]
        order = sorted(range(len(ids)), key=ids.__getitem__)
        return [ids[place] for place in order], np.concatenate([self.test_ND, self.seen_test_ND])[order]

    def training(self, refit: str) -> Clips:
        """The clips of the last training."""
        if refit == "none":
            return self.fit
        features_ND = np.concatenate([self.fit.features_ND, self.val.features_ND])
        return Clips(features_ND, self.fit.class_ids + self.val.class_ids, self.fit.senses)


def joined(inputs: Inputs, asked: Asked) -> list[Task]:
    """The tasks of a row, one a (split, seed).

    Raises LeakError for features of an encoder that saw an unseen or val class, DataError for inputs that do not fit.
    """
    features, texts = store.Store(inputs.features, made_by(inputs.features)), store.Store(inputs.embeddings, "embed")
    meta = tables.read_meta(inputs.split, SPLIT)
    for path, attrs in ((inputs.features, features.attrs), (inputs.embeddings, texts.attrs), (inputs.split, meta)):
        if attrs["dataset"] != asked.dataset or attrs.get("split_table", asked.split_table) != asked.split_table:
            raise DataError(
                f"{path}: not of dataset '{asked.dataset}', split table '{asked.split_table}'; mend params.yaml"
            )
    unknown = sorted(set(asked.splits) - set(meta["splits"]))
    if unknown:
        raise DataError(f"{inputs.split}: no split {unknown}, there are {sorted(meta['splits'])}; mend params.yaml")
    rows = [row for row in tables.read_rows(inputs.split, SPLIT) if row["role"] in asked.roles and not row["held_out"]]
    tasks = []
    for split in asked.splits:
        of_split = [row for row in rows if row["split"] == split]
        for seed in asked.seeds:
            group = _group(features, split, seed)
            weights_hash = features.group_attrs(group).get("weights_hash")
            source = Source(features, group, saw(features, group, split, meta["splits"][split]), weights_hash)
            found = _there(source, of_split, asked)
            tasks.append(_task((split, seed), source, texts, meta["splits"][split], found, asked))
    return tasks


def made_by(features: Path) -> str:
    """The stage that writes a store of features, as its folder says."""
    return next((name for name in reversed(features.parent.parts) if name in ("adopt", "bind")), "extract")


def _task(
    name: tuple[str, int], source: Source, texts: store.Store, classes: Classes, found: _Found, asked: Asked
) -> Task:
    split, seed = name
    used = {role: [row for row in found.rows if row["role"] == role] for role in asked.roles}
    empty = [role for role, rows in used.items() if not rows]
    if empty:
        raise DataError(f"split '{split}': no clips with features in {empty}; run `dvc repro split extract`")
    everything = sorted({*classes["fit"], *classes["val"], *classes["unseen"]})
    seen_test = used.get("seen_test", [])
    return Task(
        split=split,
        seed=seed,
        fit=_clips(source, used["fit"]),
        val=_clips(source, used["val"]),
        val_classes=sorted(classes["val"]),
        test_ids=[row["clip_id"] for row in used["unseen_test"]],
        test_ND=_vectors(source, used["unseen_test"]),
        seen_test_ids=[row["clip_id"] for row in seen_test],
        seen_test_ND=_vectors(source, seen_test),
        spaces={space: sorted(classes["unseen"]) if space == "unseen" else everything for space in asked.spaces},
        encoder_classes=source.saw.training_classes,
        pairs=source.saw.pairs,
        paired_classes=source.saw.paired_classes,
        texts=class_texts(texts, everything, seed),
        num_missing=found.num_missing,
        pretrained=source.saw.pretrained,
        one_space=_text_weights(texts, seed) in (source.weights_hash, None) or source.weights_hash is None,
    )


def _text_weights(texts: store.Store, seed: int) -> str | None:
    """The hash of the weights that made the texts' vectors, where the store says it."""
    of_seed = texts.group_attrs(text_group(texts, "label", seed)).get("weights_hash")
    found: str | None = of_seed or texts.attrs.get("weights_hash")
    return found


def _group(features: store.Store, split: str, seed: int) -> str:
    """The features of a split's encoder."""
    chosen = groups.of_run(features.groups(), split, seed)
    if chosen is None:
        raise DataError(
            f"{features.path}: no features for split '{split}', seed {seed}: its groups are {features.groups()}; "
            "add the split or the seed to the rows of pretrain, finetune or bind, and extract"
        )
    return chosen


def _there(source: Source, rows: Sequence[Line], asked: Asked) -> _Found:
    """The clips with features. Raises DataError if too many have none."""
    there = set(source.features.ids(source.group))
    rejects = Rejects(f"{source.features.path}, group '{source.group}'")
    for clip_id in (row["clip_id"] for row in rows):
        if clip_id not in there:
            rejects.add(clip_id, "no features: preprocess left it out or never had it")
    rejects.check(total=len(rows), at_most=asked.max_missing)
    return _Found([row for row in rows if row["clip_id"] in there], len(rejects.rows))


def _clips(source: Source, rows: Sequence[Line]) -> Clips:
    return Clips(_vectors(source, rows), tuple(row["class_id"] for row in rows), source.senses)


def _vectors(source: Source, rows: Sequence[Line]) -> Array:
    vectors_ND = source.features.rows(source.group, "pooled", [row["clip_id"] for row in rows])
    if vectors_ND.ndim != 2 or not np.isfinite(vectors_ND).all():
        raise DataError(
            f"{source.features.path}: group '{source.group}': expected finite vectors (clips, size), found shape "
            f"{vectors_ND.shape}; run `dvc repro extract`"
        )
    return vectors_ND.astype(np.float32, copy=False)
