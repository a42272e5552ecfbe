"""The tasks of a row: features, class texts and roles joined by id; whatever leaks is refused here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.core import split_table as split_tables
from pipeline.core import store, tables
from pipeline.core.errors import DataError
from pipeline.core.schemas import PROMPTS, SplitRow
from pipeline.core.split_table import Classes, SplitTable
from pipeline.labels.overlap import same_name, same_words
from pipeline.models.clip_vectors import POOLED, Encoded, Reading, encoded, open_features
from pipeline.models.methods.shared import text_weights
from pipeline.models.stored_texts import StoredTexts
from pipeline.models.task import SourceDataset, Task

ROLES = ("fit", "val", "unseen_test")  # which every task uses
OF_UNSEEN = ("unseen", "all")  # label spaces in which test clips of unseen classes are scored


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
class Opened:
    """The inputs of one dataset, each opened once."""

    features: store.Store
    embeddings: store.Store
    split: SplitTable


def open_inputs(inputs: Inputs, dataset: str, split_table: str, splits: Sequence[str]) -> Opened:
    """Inputs that belong together, with the rows of some splits. DataError where they are not what a row says."""
    opened = Opened(
        open_features(inputs.features),
        store.Store(inputs.embeddings, "embed"),
        split_tables.read(inputs.split, splits),
    )
    meta = opened.split.meta
    for path, attrs in (
        (inputs.features, opened.features.attrs),
        (inputs.embeddings, opened.embeddings.attrs),
        (inputs.split, meta),
    ):
        if attrs["dataset"] != dataset or attrs.get("split_table", split_table) != split_table:
            table = f", split table '{attrs['split_table']}'" if "split_table" in attrs else ""
            raise DataError(
                f"{path}: not of dataset '{dataset}', split table '{split_table}', but of '{attrs['dataset']}'{table}; "
                "mend params.yaml"
            )
    unknown = sorted(set(splits) - set(meta["splits"]))
    if unknown:
        raise DataError(f"{inputs.split}: no split {unknown}, there are {sorted(meta['splits'])}; mend params.yaml")
    return opened


def build_tasks(inputs: Inputs, request: TaskRequest) -> list[Task]:
    """The tasks of a row, one a (split, seed).

    Raises LeakError for features of an encoder that saw an unseen or val class, DataError for inputs that do not fit.
    """
    opened = open_inputs(inputs, request.dataset, request.split_table, request.splits)
    features, splits = opened.features, opened.split.splits
    refit = _refit_features(features, inputs.refit_features)
    known = {class_id for split in request.splits for class_ids in splits[split].values() for class_id in class_ids}
    texts = StoredTexts(opened.embeddings, known)
    tasks = []
    for split in request.splits:
        rows = [row for row in opened.split.rows[split] if _is_needed(row, request)]
        for seed in request.seeds:
            joint = _Joint(split, seed, texts, splits[split], rows, request)
            source = encoded(features, split, seed, joint.classes)
            task = _task(joint, _with_namesakes(source, opened.split, joint.classes))
            if refit is not None:
                task = replace(task, refitted=_task(joint, _trained_again(refit, split, seed, joint.classes)))
            tasks.append(task)
    return tasks


def _refit_features(features: store.Store, path: Path | None) -> store.Store | None:
    """The features of `refit: both`. Raises DataError unless they differ from the others by their weights alone."""
    if path is None:
        return None
    refit = open_features(path)
    for name in ("dataset", "modality", "encoder"):
        if features.attrs[name] != refit.attrs[name]:
            raise DataError(
                f"{path}: {name} '{refit.attrs[name]}', but '{features.attrs[name]}' in {features.path}; name "
                "features of the same encoder, trained on all seen classes"
            )
    return refit


def _trained_again(features: store.Store, split: str, seed: int, classes: Classes) -> Encoded:
    """The features of an encoder that was trained on all seen classes. DataError for one that was not."""
    source = encoded(features, split, seed, {"fit": [], "val": [], "unseen": classes["unseen"]})
    missing = sorted({*classes["fit"], *classes["val"]} - set(source.history.training_classes))
    if missing:
        raise DataError(
            f"{features.path}: the encoder of group '{source.group}' was not trained on the seen classes {missing} of "
            f"split '{split}'; `refit: both` needs features of a row of pretrain with `classes: seen`"
        )
    return source


def _is_needed(row: SplitRow, request: TaskRequest) -> bool:
    return row.role in request.roles and (request.generalised or not row.held_out)


def _with_namesakes(source: Encoded, split: SplitTable, classes: Classes) -> Encoded:
    """Count val classes as trained on if the encoder was taught classes of another dataset with their name or words."""
    if source.history.elsewhere is None:
        return source
    names = split.meta["class_names"]
    val, taught = {names[class_id]: class_id for class_id in classes["val"]}, source.history.elsewhere.names
    known = {*same_name(list(val), taught), *same_words(list(val), taught)}
    training_classes = sorted({*source.history.training_classes, *(val[name] for name in known)})
    return replace(source, history=replace(source.history, training_classes=training_classes))


def by_role(rows: Sequence[SplitRow], roles: Sequence[str], split: str) -> dict[str, list[SplitRow]]:
    """The rows of each role. Raises DataError for a role without rows."""
    rows_of = {role: [row for row in rows if row.role == role] for role in roles}
    empty = [role for role, of_role in rows_of.items() if not of_role]
    if empty:
        raise DataError(f"split '{split}': no clips with features in {empty}; run `dvc repro split extract`")
    return rows_of


@dataclass(frozen=True)
class _Joint:
    """What a task is made of beside its features."""

    split: str
    seed: int
    texts: StoredTexts
    classes: Classes
    rows: Sequence[SplitRow]
    request: TaskRequest


def _task(joint: _Joint, source: Encoded) -> Task:
    split, classes, request = joint.split, joint.classes, joint.request
    if not classes["fit"]:
        raise DataError(
            f"split '{split}': a split of a target, with no classes to train on; a row of cross learns from another "
            "dataset and scores it"
        )
    rows, num_missing = source.with_features(joint.rows, request.max_missing)
    rows_of = by_role([row for row in rows if not row.held_out], request.roles, split)
    held_out = [row for row in rows if row.held_out]
    if request.generalised and not held_out:
        raise DataError(
            f"split '{split}': no held-out clips with features, by which the label space gzsl is calibrated; "
            "run `dvc repro split extract`"
        )
    every_class = sorted({*classes["fit"], *classes["val"], *classes["unseen"]})
    seen_test = rows_of.get("seen_test", [])
    taught = source.history.elsewhere
    return Task(
        split=split,
        seed=joint.seed,
        fit=source.clips(rows_of["fit"], request.reading),
        val=source.clips(rows_of["val"], request.reading),
        val_classes=sorted(classes["val"]),
        unseen=sorted(classes["unseen"]),
        held_out=source.clips(held_out, request.reading),
        test_ids=[row.clip_id for row in rows_of["unseen_test"]],
        test_features_ND=source.vectors(rows_of["unseen_test"], request.reading),
        seen_test_ids=[row.clip_id for row in seen_test],
        seen_test_features_ND=source.vectors(seen_test, request.reading),
        spaces={space: sorted(classes["unseen"]) if space == "unseen" else every_class for space in request.spaces},
        encoder_classes=source.history.training_classes,
        training_clips=source.history.training_clips,
        pairs=source.history.pairs,
        paired_classes=source.history.paired_classes,
        texts=joint.texts.of(every_class, joint.seed),
        num_missing=num_missing,
        pretrained=source.history.pretrained,
        one_space=in_one_space(source, joint.texts.store, joint.seed),
        elsewhere=SourceDataset(taught.source, taught.names, {}, taught.kept_overlap) if taught else None,
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
