"""One CLIP from its plan: trained, mixed with its start as validation chooses, and what happened on the way."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field
from torch import Tensor

from pipeline.core.batches import Source
from pipeline.core.errors import DataError
from pipeline.core.params import Params
from pipeline.models import lora
from pipeline.models.clip import Clip
from pipeline.models.interpolation import interpolated
from pipeline.training import loop
from pipeline.training.determinism import deterministic
from pipeline.training.engines import own_device
from pipeline.training.image_text import ImageTextModel, Objective, loss_of
from pipeline.training.probe import Probe

Measured = dict[str, float]


class Mixing(Params):
    """How much of what was learnt is kept: start + share x (tuned - start), chosen on the selection pairs (WiSE-FT).

    Chosen is the share that tells most captions apart from false ones, of those that retain at least the start's
    retention less `max_loss`; where all forget more, the one that retains most. Of equals the smallest share.
    """

    shares: list[Annotated[float, Field(ge=0, le=1)]] = Field(min_length=1)
    max_loss: float = Field(ge=0, le=1)


class Plan(Params):
    """What decides the weights, apart from start, data and seed."""

    objective: Objective
    learns: lora.Params
    checkpoint_gradients: bool  # of the towers' blocks: computed again in the backward pass, memory for time
    mixing: Mixing | None  # null: the weights as training leaves them
    training: loop.Params


@dataclass(frozen=True)
class TuningResult:
    """What a training did: one row of metrics an epoch (0 = the start), and the share that is kept."""

    history: list[Measured]
    mixed: list[Measured]  # of each share of the plan
    share: float


def chosen(start: Measured, mixed: list[Measured], mixing: Mixing) -> int:
    """The place of the share that is kept."""
    retained = [row.get("retention", 0.0) for row in mixed]
    holds = [
        place for place, value in enumerate(retained) if value >= start.get("retention", 0.0) - mixing.max_loss - 1e-9
    ]
    if not holds:
        return max(range(len(mixed)), key=lambda place: (retained[place], -mixing.shares[place]))
    return max(holds, key=lambda place: (mixed[place].get("told_apart", 0.0), -mixing.shares[place]))


def train(
    clip: Clip,
    plan: Plan,
    data: Source,
    probe: Probe,
    running: loop.Running,
    *,
    seed: int,
    what: str,
    resume: Path,
) -> tuple[TuningResult, dict[str, object]]:
    """Leave in the CLIP the weights that are kept; also returns how the training went, for the run log."""
    clip.to(own_device()).checkpoint_gradients(plan.checkpoint_gradients)
    with deterministic(seed, plan.training.num_threads):
        before = probe.measure(clip)
        _check_choice(plan.mixing, before)
        start = copy.deepcopy(clip.state_dict())
        learner = ImageTextModel(clip, plan.objective)
        lora.prepare(clip.model, plan.learns)
        fitted = loop.fit(
            learner,
            data,
            None,
            loss_of(plan.objective),
            plan.training,
            running,
            seed=seed,
            watch=None,
            what=what,
            resume=resume,
            probe=lambda _: probe.measure(clip),
        )
        lora.merge(clip.to(own_device()).model)
        mixed, share = _mixed(clip, start, probe, plan.mixing, before)
    history = [{"epoch": 0, **before}, *fitted.history]
    return TuningResult(history, mixed, share), fitted.facts


def _check_choice(mixing: Mixing | None, before: Measured) -> None:
    if mixing is not None and len(mixing.shares) > 1 and "told_apart" not in before:
        raise DataError(
            "mixing: several shares, and no selection pair with a false caption to choose by; raise selection.share, "
            "or give one share"
        )


def _mixed(
    clip: Clip, start: Mapping[str, Tensor], probe: Probe, mixing: Mixing | None, before: Measured
) -> tuple[list[Measured], float]:
    """Put the share that validation chooses into the CLIP; returns the figures of each share, and the chosen one."""
    if mixing is None:
        return [], 1.0
    tuned = copy.deepcopy(clip.state_dict())
    mixed = []
    for share in mixing.shares:
        clip.load_state_dict(interpolated(start, tuned, share))
        mixed.append(probe.measure(clip))
    share = mixing.shares[chosen(before, mixed, mixing)]
    clip.load_state_dict(interpolated(start, tuned, share))
    return mixed, share
