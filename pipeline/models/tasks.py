"""Tasks: the features, class texts and roles of one (split, seed), joined by id; whatever leaks is refused here."""

# Shapes: N clips, D feature size.
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pipeline.core import store, tables
from pipeline.core.errors import DataError
from pipeline.core.hashing import array_digest, value_digest
from pipeline.core.schemas import PROMPTS, SPLIT, SplitRow
from pipeline.core.scores import Provenance
from pipeline.labels.overlap import same_name, same_words
from pipeline.models.clip_vectors import POOLED, Encoded, Reading, encoded, opened
from pipeline.models.methods.shared import Array, ClassTexts, Clips, class_texts, text_weights
from pipeline.models.text_space import TextSpace

ROLES = ("fit", "val", "unseen_test")  # which every task uses
OF_UNSEEN = ("unseen", "all")  # label spaces in which test clips of unseen classes are scored

Classes = dict[str, list[int]]  # class ids by role: fit, val, unseen


@dataclass(frozen=True)
class Inputs:
    """Where the inputs stand."""

    features: Path
    embeddings: Path  # of the class texts
    split: Path
    refit_features: Path | None = None  # of an encoder that was trained on all seen classes, for `refit: both`


@dataclass(frozen=True)
class TaskRequest:
    """What a row asks for."""

    dataset: str
    split_table: str
    splits: Sequence[str]
    seeds: Sequence[int]
    max_missing: float  # share of a split's clips that may have no features
    spaces: Sequence[str] = OF_UNSEEN  # which label spaces are scored; `gzsl`: test clips of seen classes too
    reading: Reading = POOLED  # what of a clip its features are

    @property
    def roles(self) -> tuple[str, ...]:
        """Of the clips that are needed."""
        return (*ROLES, "seen_test") if self.generalised else ROLES

    @property
    def generalised(self) -> bool:
        """Whether clips of seen classes are scored too, which takes clips that nothing was trained on."""
        return "gzsl" in self.spaces


@dataclass(frozen=True)
class Elsewhere:
    """What a task learns from another dataset than the one whose clips are scored."""

    source: str  # that dataset; of several their names, joined by "+"
    encoder_names: list[str]  # of its classes that the encoder was taught
    names: Mapping[int, str]  # of the classes of the clips to learn from, by their ids here, where those are of it
    kept_overlap: list[str]  # names of what was taught though it is a class of the tested dataset


@dataclass(frozen=True)
class Task:
    """One (split, seed): who is learnt from, who is selected on, who is scored."""

    split: str
    seed: int
    fit: Clips
    val: Clips
    val_classes: list[int]
    unseen: list[int]  # classes, ascending
    held_out: Clips  # of fit classes, never trained on: none where no label space asks for them
    test_ids: list[str]  # of the unseen classes
    test_ND: Array
    seen_test_ids: list[str]  # of the seen classes: none where no label space asks for them
    seen_test_ND: Array
    spaces: dict[str, list[int]]  # candidates of each label space, ascending
    encoder_classes: list[int]  # which the features' encoder was trained on
    training_clips: str | None  # digest of the clips whose labels it was taught; None: of this dataset none
    pairs: str | None  # which clips it was bound with, a word of core.scores; None: it was not bound
    paired_classes: list[int]  # of those clips
    texts: ClassTexts
    num_missing: int  # clips of these roles without features
    pretrained: str | None  # the weights of the web that the features' encoder began as; nobody knows what they saw
    one_space: bool  # features and texts may be compared: nothing says that they are of different weights
    elsewhere: Elsewhere | None = None
    again: "Task | None" = None  # the same with features of an encoder that was trained on all seen classes
    tests: Mapping[str, list[int]] = field(default_factory=dict)  # of splits that are spaces: places in test_ids
    text_space: TextSpace | None = None  # among which texts the features lie, as their encoder says

    @property
    def name(self) -> str:
        """As in file and group names."""
        return f"{self.split}-{self.seed}"

    @property
    def digest(self) -> str:
        """Of everything that is learnt from, selected on and scored."""
        texts = [self.texts.label_KT, *([] if self.texts.context_KT is None else [self.texts.context_KT])]
        texts += [self.texts.further[kind] for kind in sorted(self.texts.further)]
        clips_of = (self.fit, self.val, self.held_out)
        arrays = [*(clips.features_ND for clips in clips_of), self.test_ND, self.seen_test_ND, *texts]
        clips = [*(clips.class_ids for clips in clips_of), self.test_ids, self.seen_test_ids, self.fit.senses]
        classes = [
            sorted(self.texts.further),
            self.val_classes,
            self.unseen,
            self.spaces,
            self.encoder_classes,
            self.texts.class_ids,
            dict(self.tests),
        ]
        if self.again is not None:
            classes.append(self.again.digest)
        if self.elsewhere is not None:
            classes.append([self.elsewhere.source, self.elsewhere.encoder_names, sorted(self.elsewhere.names.items())])
        return value_digest([self.split, self.seed, clips, classes, [array_digest(array) for array in arrays]])

    def selection(self, by: str) -> str:
        """What to call a choice made `by` val classes, or by folds of all seen classes.

        An encoder that was trained or bound with the classes that stand in for unseen ones flatters them.
        """
        known = {*self.encoder_classes, *self.paired_classes}
        of = {*self.val_classes, *(self.fit.class_ids if by == "folds" else ())}
        word = "folds" if by == "folds" else "validation"
        return f"{word}_seen" if known & of else word

    @property
    def inference(self) -> str:
        """How a score comes about: transductive where clips of unseen classes, without labels, took part in binding."""
        return "transductive" if self.pairs == "all" else "inductive"

    def tested(self, space: str) -> tuple[list[str], Array]:
        """Ids, sorted, and vectors of the clips that are scored in a label space."""
        if space in self.tests:
            places = self.tests[space]
            return [self.test_ids[place] for place in places], self.test_ND[places]
        if space != "gzsl":
            return self.test_ids, self.test_ND
        ids = [*self.test_ids, *self.seen_test_ids]
        order = sorted(range(len(ids)), key=ids.__getitem__)
        return [ids[place] for place in order], np.concatenate([self.test_ND, self.seen_test_ND])[order]

    def last(self, refit: str) -> "Task":
        """The task of the last training and of the scores: another where the encoder is trained again too."""
        return self.again if refit == "both" and self.again is not None else self

    def training(self, refit: str) -> Clips:
        """The clips of the last training."""
        if refit == "none":
            return self.fit
        features_ND = np.concatenate([self.fit.features_ND, self.val.features_ND])
        return replace(self.fit, features_ND=features_ND, class_ids=self.fit.class_ids + self.val.class_ids)

    def training_classes(self, refit: str) -> list[int]:
        """Every class of the tested dataset that the encoder or the method was trained on, ascending."""
        return sorted({*self.encoder_classes, *self.training(refit).class_ids} - self._foreign)

    def source_classes(self, refit: str) -> list[str]:
        """The names of all classes of another dataset that the encoder or the method was taught, sorted."""
        if self.elsewhere is None:
            return []
        learnt = {self.elsewhere.names[c] for c in self.training(refit).class_ids if c in self.elsewhere.names}
        return sorted({*self.elsewhere.encoder_names, *learnt})

    def provenance(
        self,
        space: str,
        *,
        selection: str,
        refit: str,
        settings: list[str],
        selected: int,
        calibration: list[float] | None = None,
        scored_together: bool = False,
    ) -> Provenance:
        """What must be known of the scores in a label space, or in a split that stands in its place.

        With `scored_together` those of a clip depend on the other test clips.
        """
        afar, taught = self.elsewhere, self.source_classes(refit)
        kept = sorted(set(afar.kept_overlap) & {*taught, *self._chosen_by}) if afar else []
        return Provenance(
            split=space if space in self.tests else self.split,
            seed=self.seed,
            label_space="unseen" if space in self.tests else space,
            inference="transductive" if scored_together else self.inference,
            selection=selection,
            refit=refit,
            settings=settings,
            selected=selected,
            class_ids=self.spaces[space],
            training_classes=self.training_classes(refit),
            pairs=self.pairs,
            paired_classes=sorted(set(self.paired_classes) - self._foreign),
            pretrained=self.pretrained,
            source=afar.source if afar else None,
            source_classes=sorted({*taught, *kept}),
            kept_overlap=kept,
            training_clips=self.training_clips,
            calibration=calibration,
            scored_together=scored_together,
        )

    @property
    def _chosen_by(self) -> set[str]:
        """Names of classes of another dataset by whose clips a setting is chosen."""
        names = self.elsewhere.names if self.elsewhere else {}
        return {names[class_id] for class_id in self.val.class_ids if class_id in names}

    @property
    def _foreign(self) -> set[int]:
        """Ids that here stand for classes of another dataset."""
        return set(self.elsewhere.names) if self.elsewhere else set()


def build_tasks(inputs: Inputs, asked: TaskRequest) -> list[Task]:
    """The tasks of a row, one a (split, seed).

    Raises LeakError for features of an encoder that saw an unseen or val class, DataError for inputs that do not fit.
    """
    features, texts = opened(inputs.features), store.Store(inputs.embeddings, "embed")
    again = _refit_features(inputs)
    parts = checked(inputs, asked.dataset, asked.split_table, asked.splits)
    rows = [row for row in tables.read(inputs.split, SPLIT) if _is_asked(row, asked)]
    tasks = []
    for split in asked.splits:
        of_split = [row for row in rows if row.split == split]
        for seed in asked.seeds:
            source = _with_namesakes(encoded(features, split, seed, parts[split]), inputs.split, parts[split])
            task = _task((split, seed), source, texts, parts[split], of_split, asked)
            if again is not None:
                seen = _trained_again(again, split, seed, parts[split])
                task = replace(task, again=_task((split, seed), seen, texts, parts[split], of_split, asked))
            tasks.append(task)
    return tasks


def _refit_features(inputs: Inputs) -> store.Store | None:
    """The features of `refit: both`. Raises DataError unless they differ from the others by their weights alone."""
    if inputs.refit_features is None:
        return None
    features, again = opened(inputs.features), opened(inputs.refit_features)
    for name in ("dataset", "modality", "encoder"):
        if features.attrs[name] != again.attrs[name]:
            raise DataError(
                f"{again.path}: {name} '{again.attrs[name]}', but '{features.attrs[name]}' in {features.path}; name "
                "features of the same encoder, trained on all seen classes"
            )
    return again


def _trained_again(features: store.Store, split: str, seed: int, classes: Classes) -> Encoded:
    """The features of an encoder that was taught all seen classes. DataError for one that was not."""
    source = encoded(features, split, seed, {"fit": [], "val": [], "unseen": classes["unseen"]})
    missing = sorted({*classes["fit"], *classes["val"]} - set(source.saw.training_classes))
    if missing:
        raise DataError(
            f"{features.path}: the encoder of group '{source.group}' was not trained on the seen classes {missing} of "
            f"split '{split}'; `refit: both` needs features of a row of pretrain with `classes: seen`"
        )
    return source


def _is_asked(row: SplitRow, asked: TaskRequest) -> bool:
    return row.role in asked.roles and (asked.generalised or not row.held_out)


def _with_namesakes(source: Encoded, split: Path, classes: Classes) -> Encoded:
    """With the val classes that another dataset has taught the encoder by their names or words among its classes."""
    if source.saw.elsewhere is None:
        return source
    names = tables.read_meta(split, SPLIT)["class_names"]
    val, taught = {names[class_id]: class_id for class_id in classes["val"]}, source.saw.elsewhere.names
    known = {*same_name(list(val), taught), *same_words(list(val), taught)}
    found = sorted({*source.saw.training_classes, *(val[name] for name in known)})
    return replace(source, saw=replace(source.saw, training_classes=found))


def checked(inputs: Inputs, dataset: str, split_table: str, splits: Sequence[str]) -> dict[str, Classes]:
    """The classes of every split of the table. Raises DataError for inputs that are not what a row means by them."""
    meta = tables.read_meta(inputs.split, SPLIT)
    told = [(inputs.features, opened(inputs.features).attrs), (inputs.split, meta)]
    told.insert(1, (inputs.embeddings, store.Store(inputs.embeddings, "embed").attrs))
    for path, attrs in told:
        if attrs["dataset"] != dataset or attrs.get("split_table", split_table) != split_table:
            table = f", split table '{attrs['split_table']}'" if "split_table" in attrs else ""
            raise DataError(
                f"{path}: not of dataset '{dataset}', split table '{split_table}', but of '{attrs['dataset']}'{table}; "
                "mend params.yaml"
            )
    unknown = sorted(set(splits) - set(meta["splits"]))
    if unknown:
        raise DataError(f"{inputs.split}: no split {unknown}, there are {sorted(meta['splits'])}; mend params.yaml")
    found: dict[str, Classes] = meta["splits"]
    return found


def used(rows: Sequence[SplitRow], roles: Sequence[str], split: str) -> dict[str, list[SplitRow]]:
    """The rows of each role. Raises DataError for a role that nobody has."""
    found = {role: [row for row in rows if row.role == role] for role in roles}
    empty = [role for role, of_role in found.items() if not of_role]
    if empty:
        raise DataError(f"split '{split}': no clips with features in {empty}; run `dvc repro split extract`")
    return found


def _task(
    name: tuple[str, int],
    source: Encoded,
    texts: store.Store,
    classes: Classes,
    rows: Sequence[SplitRow],
    asked: TaskRequest,
) -> Task:
    split, seed = name
    if not classes["fit"]:
        raise DataError(
            f"split '{split}': it is of a target, which trains nobody; a row of cross learns from another dataset and "
            "scores it"
        )
    found, num_missing = source.there(rows, asked.max_missing)
    by_role = used([row for row in found if not row.held_out], asked.roles, split)
    held_out = [row for row in found if row.held_out]
    if asked.generalised and not held_out:
        raise DataError(
            f"split '{split}': no held-out clips with features, by which the label space gzsl is calibrated; "
            "run `dvc repro split extract`"
        )
    everything = sorted({*classes["fit"], *classes["val"], *classes["unseen"]})
    seen_test = by_role.get("seen_test", [])
    taught = source.saw.elsewhere
    return Task(
        split=split,
        seed=seed,
        fit=source.clips(by_role["fit"], asked.reading),
        val=source.clips(by_role["val"], asked.reading),
        val_classes=sorted(classes["val"]),
        unseen=sorted(classes["unseen"]),
        held_out=source.clips(held_out, asked.reading),
        test_ids=[row.clip_id for row in by_role["unseen_test"]],
        test_ND=source.vectors(by_role["unseen_test"], asked.reading),
        seen_test_ids=[row.clip_id for row in seen_test],
        seen_test_ND=source.vectors(seen_test, asked.reading),
        spaces={space: sorted(classes["unseen"]) if space == "unseen" else everything for space in asked.spaces},
        encoder_classes=source.saw.training_classes,
        training_clips=source.saw.training_clips,
        pairs=source.saw.pairs,
        paired_classes=source.saw.paired_classes,
        texts=class_texts(texts, everything, seed),
        num_missing=num_missing,
        pretrained=source.saw.pretrained,
        one_space=in_one_space(source, texts, seed),
        elsewhere=Elsewhere(taught.source, taught.names, {}, taught.kept_overlap) if taught else None,
        text_space=source.text_space,
    )


def class_names(prompts: Path) -> dict[int, str]:
    """Names by class id, from the table of class texts."""
    return {line.class_id: line.class_name for line in tables.read(prompts, PROMPTS)}


def in_one_space(source: Encoded, texts: store.Store, seed: int) -> bool:
    """Whether features and texts may be compared: nothing says that they are of different weights.

    Features whose encoder has kept its map to texts lie among those that taught it, whatever its own weights are.
    """
    kept = source.text_space
    known = source.weights_hash if kept is None else kept.weights_hash
    return text_weights(texts, seed) in (known, None) or known is None
