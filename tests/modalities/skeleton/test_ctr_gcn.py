import itertools

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.core.errors import ParamsError
from pipeline.core.joints import NTU25, JointLayout
from pipeline.core.params import parse
from pipeline.modalities.skeleton import _graphs, ctr_gcn
from tests.modalities.skeleton.golden import num_weights

TINY = JointLayout("tiny", ("a", "b", "c", "d"), ((1, 0), (2, 1), (3, 0)), 0, (1, 3))


def encoder(layout=TINY, width=8, slots=2, seed=0):
    torch.manual_seed(seed)
    return ctr_gcn.Encoder(ctr_gcn.Params(num_slots=slots, width=width), layout)


def clips(num=2, frames=10, layout=TINY, bodies=2, seed=0):
    return torch.randn(num, 3, frames, layout.num_joints, bodies, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("classes", "published"), [(60, 1_446_672), (120, 1_462_092)])
def test_it_has_the_published_number_of_weights(classes, published):
    model = encoder(NTU25, width=64)
    assert model.dim == 256
    assert num_weights(model) + num_weights(nn.Linear(model.dim, classes)) == published


def test_two_blocks_halve_the_frames():
    model, shapes = encoder(), []
    for block in model.blocks:
        block.register_forward_hook(lambda module, args, y: shapes.append(tuple(y.shape[1:3])))
    model(clips(frames=50))
    widths = [8] * 4 + [16] * 3 + [32] * 3
    assert shapes == list(zip(widths, [50] * 4 + [25] * 3 + [13] * 3, strict=True))


def test_a_refined_graph_is_the_papers_sum():
    """Joint by joint: what u takes in of v is the graph's and, by alpha, what their means over time say."""
    torch.manual_seed(0)
    layer = ctr_gcn.RefinedGraphConvolution(16, 5, 3).double()
    for weight in layer.parameters():
        nn.init.normal_(weight)
    x = torch.randn(2, 16, 4, TINY.num_joints, dtype=torch.float64)
    graph_UV, alpha = torch.randn(4, 4, dtype=torch.float64), torch.tensor([0.7], dtype=torch.float64)
    found = layer(x, graph_UV, alpha).detach().numpy()

    def mapped(part, x_CTV):
        weight, bias = part.weight[:, :, 0, 0].detach().numpy(), part.bias.detach().numpy()
        return np.einsum("oc,ctv->otv", weight, x_CTV) + bias[:, None, None]

    for p, u in itertools.product(range(2), range(TINY.num_joints)):
        clip = x[p].numpy()
        one, other = mapped(layer.one, clip).mean(1), mapped(layer.other, clip).mean(1)
        expected = np.zeros((5, 4))
        for v in range(TINY.num_joints):
            relation = mapped(layer.relate, np.tanh(one[:, u] - other[:, v])[:, None, None])[:, 0, 0]
            share_O = graph_UV[u, v].item() + 0.7 * relation
            expected += share_O[:, None] * mapped(layer.value, clip)[:, :, v]
        np.testing.assert_allclose(found[p, :, :, u], expected, atol=1e-12)


def test_graphs_begin_as_those_of_the_layout_and_learn():
    model = encoder()
    for block in model.blocks:
        np.testing.assert_array_equal(block.graphs.graphs_KUV.detach(), _graphs.directed(TINY).astype(np.float32))
        assert block.graphs.alpha.item() == 0
    model(clips()).square().sum().backward()
    assert all(block.graphs.graphs_KUV.grad.abs().sum() > 0 for block in model.blocks)
    assert all(block.graphs.alpha.grad.abs() > 0 for block in model.blocks)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("frames", [1, 6, 7])
def test_the_greatest_of_three_frames_is_that_of_a_pooling_layer(stride, frames):
    x = torch.randn(2, 3, frames, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    pooled = nn.functional.max_pool2d(x, (3, 1), (stride, 1), (1, 0))
    found = ctr_gcn.FrameMax(stride)(x)
    assert torch.equal(found, pooled)
    upstream = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    ours, theirs = (torch.autograd.grad(y, x, upstream)[0] for y in (found, pooled))
    assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("width", [4, 12])
def test_a_width_that_no_branch_or_relation_divides_is_refused(width):
    with pytest.raises(ParamsError, match="'width'"):
        parse(ctr_gcn.Params, {"num_slots": 2, "width": width}, "here")
