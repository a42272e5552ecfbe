"""MST-GCN: channels in four parts, each of which passes its output on to the next (Chen et al., AAAI 2021).

So one layer has several scales, over the graph and over time. Written from the paper and the layer plan of its released
code without its attention. Of that code's 2,896,055 weights 4,704 belong to normalisations over time that take no part
in its output; they are left out here.
"""

# Shapes: P bodies, C channels (O: after), T frames, V joints (W: after the graph), K directions of bones, D feature
# size, S frames after the stride.
from collections.abc import Callable

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.core import params as core_params
from pipeline.core.joints import JointLayout
from pipeline.modalities.skeleton._bodies import NUM_COORDINATES, PLAN, BodyEncoder
from pipeline.modalities.skeleton._graphs import Weights, directed
from pipeline.modalities.skeleton._released import Released

NUM_PARTS = 4
KERNEL_FRAMES = 9

Layer = Callable[[int, int], nn.Module]  # of the number of channels before and after


class Params(core_params.Params):
    """Size of the network."""

    num_slots: int = Field(ge=1)  # bodies with statistics of their own; 2 as published
    width: int = Field(ge=1, multiple_of=NUM_PARTS)  # channels of the first blocks; 112 as published


class GraphConvolution(nn.Module):
    """y_w = sum over k, v of (A_kvw + B_kvw) * (weight_k x_v + bias_k), with B learnt, beginning as A.

    A is saved with the weights, as released weights bring a graph in which some bones differ from the layout's.
    """

    graph_KVW: Tensor

    def __init__(self, in_channels: int, out_channels: int, weights_KVW: Weights) -> None:
        super().__init__()
        self.register_buffer("graph_KVW", torch.tensor(weights_KVW, dtype=torch.float32))
        self.learnt_KVW = nn.Parameter(self.graph_KVW.clone())
        self.mix = nn.Conv2d(in_channels, out_channels * len(weights_KVW), 1)

    def forward(self, x_PCTV: Tensor) -> Tensor:
        """y_POTW."""
        weights_KVW = self.graph_KVW + self.learnt_KVW
        mixed_PKOTV = self.mix(x_PCTV).unflatten(1, (len(weights_KVW), -1))
        return torch.einsum("pkotv,kvw->potw", mixed_PKOTV, weights_KVW)


class PartByPart(nn.Module):
    """A layer for each part of the channels, whose outputs are concatenated, and a residual.

    Where the layer keeps the shape, each part but the first also adds the output of the part before it.
    """

    def __init__(self, layer: Layer, channels: tuple[int, int], stride: int, *, normalised: bool) -> None:
        super().__init__()
        before, after = channels
        self.passes_on = before == after and stride == 1
        self.normalise = nn.BatchNorm2d(before) if normalised else nn.Identity()
        self.parts = nn.ModuleList(
            nn.Sequential(layer(before // NUM_PARTS, after // NUM_PARTS), nn.BatchNorm2d(after // NUM_PARTS))
            for _ in range(NUM_PARTS)
        )
        changed = nn.Conv2d(before, after, 1, (stride, 1)), nn.BatchNorm2d(after)
        self.residual = nn.Identity() if self.passes_on else nn.Sequential(*changed)

    def forward(self, x_PCTV: Tensor) -> Tensor:
        """y_POSV."""
        outputs: list[Tensor] = []
        for part, layer in zip(self.normalise(x_PCTV).chunk(NUM_PARTS, 1), self.parts, strict=True):
            outputs.append(layer(part + outputs[-1] if self.passes_on and outputs else part))
        return torch.relu(torch.cat(outputs, 1) + self.residual(x_PCTV))


def _over_time(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, (KERNEL_FRAMES, 1), (stride, 1), (KERNEL_FRAMES // 2, 0))


def _first(in_channels: int, width: int, weights_KVW: Weights) -> nn.Sequential:
    """The first block: all channels at once, and no residual."""
    return nn.Sequential(
        nn.Sequential(GraphConvolution(in_channels, width, weights_KVW), nn.BatchNorm2d(width), nn.ReLU()),
        nn.Sequential(_over_time(width, width), nn.BatchNorm2d(width), nn.ReLU()),
    )


def _block(before: int, after: int, stride: int, weights_KVW: Weights) -> nn.Sequential:
    """A layer over the graph, then one over time."""
    return nn.Sequential(
        PartByPart(lambda c_in, c_out: GraphConvolution(c_in, c_out, weights_KVW), (before, after), 1, normalised=True),
        PartByPart(lambda c_in, c_out: _over_time(c_in, c_out, stride), (after, after), stride, normalised=False),
    )


class Encoder(BodyEncoder):
    """Clips of joint positions -> one vector a clip. `dim` is its size."""

    def __init__(self, params: Params, layout: JointLayout) -> None:
        widths = [params.width * times for times, _ in PLAN]
        super().__init__(widths[-1], layout.num_joints, params.num_slots)
        weights_KVW = directed(layout)
        others = zip(widths, widths[1:], [stride for _, stride in PLAN[1:]], strict=False)
        self.blocks = nn.Sequential(
            _first(NUM_COORDINATES, widths[0], weights_KVW), *(_block(*block, weights_KVW) for block in others)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                nn.init.zeros_(module.bias)


RELEASED = Released(
    source="czhaneva/MST-GCN, model/AEMST_GCN.py, commit 3aea6ba210e9811faae2b7aaf835fbab28e12fa8",
    tried=False,
    renamed=(
        (r"^layers\.0\.msgcn\.conv\.", "blocks.0.0.0."),
        (r"^layers\.0\.msgcn\.bn\.", "blocks.0.0.1."),
        (r"^layers\.0\.mstcn\.conv\.", "blocks.0.1.0."),
        (r"^layers\.0\.mstcn\.bn\.", "blocks.0.1.1."),
        (r"^layers\.(\d+)\.msgcn\.", r"blocks.\1.0."),
        (r"^layers\.(\d+)\.mstcn\.", r"blocks.\1.1."),
        (r"\.conv_bn\.(\d+)\.", r".parts.\1."),
        (r"\.bn_in\.", ".normalise."),
        (r"\.gcn\.(weight|bias)$", r".mix.\1"),
        (r"\.PA$", ".learnt_KVW"),
        (r"\.A$", ".graph_KVW"),
    ),
    left_out=(r"^fc\.", r"\.mstcn\.bn_in\."),
    classifier="fc.weight",
    options={"num_slots": 2, "width": 112},
    recipe="agcn300",
)
