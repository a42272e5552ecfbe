"""Which weights of a CLIP are trained: freezing of a tower, and low-rank changes of a tower's weights (LoRA).

LoRA: Hu et al., ICLR 2022. The changes sit on the weights themselves, so every forward, also a fused one, sees them.
"""

# Shapes: J weights stacked in one (query, key, value), O outputs of each, I inputs, R rank.
from collections.abc import Iterator
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from pipeline.core import params as core_params
from pipeline.core.errors import ParamsError

TOWERS = ("image", "text")
OF_NEITHER = ("logit_scale", "logit_bias")


class LowRank(core_params.Params):
    """The change of a weight is alpha / rank times a product of two matrices."""

    rank: int = Field(ge=1)
    alpha: float = Field(gt=0)


class TowerChanges(core_params.Params):
    """Low-rank changes of each tower; null trains the tower's own weights."""

    image: LowRank | None
    text: LowRank | None


class Params(core_params.Params):
    """Which weights are trained; the logit scale always is."""

    freeze: Literal["none", "image", "text"]
    lora: TowerChanges

    @model_validator(mode="after")
    def _no_change_of_a_frozen_tower(self) -> Self:
        if self.freeze != "none" and getattr(self.lora, self.freeze) is not None:
            raise ValueError(f"lora.{self.freeze} should be null where that tower is frozen")
        return self


class LowRankChange(nn.Module):
    """weight -> weight + alpha / rank x up down; `up` starts at 0, so nothing changes at first.

    Stacked weights (J of them, of queries, keys and values) each have a change of their own.
    """

    def __init__(self, weight: Tensor, stacked: int, params: LowRank) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self.factor = params.alpha / params.rank
        self.down_JRI = nn.Parameter(weight.new_empty(stacked, params.rank, inputs).uniform_(-1, 1) / inputs**0.5)
        self.up_JOR = nn.Parameter(weight.new_zeros(stacked, outputs // stacked, params.rank))

    def forward(self, weight: Tensor) -> Tensor:
        """The changed weight, in the precision of the weight whatever is around it."""
        with torch.autocast(weight.device.type, enabled=False):
            return weight + self.factor * (self.up_JOR @ self.down_JRI).flatten(0, 1)


def prepare(model: nn.Module, params: Params) -> None:
    """Freeze towers of an open_clip model and add low-rank changes, in place; `requires_grad` then marks what learns.

    Raises ParamsError for low-rank changes of a tower that is not a transformer of open_clip, and for freezing one with
    batch normalisation, which would learn its statistics all the same.
    """
    if isinstance(bias := getattr(model, "logit_bias", None), nn.Parameter):
        bias.requires_grad_(False)  # of a sigmoid loss; InfoNCE does not know it
    for tower in TOWERS:
        low_rank: LowRank | None = getattr(params.lora, tower)
        if params.freeze == tower and any(isinstance(m, _BatchNorm) for _, m in _tower_modules(model, tower)):
            raise ParamsError(f"freeze: the {tower} tower has batch normalisation, which does not freeze; give none")
        if params.freeze == tower or low_rank is not None:
            for parameter in tower_parameters(model, tower):
                parameter.requires_grad_(False)
        if low_rank is not None:
            _add(model, tower, low_rank)


def merge(model: nn.Module) -> None:
    """Fold every low-rank change into its weight, in place: names and shapes are those of the architecture again."""
    for module in list(model.modules()):
        if isinstance(changes := getattr(module, "parametrizations", None), nn.ModuleDict):
            for name in list(changes):
                parametrize.remove_parametrizations(module, name, leave_parametrized=True)


def tower_parameters(model: nn.Module, tower: str) -> Iterator[nn.Parameter]:
    """All that belongs to the image tower (`visual`), or to the text tower (the rest but the logit scale and bias)."""
    for name, parameter in model.named_parameters():
        if name not in OF_NEITHER and name.startswith("visual.") == (tower == "image"):
            yield parameter


def _tower_modules(model: nn.Module, tower: str) -> list[tuple[str, nn.Module]]:
    return [(path, m) for path, m in model.named_modules() if path.startswith("visual.") == (tower == "image")]


def _add(model: nn.Module, tower: str, low_rank: LowRank) -> None:
    weights = [
        (module, name, stacked)
        for path, module in _tower_modules(model, tower)
        for name, stacked in _weights(path, module)
    ]
    if not weights:
        raise ParamsError(f"lora.{tower}: only the transformers of open_clip (such as ViT-B-32) take it; give null")
    for module, name, stacked in weights:
        change = LowRankChange(getattr(module, name), stacked, low_rank)
        parametrize.register_parametrization(module, name, change)


def _weights(path: str, module: nn.Module) -> list[tuple[str, int]]:
    """Names of a module's weights that take a change, and how many are stacked in each."""
    if "resblocks." not in path:
        return []
    if isinstance(getattr(module, "in_proj_weight", None), Tensor):
        return [("in_proj_weight", 3)]
    return [("weight", 1)] if isinstance(module, nn.Linear) else []
