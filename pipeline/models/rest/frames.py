"""Frames of a clip -> visual tokens: one a frame from a 2-D CNN, one a group of frames from a 3-D one.

A token is the output of the network's last average pooling; for C3D, of its first fully connected layer. Weights are
random unless a local file is named: ResT is trained from scratch, and the leak audit reports any other start.
"""

# Shapes: N clips, T frames, C = 3 colours, H x W pixels, F frames of a token, S = T / F tokens, D size of a token.
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.utils import checkpoint

from pipeline.core import params as core_params
from pipeline.core.errors import DataError
from pipeline.models import foreign_weights
from pipeline.models.rest import architectures

Name = Literal["small", "resnet18", "resnet34", "resnet101", "vgg16", "mobilenet_v2", "googlenet", "r2plus1d", "c3d"]

Width = Annotated[int, Field(ge=1)]

_NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)
_COUNT = "num_batches_tracked"


class FrameParams(core_params.Params):
    """The network, its first weights, and whether it is trained."""

    name: Name
    widths: Annotated[list[Width], Field(min_length=1)] | None  # `small`: channels of each halving; null for others
    group: int = Field(ge=1)  # frames of a token: 1 for 2-D networks
    weights: str | None  # a state dict of that architecture, .safetensors or torch.save's; null = drawn at random
    learns: bool  # false: frozen

    @property
    def min_side(self) -> int:
        """The least side of pictures that its poolings can take, pixels."""
        return architectures.MIN_SIDE.get(self.name, 1)

    def start(self) -> str | None:
        """Digest of the file it starts from, if any. FormatError if that file is missing."""
        if self.weights is None:
            return None
        return foreign_weights.digest(Path(self.weights), f"weights of {self.name}")

    @model_validator(mode="after")
    def _fits(self) -> "FrameParams":
        if (self.widths is not None) != (self.name == "small"):
            raise ValueError(f"widths should be {'a list' if self.name == 'small' else 'null'} for {self.name}")
        if self.name not in architectures.OVER_TIME and self.group != 1:
            raise ValueError(f"{self.name} sees one frame at a time: group should be 1, found {self.group}")
        if self.name == "c3d" and self.group < architectures.C3D_FRAMES:
            raise ValueError(f"c3d sees {architectures.C3D_FRAMES} frames at least: group is {self.group}")
        return self


class FrameEncoder(nn.Module):
    """Clips of uint8 frames -> tokens of `dim` numbers, one for each `group` frames."""

    mean_C: Tensor
    deviation_C: Tensor

    def __init__(self, params: FrameParams, *, channels_last: bool, checkpoint_gradients: bool) -> None:
        super().__init__()
        self.params, self.group, self.checkpoint_gradients = params, params.group, checkpoint_gradients
        made = architectures.make(params.name, params.widths)
        self.net, self.dim, self._segments = made.net, made.dim, made.segments
        if params.weights is not None:
            _fill(self.net, Path(params.weights), params.name, made.head)
        mean, deviation = made.colours
        self.register_buffer("mean_C", torch.tensor(mean), persistent=False)
        self.register_buffer("deviation_C", torch.tensor(deviation), persistent=False)
        self._format = torch.contiguous_format
        if channels_last:
            self._format = torch.channels_last_3d if self._over_time else torch.channels_last
            self.net.to(memory_format=self._format)
        self.requires_grad_(params.learns)

    def train(self, mode: bool = True) -> "FrameEncoder":
        """Training mode; a frozen network stays in eval mode, so that running means do not change either."""
        super().train(mode and self.params.learns)
        return self

    def forward(self, x_NTCHW: Tensor) -> Tensor:
        """token_NSD. DataError for clips whose frames are not a multiple of `group`."""
        num_clips, num_frames = x_NTCHW.shape[:2]
        if num_frames % self.group:
            raise DataError(f"rest: clips of {num_frames} frames are no whole number of groups of {self.group}")
        x = self._prepared(x_NTCHW)
        for names in self._segments:
            x = self._through(names, x)
        return x.reshape(num_clips, num_frames // self.group, self.dim)

    @property
    def _over_time(self) -> bool:
        return self.params.name in architectures.OVER_TIME

    def _prepared(self, x_NTCHW: Tensor) -> Tensor:
        """x_MCHW of single frames, or x_MCFHW of groups, in colours as the network takes them."""
        x_NTCHW = (x_NTCHW.float() / 255 - self.mean_C[:, None, None]) / self.deviation_C[:, None, None]
        if self.params.name == "small":
            x_NTCHW = torch.cat([x_NTCHW, x_NTCHW - x_NTCHW.mean(dim=1, keepdim=True)], dim=2)
        if not self._over_time:
            return x_NTCHW.flatten(0, 1).contiguous(memory_format=self._format)
        x_MFCHW = x_NTCHW.reshape(-1, self.group, *x_NTCHW.shape[2:])
        return x_MFCHW.transpose(1, 2).contiguous(memory_format=self._format)

    def _through(self, names: Sequence[str], x: Tensor) -> Tensor:
        def run(x: Tensor) -> Tensor:
            for name in names:
                x = self.net.get_submodule(name)(x)
            return x

        if not (self.checkpoint_gradients and torch.is_grad_enabled()):
            return run(x)
        output: Tensor = checkpoint.checkpoint(
            run, x, use_reentrant=False, context_fn=lambda: (nullcontext(), self._without_running_means())
        )
        return output

    @contextmanager
    def _without_running_means(self) -> Iterator[None]:
        """Around the recomputation for the backward pass: running means must not count the batch again."""
        norms = [module for module in self.net.modules() if isinstance(module, _NORMS)]
        before = [(norm.momentum, norm.get_buffer(_COUNT).clone()) for norm in norms]
        for norm in norms:
            norm.momentum = 0.0
        try:
            yield
        finally:
            for norm, (momentum, num_batches) in zip(norms, before, strict=True):
                norm.momentum = momentum
                norm.get_buffer(_COUNT).copy_(num_batches)


def build(params: FrameParams, *, channels_last: bool, checkpoint_gradients: bool) -> FrameEncoder:
    """A frame encoder; random weights are drawn from torch's generator, which the caller seeds.

    `channels_last` changes how pictures lie in memory, `checkpoint_gradients` takes time to save memory: of each
    segment of the network its input is kept, the rest computed again for the backward pass.
    """
    return FrameEncoder(params, channels_last=channels_last, checkpoint_gradients=checkpoint_gradients)


def _fill(net: nn.Module, file: Path, name: str, head: tuple[str, ...]) -> None:
    """Load weights from a file, but for those of its classifier, into a network. FormatError where they do not fit."""
    body = {key: value for key, value in net.state_dict().items() if key.endswith(_COUNT)}  # older files have none
    body |= {
        key: value
        for key, value in foreign_weights.read(file, f"weights of {name}").items()
        if not key.startswith(head)
    }
    foreign_weights.load_into(net, body, file)
