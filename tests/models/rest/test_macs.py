"""Multiply-accumulates against counts by hand, and against Table 4a and 4b of the paper."""

import pytest
import torch
from torch import nn

from pipeline.models.encoder_cost import macs
from pipeline.models.rest.model import Rest
from tests.models.rest.conftest import PAPERS, encoder, model, params, sizes

# Name, frames, frames a token, side of the picture, printed GFLOPs of a clip.
TABLE_4 = [
    ("resnet18", 16, 1, 224, 30.8),
    ("resnet34", 8, 1, 224, 30.3),
    ("resnet101", 4, 1, 224, 32.0),
    ("vgg16", 16, 1, 224, 248),
    ("googlenet", 16, 1, 224, 25.9),
    ("r2plus1d", 16, 16, 112, 41.2),
]


def test_layers_are_counted_as_by_hand():
    x = torch.zeros(2, 3, 8, 8)
    assert macs(nn.Conv2d(3, 5, 3, 2, 1), x) == 2 * (4 * 4) * 5 * 3 * 9
    assert macs(nn.Conv2d(3, 6, 3, groups=3), x) == 2 * (6 * 6) * 6 * 1 * 9
    assert macs(nn.Linear(8, 7), x) == 2 * 3 * 8 * 8 * 7


@pytest.mark.parametrize(("cells", "gates"), [(nn.RNN, 1), (nn.LSTM, 4)])
def test_recurrent_layers_are_counted_as_by_hand(cells, gates):
    assert macs(cells(8, 6, 2, batch_first=True), torch.zeros(3, 5, 8)) == 3 * 5 * gates * (6 * 8 + 6 * 6 + 2 * 6 * 6)


def test_the_transformer_is_counted_as_by_hand(tokens):
    """Of each token the four maps of attention and the two of the MLP, and of each pair two products."""
    dim, hidden, layers, visual = 16, 24, 2, 6
    length = 1 + visual
    layer = length * (4 * dim * dim + 2 * dim * hidden) + 2 * length * length * dim
    head = dim * dim + dim * 4
    made = model()
    assert macs(made, {"x": tokens["x"][:1]}) == visual * 5 * dim + layers * layer + head
    assert next(made.parameters()).device.type == "cpu"  # where it was


def clip_macs(name, num_frames, group, side):
    with torch.device("meta"):
        net = encoder(name=name, widths=None, group=group)
        made = Rest(params(**PAPERS), net, sizes(net.dim, max_tokens=num_frames)).eval()
        clip = {"x": torch.zeros(1, num_frames, 3, side, side, dtype=torch.uint8)}
        return macs(made, {**clip, "words": torch.zeros(1, 1, dtype=torch.int64)}) / 1e9  # [CLS], frames, [MASK]


@pytest.mark.parametrize(("name", "num_frames", "group", "side", "printed"), TABLE_4)
def test_a_clip_costs_what_the_paper_prints(name, num_frames, group, side, printed):
    assert clip_macs(name, num_frames, group, side) == pytest.approx(printed, rel=0.03)


def test_mobilenet_costs_less_than_the_paper_prints():
    """6.3 against 6.9: the network's own .30 G a frame and the transformer's 1.5 leave no room for more."""
    assert clip_macs("mobilenet_v2", 16, 1, 224) == pytest.approx(6.34, abs=0.01)
