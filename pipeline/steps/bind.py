"""bind: senses and the clips that a hub has of the same performances -> encoders in the hub's space, and vectors.

Action-SGFA (III-C): the vectors of a sense learn to point where those of the hub point, without text or label. Texts
that recognise the hub's vectors then recognise those of the sense too.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from pipeline import modalities
from pipeline.core import bound as places
from pipeline.core import pages, split_table, tables
from pipeline.core.bound import HUB
from pipeline.core.closure import Code
from pipeline.core.errors import DataError
from pipeline.core.hashing import file_digest, path_digest, value_digest
from pipeline.core.outputs import whole_folder, write_csv
from pipeline.core.resume import Parts
from pipeline.core.schemas import CLIPS
from pipeline.core.store import Store, create
from pipeline.reporting import bind as page_of
from pipeline.training import bound, bound_encoders, bound_vectors, encoding, frozen, loop, paired, ranks
from pipeline.training.bound_encoders import Arrays, Training
from pipeline.training.bound_vectors import Vectors
from pipeline.training.encoding import Batches
from pipeline.training.hub import Hub, encoded
from pipeline.training.training_set import Prepared

_NAME = re.compile(r"[a-z][a-z0-9_-]*")


class Row(bound_encoders.Plan):
    """One or several senses of a dataset, bound to one hub."""

    fused: dict[str, list[str]]  # name -> senses, or hub, whose vectors are joined end to end
    splits: list[str] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)

    @property
    def devices(self) -> int:
        """Of every training."""
        return next(iter(self.senses.values())).training.devices

    @model_validator(mode="after")
    def _names_are_files(self) -> Self:
        for name in (*self.senses, *self.fused):
            if not _NAME.fullmatch(name):
                raise ValueError(f"'{name}': expected a name of small letters, digits, - and _")
        wrong = [name for name in self.senses if name == HUB or name.startswith("fused-")]
        if wrong:
            raise ValueError(f"senses.{wrong[0]}: the name stands for what bind leaves beside the senses; take another")
        for name, senses in self.fused.items():
            unknown = sorted(set(senses) - {HUB, *self.senses})
            if unknown or len(set(senses)) < max(2, len(senses)):
                raise ValueError(f"fused.{name}: expected two or more of {[HUB, *self.senses]}, each once")
        return self

    @model_validator(mode="after")
    def _trainings_fit(self) -> Self:
        trainings = [sense.training for sense in self.senses.values()]
        if self.hub.learns and any(training != trainings[0] for training in trainings):
            raise ValueError("hub.learns: all senses train together; give them one training")
        if len({training.devices for training in trainings}) > 1:
            raise ValueError("senses: expected one number of training.devices")
        for name, sense in self.senses.items():
            if sense.training.batch_size < 2 * sense.training.accumulate:
                raise ValueError(f"senses.{name}.training: a clip alone in its batch has no negative; raise batch_size")
        if len(set(self.splits)) < len(self.splits) or len(set(self.seeds)) < len(self.seeds):
            raise ValueError("splits, seeds: expected each value once")
        if self.dataset in [further.dataset for further in self.pairs.further]:
            raise ValueError(f"pairs.further: {self.dataset} is the row's own dataset")
        return self


@dataclass(frozen=True)
class Inputs:
    """Where the inputs of a row stand."""

    arrays: Path  # <dataset>/<modality>-<recipe>.zarr
    splits: Path  # <dataset>-<split table>.parquet
    clips: Path  # <dataset>.parquet
    pretrained: Path  # <row>/<split>-<seed>.safetensors
    hub: Path  # its weights


@dataclass(frozen=True)
class _Work:
    """A row with all that its parts read."""

    row: Row
    key: str
    batches: Batches
    running: loop.Running
    parts: Parts
    arrays: Arrays
    hub: Hub
    trainings: list[Training]
    code: Code
    used: list[Path] = field(default_factory=list)  # folders of finished parts


def bind(row: Row, batches: Batches, running: loop.Running, inputs: Inputs, *, key: str, out: Path) -> dict[str, int]:
    """Write what pipeline/core/bound.py says, history.csv and page.json.

    A frozen hub's senses learn one after the other; with a hub that learns all learn together. A killed run goes on in
    the middle of an epoch. Of several ranks all compute and the first writes.
    """
    work = _prepared(row, batches, running, inputs, key)
    if not ranks.leads():
        for training in work.trainings:
            work.parts.assist(training.name, training.decided_by, _make(work, training))
        return {}
    with whole_folder(out) as scratch:
        for training in work.trainings:
            make = _make(work, training)
            work.used.append(work.parts.part(training.name, training.decided_by, make, scratch))
        metas = [
            bound.load(places.weights(scratch, name, training.split, training.seed))[1]
            for training in work.trainings
            for name in training.names
        ]
        vectors = _vectors(work, scratch)
        for name, groups in vectors.items():
            bound_vectors.write(places.vectors(scratch, name), row, [name], groups)
        for name, senses in row.fused.items():
            bound_vectors.write(places.fused(scratch, name), row, senses, _fused(work, senses, name, vectors))
        header = ["sense", "split", "seed", "epoch", *bound_encoders.HISTORY]
        write_csv(scratch / "history.csv", header, _history(metas))
        names = work.trainings[0].class_names
        pages.write(scratch, page_of.page(key, metas, _counts(work), names, labels=row.pairs.same_class == "skip"))
    work.parts.keep_only([*work.used, *work.hub.used])
    return {"encoders": len(metas), "pairs": sum(sum(training.pairs.counts.values()) for training in work.trainings)}


def _prepared(row: Row, batches: Batches, running: loop.Running, inputs: Inputs, key: str) -> _Work:
    splits = [
        (row.dataset, row.split_table),
        *((further.dataset, further.split_table) for further in row.pairs.further),
    ]
    tables_of = {dataset: inputs.splits / f"{dataset}-{name}.parquet" if name else None for dataset, name in splits}
    arrays = _arrays(row, batches, inputs.arrays, tables_of, key)
    parts, code = Parts("bind", key), Code()
    hub = Hub(
        row.hub,
        _asked(row, key),
        inputs.hub,
        {dataset: prepared[HUB] for dataset, prepared in arrays.prepared.items()},
        batches,
        parts,
        code,
    )
    events = {dataset: paired.read_events(inputs.clips / f"{dataset}.parquet") for dataset, _ in splits}
    class_names = {
        dataset: tables.read_meta(inputs.clips / f"{dataset}.parquet", CLIPS)["class_names"] for dataset in events
    }
    own_table = split_table.read(inputs.splits / f"{row.dataset}-{row.split_table}.parquet", row.splits)
    split_tables = {row.dataset: own_table} | {
        further.dataset: None if (path := tables_of[further.dataset]) is None else split_table.read(path, row.splits)
        for further in row.pairs.further
    }
    roles = {split: own_table.classes(split) for split in row.splits}
    together = [tuple(row.senses)] if row.hub.learns else [(name,) for name in row.senses]
    trainings = []
    for names, split, seed in product(together, row.splits, row.seeds):
        recorded = [
            paired.RecordedClips(
                dataset,
                split_tables[dataset],
                {name: arrays.prepared[dataset][name].place for name in (HUB, *names)},
                events[dataset],
            )
            for dataset, _ in splits
        ]
        trainings.append(
            Training(
                row, key, names, split, seed, arrays, recorded, roles[split], class_names, hub, inputs.pretrained, code
            )
        )
    return _Work(row, key, batches, running, parts, arrays, hub, trainings, code)


def _asked(row: Row, key: str) -> frozen.EncoderRequest:
    """The hub's encoder; that its weights belong to no split is for its file to say."""
    hub = row.hub
    split_table = None if frozen.is_splitless(hub.modality, hub.encoder) else row.split_table
    where = f"bind.rows.{key}.hub"
    return frozen.EncoderRequest(row.dataset, split_table, hub.modality, hub.recipe, hub.encoder, hub.options, where)


def _arrays(row: Row, batches: Batches, folder: Path, tables_of: Mapping[str, Path | None], key: str) -> Arrays:
    """The prepared clips of hub and senses that a dataset's split table names, or all where it has none.

    Raises DataError for an empty one, and for datasets that differ.
    """
    listed = {dataset: None if table is None else paired.named(table) for dataset, table in tables_of.items()}
    recipes = {HUB: (row.hub.modality, row.hub.recipe)}
    recipes |= {name: (sense.modality, sense.recipe) for name, sense in row.senses.items()}
    prepared = {
        dataset: {
            name: Prepared(folder / dataset / f"{modality}-{recipe}.zarr", only)
            for name, (modality, recipe) in recipes.items()
        }
        for dataset, only in listed.items()
    }
    for name in recipes:
        forms = {dataset: (of[name].attrs["layout"], of[name].clips[:1].shape[1:]) for dataset, of in prepared.items()}
        if len(set(forms.values())) > 1:
            raise DataError(
                f"bind.rows.{key}: '{name}': one encoder sees clips of one layout and shape, found {forms}; give the "
                "datasets one recipe with the same options"
            )
    whose = {of[name].path: (of[name], modality) for of in prepared.values() for name, (modality, _) in recipes.items()}
    for clips, modality in whose.values():
        encoding.refuse_empty(modalities.sense(modality).is_empty, clips.clips, batches)
    known = {path: value_digest([path_digest(path), clips.ids]) for path, (clips, _) in whose.items()}
    digests = {dataset: {name: known[clips.path] for name, clips in of.items()} for dataset, of in prepared.items()}
    return Arrays(prepared, digests)


def _make(work: _Work, training: Training) -> Callable[[Path], None]:
    resume = work.parts.unfinished(training.name, training.decided_by)

    def make(folder: Path) -> None:
        bound_encoders.train(training, folder, work.running, resume)

    return make


def _vectors(work: _Work, trained: Path) -> dict[str, dict[str, Vectors]]:
    """By sense, the hub among them, and by group the vectors of the clips that the row's split table names."""
    row, by_sense = work.row, dict[str, dict[str, Vectors]]()
    prepared = work.arrays.prepared[row.dataset]
    for training in work.trainings:
        for name in (*training.names, *([HUB] if row.hub.learns else [])):
            file = places.weights(trained, name, training.split, training.seed)
            by_sense.setdefault(name, {})[file.stem] = _of_bound(work, file, name)
    if not row.hub.learns:
        for group in sorted({training.group for training in work.trainings}):
            unit_ND = work.hub.vectors(row.dataset, group, work.arrays.digests[row.dataset][HUB])
            vectors = bound_vectors.of_hub(prepared[HUB].ids, unit_ND, work.hub.encoder(group), row.pairs.of)
            by_sense.setdefault(HUB, {})[group] = vectors
    return by_sense


def _of_bound(work: _Work, file: Path, name: str) -> Vectors:
    """What a bound encoder gives, kept as a part of its own."""
    module, meta = bound.load(file)
    prepared = work.arrays.prepared[work.row.dataset][name]
    member = f"pipeline.modalities.{meta.modality}.{meta.encoder}"
    part_key = {
        "code": work.code.digest("pipeline.training.hub", "pipeline.training.bound", member),
        "weights": file_digest(file),
        "arrays": work.arrays.digests[work.row.dataset][name],
        "batches": work.batches.model_dump(),
    }

    def make(folder: Path) -> None:
        unit_ND = encoded(module, prepared, work.batches)
        with create(folder / "vectors.zarr", {}) as writer:
            writer.group(file.stem, prepared.ids).put("pooled", unit_ND)

    work.used.append(work.parts.finish(f"vectors-{name}-{file.stem}", part_key, make))
    unit_ND = Store(work.used[-1] / "vectors.zarr", "bind").read(file.stem, "pooled")
    return bound_vectors.of_bound(prepared.ids, unit_ND, meta)


def _fused(work: _Work, senses: list[str], name: str, vectors: dict[str, dict[str, Vectors]]) -> dict[str, Vectors]:
    """The groups of a fused store."""
    groups: dict[str, Vectors] = {}
    for split, seed in product(work.row.splits, work.row.seeds):
        group = f"{split}-{seed}"
        of_hub = group if work.row.hub.learns else work.hub.group(split, seed)
        parts = [vectors[sense][of_hub if sense == HUB else group] for sense in senses]
        groups[group] = bound_vectors.fused(name, parts, split, seed)
    return groups


def _counts(work: _Work) -> list[page_of.PairCounts]:
    return [
        page_of.PairCounts(
            training.names,
            training.split,
            training.seed,
            len(training.pairs.training),
            len(training.pairs.held_out),
            sum(training.pairs.wanted.values()),
        )
        for training in work.trainings
    ]


def _history(metas: Sequence[bound.BoundMetadata]) -> Iterator[list[object]]:
    for meta in metas:
        for row in meta.history:
            numbers = [f"{row[name]:.6f}" for name in bound_encoders.HISTORY]
            yield [meta.sense, meta.split, meta.seed, int(row["epoch"]), *numbers]
