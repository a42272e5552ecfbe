"""One encoder from its plan: built, trained to tell a split's training classes apart, written with what it saw."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from pydantic import Field, model_validator

from pipeline import modalities
from pipeline.core import runs
from pipeline.core.errors import ParamsError
from pipeline.core.params import Params
from pipeline.core.seeds import derived_seed
from pipeline.models import checkpoint, encoder_cost, text_space
from pipeline.models.mapped import MappedEncoder
from pipeline.training import classify, loop, ranks, sentences
from pipeline.training.determinism import deterministic
from pipeline.training.training_set import Classes, Prepared, TrainingSet


class Plan(Params):
    """What decides an encoder, apart from split, seed and arrays; `options` are the Params of the encoder's file."""

    dataset: str
    split_table: str
    modality: str
    recipe: str
    encoder: str
    options: dict[str, Any]
    classes: Classes  # seen = fit and val classes, only for methods with `refit: both`
    label_smoothing: float = Field(ge=0, lt=1)
    augment: dict[str, Any] | None  # Params of the modality's variants, of which one takes a clip's place; null: none
    text: sentences.Params | None  # null: a classifier learns, from labels alone
    training: loop.Params

    @model_validator(mode="after")
    def _smooths_labels(self) -> Self:
        text = self.text
        if text is not None and text.loss == "batch" and not text.label_weight and self.label_smoothing:
            raise ValueError("label_smoothing: the loss within a batch has no labels to smooth; set it to 0.0")
        return self


@dataclass(frozen=True)
class Task(loop.Task):
    """What one training is called, how it runs, and where params.yaml gives its row."""

    section: str


def train(
    file: Path,
    plan: Plan,
    prepared: Prepared,
    training_set: TrainingSet,
    texts: sentences.TeachingTexts | None,
    seed: int,
    task: Task,
) -> None:
    """Write the weights of the best epoch; `texts` are those of the training classes, where the plan reads texts."""
    named_seed = derived_seed(seed, "pretrain", training_set.split)
    log = runs.recorded("training", task.what, writes=ranks.leads())
    layout = prepared.attrs["layout"]
    teaching = classify.Teaching(plan.label_smoothing, _variant(plan, layout, f"{task.section}.augment"), texts)
    with log as facts, deterministic(named_seed, plan.training.num_threads):
        options = f"{task.section}.options"
        encoder = modalities.sense(plan.modality).build(plan.encoder, plan.options, layout, options)
        if not any(True for _ in encoder.parameters()):
            raise ParamsError(
                f"{task.section}: {plan.encoder} has no weights to learn; name it in a row of extract alone"
            )
        if texts is not None and texts.space is not None:
            encoder = MappedEncoder(encoder, texts.space.dim)
        cost = encoder_cost.of(encoder, _whole_clip(prepared))
        fitted = classify.train(encoder, prepared, training_set, plan.training, teaching, seed=named_seed, task=task)
        facts.update(fitted.facts)
    space = texts.space if texts is not None else None
    map_meta = {} if space is None else {text_space.KEY: space.model_dump()}
    checkpoint.save(file, encoder, _metadata(plan, prepared, training_set, seed, fitted) | asdict(cost) | map_meta)


def _whole_clip(prepared: Prepared) -> torch.Tensor:
    """A clip with all bodies that the recipe keeps, to measure the greatest cost of a clip."""
    return torch.ones(1, *np.shape(prepared.clips[:1])[1:])


def _variant(plan: Plan, layout: str, section: str) -> modalities.Augmentation | None:
    """The function that augments clips. ParamsError for a modality that has none, or whose params do not fit."""
    if plan.augment is None:
        return None
    sense = modalities.sense(plan.modality)
    if not isinstance(sense, modalities.Augmentable):
        raise ParamsError(f"{section}: there are no variants of {plan.modality} to learn from; set it to null")
    return sense.augment(plan.augment, layout, section)


def _metadata(
    plan: Plan, prepared: Prepared, training_set: TrainingSet, seed: int, fitted: loop.Fitted
) -> dict[str, Any]:
    """What extract needs to rebuild the encoder and to refuse it if it was trained on unseen classes."""
    names = {"dataset", "split_table", "modality", "recipe", "encoder", "options", "classes", "augment", "text"}
    return {
        **plan.model_dump(include=names),
        "layout": prepared.attrs["layout"],
        "split": training_set.split,
        "seed": seed,
        "training_classes": training_set.training_classes,
        "training_names": training_set.training_names,
        "unseen_classes": training_set.unseen_classes,
        "training_clips": training_set.training_clips,
        "num_training_clips": len(training_set.rows),
        "num_held_out_clips": len(training_set.held_out_rows),
        "epoch": fitted.epoch,
        "history": fitted.history,
    }
