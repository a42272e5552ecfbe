"""pretrain: prepared arrays and a split -> an encoder trained on that split's fit classes, one per split and seed.

An encoder learns from the classes of clips, or from the texts of these classes (`text`).
"""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from pipeline.compute import shared as compute_engines
from pipeline.compute.shared import Compute
from pipeline.core import pages, split_table
from pipeline.core.closure import Code
from pipeline.core.errors import ParamsError
from pipeline.core.hashing import array_digest, path_digest
from pipeline.core.outputs import whole_folder, write_csv
from pipeline.core.resume import Parts
from pipeline.models import checkpoint
from pipeline.reporting import pretrain as page_of
from pipeline.training import encoders, loop, ranks, sentences
from pipeline.training.training_set import Prepared, TrainingSet, training_set_of

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
        """A row without texts must not depend on a text encoder, nor be trained again when a sentence changes."""
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
    prepared: Prepared
    training_set: TrainingSet
    texts: sentences.TeachingTexts | None  # of the training classes; None: labels alone teach
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
        return f"{self.training_set.split}-{self.seed}.safetensors"


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
    parts, pairs = Parts("pretrain", key), _pairs(row, running, inputs, key)
    if not ranks.leads():
        for pair in pairs:
            _assist(pair)
        return {}
    with whole_folder(out) as scratch:
        used = list(compute_engines.run(compute, _finish, pairs))
        for finished in used:
            shutil.copytree(finished, scratch, dirs_exist_ok=True)
        headers = [checkpoint.load(scratch / pair.file)[1] for pair in pairs]
        write_csv(scratch / "history.csv", ["split", "seed", "epoch", *COLUMNS], _history(headers))
        pages.write(scratch, page_of.page(key, headers, pairs[0].prepared.attrs["rejected"]))
    parts.keep_only(used)
    return {"encoders": len(headers), "epochs": sum(len(header["history"]) for header in headers)}


def _pairs(row: Row, running: loop.Running, inputs: Inputs, key: str) -> list[_Pair]:
    """All encoders of a row. What they learn from is read here, once for all of them."""
    prepared, table = Prepared(inputs.arrays), split_table.read(inputs.split_table, row.splits)
    sets = [training_set_of(table, split, row.classes, prepared) for split in row.splits]
    stored = None
    if row.text is not None:
        known = {class_id for learn in sets for class_id in learn.training_classes}
        stored = sentences.open_texts(inputs.taught_by, row.dataset, known)
    parts, digest = Parts("pretrain", key), path_digest(inputs.arrays)
    code = Code().digest("pipeline.training.encoders", f"pipeline.modalities.{row.modality}.{row.encoder}")
    pairs = []
    for learn in sets:
        for seed in row.seeds:
            texts = None
            if row.text is not None and stored is not None:
                texts = sentences.teaching_texts(row.text, stored, learn.training_classes, seed)
            pairs.append(_Pair(row, key, prepared, learn, texts, seed, parts, digest, code, running))
    return pairs


def _finish(pair: _Pair) -> Path:
    """The folder with the weights of one pair."""
    part_key, make = _part(pair)
    return pair.parts.finish(pair.file, part_key, make)


def _assist(pair: _Pair) -> None:
    """Compute along where rank 0 finishes one pair."""
    part_key, make = _part(pair)
    pair.parts.assist(pair.file, part_key, make)


def _part(pair: _Pair) -> tuple[dict[str, object], Callable[[Path], None]]:
    part_key = _part_key(pair)
    return part_key, partial(_train, pair=pair, resume=pair.parts.unfinished(pair.file, part_key))


def _part_key(pair: _Pair) -> dict[str, object]:
    """All that decides the weights of one pair."""
    row, texts = pair.row, pair.texts
    return {
        "code": pair.code,
        "row": row.model_dump(exclude={"splits", "seeds", "taught_by"}),
        "seed": pair.seed,
        "arrays": pair.arrays_digest,
        "training_set": vars(pair.training_set),
        "texts": None if texts is None else array_digest(texts.text_KT),
        "text_space": None if texts is None or texts.space is None else texts.space.model_dump(),
    }


def _train(folder: Path, *, pair: _Pair, resume: Path) -> None:
    what = f"{pair.key} {pair.training_set.split}-{pair.seed}"
    task = encoders.Task(what, pair.running, resume, pair.section)
    encoders.train(folder / pair.file, pair.row, pair.prepared, pair.training_set, pair.texts, pair.seed, task)


def _history(headers: list[dict[str, Any]]) -> Iterator[list[object]]:
    for header in headers:
        for row in header["history"]:
            numbers = [f"{row[name]:.6f}" for name in COLUMNS]
            yield [header["split"], header["seed"], int(row["epoch"]), *numbers]
