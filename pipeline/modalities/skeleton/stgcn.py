"""ST-GCN: graph convolution over joints, then convolution over time (Yan, Xiong, Lin, AAAI 2018).

Written from the paper and the layer plans of its released code; the reduced plan is the encoder of SMIE and DVTA. With
`graph: released` it computes what the released network does, whose weights `RELEASED` names.
"""

# Shapes: P bodies, C channels, T frames, V joints (W: the same, after the graph), K partitions of a joint's neighbours,
# D feature size, S frames after the strides.
from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.core import params as core_params
from pipeline.core.joints import JointLayout
from pipeline.modalities.skeleton._bodies import NUM_COORDINATES, BodyEncoder
from pipeline.modalities.skeleton._graphs import Weights, adjacent, with_released_bones
from pipeline.modalities.skeleton._released import Released
from pipeline.models.dropout import Dropout

KERNEL_FRAMES = 9
NUM_PARTITIONS = 3

Graph = Literal["paper", "released"]


class Params(core_params.Params):
    """Graph, size and regularisation of the network."""

    graph: Graph
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


def partitions(layout: JointLayout, graph: Graph) -> Weights:
    """A_KVW: column w holds the weights with which joint w sums its neighbours v (paper, section 3.3).

    Neighbours are the joint itself and those one bone away; a joint's weights sum to 1 over K and V together.

    - `paper`: partition 0 has the neighbours as far from the centre joint as w (w among them), 1 the nearer ones, 2 the
      farther ones.
    - `released`, as in the released code: partition 0 has w alone, 1 the farther and equally far neighbours, 2 the
      nearer ones. Distances beyond one bone count as equal, and some bones differ (`_graphs.RELEASED_BONES`).
    """
    bones = layout if graph == "paper" else with_released_bones(layout)
    adjacent_VW = np.eye(layout.num_joints) + adjacent(bones)
    hops_V = _hops(adjacent_VW, layout.centre)
    share_VW = adjacent_VW / adjacent_VW.sum(axis=0)
    if graph == "paper":
        further_VW = hops_V[:, None] - hops_V[None, :]
        return np.stack([share_VW * (np.sign(further_VW) == sign) for sign in (0, -1, 1)])
    nearer_VW = np.subtract.outer(np.minimum(hops_V, 2), np.minimum(hops_V, 2)) < 0
    itself_VW = np.eye(layout.num_joints, dtype=bool)
    return np.stack([share_VW * chosen_VW for chosen_VW in (itself_VW, ~itself_VW & ~nearer_VW, nearer_VW)])


def _hops(adjacent_VW: Weights, centre: int) -> npt.NDArray[np.int64]:
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

    def __init__(self, in_channels: int, out_channels: int, weights_KVW: Weights) -> None:
        super().__init__()
        self.register_buffer("adjacency_KVW", torch.tensor(weights_KVW, dtype=torch.float32), persistent=False)
        self.edge_weight_KVW = nn.Parameter(torch.ones(weights_KVW.shape))
        bound = in_channels**-0.5  # as in PyTorch for a 1 x 1 convolution, which the released code uses
        self.weight_KOC = nn.Parameter(torch.empty(NUM_PARTITIONS, out_channels, in_channels).uniform_(-bound, bound))
        self.bias_KO = nn.Parameter(torch.empty(NUM_PARTITIONS, out_channels).uniform_(-bound, bound))

    def forward(self, x_PCTV: Tensor) -> Tensor:
        """y_POTW. The sum over channels comes first where it reduces their number, else the sum over joints.

        Each sum is one convolution over the values as they lie in memory; einsum copies them and is slower.
        """
        weighted_KVW = self.adjacency_KVW * self.edge_weight_KVW
        if self.weight_KOC.shape[1] > self.weight_KOC.shape[2]:
            return self._joints_first(x_PCTV, weighted_KVW)
        return self._channels_first(x_PCTV, weighted_KVW)

    def _channels_first(self, x_PCTV: Tensor, weighted_KVW: Tensor) -> Tensor:
        """Channels of all partitions at once, then a convolution with joints as channels and partitions as taps."""
        num_bodies, frames, joints, channels = len(x_PCTV), *x_PCTV.shape[2:], self.weight_KOC.shape[1]
        mixed = nn.functional.conv2d(x_PCTV, self.weight_KOC.flatten(0, 1)[:, :, None, None], self.bias_KO.flatten())
        mixed_PVKE = mixed.view(num_bodies, NUM_PARTITIONS, channels * frames, joints).permute(0, 3, 1, 2)  # E = O * T
        y_PW1E = nn.functional.conv2d(mixed_PVKE, weighted_KVW.permute(2, 1, 0)[..., None])
        return y_PW1E.permute(0, 2, 3, 1).reshape(num_bodies, channels, frames, joints)

    def _joints_first(self, x_PCTV: Tensor, weighted_KVW: Tensor) -> Tensor:
        """Joints of all partitions at once, then a convolution whose taps, one partition apart, add them up."""
        num_bodies, channels, frames, joints = x_PCTV.shape
        x_PVE1 = x_PCTV.reshape(num_bodies, channels * frames, 1, joints).permute(0, 3, 1, 2)  # E = C * T
        sums = nn.functional.conv2d(x_PVE1, weighted_KVW.transpose(1, 2).flatten(0, 1)[:, :, None, None])
        sums = sums.permute(0, 2, 3, 1).reshape(num_bodies, channels, frames, NUM_PARTITIONS * joints)  # P, C, T, K * W
        weight_OC1K = self.weight_KOC.permute(1, 2, 0)[:, :, None]
        bias_OW = torch.einsum("ko,kvw->ow", self.bias_KO, weighted_KVW)
        return nn.functional.conv2d(sums, weight_OC1K, dilation=(1, joints)) + bias_OW[:, None, :]


class StgcnBlock(nn.Module):
    """Graph convolution, temporal convolution, residual."""

    def __init__(self, in_channels: int, block: Block, weights_KVW: Weights, dropout: float) -> None:
        super().__init__()
        channels, padding = block.channels, (KERNEL_FRAMES - 1) // 2
        self.graph = GraphConvolution(in_channels, channels, weights_KVW)
        self.time = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, (KERNEL_FRAMES, 1), (block.stride, 1), (padding, 0)),
            nn.BatchNorm2d(channels),
            Dropout(dropout if block.dropout else 0.0),
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
        if self.residual is not None:
            y += self.residual(x_PCTV)
        return torch.relu_(y)


class Encoder(BodyEncoder):
    """Clips of joint positions -> one vector a clip. `dim` is its size."""

    def __init__(self, params: Params, layout: JointLayout) -> None:
        plan = PLANS[params.plan]
        super().__init__(plan[-1].channels, layout.num_joints)
        channels = [NUM_COORDINATES, *(block.channels for block in plan)]
        weights_KVW = partitions(layout, params.graph)
        self.blocks = nn.Sequential(
            *(StgcnBlock(c, block, weights_KVW, params.dropout) for c, block in zip(channels, plan, strict=False))
        )


def _reshape(name: str, value: Tensor) -> Tensor:
    """A released weight in its shape here: the graph convolution has an axis of partitions."""
    of_graph = name.endswith((".weight_KOC", ".bias_KO")) and value.dim() in (1, 4)
    if of_graph and len(value) % NUM_PARTITIONS == 0:
        return value.reshape(NUM_PARTITIONS, -1, *value.shape[1:2])
    return value


# For `graph: released` and either plan.
RELEASED = Released(
    source="yysijie/st-gcn, net/st_gcn.py; YujieOuO/SMIE, module/gcn/st_gcn.py, "
    "commit 0697259ffe16808ac6bf25c2513ce59017f20589",
    tried=False,
    renamed=(
        (r"^edge_importance\.(\d+)$", r"blocks.\1.graph.edge_weight_KVW"),
        (r"^st_gcn_networks\.(\d+)\.gcn\.conv\.weight$", r"blocks.\1.graph.weight_KOC"),
        (r"^st_gcn_networks\.(\d+)\.gcn\.conv\.bias$", r"blocks.\1.graph.bias_KO"),
        (r"^st_gcn_networks\.(\d+)\.tcn\.", r"blocks.\1.time."),
        (r"^st_gcn_networks\.", "blocks."),
    ),
    left_out=(r"^A$", r"^fcn\."),
    classifier="fcn.weight",
    reshape=_reshape,
    options={"graph": "released", "plan": "full", "dropout": 0.5},
    recipe="stgcn300",
)
