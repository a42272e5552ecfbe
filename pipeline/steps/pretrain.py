"""pretrain: prepared arrays and a split -> an encoder trained on that split's fit classes, one per split and seed."""

import csv
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.compute import shared as compute_engines
from pipeline.compute.shared import Compute
from pipeline.core import pages
from pipeline.core.closure import Code
from pipeline.core.errors import ParamsError
from pipeline.core.hashing import path_digest
from pipeline.core.outputs import whole, whole_folder
from pipeline.core.resume import Parts
from pipeline.core.store import Store
from pipeline.models import checkpoint
from pipeline.reporting import pretrain as page_of
from pipeline.training import classify, encoders, loop, ranks
from pipeline.training.lessons import Lessons, Prepared, read_lessons

COLUMNS = ("loss", "accuracy", "held_out_loss", "held_out_accuracy")


class Row(encoders.Plan):
    """One encoder of one dataset and split table."""

    splits: list[str] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)


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
    arrays_digest: str
    code: str  # digest of what trains it
    running: loop.Running

    @property
    def section(self) -> str:
        """Where params.yaml gives the encoder's options."""
        return f"pretrain.rows.{self.key}.options"

    @property
    def file(self) -> str:
        return f"{self.split}-{self.seed}.safetensors"


def pretrain(
    row: Row, compute: Compute, running: loop.Running, *, key: str, arrays: Path, split: Path, out: Path
) -> dict[str, int]:
    """Write `<split>-<seed>.safetensors` for each pair of the row, history.csv and page.json.

    Cross entropy over the training classes alone; the epoch with the best accuracy on the held-out clips is kept. The
    weights' metadata name the training and the unseen classes. A killed run goes on after its last finished pair, and
    within a pair from the last state that `running` had it keep. Of several ranks all compute and the first writes.
    Raises LeakError if a clip to learn from is of an unseen class.
    """
    if row.training.devices > 1 and compute.engine != "inline":
        raise ParamsError(
            f"pretrain.rows.{key}: devices: {row.training.devices} need pretrain.compute.engine: inline, "
            f"not '{compute.engine}': its tasks would each want all devices"
        )
    parts, digest = Parts("pretrain", key), path_digest(arrays)
    code = Code().digest("pipeline.training.encoders", f"pipeline.modalities.{row.modality}.{row.encoder}")
    pairs = [
        _Pair(row, key, arrays, split, name, seed, parts, digest, code, running)
        for name in row.splits
        for seed in row.seeds
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
        pages.write(scratch, page_of.page(key, abouts, Store(arrays, "preprocess").attrs["rejected"]))
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
    prepared = Prepared(pair.arrays)
    lessons = read_lessons(pair.split_table, pair.split, pair.row.classes, prepared)
    part_key = _part_key(pair, lessons)
    resume = pair.parts.unfinished(pair.file, part_key)
    return part_key, partial(_train, pair=pair, prepared=prepared, lessons=lessons, resume=resume)


def _part_key(pair: _Pair, lessons: Lessons) -> dict[str, object]:
    """All that decides the weights of one pair."""
    row = pair.row
    return {
        "code": pair.code,
        "row": row.model_dump(exclude={"splits", "seeds"}),
        "seed": pair.seed,
        "arrays": pair.arrays_digest,
        "lessons": vars(lessons),
    }


def _train(folder: Path, *, pair: _Pair, prepared: Prepared, lessons: Lessons, resume: Path) -> None:
    task = classify.Task(pair.section, f"{pair.key} {pair.split}-{pair.seed}", pair.running, resume)
    encoders.train(folder / pair.file, pair.row, prepared, lessons, pair.seed, task)


def _write_history(path: Path, abouts: list[dict[str, Any]]) -> None:
    with whole(path) as scratch, scratch.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["split", "seed", "epoch", *COLUMNS])
        for about in abouts:
            for row in about["history"]:
                numbers = [f"{row[name]:.6f}" for name in COLUMNS]
                writer.writerow([about["split"], about["seed"], int(row["epoch"]), *numbers])
