"""Senses bound to a hub by contrast: Action-SGFA (III-C), eq. 5, its temperature fixed or learned.

q_i = F(I_i) is the hub's vector of a clip, k_i = G(M_i) that of a sense; every other clip of the batch is a negative,
but for those that the row leaves out. The hub is at rest, or learns along with all senses of the row.
"""

# Shapes: N clips, D size of the hub's vectors, K reasons for which two clips are no negatives of each other.
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.core.bound import HUB
from pipeline.core.params import Params
from pipeline.models import losses
from pipeline.models.bound import BoundEncoder
from pipeline.models.clip import Clip
from pipeline.training import loop, ranks
from pipeline.training.paired import PairedClips

MAX_SCALE = 100.0  # of cosines, as CLIP bounds it: a learned temperature does not fall below .01

Batch = dict[str, Tensor]


class FixedTemperature(Params):
    """A fixed temperature; the paper's are 1.0 to .2."""

    kind: Literal["fixed"]
    value: float = Field(gt=0)


class LearnedTemperature(Params):
    """A temperature that is learned in log scale, as CLIP's."""

    kind: Literal["learned"]
    start: float = Field(ge=1 / MAX_SCALE)


Temperature = Annotated[FixedTemperature | LearnedTemperature, Field(discriminator="kind")]


class Sense(Params):
    """One sense: the encoder of a modality, its starting weights and how it learns."""

    modality: str
    recipe: str
    encoder: str
    options: dict[str, Any]
    start: str | None  # features/pretrain/<row>, or hub: its picture tower; null: drawn
    temperature: Temperature
    training: loop.Params


class Arm(nn.Module):
    """What is trained for a sense: its encoder, and its temperature as the log of the factor of cosines."""

    def __init__(self, bound: BoundEncoder, temperature: FixedTemperature | LearnedTemperature) -> None:
        super().__init__()
        self.bound = bound
        self.learned = isinstance(temperature, LearnedTemperature)
        begins = temperature.start if isinstance(temperature, LearnedTemperature) else temperature.value
        self.log_scale = nn.Parameter(torch.tensor(-math.log(begins)), requires_grad=self.learned)

    @property
    def temperature(self) -> float:
        """The current temperature."""
        return math.exp(-float(self.log_scale.detach()))


class Binding(nn.Module):
    """The arms of a training, and the hub where it learns, as one module: a call gives what the loss needs."""

    def __init__(self, arms: Mapping[str, Arm], hub: nn.Module | None) -> None:
        super().__init__()
        self.names = list(arms)
        self.arms = nn.ModuleList(arms.values())
        self.hub = hub

    def arm(self, name: str) -> Arm:
        """The arm of a sense."""
        return cast(Arm, self.arms[self.names.index(name)])

    def forward(self, batch: Batch) -> Batch:
        """vector_ND of `hub` and of each sense by its name, and `scale/<name>`."""
        hub = batch[f"x/{HUB}"]
        vectors = {HUB: hub if self.hub is None else self.hub(hub)}
        for name in self.names:
            arm = self.arm(name)
            if arm.learned:
                with torch.no_grad():  # the weight itself: bounded in the forward pass, it would get no gradient there
                    arm.log_scale.clamp_(max=math.log(MAX_SCALE))
            vectors[name] = arm.bound(batch[f"x/{name}"])
            vectors[f"scale/{name}"] = arm.log_scale.exp()
        return vectors


def train(
    binding: Binding, data: PairedClips, held_out: PairedClips, params: loop.Params, seed: int, task: loop.Task
) -> loop.Fitted:
    """Leave the weights of the epoch that best found held-out clips; to be run within `deterministic`."""
    return loop.fit(
        binding,
        data,
        held_out,
        loss_of(binding.names),
        params,
        task.running,
        seed=seed,
        watch="recall",
        what=task.what,
        resume=task.resume,
    )


def loss_of(names: list[str]) -> Callable[[nn.Module, Batch], tuple[Tensor, Batch]]:
    """The loss of a batch of a Binding: the mean over senses of InfoNCE; of several processes, of all their rows.

    Beside it, for each sense by `<name>/`: `loss`, `recall` (share of clips whose own vector is the nearest of the
    batch, mean of both directions), `chance` (the recall of a guess) and `temperature`; `recall` is their mean.
    """

    def total(module: nn.Module, batch: Batch) -> tuple[Tensor, Batch]:
        seen = cast(Batch, module(batch))
        hub_ND, key_NK = ranks.gathered(seen[HUB]), batch["keys"]
        left_out_NN = left_out(ranks.gathered(key_NK)) if key_NK.shape[1] else None
        metrics: Batch = {}
        parts = []
        for name in names:
            vector_ND, scale = ranks.gathered(seen[name]), seen[f"scale/{name}"]
            parts.append(losses.info_nce(hub_ND, vector_ND, scale, left_out_NN))
            measured = {"loss": parts[-1].detach(), **batch_recall(hub_ND, vector_ND, left_out_NN)}
            measured["temperature"] = 1 / scale.detach()
            metrics |= {f"{name}/{what}": value for what, value in measured.items()}
        recall = torch.stack([metrics[f"{name}/recall"] for name in names]).mean()
        return torch.stack(parts).mean(), {"recall": recall, **metrics}

    return total


def left_out(key_NK: Tensor) -> Tensor:
    """left_out_NN: which clips share a key; each does with itself."""
    return (key_NK[:, None] == key_NK[None]).any(dim=2)


@torch.no_grad()
def batch_recall(hub_ND: Tensor, vector_ND: Tensor, left_out_NN: Tensor | None) -> Batch:
    """`recall` within the batch and its `chance`; clips that are left out are no candidates."""
    unit_ND, other_ND = (nn.functional.normalize(vectors.float(), dim=1) for vectors in (hub_ND, vector_ND))
    cosine_NN = losses.without(unit_ND @ other_ND.T, left_out_NN)
    own_N = torch.arange(len(cosine_NN), device=cosine_NN.device)
    hits = [(table.argmax(dim=1) == own_N).float().mean() for table in (cosine_NN, cosine_NN.T)]
    chance = (1 / cosine_NN.isfinite().sum(dim=1)).mean()
    return {"recall": (hits[0] + hits[1]) / 2, "chance": chance}


def learning(hub: nn.Module) -> nn.Module:
    """A hub made trainable: all of it, or the picture tower alone if it is a CLIP."""
    clip = clip_of(hub)
    (hub if clip is None else clip.model.visual).requires_grad_(True)
    return hub.train()


def clip_of(hub: nn.Module) -> Clip | None:
    """The CLIP whose picture tower an encoder is, if it is one."""
    clip = getattr(hub, "clip", None)
    return clip if isinstance(clip, Clip) else None
