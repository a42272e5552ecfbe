"""ST-GCN: graph convolution over joints, then convolution over time (Yan, Xiong, Lin, AAAI 2018).

Written from the paper and the layer plans of its released code; the reduced plan is the encoder of SMIE and DVTA.
Unlike the released code, bodies that are absent (all zero) do not enter the network: a clip's feature is the mean over
the bodies it has, not over always two, and normalisation statistics are those of real bodies.
"""

# Shapes: N clips, P bodies present in them, C channels, T frames, V joints (W: the same, after the graph), M bodies,
# K partitions of a joint's neighbours, D feature size, S frames after the strides.
from collections import deque
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.core import params as core_params
from pipeline.core.joints import JointLayout

KERNEL_FRAMES = 9
NUM_PARTITIONS = 3  # itself, neighbours nearer to the centre, neighbours further from it


class Params(core_params.Params):
    """Size and regularisation of the network."""

    plan: Literal["full", "reduced"]
    dropout: float = Field(ge=0, lt=1)


@dataclass(frozen=True)
class Block:
    """One line of a layer plan."""

    channels: int
    stride: int = 1
    residual: bool = True
    dropout: bool = True


def _plan(widths: list[int]) -> list[Block]:
    strided = [Block(width, stride=2 if i in (4, 7) else 1) for i, width in enumerate(widths)]
    return [Block(widths[0], residual=False, dropout=False), *strided[1:]]


PLANS = {
    "full": _plan([64] * 4 + [128] * 3 + [256] * 3),
    "reduced": _plan([16] * 4 + [32] * 3 + [64] * 2 + [256]),
}


def partitions(layout: JointLayout) -> npt.NDArray[np.float64]:
    """A_KVW: column w holds the weights with which joint w takes in its neighbours v (paper, section 3.3).

    Neighbours are the joint itself and those one bone away; all of a joint's weights sum to 1 over both K and V.
    Partition 0 takes neighbours as far from the centre joint as w itself (w among them), 1 the nearer, 2 the further.
    """
    num_joints = layout.num_joints
    adjacent_VW = np.eye(num_joints)
    for child, parent in layout.edges:
        adjacent_VW[child, parent] = adjacent_VW[parent, child] = 1
    hops_V = _hops(adjacent_VW, layout.centre)
    share_VW = adjacent_VW / adjacent_VW.sum(axis=0)
    further_VW = hops_V[:, None] - hops_V[None, :]
    return np.stack([share_VW * (np.sign(further_VW) == sign) for sign in (0, -1, 1)])


def _hops(adjacent_VW: npt.NDArray[np.float64], centre: int) -> npt.NDArray[np.int64]:
    hops_V = np.full(len(adjacent_VW), -1)
    hops_V[centre] = 0
    queue = deque([centre])
    while queue:
        joint = queue.popleft()
        for other in np.flatnonzero(adjacent_VW[joint]).tolist():
            if hops_V[other] < 0:
                hops_V[other] = hops_V[joint] + 1
                queue.append(other)
    return hops_V


class GraphConvolution(nn.Module):
    """y_w = sum over k, v of A_kvw * weight_k x_v + bias_k (paper, equation 9, with learnable edge weights)."""

    adjacency_KVW: Tensor

    def __init__(self, in_channels: int, out_channels: int, layout: JointLayout) -> None:
        super().__init__()
        self.register_buffer("adjacency_KVW", torch.tensor(partitions(layout), dtype=torch.float32), persistent=False)
        self.edge_weight_KVW = nn.Parameter(torch.ones(NUM_PARTITIONS, layout.num_joints, layout.num_joints))
        bound = in_channels**-0.5  # what PyTorch gives a 1 x 1 convolution, which this is in the released code
        self.weight_KOC = nn.Parameter(torch.empty(NUM_PARTITIONS, out_channels, in_channels).uniform_(-bound, bound))
        self.bias_KO = nn.Parameter(torch.empty(NUM_PARTITIONS, out_channels).uniform_(-bound, bound))

    def forward(self, x_PCTV: Tensor) -> Tensor:
        """y_POTW. Joints are summed first: with fewer channels in than out this is the cheaper order."""
        weighted_KVW = self.adjacency_KVW * self.edge_weight_KVW
        summed = torch.einsum("pctv,kvw->pkctw", x_PCTV, weighted_KVW).flatten(1, 2)  # P, K * C, T, W
        weight = self.weight_KOC.transpose(0, 1).flatten(1)[:, :, None, None]  # O, K * C, 1, 1
        bias_OW = torch.einsum("ko,kvw->ow", self.bias_KO, weighted_KVW)
        return nn.functional.conv2d(summed, weight) + bias_OW[:, None, :]


class StgcnBlock(nn.Module):
    """Graph convolution, temporal convolution, residual."""

    def __init__(self, in_channels: int, block: Block, layout: JointLayout, dropout: float) -> None:
        super().__init__()
        channels, padding = block.channels, (KERNEL_FRAMES - 1) // 2
        self.graph = GraphConvolution(in_channels, channels, layout)
        self.time = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, (KERNEL_FRAMES, 1), (block.stride, 1), (padding, 0)),
            nn.BatchNorm2d(channels),
            nn.Dropout(dropout if block.dropout else 0.0),
        )
        self.residual = self._residual(in_channels, block)

    @staticmethod
    def _residual(in_channels: int, block: Block) -> nn.Module | None:
        if not block.residual:
            return None
        if in_channels == block.channels and block.stride == 1:
            return nn.Identity()
        return nn.Sequential(
            nn.Conv2d(in_channels, block.channels, 1, (block.stride, 1)), nn.BatchNorm2d(block.channels)
        )

    def forward(self, x_PCTV: Tensor) -> Tensor:
        """y_POSV with S = T / stride, rounded up."""
        y = self.time(self.graph(x_PCTV))
        return torch.relu(y if self.residual is None else y + self.residual(x_PCTV))


class Encoder(nn.Module):
    """Clips of joint positions -> one vector a clip. `dim` is its size."""

    parts: ClassVar[dict[str, int]] = {"frames": 2, "joints": 3}  # what of a clip can be hidden -> its axis in x_NCTVM

    def __init__(self, params: Params, layout: JointLayout, in_channels: int = 3) -> None:
        super().__init__()
        plan = PLANS[params.plan]
        self.dim = plan[-1].channels
        self.normalise = nn.BatchNorm1d(in_channels * layout.num_joints)
        channels = [in_channels, *(block.channels for block in plan)]
        self.blocks = nn.Sequential(
            *(StgcnBlock(c, block, layout, params.dropout) for c, block in zip(channels, plan, strict=False))
        )

    def forward(self, x_NCTVM: Tensor) -> Tensor:
        """feature_ND: the mean over frames and joints, then over the bodies present; 0 for a clip without a body."""
        x_PCTV, present_NM = _bodies(x_NCTVM)
        return _mean_body(self._encode_bodies(x_PCTV).mean((2, 3)), present_NM)

    def with_tokens(self, x_NCTVM: Tensor) -> tuple[Tensor, Tensor]:
        """The feature, and what it is the mean of: tokens_NSVD, joint by joint over time, mean over the bodies."""
        x_PCTV, present_NM = _bodies(x_NCTVM)
        body_PDSV = self._encode_bodies(x_PCTV)
        return _mean_body(body_PDSV.mean((2, 3)), present_NM), _mean_body(body_PDSV, present_NM).permute(0, 2, 3, 1)

    def _encode_bodies(self, x_PCTV: Tensor) -> Tensor:
        num_bodies, channels, frames, joints = x_PCTV.shape
        columns = x_PCTV.transpose(2, 3).reshape(num_bodies, channels * joints, frames)
        normalised = self.normalise(columns).view(num_bodies, channels, joints, frames).transpose(2, 3).contiguous()
        body_PDSV: Tensor = self.blocks(normalised)
        return body_PDSV


def _bodies(x_NCTVM: Tensor) -> tuple[Tensor, Tensor]:
    """x_PCTV of the bodies that are there, clip by clip, and where they are (N, M)."""
    x_NMCTV = x_NCTVM.permute(0, 4, 1, 2, 3)
    present_NM = (x_NMCTV != 0).flatten(2).any(2)
    return x_NMCTV[present_NM], present_NM


def _mean_body(body_PD: Tensor, present_NM: Tensor) -> Tensor:
    """Clip by clip the mean over its bodies, whatever axes follow D; 0 for a clip without a body."""
    sum_NMD = body_PD.new_zeros(*present_NM.shape, *body_PD.shape[1:])
    sum_NMD[present_NM] = body_PD
    num_bodies_N = present_NM.sum(1).clamp(min=1)
    return sum_NMD.sum(1) / num_bodies_N.view(-1, *[1] * (body_PD.dim() - 1))
