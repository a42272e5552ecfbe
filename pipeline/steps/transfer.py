"""transfer: seen classes, composed -> scores of the unseen ones, with the programs that chose them and why.

The labels of test clips are not in any input. Programs take milliseconds, so a row is not kept in parts.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from pipeline.core import pages, scores, store, tables
from pipeline.core.errors import DataError
from pipeline.core.outputs import whole_folder, write_json
from pipeline.core.params import Params
from pipeline.core.progress import track
from pipeline.core.schemas import PROMPTS
from pipeline.models.recognised import Recognised
from pipeline.models.tasks import Asked, Inputs, Task, joined
from pipeline.reporting import transfer as report
from pipeline.reporting.transfer import PageParams
from pipeline.transfer import folds, recognise
from pipeline.transfer.folds import Constraints, Grid, Trial
from pipeline.transfer.program import Cap
from pipeline.transfer.prototypes import Choice, Setting
from pipeline.transfer.recognise import Inference, Knowledge, NamedSide, Scheme, Scored
from pipeline.transfer.relatedness import Floats, unit_rows

HISTORY = ("split", "seed", "setting", "num_right", "num_clips", "top1", "selected")


class Extra(Params):
    """Side constraints on the program; pairs are [unseen class, seen class] by name."""

    min_seen: int = Field(ge=0)
    max_seen: int | None = Field(ge=1)
    forbidden: list[tuple[str, str]]
    required: list[tuple[str, str]]
    coverage: int = Field(ge=0)  # different seen classes that are used at least


class Folds(Params):
    """Section `transfer.folds`: how seen classes are dealt for `selection: folds`."""

    num_folds: int = Field(ge=2)
    seed: int


class Row(Params):
    """One row of `transfer.rows`."""

    dataset: str
    split_table: str
    features: str  # a store below features/
    embeddings: str  # a row of embed
    text_type: Annotated[str, Field(min_length=1)]  # which texts relate the classes: a type, or a mean of types
    method: Literal["prototypes"]
    inference: Inference
    constraints: Constraints
    cap: Cap  # of constraint III: a row, as printed, a column, or both
    extra: Extra | None
    selection: Literal["val", "folds"]  # folds: of seen classes, the paper's rule; the encoder saw their clips
    grid: Grid
    refit: Literal["none", "seen"]  # none: prototypes of fit classes; seen: of fit and val, the same encoder
    splits: list[str] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)
    max_missing: float = Field(ge=0, lt=1)  # share of a split's clips that may have no features

    @property
    def variant(self) -> str:
        """How the row differs from others of its method, e.g. "all" or "I, column cap"."""
        parts: list[str] = [self.constraints if self.inference != "seen_label_then_text" else ""]
        parts += [f"{self.cap} cap" if self.cap != "row" else "", "side constraints" if self.extra else ""]
        parts += [self.inference if self.inference != "visual_prototypes" else ""]
        return ", ".join(part for part in parts if part)

    @property
    def scheme(self) -> Scheme:
        """How clips are recognised."""
        extra = None
        if self.extra:
            pairs = tuple(self.extra.forbidden), tuple(self.extra.required)
            extra = NamedSide(self.extra.min_seen, self.extra.max_seen, *pairs, self.extra.coverage)
        return Scheme(self.inference, self.cap, extra)


def transfer(key: str, row: Row, dealt: Folds, shown: PageParams, inputs: Inputs, *, prompts: Path, out: Path) -> None:
    """Write scores, programs, history and page of one row.

    Raises LeakError for features of an encoder that saw an unseen or val class, DataError for inputs that do not fit.
    """
    names = class_names(prompts)
    if extra := row.scheme.extra:
        extra.check_names(list(names.values()))
    tasks = joined(inputs, Asked(row.dataset, row.split_table, row.splits, row.seeds, row.max_missing))
    found = [recognised(task, row, dealt, names) for task in track(tasks, total=len(tasks), what=f"{key}, transfers")]
    attrs = store.Store(inputs.features, "extract").attrs
    with whole_folder(out) as scratch:
        _write_scores(scratch, row, attrs, found)
        _write_history(scratch / "history.csv", found)
        write_json(scratch / "programs.json", [_programs(one) for one in found])
        pages.write(scratch, report.page(scratch, _told(key, row), shown, found))


def class_names(prompts: Path) -> dict[int, str]:
    """Names by class id, from the table of class texts."""
    return {line["class_id"]: line["class_name"] for line in tables.read_rows(prompts, PROMPTS)}


def recognised(task: Task, row: Row, dealt: Folds, names: dict[int, str]) -> Recognised:
    """Select a setting on seen classes, then score the test clips with every setting of the grid."""
    settings = folds.settings(row.grid, row.constraints, row.inference)
    trials = _tried(task, row, dealt, names, settings)
    values: dict[str, Floats] = {}
    scored: dict[str, list[Scored]] = {}
    known, seen = _known(task, row, names, row.refit), _seen(task, row)
    clips_NF = unit_rows(task.test_ND, task.test_ids, "clip")
    for space, class_ids in task.spaces.items():
        targets = [class_id for class_id in class_ids if class_id not in seen]
        columns = [[*seen, *targets].index(class_id) for class_id in class_ids]
        scored[space] = [recognise.scores(known, seen, targets, clips_NF, setting, row.scheme) for setting in settings]
        values[space] = np.stack([one.values_NC[:, columns] for one in scored[space]], axis=1)
    return Recognised(task, trials, folds.best(trials), values, scored)


def _seen(task: Task, row: Row) -> list[int]:
    return sorted(set(task.training(row.refit).class_ids))


def _known(task: Task, row: Row, names: dict[int, str], refit: str) -> Knowledge:
    """What is known of the classes; texts of all, clips of those that `refit` lets in."""
    texts_KT = task.texts.of_type(row.text_type)
    clips = task.training(refit)
    unnamed = [class_id for class_id in task.texts.class_ids if class_id not in names]
    if unnamed:
        raise DataError(f"split '{task.split}': classes {unnamed} have no name in the prompts; run `dvc repro prompt`")
    return Knowledge(names, dict(zip(task.texts.class_ids, texts_KT, strict=True)), clips.features_ND, clips.class_ids)


def _tried(task: Task, row: Row, dealt: Folds, names: dict[int, str], settings: Sequence[Setting]) -> list[Trial]:
    """The grid scored on seen classes that act as unseen; one setting needs no trial, but is measured all the same."""
    known = _known(task, row, names, "seen")
    if row.selection == "val":
        fit = sorted(set(task.fit.class_ids))
        return folds.tried(known, [task.val_classes], fit, settings, row.scheme)
    seen = sorted(set(task.training("seen").class_ids))
    parts = folds.class_folds(seen, dealt.num_folds, dealt.seed)
    return folds.tried(known, parts, seen, settings, row.scheme)


def _selection(row: Row, one: Recognised) -> str:
    if len(one.trials) == 1:
        return "none"
    return one.task.selection if row.selection == "val" else "folds"


def _write_scores(folder: Path, row: Row, attrs: dict[str, Any], found: Sequence[Recognised]) -> None:
    about = {name: attrs[name] for name in ("dataset", "modality", "encoder")}
    about |= {
        "split_table": row.split_table,
        "method": row.method,
        "variant": row.variant,
        "embeddings": row.embeddings,
    }
    with store.create(folder / scores.STORE, about) as writer:
        for one in found:
            for space, class_ids in one.task.spaces.items():
                provenance = scores.Provenance(
                    split=one.task.split,
                    seed=one.task.seed,
                    label_space=space,
                    inference=one.task.inference,
                    selection=_selection(row, one),
                    refit=row.refit,
                    settings=[trial.setting.name for trial in one.trials],
                    selected=one.selected,
                    class_ids=class_ids,
                    training_classes=sorted({*one.task.encoder_classes, *_seen(one.task, row)}),
                    pairs=one.task.pairs,
                    paired_classes=one.task.paired_classes,
                    pretrained=one.task.pretrained,
                )
                scores.write(writer, scores.Scores(provenance, one.task.test_ids, one.values[space]))


def _write_history(path: Path, found: Sequence[Recognised]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(HISTORY)
        for one in found:
            for place, trial in enumerate(one.trials):
                name, figures = trial.setting.name, [trial.num_right, trial.num_clips, f"{trial.top1:.6f}"]
                lines.writerow([one.task.split, one.task.seed, name, *figures, int(place == one.selected)])


def _programs(one: Recognised) -> dict[str, Any]:
    """Every solved program of one (split, seed): its proof, and its pairs for the selected setting."""
    header = report.PROGRAM_HEADER[1:]
    spaces: dict[str, Any] = {}
    for space, scored in one.scored.items():
        choices = [at.choice for at in scored if at.choice]
        solved = [dict(zip(header, report.program_row("", choice)[1:], strict=True)) for choice in choices]
        spaces[space] = {"solved": solved, "pairs": _pairs(choices[one.selected]) if choices else []}
    return {"split": one.task.split, "seed": one.task.seed, "spaces": spaces}


def _pairs(choice: Choice) -> list[list[Any]]:
    """[unseen, seen, cosine, weight] of each chosen pair, by name."""
    pairs = zip(
        choice.unseen_P.tolist(),
        choice.seen_P.tolist(),
        choice.related_P.tolist(),
        choice.weight_P.tolist(),
        strict=True,
    )
    return [
        [choice.unseen.names[j], choice.seen.names[i], round(related, 6), round(weight, 6)]
        for j, i, related, weight in pairs
    ]


def _told(key: str, row: Row) -> report.About:
    return report.About(
        key=key,
        text_type=row.text_type,
        embeddings=row.embeddings,
        inference=row.inference,
        constraints=row.constraints,
        cap=row.cap,
        selection=row.selection,
        has_pairs=row.extra is not None,
    )
