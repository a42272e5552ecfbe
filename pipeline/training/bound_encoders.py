"""Bound encoders from their plan: built, trained on pairs with the hub, written with what they saw."""

# Shapes: N clips, D size of the hub's vectors.
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from pydantic import Field
from torch import nn

from pipeline import modalities
from pipeline.core import bound as places
from pipeline.core import runs
from pipeline.core.bound import HUB
from pipeline.core.closure import Code
from pipeline.core.errors import LeakError
from pipeline.core.hashing import file_digest
from pipeline.core.params import Params
from pipeline.core.roles import joint_clips
from pipeline.core.seeds import derived_seed
from pipeline.models.bound import BoundEncoder
from pipeline.models.encoder import Encoder
from pipeline.training import binding, bound, frozen, hub, loop, paired, paired_classes, ranks, starts
from pipeline.training.binding import Arm, Binding, Sense
from pipeline.training.determinism import deterministic
from pipeline.training.training_set import Prepared

HISTORY = ("loss", "recall", "chance", "temperature", "held_out_loss", "held_out_recall", "held_out_chance")


class Plan(Params):
    """What decides the encoders of a row, apart from split and seed."""

    dataset: str  # whose clips are encoded, and whose split table says who is who
    split_table: str
    hub: hub.Plan
    pairs: paired.Rules
    senses: dict[str, Sense] = Field(min_length=1)


@dataclass(frozen=True)
class Arrays:
    """The prepared arrays of a row's clips, by dataset and then by sense or hub."""

    prepared: Mapping[str, Mapping[str, Prepared]]
    digests: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Training:
    """The senses that learn together, of one split and seed."""

    plan: Plan
    key: str  # of the row
    names: tuple[str, ...]
    split: str
    seed: int
    arrays: Arrays
    recorded: Sequence[paired.RecordedClips]
    roles: Mapping[str, Sequence[int]]  # class ids of the split: fit, val, unseen
    class_names: paired_classes.Names
    hub: hub.Hub
    pretrained: Path  # where rows of pretrain left their weights
    code: Code

    @property
    def name(self) -> str:
        """The name of its part."""
        return f"{'+'.join(self.names)}-{self.split}-{self.seed}"

    @property
    def unseen_classes(self) -> list[int]:
        """The unseen classes of the split."""
        return sorted(self.roles["unseen"])

    @cached_property
    def pairs(self) -> paired.Pairs:
        """The pairs to learn from and those held out."""
        return paired.pair(self.plan.pairs, self.recorded, self.split, self.seed)

    @cached_property
    def starts(self) -> dict[str, Path | None]:
        """The file that each sense starts from."""
        return {
            name: starts.file_of(self.plan.senses[name], self.pretrained, self.split, self.seed, self.where(name))
            for name in self.names
        }

    @cached_property
    def paired_classes(self) -> dict[str, list[int]]:
        """The classes of the paired clips, by dataset. LeakError for one that the split holds back."""
        own, clips = self.plan.dataset, [*self.pairs.training, *self.pairs.held_out]
        classes = paired_classes.paired_classes(clips, self.recorded, own, self.class_names)
        where = f"bind.rows.{self.key}.pairs: split '{self.split}'"
        paired_classes.refuse_held_back(self.plan.pairs.of, classes[own], self.roles, where)
        return classes

    @cached_property
    def training_classes(self) -> list[int]:
        """Whose labels or texts any weight was taught: by the hub, a start, or here by leaving out clips of a class.

        LeakError for an unseen one.
        """
        classes = set(self.hub.encoder(self.group).attrs["training_classes"])
        if self.plan.pairs.same_class == "skip":
            classes |= set(self.paired_classes[self.plan.dataset])
        for meta in self._start_metas:
            classes |= set(meta.training_classes)
        if taught := sorted(classes & set(self.unseen_classes)):
            raise LeakError(
                f"bind.rows.{self.key}.hub: {self.plan.hub.weights} was taught classes {taught}, which split "
                f"'{self.split}' calls unseen; name weights whose labels and captions tell none of them"
            )
        return sorted(classes)

    @cached_property
    def training_clips(self) -> str | None:
        """What names the clips whose labels any weight was taught, as core.roles has it."""
        (own,) = (recording for recording in self.recorded if recording.dataset == self.plan.dataset)
        of_pairs = paired.labelled_clips(self.plan.pairs, own, self.split)
        of_starts = [meta.training_clips for meta in self._start_metas]
        return joint_clips([self.hub.encoder(self.group).attrs.get("training_clips"), of_pairs, *of_starts])

    @cached_property
    def _start_metas(self) -> list[frozen.EncoderMeta]:
        files = {name: file for name, file in self.starts.items() if file is not None}
        return [
            starts.meta_of(self.plan.senses[name], file, self._asked(name), self.layout(name))
            for name, file in files.items()
        ]

    @property
    def group(self) -> str:
        """The group of the hub's encoder."""
        return self.hub.group(self.split, self.seed)

    def where(self, name: str) -> str:
        """The part of params.yaml that errors name."""
        return f"bind.rows.{self.key}.senses.{name}"

    def layout(self, name: str) -> str:
        """The joint layout of a sense's clips, or the hub's."""
        layout: str = self.arrays.prepared[self.plan.dataset][name].attrs["layout"]
        return layout

    @cached_property
    def decided_by(self) -> dict[str, object]:
        """All that decides the weights: the key of the part."""
        plan, hub = self.plan, self.hub.encoder(self.group)
        senses = {name: plan.senses[name] for name in self.names}
        encoders = {
            (plan.hub.modality, plan.hub.encoder),
            *((sense.modality, sense.encoder) for sense in senses.values()),
        }
        members = [f"pipeline.modalities.{modality}.{encoder}" for modality, encoder in sorted(encoders)]
        clips = {
            what: [[clip.dataset, clip.clip_id, *clip.keys] for clip in some]
            for what, some in (("training", self.pairs.training), ("held_out", self.pairs.held_out))
        }
        used = (HUB, *self.names)
        return {
            "code": self.code.digest(__name__, *members),
            "plan": plan.model_dump(include={"dataset", "split_table", "hub", "pairs"}),
            "senses": {name: sense.model_dump() for name, sense in senses.items()},
            "seed": self.seed,
            "split": self.split,
            "arrays": {
                dataset: {name: digests[name] for name in used} for dataset, digests in self.arrays.digests.items()
            },
            "clips": clips,
            "classes": [self.unseen_classes, self.training_classes, self.paired_classes],
            "training_clips": self.training_clips,
            "hub": [self.hub.decided_by(plan.dataset, self.group, ""), hub.attrs.get("pretrained")],
            "starts": {name: file and file_digest(file) for name, file in self.starts.items()},
        }

    def _asked(self, name: str) -> frozen.EncoderRequest:
        plan, sense = self.plan, self.plan.senses[name]
        return frozen.EncoderRequest(
            plan.dataset, plan.split_table, sense.modality, sense.recipe, sense.encoder, {}, self.where(name)
        )


def train(training: Training, folder: Path, running: loop.Running, resume: Path) -> None:
    """Write the weights of the best epoch of each sense, and of the hub where it learns, below `folder`."""
    plan = training.plan
    params = plan.senses[training.names[0]].training  # one for all that learn together
    seed = derived_seed(training.seed, "bind", "+".join(training.names), training.split)
    what = f"{training.key} {training.name}"
    sources = _sources(training, params.batch_size)
    log = runs.recorded("training", what, writes=ranks.leads())
    with log as facts, deterministic(seed, params.num_threads):
        module = _built(training)
        fitted = binding.train(module, *sources, params, seed, loop.Task(what, running, resume))
        facts.update(fitted.facts)
    for name in training.names:
        arm = module.arm(name)
        meta = _metadata(training, name, arm.temperature, fitted)
        bound.save(places.weights(folder, name, training.split, training.seed), arm.bound, meta)
    if module.hub is not None:
        hub = _as_bound(cast(Encoder, module.hub))
        meta = _metadata(training, HUB, module.arm(training.names[0]).temperature, fitted)
        bound.save(places.weights(folder, HUB, training.split, training.seed), hub, meta)


def _sources(training: Training, batch_size: int) -> tuple[paired.PairedClips, paired.PairedClips]:
    arrays: dict[str, dict[str, paired.RowSource]] = {}
    for dataset, prepared in training.arrays.prepared.items():
        arrays[dataset] = {name: prepared[name].clips for name in (HUB, *training.names)}
        if not training.plan.hub.learns:
            digest = training.arrays.digests[dataset][HUB]
            arrays[dataset][HUB] = training.hub.vectors(dataset, training.group, digest)
    pairs = training.pairs
    return (
        paired.source(pairs.training, training.recorded, arrays, batch_size, shuffled=True),
        paired.source(pairs.held_out, training.recorded, arrays, batch_size, shuffled=False),
    )


def _built(training: Training) -> Binding:
    """New arms, drawn from torch's random state, each with its start's weights."""
    plan, hub = training.plan, training.hub.encoder(training.group)
    arms = {}
    for name in training.names:
        sense, where = plan.senses[name], training.where(name)
        encoder = modalities.sense(sense.modality).build(
            sense.encoder, sense.options, training.layout(name), f"{where}.options"
        )
        fresh_bound = BoundEncoder(encoder, hub.encoder.dim)
        starts.fill(fresh_bound, sense, training.starts[name], hub.encoder, where)
        arms[name] = Arm(fresh_bound, sense.temperature)
    fresh = cast(nn.Module, training.hub.fresh(training.group)) if plan.hub.learns else None
    return Binding(arms, None if fresh is None else binding.learning(fresh))


def _as_bound(encoder: Encoder) -> BoundEncoder:
    """A hub that has learnt, in the form of the senses: its linear layer changes nothing."""
    bound_hub = BoundEncoder(cast(nn.Module, encoder), encoder.dim)
    nn.init.eye_(bound_hub.projection.weight)
    return bound_hub


def _metadata(training: Training, name: str, temperature: float, fitted: loop.Fitted) -> bound.BoundMetadata:
    """The metadata of the weights; `name` is that of a sense, or the hub."""
    plan, hub_meta = training.plan, _hub_metadata(training)
    of_sense = hub_meta if name == HUB else plan.senses[name]
    history_of = training.names[0] if name == HUB else name
    hub = training.hub.encoder(training.group)
    return bound.BoundMetadata(
        sense=name,
        **{part: getattr(of_sense, part) for part in ("modality", "recipe", "encoder")},
        recipe_options=training.arrays.prepared[plan.dataset][name].attrs["options"],
        options=_rebuilding(training) if name == HUB else plan.senses[name].options,
        layout=training.layout(name),
        dim=hub.encoder.dim,
        dataset=plan.dataset,
        split_table=plan.split_table,
        split=training.split,
        seed=training.seed,
        pairs=plan.pairs.of,
        paired=training.paired_classes,
        training_classes=training.training_classes,
        training_clips=training.training_clips,
        unseen_classes=training.unseen_classes,
        pretrained=hub.attrs.get("pretrained"),
        temperature=temperature,
        hub=hub_meta,
        epoch=fitted.epoch,
        history=[_of(row, history_of) for row in fitted.history],
    )


def _hub_metadata(training: Training) -> bound.HubMetadata:
    plan, hub = training.plan.hub, training.hub.encoder(training.group)
    return bound.HubMetadata(
        **plan.model_dump(include={"modality", "recipe", "encoder", "options", "weights"}),
        recipe_options=training.arrays.prepared[training.plan.dataset][HUB].attrs["options"],
        layout=training.layout(HUB),
        seed=hub.attrs.get("seed"),
        weights_hash=hub.weights_hash,
        learned=plan.learns,
    )


def _rebuilding(training: Training) -> dict[str, Any]:
    """The options from which a hub that has learnt is built anew: of a CLIP also what its weights told."""
    clip = binding.clip_of(cast(nn.Module, training.hub.encoder(training.group).encoder))
    return {**training.plan.hub.options, **({} if clip is None else {"architecture": clip.architecture})}


def _of(row: loop.Metrics, name: str) -> dict[str, float]:
    """One sense's part of a row of the history."""
    held_out = {
        what: f"held_out_{name}/{what.removeprefix('held_out_')}" for what in HISTORY if what.startswith("held_")
    }
    trained = {what: f"{name}/{what}" for what in HISTORY if what not in held_out}
    return {"epoch": row["epoch"], **{what: row[column] for what, column in {**trained, **held_out}.items()}}
