"""rest: a source's videos and class names -> ResT, and what it makes of the clips of the source and of the targets.

The class names of a target are read only to leave its classes out of the source. Its clips are not read before the
weights are trained.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from pipeline.core import pages, split_table, tables
from pipeline.core.closure import Code
from pipeline.core.hashing import array_digest, file_digest, value_digest
from pipeline.core.outputs import whole_folder
from pipeline.core.resume import Parts
from pipeline.core.roles import UNKNOWN_CLIPS
from pipeline.core.schemas import CLIPS
from pipeline.core.seeds import derived_seed
from pipeline.core.split_table import SplitTable
from pipeline.core.store import create
from pipeline.datasets import shared
from pipeline.labels.overlap import OverlapParams
from pipeline.models import checkpoint
from pipeline.models.rest.model import Rest
from pipeline.models.rest.tokens import Vocabulary
from pipeline.reporting import rest as page_of
from pipeline.reporting import rest_pictures
from pipeline.sources import viewing
from pipeline.sources.hidden_words import HiddenWords, Labelled
from pipeline.sources.taught import Named, Taught, taught
from pipeline.training import loop, ranks, representing, rest_learning, rest_training_set
from pipeline.training.rest_training_set import RestTrainingSet
from pipeline.training.training_set import Classes

WARMED = "frames.safetensors"  # in the folder of a part

Part = tuple[str, dict[str, object], Callable[[Path], None]]  # name, key and what makes it


class Row(rest_learning.Plan):
    """One source, any number of targets, one network a seed."""

    source: viewing.SourceParams
    targets: dict[str, viewing.DatasetParams]
    classes: Classes
    overlap: OverlapParams
    max_rejected: float = Field(ge=0, le=1)  # share of the clips that cannot be looked at, of each dataset
    input: viewing.Input
    test: viewing.Test
    seeds: list[int] = Field(min_length=1)

    @property
    def datasets(self) -> dict[str, viewing.DatasetParams]:
        """The source first."""
        return {self.source.dataset: self.source, **self.targets}

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if self.source.dataset in self.targets or len(set(self.seeds)) < len(self.seeds):
            raise ValueError("targets, seeds: expected each once, and the source not among the targets")
        return self

    @model_validator(mode="after")
    def _input_fits(self) -> Self:
        files = {name: dataset.files for name, dataset in self.datasets.items()}
        if fault := viewing.fault(self.input, self.test, files, self.frames):
            raise ValueError(fault)
        return self


@dataclass(frozen=True)
class Inputs:
    """The folders that the inputs of a row lie in."""

    clips: Path
    splits: Path
    embeddings: Path
    extracted: Path
    arrays: Path  # that features were extracted of: pictures of regions are drawn on them


@dataclass(frozen=True)
class _Run:
    """One seed of a row."""

    row: Row
    key: str
    running: loop.Running
    inputs: Inputs
    parts: Parts
    code: str
    seed: int

    @property
    def name(self) -> str:
        """Of its weights and groups."""
        return f"all-{self.seed}"

    @property
    def file(self) -> str:
        """Of its weights."""
        return f"{self.name}.safetensors"

    @property
    def view(self) -> viewing.DatasetView:
        """Of the source."""
        return self.views[self.row.source.dataset]

    @cached_property
    def split_table(self) -> SplitTable:
        """Of the source."""
        source = self.row.source
        return split_table.read(self.inputs.splits / f"{source.dataset}-{source.split_table}.parquet", [source.split])

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """The class names of each dataset."""
        clips = {dataset: self.inputs.clips / f"{dataset}.parquet" for dataset in self.row.datasets}
        return {dataset: tables.read_meta(path, CLIPS)["class_names"] for dataset, path in clips.items()}

    @cached_property
    def views(self) -> dict[str, viewing.DatasetView]:
        """What is looked at of each dataset."""
        row = self.row
        places = {
            dataset: viewing.Place(self.names[dataset], self.inputs.clips / f"{dataset}.parquet", self._path(dataset))
            for dataset in row.datasets
        }
        return viewing.opened(row.input, row.test, places, (row.source.split, self.seed), row.max_rejected)

    def _path(self, dataset: str) -> Path:
        """Where its videos or features lie."""
        if isinstance(self.row.input, viewing.FromVideo):
            return Path(self.row.datasets[dataset].files or "")
        return self.inputs.extracted / self.row.input.features[dataset].removeprefix(viewing.EXTRACTED)

    @cached_property
    def taught(self) -> Taught:
        """The classes that are learnt."""
        source, *targets = [
            Named(name, self.names[name], self.inputs.embeddings / f"{dataset.embeddings}.zarr")
            for name, dataset in self.row.datasets.items()
        ]
        class_ids = rest_training_set.classes_of(self.split_table, self.row.source.split, self.row.classes)
        return taught(source, targets, class_ids, self.row.overlap, self.seed)

    @cached_property
    def training_set(self) -> RestTrainingSet:
        """Who is learnt from."""
        row = self.row
        return rest_training_set.read(
            self.split_table, row.source.split, row.classes, self.taught.names, self.view, row.max_rejected
        )

    @cached_property
    def rest_task(self) -> rest_learning.RestTask:
        """What is learnt beside the clips."""
        names, row_input, frames = list(self.taught.names.values()), self.row.input, self.row.frames
        if isinstance(row_input, viewing.FromVideo):
            token_dim, max_tokens = None, row_input.window.num_frames // (1 if frames is None else frames.group)
        else:
            facts = [view.facts for view in self.views.values()]
            token_dim, max_tokens = facts[0]["token_dim"], max(fact["max_tokens"] for fact in facts)
        return rest_learning.RestTask(
            class_names=names,
            vectors_KE=self.taught.vectors_KE,
            vocabulary=Vocabulary.of(names) if self.row.words_are_learnt else None,
            token_dim=token_dim,
            max_tokens=max_tokens,
            places=isinstance(row_input, viewing.FromStore) and row_input.array == "regions",
        )

    def clips(self, batch_size: int) -> tuple[Labelled, Labelled]:
        """The clips to learn from and those held out."""
        seed, clips = derived_seed(self.seed, "rest", "clips"), self.training_set
        learn = viewing.ClipsRequest(clips.ids, clips.labels, batch_size, seed, drawn=True)
        held_out = viewing.ClipsRequest(clips.held_out_ids, clips.held_out_labels, batch_size, seed, drawn=False)
        return self.view.training_set(learn), self.view.training_set(held_out)

    def with_words(self, clips: Labelled) -> Labelled:
        """Clips with the words of their classes, where words are learnt."""
        losses, vocabulary = self.row.losses, self.rest_task.vocabulary
        if losses is None or vocabulary is None:
            return clips
        seed = derived_seed(self.seed, "rest", "words")
        return HiddenWords(clips, vocabulary.table(self.rest_task.class_names), losses.mask_share, seed)

    def task(self, training: str, part: str, key: dict[str, object]) -> rest_learning.Task:
        """What a training is called, and where it keeps how far it is."""
        what, seed = f"{self.key} {self.name} {training}", derived_seed(self.seed, "rest", training)
        return rest_learning.Task(what, seed, self.running, self.parts.unfinished(part, key))

    @cached_property
    def warmup(self) -> Part | None:
        """The part that holds the frame encoder after its warm-up."""
        params = self.row.warmup
        if params is None:
            return None
        name, key = f"warmup-{self.seed}", {**self._decided_by, "training": params.model_dump()}

        def make(folder: Path) -> None:
            clips = rest_learning.Clips(*self.clips(params.batch_size))
            task = self.task("warm-up", name, key)
            rest_learning.warm_up(self.row, clips, len(self.taught.names), task, folder / WARMED)

        return name, key, make

    def weights(self, start: Path | None) -> Part:
        """The part that holds the weights; `start` is the file of the warm-up."""
        row, name = self.row, f"weights-{self.seed}"
        header = {"source": row.source.model_dump(include={"dataset", "split_table", "split"}), "seed": self.seed}
        header["training_classes"] = list(self.taught.names)
        key = {
            **self._decided_by,
            "header": header,
            **row.model_dump(include={"model", "losses", "training"}),
            "task": [
                self.rest_task.class_names,
                self.rest_task.token_dim,
                self.rest_task.max_tokens,
                self.rest_task.places,
            ],
            "vectors": array_digest(self.taught.vectors_KE) if row.losses is None else None,
            "warmup": self.warmup and self.warmup[1],
        }

        def make(folder: Path) -> None:
            learn, held_out = self.clips(row.training.batch_size)
            clips = rest_learning.Clips(self.with_words(learn), self.with_words(held_out))
            task = self.task("joint", name, key)
            rest_learning.learn(row, clips, self.rest_task, task, start, folder / self.file, header)

        return name, key, make

    @cached_property
    def _decided_by(self) -> dict[str, object]:
        """What every training depends on."""
        clips, frames = self.training_set, self.row.frames
        return {
            "code": self.code,
            "plan": self.row.model_dump(include={"frames", "channels_last", "checkpoint_gradients"}),
            "start": frames and frames.start(),
            "seed": self.seed,
            "clips": self.view.decided_by([*clips.ids, *clips.held_out_ids]),
            "labels": [clips.labels, clips.held_out_labels],
        }


def rest(row: Row, running: loop.Running, inputs: Inputs, *, key: str, out: Path) -> dict[str, int]:
    """Write `all-<seed>.safetensors`, a store `<dataset>.zarr` of each dataset, history.csv and page.json.

    A store has a group `all-<seed>` with `pooled` (N, D) of every clip that could be looked at, and what the weights
    were taught. A killed run goes on within an epoch, and after the last finished block of clips. Of several ranks all
    train, and the first encodes and writes.
    """
    parts, code = Parts("rest", key), _code(row)
    runs = [_Run(row, key, running, inputs, parts, code, seed) for seed in row.seeds]
    if not ranks.leads():
        for run in runs:
            _assist(run)
        return {}
    with whole_folder(out) as scratch:
        used = [part for run in runs for part in _trained(run, scratch)]
        networks = [_seed_result(run, scratch) for run in runs]
        for name in row.datasets:
            used += _write_store(scratch / f"{name}.zarr", name, runs, scratch, networks[0].macs)
        page_of.write_history(scratch / "history.csv", networks)
        pages.write(scratch, page_of.page(key, networks, _pictures(runs[0], scratch)))
    parts.keep_only(used)
    return {"networks": len(runs), "clips": sum(len(view.ids) for view in runs[0].views.values())}


def _code(row: Row) -> str:
    """Digest of the code that decides weights and representations: what this module draws by is in it."""
    code = Code()
    datasets = [f"{shared.PACKAGE}.{shared.member_of(dataset)}" for dataset in row.datasets]
    sources = [f"pipeline.sources.{name}" for name in ("hidden_words", "taught", "viewing")]
    learning = [f"pipeline.training.{name}" for name in ("representing", "rest_learning", "rest_training_set")]
    return value_digest([code.files(*learning, *sources, *datasets), code.own(__name__)])


def _trained(run: _Run, scratch: Path) -> list[Path]:
    """Put the weights of a seed into the folder; returns the finished parts that this took."""
    if run.warmup is None:
        return [run.parts.part(*run.weights(None), scratch)]
    warmed = run.parts.finish(*run.warmup)
    return [warmed, run.parts.part(*run.weights(warmed / WARMED), scratch)]


def _assist(run: _Run) -> None:
    """Train along where rank 0 does `_trained`; it shares the weights that a training begins with."""
    if run.warmup is not None:
        run.parts.assist(*run.warmup)
    run.parts.assist(*run.weights(None))


def _write_store(path: Path, dataset: str, runs: Sequence[_Run], weights: Path, macs: int) -> list[Path]:
    """The store of a dataset, which says what a clip costs; returns the finished parts that it is made of."""
    row, used = runs[0].row, list[Path]()
    kind = "e2e" if row.losses is None else "rest"
    attrs: dict[str, Any] = {"dataset": dataset, "modality": "video", "encoder": kind, "source": row.source.dataset}
    attrs["macs"] = macs
    if dataset == row.source.dataset:
        attrs["split_table"] = row.source.split_table
    with create(path, attrs) as writer:
        for run in runs:
            file = weights / run.file
            decided_by = {"code": run.code, "weights": file_digest(file), "test": row.test.model_dump()}
            task = representing.Task(
                f"{dataset}-{run.seed}",
                decided_by,
                run.parts,
                run.running,
                row.training.precision,
                row.training.num_threads,
                derived_seed(run.seed, "rest", "shown"),
            )
            folders = representing.finished(rest_learning.loaded(row, run.rest_task, file), run.views[dataset], task)
            group = writer.group(run.name, run.views[dataset].ids, _attrs(run, dataset, file))
            group.put("pooled", representing.pooled(folders))
            used += folders
    return used


def _attrs(run: _Run, dataset: str, file: Path) -> dict[str, Any]:
    """What a group's weights were taught; class ids are the source's, so a target's group has none."""
    row, history = run.row, run.view.history
    names = {*run.taught.names.values(), *history.training_names, *run.views[dataset].history.training_names}
    class_ids = sorted({*run.taught.names, *history.training_classes}) if dataset == row.source.dataset else []
    return {
        "seed": run.seed,
        "source": row.source.dataset,
        "training_classes": class_ids,
        "training_names": sorted(names),
        "training_clips": _training_clips(run) if class_ids else None,
        "removed": [[match.source, match.target, match.distance, match.how] for match in run.taught.removed],
        "kept_overlap": [match.source for match in run.taught.kept_overlap],
        "weights_hash": run.taught.texts_hash if row.losses is None else file_digest(file),
        "pretrained": _pretrained(run),
    }


def _training_clips(run: _Run) -> str:
    """The digest of the clips that trained the weights; known only if these are all that the split allows."""
    others = run.taught.removed or run.view.history.training_names
    return UNKNOWN_CLIPS if others else run.training_set.training_clips


def _pretrained(run: _Run) -> str | None:
    """The weights from elsewhere that the network started from; what they were trained on is unknown."""
    frames = run.row.frames
    if frames is not None and frames.weights is not None:
        return f"{frames.name} from {Path(frames.weights).name}"
    return run.view.history.pretrained


def _seed_result(run: _Run, folder: Path) -> page_of.SeedResult:
    """The figures of a seed for the page and the history."""
    row, source = run.row, run.row.source
    warmup = None if run.warmup is None else checkpoint.load(run.parts.finish(*run.warmup) / WARMED, "rest")[1]
    return page_of.SeedResult(
        seed=run.seed,
        source=source.dataset,
        split=f"{source.split} of {source.split_table}",
        clips=(len(run.training_set.ids), len(run.training_set.held_out_ids)),
        encoded={dataset: len(view.ids) for dataset, view in run.views.items()},
        rejected={dataset: view.reasons for dataset, view in run.views.items()},
        taught=run.taught,
        network=f"{row.input.kind if row.frames is None else row.frames.name}, {row.model.kind}",
        watched=rest_learning.watched(row),
        warmup=warmup,
        joint=checkpoint.load(folder / run.file, "rest")[1],
        pretrained=_pretrained(run),
        **_complexity(run, folder),
    )


def _complexity(run: _Run, weights: Path) -> dict[str, int]:
    """What the network of a seed takes for the first clip of the source."""
    first = viewing.ClipsRequest(run.view.ids[:1], [0], 1, 0, drawn=False)
    module = rest_learning.loaded(run.row, run.rest_task, weights / run.file)
    return rest_learning.complexity(module, run.view.training_set(first).read(np.array([0]), 0))


def _pictures(run: _Run, folder: Path) -> list[pages.Image]:
    """Pictures of the attention of a seed's network in clips that it was not trained on."""
    module, rest_task = rest_learning.loaded(run.row, run.rest_task, folder / run.file), run.rest_task
    if not isinstance(module, Rest) or not module.attends:
        return []
    clips = rest_pictures.drawn(run.view, run.training_set, rest_task.class_names, run.inputs.arrays, run.seed)
    return rest_pictures.pictures(folder, module, clips, rest_task.vocabulary, run.row.training.num_threads, run.seed)
