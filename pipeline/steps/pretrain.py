"""pretrain: prepared arrays and a split -> an encoder trained on that split's fit classes, one per split and seed.

What teaches is which class a clip is of, or what that class is called or said to be (`text`).
"""

import csv
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from pipeline.compute import shared as compute_engines
from pipeline.compute.shared import Compute
from pipeline.core import pages
from pipeline.core.closure import Code
from pipeline.core.errors import ParamsError
from pipeline.core.hashing import array_digest, path_digest
from pipeline.core.outputs import whole, whole_folder
from pipeline.core.resume import Parts
from pipeline.core.store import Store
from pipeline.models import checkpoint
from pipeline.reporting import pretrain as page_of
from pipeline.training import classify, encoders, loop, ranks, sentences
from pipeline.training.training_set import Prepared, TrainingSet, read_training_set

COLUMNS = ("loss", "accuracy", "held_out_loss", "held_out_accuracy")


class Row(encoders.Plan):
    """One encoder of one dataset and split table.

    `taught_by` is what names the classes: the table of the clips, or where `text` is given a store of class texts.
    """

    taught_by: str  # data/ingest/<dataset>.parquet or features/embed/<row>.zarr
    splits: list[str] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)

    @model_validator(mode="after")
    def _texts_teach_where_they_are_read(self) -> Self:
        """Else a row without texts would wait for a text encoder, and be trained again when a sentence changes."""
        clips = f"data/ingest/{self.dataset}.parquet"
        if self.text is None and self.taught_by != clips:
            raise ValueError(f"taught_by: without text the classes are named by {clips}")
        if self.text is not None and not re.fullmatch(r"features/embed/[^/]+\.zarr", self.taught_by):
            raise ValueError("taught_by: with text expected a store of class texts, features/embed/<row>.zarr")
        return self


@dataclass(frozen=True)
class Inputs:
    """Where the inputs of a row stand."""

    arrays: Path
    split_table: Path
    taught_by: Path


@dataclass(frozen=True)
class _Pair:
    """One encoder to train; a value that a worker process can be sent."""

    row: Row
    key: str
    inputs: Inputs
    split: str
    seed: int
    parts: Parts
    arrays_digest: str
    code: str  # digest of what trains it
    running: loop.Running

    @property
    def section(self) -> str:
        """Where params.yaml gives the row."""
        return f"pretrain.rows.{self.key}"

    @property
    def file(self) -> str:
        return f"{self.split}-{self.seed}.safetensors"


def pretrain(
    row: Row, compute: Compute, running: loop.Running, inputs: Inputs, *, key: str, out: Path
) -> dict[str, int]:
    """Write `<split>-<seed>.safetensors` for each pair of the row, history.csv and page.json.

    Cross entropy over the training classes alone, by a classifier or by the texts of these classes; the epoch with the
    best accuracy on the held-out clips is kept. The weights' metadata name the training and the unseen classes. A
    killed run goes on after its last finished pair, and within a pair from the last state that `running` had it keep.
    Of several ranks all compute and the first writes.
    Raises LeakError if a clip to learn from is of an unseen class.
    """
    if row.training.devices > 1 and compute.engine != "inline":
        raise ParamsError(
            f"pretrain.rows.{key}: devices: {row.training.devices} need pretrain.compute.engine: inline, "
            f"not '{compute.engine}': its tasks would each want all devices"
        )
    parts, digest = Parts("pretrain", key), path_digest(inputs.arrays)
    code = Code().digest("pipeline.training.encoders", f"pipeline.modalities.{row.modality}.{row.encoder}")
    pairs = [
        _Pair(row, key, inputs, name, seed, parts, digest, code, running) for name in row.splits for seed in row.seeds
    ]
    if not ranks.leads():
        for pair in pairs:
            _assist(pair)
        return {}
    with whole_folder(out) as scratch:
        used = list(compute_engines.run(compute, _finish, pairs))
        for finished in used:
            shutil.copytree(finished, scratch, dirs_exist_ok=True)
        abouts = [checkpoint.load(scratch / pair.file)[1] for pair in pairs]
        _write_history(scratch / "history.csv", abouts)
        pages.write(scratch, page_of.page(key, abouts, Store(inputs.arrays, "preprocess").attrs["rejected"]))
    parts.keep_only(used)
    return {"encoders": len(abouts), "epochs": sum(len(about["history"]) for about in abouts)}


def _finish(pair: _Pair) -> Path:
    """The folder with the weights of one pair."""
    part_key, make = _part(pair)
    return pair.parts.finish(pair.file, part_key, make)


def _assist(pair: _Pair) -> None:
    """Compute along where rank 0 finishes one pair."""
    part_key, make = _part(pair)
    pair.parts.assist(pair.file, part_key, make)


def _part(pair: _Pair) -> tuple[dict[str, object], Callable[[Path], None]]:
    prepared = Prepared(pair.inputs.arrays)
    training_set = read_training_set(pair.inputs.split_table, pair.split, pair.row.classes, prepared)
    told = _told(pair, training_set)
    part_key = _part_key(pair, training_set, told)
    resume = pair.parts.unfinished(pair.file, part_key)
    return part_key, partial(_train, pair=pair, prepared=prepared, training_set=training_set, told=told, resume=resume)


def _told(pair: _Pair, training_set: TrainingSet) -> sentences.Told | None:
    """The texts of the training classes, where the row has such teach."""
    row = pair.row
    if row.text is None:
        return None
    return sentences.read(row.text, pair.inputs.taught_by, row.dataset, training_set.training_classes, pair.seed)


def _part_key(pair: _Pair, training_set: TrainingSet, told: sentences.Told | None) -> dict[str, object]:
    """All that decides the weights of one pair."""
    row = pair.row
    return {
        "code": pair.code,
        "row": row.model_dump(exclude={"splits", "seeds", "taught_by"}),
        "seed": pair.seed,
        "arrays": pair.arrays_digest,
        "lessons": vars(training_set),
        "texts": None if told is None else array_digest(told.text_KT),
        "text_space": None if told is None or told.space is None else told.space.model_dump(),
    }


def _train(
    folder: Path,
    *,
    pair: _Pair,
    prepared: Prepared,
    training_set: TrainingSet,
    told: sentences.Told | None,
    resume: Path,
) -> None:
    task = classify.Task(pair.section, f"{pair.key} {pair.split}-{pair.seed}", pair.running, resume)
    encoders.train(folder / pair.file, pair.row, prepared, training_set, told, pair.seed, task)


def _write_history(path: Path, abouts: list[dict[str, Any]]) -> None:
    with whole(path) as scratch, scratch.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["split", "seed", "epoch", *COLUMNS])
        for about in abouts:
            for row in about["history"]:
                numbers = [f"{row[name]:.6f}" for name in COLUMNS]
                writer.writerow([about["split"], about["seed"], int(row["epoch"]), *numbers])
