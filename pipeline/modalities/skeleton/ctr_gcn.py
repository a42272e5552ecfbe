"""CTR-GCN: every channel has a graph of its own, refined from the clip (Chen et al., ICCV 2021).

Channel-wise topology refinement (CTR-GC) over three learnt graphs, and temporal convolution in four branches. Written
from the paper and the layer plan of its released code, with three differences:

- Relations are computed of joints' means over time. The mean comes before the linear map, which is equivalent and
  cheaper.
- Max pooling over time is done by comparisons (`_frame_max.py`), whose gradient is the same on every device.
- The initial graphs have the layout's own bones. The released ones of NTU RGB+D put thumbs between hands and their
  tips; released weights bring their learnt graphs.
"""

# Shapes: P bodies, C channels (O: after), T frames, V joints (U: after the graph), R channels of relations, D feature
# size, S frames after the strides.
import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.core import params as core_params
from pipeline.core.joints import JointLayout
from pipeline.modalities.skeleton._bodies import NUM_COORDINATES, PLAN, BodyEncoder
from pipeline.modalities.skeleton._frame_max import FrameMax
from pipeline.modalities.skeleton._graphs import Weights, directed
from pipeline.modalities.skeleton._released import Released

RELATION_REDUCTION = 8  # channels per channel of relations; coordinates have so many channels of relations
KERNEL_FRAMES = 5
DILATIONS = (1, 2)
NUM_BRANCHES = len(DILATIONS) + 2


class Params(core_params.Params):
    """Size of the network."""

    num_slots: int = Field(ge=1)  # bodies with statistics of their own; 2 as published
    width: int = Field(ge=8, multiple_of=8)  # channels of the first blocks; 64 as published


class RefinedGraphConvolution(nn.Module):
    """CTR-GC: y_ou = sum over v of (graph_uv + alpha * relation_ouv) * (map x)_ov (paper, equations 4 to 8)."""

    def __init__(self, in_channels: int, out_channels: int, num_coordinates: int) -> None:
        super().__init__()
        relations = RELATION_REDUCTION if in_channels == num_coordinates else in_channels // RELATION_REDUCTION
        self.one, self.other = _conv(in_channels, relations), _conv(in_channels, relations)
        self.value, self.relate = _conv(in_channels, out_channels), _conv(relations, out_channels)

    def forward(self, x_PCTV: Tensor, graph_UV: Tensor, alpha: Tensor) -> Tensor:
        """y_POTU."""
        mean_PC1V = x_PCTV.mean(2, keepdim=True)
        one_PRU1, other_PR1V = self.one(mean_PC1V).transpose(2, 3), self.other(mean_PC1V)
        relation_POUV = self.relate(torch.tanh(one_PRU1 - other_PR1V))
        refined_POUV = relation_POUV * alpha + graph_UV
        y_POTU: Tensor = self.value(x_PCTV) @ refined_POUV.transpose(2, 3)
        return y_POTU


class GraphSum(nn.Module):
    """The normalised sum over the graphs, and a residual."""

    def __init__(self, in_channels: int, out_channels: int, num_coordinates: int, graphs_KUV: Weights) -> None:
        super().__init__()
        self.graphs_KUV = nn.Parameter(torch.tensor(graphs_KUV, dtype=torch.float32))
        self.alpha = nn.Parameter(torch.zeros(1))
        self.refined = nn.ModuleList(
            RefinedGraphConvolution(in_channels, out_channels, num_coordinates) for _ in graphs_KUV
        )
        self.normalise = nn.BatchNorm2d(out_channels)
        nn.init.constant_(self.normalise.weight, 1e-6)  # begins as the residual alone
        self.residual = nn.Identity() if in_channels == out_channels else _mapped(in_channels, out_channels)

    def forward(self, x_PCTV: Tensor) -> Tensor:
        """y_POTV."""
        of_graphs = [
            refined(x_PCTV, graph, self.alpha) for refined, graph in zip(self.refined, self.graphs_KUV, strict=True)
        ]
        total_POTV = sum(of_graphs[1:], of_graphs[0])
        y_POTV: Tensor = torch.relu(self.normalise(total_POTV) + self.residual(x_PCTV))
        return y_POTV


class Branches(nn.Module):
    """Temporal convolution: two dilations, the maximum of three frames, and the frame itself, a quarter of y each."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        width = channels // NUM_BRANCHES
        dilated = (_over_time(width, stride, dilation) for dilation in DILATIONS)
        self.branches = nn.ModuleList(
            [
                *(nn.Sequential(*_mapped(channels, width), nn.ReLU(), layer) for layer in dilated),
                nn.Sequential(*_mapped(channels, width), nn.ReLU(), FrameMax(stride), nn.BatchNorm2d(width)),
                _mapped(channels, width, stride),
            ]
        )
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.normal_(layer.weight, 1, 0.02)  # as released

    def forward(self, x_PCTV: Tensor) -> Tensor:
        """y_PCSV with S = T / stride, rounded up."""
        return torch.cat([branch(x_PCTV) for branch in self.branches], dim=1)


def _conv(in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    around = (kernel - 1) * dilation // 2
    layer = nn.Conv2d(in_channels, out_channels, (kernel, 1), (stride, 1), (around, 0), (dilation, 1))
    nn.init.kaiming_normal_(layer.weight, mode="fan_out")  # as released
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _mapped(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(_conv(in_channels, out_channels, stride=stride), nn.BatchNorm2d(out_channels))


def _over_time(width: int, stride: int, dilation: int) -> nn.Sequential:
    return nn.Sequential(_conv(width, width, KERNEL_FRAMES, stride, dilation), nn.BatchNorm2d(width))


class Block(nn.Module):
    """Graphs, branches over time, residual."""

    def __init__(self, graphs: GraphSum, time: Branches, residual: nn.Module | None) -> None:
        super().__init__()
        self.graphs, self.time, self.residual = graphs, time, residual

    def forward(self, x_PCTV: Tensor) -> Tensor:
        """y_POSV with S = T / stride, rounded up."""
        y = self.time(self.graphs(x_PCTV))
        return torch.relu(y if self.residual is None else y + self.residual(x_PCTV))


class Encoder(BodyEncoder):
    """Clips of joint positions -> one vector a clip. `dim` is its size."""

    def __init__(self, params: Params, layout: JointLayout) -> None:
        super().__init__(PLAN[-1][0] * params.width, layout.num_joints, params.num_slots)
        graphs_KUV, blocks, channels = directed(layout), [], NUM_COORDINATES
        for number, (times, stride) in enumerate(PLAN):
            width = times * params.width
            graphs, time = GraphSum(channels, width, NUM_COORDINATES, graphs_KUV), Branches(width, stride)
            residual = _mapped(channels, width, stride) if stride > 1 else nn.Identity() if number else None
            blocks.append(Block(graphs, time, residual))
            channels = width
        self.blocks = nn.Sequential(*blocks)


RELEASED = Released(
    source="Uason-Chen/CTR-GCN, model/ctrgcn.py, commit 89e22f35ec9db9eba9913f8cb05d4cb047c37686",
    tried=False,
    renamed=(
        *((rf"^l{number}\.", f"blocks.{number - 1}.") for number in range(1, len(PLAN) + 1)),
        (r"\.gcn1\.PA$", ".graphs.graphs_KUV"),
        (r"\.gcn1\.alpha$", ".graphs.alpha"),
        (r"\.gcn1\.bn\.", ".graphs.normalise."),
        (r"\.gcn1\.down\.", ".graphs.residual."),
        (r"\.gcn1\.convs\.(\d+)\.conv1\.", r".graphs.refined.\1.one."),
        (r"\.gcn1\.convs\.(\d+)\.conv2\.", r".graphs.refined.\1.other."),
        (r"\.gcn1\.convs\.(\d+)\.conv3\.", r".graphs.refined.\1.value."),
        (r"\.gcn1\.convs\.(\d+)\.conv4\.", r".graphs.refined.\1.relate."),
        (r"\.tcn1\.branches\.(\d+)\.3\.conv\.", r".time.branches.\1.3.0."),
        (r"\.tcn1\.branches\.(\d+)\.3\.bn\.", r".time.branches.\1.3.1."),
        (r"\.tcn1\.", ".time."),
        (r"\.residual\.conv\.", ".residual.0."),
        (r"\.residual\.bn\.", ".residual.1."),
    ),
    left_out=(r"^fc\.",),
    classifier="fc.weight",
    options={"num_slots": 2, "width": 64},
    recipe="ctrgcn64",
)
