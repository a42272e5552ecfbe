"""Shift-GCN: shifts channels across joints and frames, between pointwise layers (Cheng et al., CVPR 2020).

It has the non-local shift graph convolution with its feature mask, and the learnable ("adaptive") shift over time.
Written from the paper and the layer plan of its released code, with three differences:

- The shift over time is linear interpolation in plain PyTorch with its exact gradient. The released kernel, for CUDA
  only, replaces the gradient of a shift by its sign times .01, as `shift_gradient: sign` does here.
- Beside every shift over time that kernel has one over joints, drawn within 1e-8 of 0 and never changed. These 2,816
  numbers are part of the 693,107 weights reported for the network of 60 classes; here they are left out.
- An odd number of frames is halved upwards. The released network takes only even numbers.
"""

# Shapes: P bodies, C channels (O: after), T frames, V joints, D feature size, S frames after the strides.
import math
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.core import params as core_params
from pipeline.core.joints import JointLayout
from pipeline.modalities.skeleton._bodies import NUM_COORDINATES, PLAN, BodyEncoder
from pipeline.modalities.skeleton._released import Released

SIGN_STEP = (0.01, 1e-4)  # in place of a gradient of any size, and of a gradient of 0


class Params(core_params.Params):
    """Size of the network, and how its shifts over time learn."""

    num_slots: int = Field(ge=1)  # bodies with statistics of their own; 2 as published
    width: int = Field(ge=1)  # channels of the first blocks; 64 as published
    shift_gradient: Literal["exact", "sign"]


class _Permuted(torch.autograd.Function):
    """Permutes columns; its backward pass is as fast as its forward pass, and deterministic on every device."""

    @staticmethod
    def forward(ctx: Any, x_NK: Tensor, order_K: Tensor, back_K: Tensor) -> Tensor:
        ctx.save_for_backward(back_K)
        return x_NK.index_select(1, order_K)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (back_K,) = ctx.saved_tensors
        return grads[0].index_select(1, back_K), None, None


class _Moved(torch.autograd.Function):
    """y_PSVC: for each channel the frame s * stride + move of x_PTVC, 0 beyond the ends."""

    @staticmethod
    def forward(ctx: Any, x_PTVC: Tensor, move_C: Tensor, stride: int, num_steps: int) -> Tensor:
        ctx.save_for_backward(move_C)
        ctx.num_frames, ctx.stride = x_PTVC.shape[1], stride
        step_S1 = torch.arange(num_steps, device=x_PTVC.device)[:, None]
        return _frames(x_PTVC, step_S1 * stride + move_C)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        (move_C,) = ctx.saved_tensors
        taken_TC = torch.arange(ctx.num_frames, device=move_C.device)[:, None] - move_C
        step_TC = torch.div(taken_TC, ctx.stride, rounding_mode="floor")
        step_TC = torch.where(taken_TC == step_TC * ctx.stride, step_TC, -1)  # else no step takes this frame
        return _frames(grads[0], step_TC), None, None, None


def _frames(x_PTVC: Tensor, frame_SC: Tensor) -> Tensor:
    """For each channel the frames of these numbers, 0 for numbers beyond the ends."""
    inside_SC = (frame_SC >= 0) & (frame_SC < x_PTVC.shape[1])
    index_1S1C = torch.where(inside_SC, frame_SC, 0)[None, :, None]
    y_PSVC = x_PTVC.gather(1, index_1S1C.expand(len(x_PTVC), -1, x_PTVC.shape[2], -1))
    return y_PSVC * inside_SC[:, None].to(x_PTVC.dtype)


class _Sign(torch.autograd.Function):
    """The identity; its backward pass gives the sign of the gradient, as the released kernel does."""

    @staticmethod
    def forward(ctx: Any, shift_C: Tensor) -> Tensor:  # noqa: ARG004 - torch's interface
        return shift_C.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:  # noqa: ARG004 - torch's interface
        step, step_of_none = SIGN_STEP
        return torch.where(grads[0] == 0, step_of_none, step * grads[0].sign())


class TimeShift(nn.Module):
    """y_PSVC: each channel of x_PTVC at the times s * stride + shift, between frames by linear interpolation.

    Beyond the ends are zeros. With a stride of 2 half a frame is added to the shift, so that it lies between the two
    frames that become one.
    """

    def __init__(self, channels: int, stride: int, gradient: str) -> None:
        super().__init__()
        self.stride, self.gradient = stride, gradient
        self.shift_C = nn.Parameter(torch.empty(channels).uniform_(-1, 1))

    def forward(self, x_PTVC: Tensor) -> Tensor:
        """y_PSVC with S = T / stride, rounded up."""
        shift_C = _Sign.apply(self.shift_C) if self.gradient == "sign" else self.shift_C
        shift_C = shift_C if self.stride == 1 else shift_C + 0.5
        whole_C = shift_C.detach().floor()
        wide = nn.functional.pad(x_PTVC, (0, 0, 0, 0, 1, 1))
        between = wide[:, :-1] + (shift_C - whole_C) * (wide[:, 1:] - wide[:, :-1])  # of frames t - 1 and t
        num_steps = -(-x_PTVC.shape[1] // self.stride)
        y_PSVC: Tensor = _Moved.apply(between, whole_C.long() + 1, self.stride, num_steps)
        return y_PSVC


class ShiftGraph(nn.Module):
    """Joints shifted, a pointwise linear map, joints shifted back (paper, section 3.1.2), each with its residual."""

    order_in: Tensor
    back_in: Tensor
    order_out: Tensor
    back_out: Tensor

    def __init__(self, in_channels: int, out_channels: int, num_joints: int) -> None:
        super().__init__()
        for name, channels, sign in (("in", in_channels, 1), ("out", out_channels, -1)):
            order = shifted(num_joints, channels, sign)
            self.register_buffer(f"order_{name}", order, persistent=False)
            self.register_buffer(f"back_{name}", order.argsort(), persistent=False)
        self.weight_CO = nn.Parameter(torch.randn(in_channels, out_channels) * out_channels**-0.5)
        self.bias_O = nn.Parameter(torch.zeros(out_channels))
        self.mask_VC = nn.Parameter(torch.zeros(num_joints, in_channels))
        self.normalise = nn.BatchNorm1d(num_joints * out_channels)
        self.residual = None if in_channels == out_channels else Pointwise(in_channels, out_channels)

    def forward(self, x_PTVC: Tensor) -> Tensor:
        """y_PTVO."""
        rows = x_PTVC.flatten(0, 1)
        turned = _Permuted.apply(rows.flatten(1), self.order_in, self.back_in).view_as(rows)
        mapped = (turned * (self.mask_VC.tanh() + 1)) @ self.weight_CO + self.bias_O
        turned_back = _Permuted.apply(mapped.flatten(1), self.order_out, self.back_out)
        y_PTVO = self.normalise(turned_back).view(*x_PTVC.shape[:3], len(self.bias_O))
        return torch.relu(y_PTVO + (x_PTVC if self.residual is None else self.residual(x_PTVC)))


def shifted(num_joints: int, channels: int, sign: int) -> Tensor:
    """order: channel j of joint i, number i * C + j, is taken from number i * C + j + sign * j * C, modulo V * C."""
    joint_V1, channel_C = torch.arange(num_joints)[:, None], torch.arange(channels)
    return ((joint_V1 * channels + channel_C + sign * channel_C * channels) % (num_joints * channels)).flatten()


class Pointwise(nn.Module):
    """A linear map of each joint in every `stride`-th frame, then batch normalisation."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.linear = _linear(in_channels, out_channels)
        nn.init.zeros_(self.linear.bias)
        self.normalise = nn.BatchNorm1d(out_channels)

    def forward(self, x_PTVC: Tensor) -> Tensor:
        """y_PSVO."""
        return _by_channel(self.normalise, self.linear(x_PTVC[:, :: self.stride]))


class ShiftTime(nn.Module):
    """A shift over time, a pointwise linear map, another shift (paper, section 3.2.2)."""

    def __init__(self, channels: int, stride: int, gradient: str) -> None:
        super().__init__()
        self.first, self.last = nn.BatchNorm1d(channels), nn.BatchNorm1d(channels)
        self.shift_in, self.shift_out = TimeShift(channels, 1, gradient), TimeShift(channels, stride, gradient)
        self.linear = _linear(channels, channels)

    def forward(self, x_PTVC: Tensor) -> Tensor:
        """y_PSVC."""
        y = torch.relu(self.linear(self.shift_in(_by_channel(self.first, x_PTVC))))
        return _by_channel(self.last, self.shift_out(y))


def _linear(in_channels: int, out_channels: int) -> nn.Linear:
    layer = nn.Linear(in_channels, out_channels)
    nn.init.normal_(layer.weight, 0, math.sqrt(2 / out_channels))  # "fan out", as released
    return layer


def _by_channel(normalise: nn.BatchNorm1d, x_PTVC: Tensor) -> Tensor:
    y_PTVC: Tensor = normalise(x_PTVC.flatten(0, 2)).view_as(x_PTVC)
    return y_PTVC


class Block(nn.Module):
    """Shift over joints, shift over time, residual."""

    def __init__(self, graph: ShiftGraph, time: ShiftTime, residual: nn.Module | None) -> None:
        super().__init__()
        self.graph, self.time, self.residual = graph, time, residual

    def forward(self, x_PTVC: Tensor) -> Tensor:
        """y_PSVO with S = T / stride, rounded up."""
        y = self.time(self.graph(x_PTVC))
        return torch.relu(y if self.residual is None else y + self.residual(x_PTVC))


class Encoder(BodyEncoder):
    """Clips of joint positions -> one vector a clip. `dim` is its size."""

    def __init__(self, params: Params, layout: JointLayout) -> None:
        super().__init__(PLAN[-1][0] * params.width, layout.num_joints, params.num_slots)
        blocks, channels = [], NUM_COORDINATES
        for number, (times, stride) in enumerate(PLAN):
            width = times * params.width
            graph = ShiftGraph(channels, width, layout.num_joints)
            time = ShiftTime(width, stride, params.shift_gradient)
            residual = Pointwise(channels, width, stride) if stride > 1 else nn.Identity() if number else None
            blocks.append(Block(graph, time, residual))
            channels = width
        self.blocks = nn.Sequential(*blocks)

    def maps(self, x_PCTV: Tensor) -> Tensor:
        """body_PDSV."""
        body_PSVD: Tensor = self.blocks(x_PCTV.permute(0, 2, 3, 1).contiguous())
        return body_PSVD.permute(0, 3, 1, 2)


def _reshape(name: str, value: Tensor) -> Tensor:
    """A released weight in its shape here: pointwise maps are no convolutions, masks and biases have no axes of 1."""
    if name.endswith("linear.weight") and value.shape[2:] == (1, 1):
        return value.flatten(1)
    if name.endswith((".bias_O", ".mask_VC")) and value.dim() == 3:
        return value.flatten(0, 1) if name.endswith(".mask_VC") else value.flatten()
    return value


RELEASED = Released(
    source="kchengiva/Shift-GCN, model/shift_gcn.py, commit 7eb1e56344135e3275590be2fb74e67117644e69",
    tried=False,
    renamed=(
        *((rf"^l{number}\.", f"blocks.{number - 1}.") for number in range(1, len(PLAN) + 1)),
        (r"\.gcn1\.Linear_weight$", ".graph.weight_CO"),
        (r"\.gcn1\.Linear_bias$", ".graph.bias_O"),
        (r"\.gcn1\.Feature_Mask$", ".graph.mask_VC"),
        (r"\.gcn1\.bn\.", ".graph.normalise."),
        (r"\.gcn1\.down\.0\.", ".graph.residual.linear."),
        (r"\.gcn1\.down\.1\.", ".graph.residual.normalise."),
        (r"\.tcn1\.bn\.", ".time.first."),
        (r"\.tcn1\.bn2\.", ".time.last."),
        (r"\.tcn1\.(shift_in|shift_out)\.ypos$", r".time.\1.shift_C"),
        (r"\.tcn1\.temporal_linear\.", ".time.linear."),
        (r"\.residual\.conv\.", ".residual.linear."),
        (r"\.residual\.bn\.", ".residual.normalise."),
    ),
    left_out=(r"^fc\.", r"\.xpos$", r"\.gcn1\.shift_(in|out)$"),
    classifier="fc.weight",
    reshape=_reshape,
    options={"num_slots": 2, "width": 64, "shift_gradient": "sign"},
    recipe="agcn300",
)
