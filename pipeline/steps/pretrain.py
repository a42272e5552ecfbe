"""pretrain: prepared arrays and a split -> an encoder trained on that split's fit classes, one per split and seed."""

import csv
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.compute import shared as compute_engines
from pipeline.compute.shared import Compute
from pipeline.core import pages
from pipeline.core.hashing import path_digest
from pipeline.core.outputs import whole, whole_folder
from pipeline.core.params import Params
from pipeline.core.resume import Parts
from pipeline.core.seeds import derived_seed
from pipeline.core.store import Store
from pipeline.modalities import shared as modalities
from pipeline.reporting import pretrain as page_of
from pipeline.training import checkpoint, classify, loop
from pipeline.training.determinism import deterministic
from pipeline.training.lessons import Classes, Lessons, Prepared, read_lessons

COLUMNS = ("loss", "accuracy", "held_out_loss", "held_out_accuracy")


class Row(Params):
    """One encoder of one dataset and split table; `options` are the Params of the encoder's file."""

    dataset: str
    split_table: str
    modality: str
    recipe: str
    encoder: str
    options: dict[str, Any]
    classes: Classes  # seen = fit and val classes, only for methods with `refit: both`
    splits: list[str] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)
    label_smoothing: float = Field(ge=0, lt=1)
    training: loop.Params


@dataclass(frozen=True)
class _Pair:
    """One encoder to train; a value that a worker process can be sent."""

    row: Row
    key: str
    arrays: Path
    split_table: Path
    split: str
    seed: int
    parts: Parts

    @property
    def file(self) -> str:
        return f"{self.split}-{self.seed}.safetensors"


def pretrain(row: Row, compute: Compute, *, key: str, arrays: Path, split: Path, out: Path) -> dict[str, int]:
    """Write `<split>-<seed>.safetensors` for each pair of the row, history.csv and page.json.

    Cross entropy over the training classes alone; the epoch with the best accuracy on the held-out clips is kept. The
    weights' metadata name the training and the unseen classes. A killed run goes on after its last finished pair.
    Raises LeakError if a clip to learn from is of an unseen class.
    """
    parts = Parts("pretrain", {"row": row.model_dump(), "arrays": path_digest(arrays), "split": path_digest(split)})
    pairs = [_Pair(row, key, arrays, split, name, seed, parts) for name in row.splits for seed in row.seeds]
    with whole_folder(out) as scratch:
        for finished in compute_engines.run(compute, _finish, pairs):
            shutil.copytree(finished, scratch, dirs_exist_ok=True)
        abouts = [checkpoint.load(scratch / pair.file)[1] for pair in pairs]
        _write_history(scratch / "history.csv", abouts)
        pages.write(scratch, page_of.page(key, abouts, Store(arrays, "preprocess").attrs["rejected"]))
    parts.clear()
    return {"encoders": len(abouts), "epochs": sum(len(about["history"]) for about in abouts)}


def _finish(pair: _Pair) -> Path:
    """The folder with the weights of one pair."""
    prepared = Prepared(pair.arrays)
    lessons = read_lessons(pair.split_table, pair.split, pair.row.classes, prepared)
    make = partial(
        _train, row=pair.row, key=pair.key, prepared=prepared, lessons=lessons, seed=pair.seed, file=pair.file
    )
    return pair.parts.finish(pair.file, make)


def _train(folder: Path, *, row: Row, key: str, prepared: Prepared, lessons: Lessons, seed: int, file: str) -> None:
    named_seed = derived_seed(seed, "pretrain", lessons.split)
    with deterministic(named_seed, row.training.num_threads):
        sense = modalities.sense(row.modality)
        encoder = sense.build(row.encoder, row.options, prepared.attrs["layout"], f"pretrain.rows.{key}.options")
        fitted = classify.train(
            encoder,
            prepared,
            lessons,
            row.training,
            label_smoothing=row.label_smoothing,
            seed=named_seed,
            what=f"{key} {lessons.split}-{seed}",
        )
    checkpoint.save(folder / file, encoder, _about(row, prepared, lessons, seed, fitted))


def _about(row: Row, prepared: Prepared, lessons: Lessons, seed: int, fitted: loop.Fitted) -> dict[str, Any]:
    """What extract needs to rebuild the encoder and to refuse it where it saw too much."""
    return {
        **row.model_dump(include={"dataset", "split_table", "modality", "recipe", "encoder", "options", "classes"}),
        "layout": prepared.attrs["layout"],
        "split": lessons.split,
        "seed": seed,
        "training_classes": lessons.training_classes,
        "unseen_classes": lessons.unseen_classes,
        "num_training_clips": len(lessons.rows),
        "num_held_out_clips": len(lessons.held_out_rows),
        "epoch": fitted.epoch,
        "history": fitted.history,
    }


def _write_history(path: Path, abouts: list[dict[str, Any]]) -> None:
    with whole(path) as scratch, scratch.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["split", "seed", "epoch", *COLUMNS])
        for about in abouts:
            for row in about["history"]:
                numbers = [f"{row[name]:.6f}" for name in COLUMNS]
                writer.writerow([about["split"], about["seed"], int(row["epoch"]), *numbers])
