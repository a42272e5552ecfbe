"""MS-G3D: graph convolution over distances of up to 12 bones, and over several frames at once (Liu et al., CVPR 2020).

Written from the paper and the layer plan of its released code. Each of three blocks adds two paths: joints by
themselves, then time (`joints`), and the joints of several neighbouring frames as one graph (`windows`).
"""

# Shapes: P bodies, C channels (O: after), T frames, V joints (W: before a step over the graph), K distances,
# F frames of a window, D feature size, S frames after the stride.
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.core import params as core_params
from pipeline.core.joints import JointLayout
from pipeline.modalities.skeleton._bodies import NUM_COORDINATES, BodyEncoder
from pipeline.modalities.skeleton._frame_max import FrameMax
from pipeline.modalities.skeleton._graphs import Weights, adjacent, with_released_bones
from pipeline.modalities.skeleton._released import Released

STRIDES = (1, 2, 2)  # of the blocks
WINDOWS = (3, 5)  # frames of one graph
DILATIONS = (1, 2, 3, 4)
NUM_BRANCHES = len(DILATIONS) + 2  # of a temporal convolution


class Params(core_params.Params):
    """Graph and size of the network."""

    bones: Literal["layout", "released"]  # released: those of the released graph, some of which differ
    num_slots: int = Field(ge=1)  # bodies with statistics of their own; 2 as published
    width: int = Field(ge=1, multiple_of=NUM_BRANCHES)  # channels of the first block; 96 as published
    gcn_scales: int = Field(ge=1)  # distances 0, 1, ... over which joints are summed; 13 as published
    g3d_scales: int = Field(ge=1)  # the same in windows; 6 as published


def scales(adjacent_VW: Weights, num_scales: int) -> Weights:
    """A_KVW: for each distance the pairs exactly so far apart, and each joint itself; D^-1/2 A D^-1/2 with degrees D.

    Paper, section 3.2.
    """
    itself_VW = np.eye(len(adjacent_VW), dtype=bool)
    step_VW = (adjacent_VW > 0) | itself_VW
    within_VW, normalised = itself_VW, []
    for scale in range(num_scales):
        farther_VW = within_VW @ step_VW if scale else within_VW
        exactly_VW = (farther_VW & ~within_VW) | itself_VW
        root_V = np.sqrt(exactly_VW.sum(axis=1))
        normalised.append(exactly_VW / root_V[:, None] / root_V)
        within_VW = farther_VW
    return np.stack(normalised)


def windowed(adjacent_VW: Weights, num_frames: int) -> Weights:
    """A_VW of all joints in a window: a joint is adjacent to itself and its neighbours in every frame."""
    return np.tile(adjacent_VW + np.eye(len(adjacent_VW)), (num_frames, num_frames))


class GraphConvolution(nn.Module):
    """y_v = ReLU(BatchNorm(sum over k, w of (A_kvw + B_kvw) * weight_k x_w)), with B learnt."""

    weights_KVW: Tensor

    def __init__(self, in_channels: int, out_channels: int, weights_KVW: Weights) -> None:
        super().__init__()
        self.register_buffer("weights_KVW", torch.tensor(weights_KVW, dtype=torch.float32), persistent=False)
        self.learnt_KVW = nn.Parameter(torch.empty(weights_KVW.shape).uniform_(-1e-6, 1e-6))
        self.mix = nn.Conv2d(in_channels * len(weights_KVW), out_channels, 1)
        self.normalise = nn.BatchNorm2d(out_channels)

    def forward(self, x_PCTV: Tensor) -> Tensor:
        """y_POTV."""
        taken = torch.einsum("pctw,kvw->pkctv", x_PCTV, self.weights_KVW + self.learnt_KVW)
        return torch.relu(self.normalise(self.mix(taken.flatten(1, 2))))


class WindowConvolution(nn.Module):
    """A graph convolution over the joints of all frames of a window, which are then merged into one frame."""

    def __init__(self, channels: tuple[int, int, int], adjacent_VW: Weights, num_scales: int, num_frames: int) -> None:
        super().__init__()
        before, between, after = channels
        self.num_frames = num_frames
        self.graph = GraphConvolution(before, between, scales(windowed(adjacent_VW, num_frames), num_scales))
        self.collapse = nn.Sequential(nn.Conv2d(between * num_frames, after, 1), nn.BatchNorm2d(after))

    def forward(self, x_PCTV: Tensor, stride: int) -> Tensor:
        """y_POSV: of a window around every `stride`-th frame, with zeros beyond the ends."""
        around = (self.num_frames - 1) // 2
        window_PCSVF = nn.functional.pad(x_PCTV, (0, 0, around, around)).unfold(2, self.num_frames, stride)
        y = self.graph(window_PCSVF.transpose(3, 4).flatten(3))
        frames = y.unflatten(3, (self.num_frames, -1)).transpose(2, 3)  # P, C, F, S, V
        collapsed: Tensor = self.collapse(frames.flatten(1, 2))
        return collapsed


class TimeConvolution(nn.Module):
    """Parallel branches over time, and a residual; `rectified`: ReLU of their sum."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, *, rectified: bool = True) -> None:
        super().__init__()
        share = out_channels // NUM_BRANCHES
        self.rectified = rectified
        dilated = [nn.Conv2d(share, share, (3, 1), (stride, 1), (dilation, 0), (dilation, 1)) for dilation in DILATIONS]
        self.branches = nn.ModuleList(
            nn.Sequential(*_pointwise(in_channels, share, 1), nn.ReLU(), over_time, nn.BatchNorm2d(share))
            for over_time in [*dilated, FrameMax(stride)]
        )
        self.branches.append(_pointwise(in_channels, share, stride))
        is_same = in_channels == out_channels and stride == 1
        self.residual = nn.Identity() if is_same else _pointwise(in_channels, out_channels, stride)

    def forward(self, x_PCTV: Tensor) -> Tensor:
        """y_POSV with S = T / stride, rounded up."""
        y = torch.cat([branch(x_PCTV) for branch in self.branches], dim=1) + self.residual(x_PCTV)
        return torch.relu(y) if self.rectified else y


def _pointwise(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, (stride, 1)), nn.BatchNorm2d(out_channels))


class Block(nn.Module):
    """The sum of both paths, then one more temporal convolution."""

    def __init__(self, channels: tuple[int, int, int], stride: int, params: Params, graph_VW: Weights) -> None:
        super().__init__()
        before, between, after = channels  # between: after its graph convolutions
        self.stride = stride
        self.joints = nn.Sequential(
            GraphConvolution(before, between, scales(graph_VW, params.gcn_scales)),
            TimeConvolution(between, after, stride),
            TimeConvolution(after, after, rectified=False),
        )
        self.windows = nn.ModuleList(
            WindowConvolution(channels, graph_VW, params.g3d_scales, num_frames) for num_frames in WINDOWS
        )
        self.time = TimeConvolution(after, after)

    def forward(self, x_PCTV: Tensor) -> Tensor:
        """y_POSV."""
        y_POSV = self.joints(x_PCTV)
        for window in self.windows:
            y_POSV = y_POSV + window(x_PCTV, self.stride)
        merged_POSV: Tensor = self.time(torch.relu(y_POSV))
        return merged_POSV


class Encoder(BodyEncoder):
    """Clips of joint positions -> one vector a clip. `dim` is its size."""

    def __init__(self, params: Params, layout: JointLayout) -> None:
        width, double, fourfold = (params.width * times for times in (1, 2, 4))
        super().__init__(fourfold, layout.num_joints, params.num_slots)
        graph_VW = adjacent(layout if params.bones == "layout" else with_released_bones(layout))
        channels = (NUM_COORDINATES, width, width), (width, width, double), (double, double, fourfold)
        self.blocks = nn.Sequential(
            *(Block(of_block, stride, params, graph_VW) for of_block, stride in zip(channels, STRIDES, strict=True))
        )


def _reshape(name: str, value: Tensor) -> Tensor:
    """A released weight in its shape here: with an axis of scales, and a window's frames among the channels."""
    if name.endswith(".learnt_KVW") and value.dim() == 2 and value.numel() and len(value) % value.shape[1] == 0:
        return value.reshape(-1, value.shape[1], value.shape[1])
    return value.flatten(1)[:, :, None, None] if value.dim() == 5 else value


RELEASED = Released(
    source="kenziyuliu/MS-G3D, model/msg3d.py, commit 4d525c77c4e27a04ed9b35ed29ed1eb2702d7de2",
    tried=False,
    renamed=(
        *((rf"^sgcn{number}\.", f"blocks.{number - 1}.joints.") for number in (1, 2, 3)),
        *((rf"^tcn{number}\.", f"blocks.{number - 1}.time.") for number in (1, 2, 3)),
        *((rf"^gcn3d{number}\.gcn3d\.", f"blocks.{number - 1}.windows.") for number in (1, 2, 3)),
        (r"\.gcn3d\.1\.", ".graph."),
        (r"\.out_conv\.", ".collapse.0."),
        (r"\.out_bn\.", ".collapse.1."),
        (r"\.A_res$", ".learnt_KVW"),
        (r"\.mlp\.layers\.0\.", ".mix."),
        (r"\.mlp\.layers\.1\.", ".normalise."),
        (r"(\.branches\.[0-3])\.3\.conv\.", r"\1.3."),
        (r"(\.branches\.[0-3])\.3\.bn\.", r"\1.4."),
        (r"\.residual\.conv\.", ".residual.0."),
        (r"\.residual\.bn\.", ".residual.1."),
    ),
    left_out=(r"^fc\.",),
    classifier="fc.weight",
    reshape=_reshape,
    options={"bones": "released", "num_slots": 2, "width": 96, "gcn_scales": 13, "g3d_scales": 6},
    recipe="agcn300",
)
