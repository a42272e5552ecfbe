"""finetune: pictures, what is true and what is false of them -> CLIP weights, and the vectors of what was held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from pydantic import Field, model_validator

from pipeline.core import pages, stamp
from pipeline.core.closure import Code
from pipeline.core.errors import DataError, LeakError
from pipeline.core.hashing import file_digest, value_digest
from pipeline.core.outputs import whole_folder, write_csv
from pipeline.core.resume import Parts
from pipeline.core.seeds import derived_seed
from pipeline.datasets.shared import class_file
from pipeline.models import checkpoint, open_clips
from pipeline.models import clip as clips
from pipeline.reporting import finetune as page_of
from pipeline.sources import pairs
from pipeline.training import finetune as finetuning
from pipeline.training import heldout, loop, ranks
from pipeline.training.determinism import deterministic
from pipeline.training.probe import Probe, Selection, parted


class Row(finetuning.Plan):
    """One CLIP, trained once a seed."""

    start: str  # a start file of pipeline/models/clips, or the folder of a row of finetune
    shards: str  # the folder of image-text shards
    data: pairs.Params
    selection: Selection  # what of the held-out pairs is chosen by, and never reported
    seeds: list[int] = Field(min_length=1)

    @model_validator(mode="after")
    def _losses_have_something_to_learn_from(self) -> Self:
        wanted = [name for name in ("negatives", "reconstruction") if getattr(self.objective, name) is not None]
        if wanted and not (self.data.graphs_train and self.data.corpora):
            raise ValueError(f"objective.{wanted[0]} learns from graph pairs; name data.corpora and set graphs_train")
        if "negatives" in wanted and not self.data.num_negatives:
            raise ValueError("objective.negatives learns from false captions; set data.num_negatives to 1 or more")
        return self

    @model_validator(mode="after")
    def _steps_suit_each_other(self) -> Self:
        training, data = self.training, self.data
        if data.video_share and data.clip_batch_size < training.accumulate * training.devices:
            raise ValueError("data.clip_batch_size is less than training's accumulate times devices")
        if training.warmup_epochs >= training.num_epochs:
            raise ValueError("training.warmup_epochs leaves no epoch of num_epochs at the full learning rate")
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError("seeds: expected each value once")
        return self


@dataclass(frozen=True)
class Inputs:
    """Where the inputs of a row stand; the tables of a corpus are `<corpus>.parquet` in the folders."""

    start: Path
    shards: Path
    graphs: Path
    captions: Path
    negatives: Path


@dataclass(frozen=True)
class _Task:
    """One seed of a row; `digests` name all that it runs and reads."""

    row: Row
    key: str
    inputs: Inputs
    running: loop.Running
    seed: int
    digests: dict[str, str]
    parts: Parts


def finetune(row: Row, running: loop.Running, inputs: Inputs, *, key: str, out: Path) -> dict[str, object]:
    """Write per seed `<seed>.safetensors` and `heldout-<seed>.zarr`, beside them history.csv and page.json.

    A killed run goes on in the middle of an epoch. Of several ranks all compute and the first writes. Returns what the
    run log should know.
    """
    parts = Parts("finetune", key)
    facts: dict[str, object] = {}
    digests = _digests(row, inputs)
    starts = {seed: open_clips.identity(inputs.start, seed) for seed in row.seeds}
    tasks = [_Task(row, key, inputs, running, seed, {**digests, "start": starts[seed]}, parts) for seed in row.seeds]
    if not ranks.leads():
        for task in tasks:
            parts.assist(str(task.seed), _part_key(task), partial(_train, task=task, facts=facts))
        return facts
    with whole_folder(out) as scratch:
        used = [
            parts.part(str(task.seed), _part_key(task), partial(_train, task=task, facts=facts), scratch)
            for task in tasks
        ]
        metadata = [_metadata_of(scratch, seed) for seed in row.seeds]
        _write_history(scratch / "history.csv", metadata)
        pages.write(scratch, page_of.page(key, metadata, metadata[0]["counts"]))
    parts.keep_only(used)
    return facts


def _digests(row: Row, inputs: Inputs) -> dict[str, str]:
    """Of the code, the shards and every table that the row reads."""
    code = Code()
    modules = ("pipeline.training.finetune", "pipeline.training.heldout", "pipeline.sources.pairs")
    tables = [
        folder / f"{corpus}.parquet"
        for corpus in row.data.corpora
        for folder in (inputs.graphs, inputs.captions, inputs.negatives)
    ]
    tables += [inputs.graphs / f"{corpus}.parquet" for corpus in row.data.compositions.words_of]
    lists = [class_file(dataset) for dataset in {*row.data.audit, *row.data.withheld}]
    return {
        # of the step its own lines alone, which say what is kept: an edit of its page needs no training
        "code": value_digest([code.files(*modules), code.own(__name__)]),
        "shards": stamp.digest(inputs.shards),
        **{f"{table.parent.name}/{table.name}": _table_digest(table) for table in tables},
        **{f"classes/{file.name}": file_digest(file) for file in lists if file.is_file()},
    }


def _table_digest(table: Path) -> str:
    if not table.is_file():
        raise DataError(f"{table}: no such table; run `dvc repro {table.parent.name}`, or mend data.corpora")
    return file_digest(table)


def _part_key(task: _Task) -> dict[str, object]:
    """All that decides the weights of one seed."""
    row = task.row.model_dump(mode="json", exclude={"seeds"})
    return {"row": row, "seed": task.seed, "digests": task.digests}


def _train(folder: Path, *, task: _Task, facts: dict[str, Any]) -> None:
    """One seed: train, keep the weights with what they are, and encode what was held out to be reported."""
    row, seed = task.row, derived_seed(task.seed, "finetune", task.key)
    _check_start(task)
    clip = clips.start(task.inputs.start, task.seed)
    with TemporaryDirectory() as readable:
        data = _data(task, clip, Path(readable))
        by, left = (
            (data.decoding(pairs_), data.decoding(general))
            for pairs_, general in parted(data.heldout, data.general, row.selection)
        )
        tuned, went = finetuning.train(
            clip,
            row,
            data.train,
            Probe(*by, data.picture),
            task.running,
            seed=seed,
            what=f"{task.key} {task.seed}",
            resume=task.parts.unfinished(str(task.seed), _part_key(task)),
        )
        facts[f"seed {task.seed}"] = went
        if not ranks.leads():
            return
        with deterministic(seed, row.training.num_threads):
            heldout.write(heldout.file(folder, task.seed), clip, *left, data.picture, row.data.compositions.seed)
        clips.save(folder / f"{task.seed}.safetensors", clip, _metadata(task, data, tuned))


def _data(task: _Task, clip: clips.Clip, readable: Path) -> pairs.Pairs:
    inputs = task.inputs
    folders = pairs.Folders(inputs.graphs, inputs.captions, inputs.negatives, inputs.shards, Path())
    return pairs.read(
        task.row.data,
        folders,
        size=(clip.height, clip.width),
        tokenize=clip.tokenizer,
        batch_size=task.row.training.batch_size,
        scratch=readable,
    )


def _metadata(task: _Task, data: pairs.Pairs, tuned: finetuning.TuningResult) -> dict[str, Any]:
    """The metadata of the weights: what they were trained on, and how."""
    mixing = task.row.mixing
    kept = tuned.mixed[mixing.shares.index(tuned.share)] if mixing is not None else tuned.history[-1]
    return {
        "row": task.key,
        "seed": task.seed,
        "start": task.row.start,
        "kept_out": _kept_out(task.row),
        "named_classes": _named_classes(task, data),
        "counts": data.counts,
        "history": tuned.history,
        "shares": mixing.shares if mixing is not None else [],
        "mixed": tuned.mixed,
        "share": tuned.share,
        "kept": kept,
    }


def _named_classes(task: _Task, data: pairs.Pairs) -> dict[str, list[int]]:
    """By dataset the classes that training texts name, the start's included; datasets that both were asked about."""
    start = _start_metadata(task)
    if start is None:
        return data.named_classes
    before: dict[str, list[int]] = start["named_classes"]
    return {
        dataset: sorted({*named, *before[dataset]})
        for dataset, named in data.named_classes.items()
        if dataset in before
    }


def _start_metadata(task: _Task) -> dict[str, Any] | None:
    """The metadata of another row's weights; None for a start file."""
    return _metadata_of(task.inputs.start, task.seed) if task.inputs.start.is_dir() else None


def _metadata_of(folder: Path, seed: int) -> dict[str, Any]:
    """The metadata of a row's weights, without building their CLIP."""
    return checkpoint.load(open_clips.weights_of(folder, seed), made_by="finetune")[1]


def _kept_out(row: Row) -> dict[str, Any]:
    """What a row reports on, so that no training before it may have had it; of classes `named_classes` tells."""
    return row.data.model_dump(mode="json", include={"compositions", "general"})


def _check_start(task: _Task) -> None:
    """Raise LeakError for a start that was trained on what this row holds out."""
    start = _start_metadata(task)
    if start is None:
        return
    differing = [name for name, wanted in _kept_out(task.row).items() if start["kept_out"][name] != wanted]
    if differing:
        raise LeakError(
            f"{task.inputs.start}: trained with another data.{differing[0]} than this row's, so that it may have seen "
            "what is held out here; give both rows the same"
        )


def _write_history(path: Path, headers: Sequence[dict[str, Any]]) -> None:
    columns = sorted({name for header in headers for row in header["history"] for name in row} - {"epoch"})
    rows = (
        [header["seed"], int(row["epoch"]), *(f"{row[name]:.6f}" if name in row else "" for name in columns)]
        for header in headers
        for row in header["history"]
    )
    write_csv(path, ["seed", "epoch", *columns], rows)
