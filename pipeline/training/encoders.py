"""One encoder from its plan: built, trained as a classifier of a split's training classes, written with what it saw."""

from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline import modalities
from pipeline.core import runs
from pipeline.core.params import Params
from pipeline.core.seeds import derived_seed
from pipeline.models import checkpoint
from pipeline.training import classify, loop, ranks
from pipeline.training.determinism import deterministic
from pipeline.training.lessons import Classes, Lessons, Prepared


class Plan(Params):
    """What decides an encoder beside its split, seed and arrays; `options` are the Params of the encoder's file."""

    dataset: str
    split_table: str
    modality: str
    recipe: str
    encoder: str
    options: dict[str, Any]
    classes: Classes  # seen = fit and val classes, only for methods with `refit: both`
    label_smoothing: float = Field(ge=0, lt=1)
    training: loop.Params


def train(file: Path, plan: Plan, prepared: Prepared, lessons: Lessons, seed: int, task: classify.Task) -> None:
    """Write the weights of the best epoch."""
    named_seed = derived_seed(seed, "pretrain", lessons.split)
    log = runs.recorded("training", task.what, writes=ranks.leads())
    with log as facts, deterministic(named_seed, plan.training.num_threads):
        layout = prepared.attrs["layout"]
        encoder = modalities.sense(plan.modality).build(plan.encoder, plan.options, layout, task.section)
        fitted = classify.train(
            encoder,
            prepared,
            lessons,
            plan.training,
            label_smoothing=plan.label_smoothing,
            seed=named_seed,
            task=task,
        )
        facts.update(fitted.facts)
    checkpoint.save(file, encoder, _about(plan, prepared, lessons, seed, fitted))


def _about(plan: Plan, prepared: Prepared, lessons: Lessons, seed: int, fitted: loop.Fitted) -> dict[str, Any]:
    """What extract needs to rebuild the encoder and to refuse it where it saw too much."""
    return {
        **plan.model_dump(include={"dataset", "split_table", "modality", "recipe", "encoder", "options", "classes"}),
        "layout": prepared.attrs["layout"],
        "split": lessons.split,
        "seed": seed,
        "training_classes": lessons.training_classes,
        "training_names": lessons.training_names,
        "unseen_classes": lessons.unseen_classes,
        "training_clips": lessons.training_clips,
        "num_training_clips": len(lessons.rows),
        "num_held_out_clips": len(lessons.held_out_rows),
        "epoch": fitted.epoch,
        "history": fitted.history,
    }
