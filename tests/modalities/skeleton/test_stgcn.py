import itertools

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.core.joints import KINECT20, LAYOUTS, NTU25, JointLayout
from pipeline.modalities.skeleton import stgcn
from tests.modalities.skeleton.golden import num_weights

# Joint 0 is the centre of a chain 0 - 1 - 2 and of 0 - 3.
TINY = JointLayout("tiny", ("a", "b", "c", "d"), ((1, 0), (2, 1), (3, 0)), 0, (1, 3))


def encoder(plan="reduced", layout=TINY, dropout=0.0, seed=0, graph="paper"):
    torch.manual_seed(seed)
    return stgcn.Encoder(stgcn.Params(graph=graph, plan=plan, dropout=dropout), layout)


def clips(num=2, frames=10, layout=TINY, bodies=2, seed=0):
    return torch.randn(num, 3, frames, layout.num_joints, bodies, generator=torch.Generator().manual_seed(seed))


def test_the_full_plan_has_the_published_number_of_weights():
    model = encoder("full", NTU25)
    assert num_weights(model) + num_weights(nn.Linear(model.dim, 60)) == 3_098_832
    assert num_weights(model) + num_weights(nn.Linear(model.dim, 120)) == 3_114_252
    assert model.dim == 256


def test_the_full_plan_on_openpose_has_the_published_number_of_weights():
    # Kinetics has 400 classes and 18 joints.
    model = encoder("full", LAYOUTS["openpose18"])
    assert num_weights(model) + num_weights(nn.Linear(model.dim, 400)) == 3_177_140


def test_the_reduced_plan_has_the_published_number_of_weights():
    model = encoder("reduced", NTU25)
    assert (num_weights(model), model.dim) == (821_380, 256)


def test_partitions_worked_by_hand():
    # Rows give, columns take in. Joint 0 has three neighbours with itself, 1 three, 2 two, 3 two.
    third, half = 1 / 3, 1 / 2
    itself, nearer, further = stgcn.partitions(TINY, "paper")
    assert np.allclose(itself, np.diag([third, third, half, half]))
    assert np.allclose(nearer, [[0, third, 0, half], [0, 0, half, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    assert np.allclose(further, [[0, 0, 0, 0], [third, 0, 0, 0], [0, third, 0, 0], [third, 0, 0, 0]])


def test_released_partitions_worked_by_hand():
    # Joint 2 is two bones from the centre, so from 1 it is "further", and what is further comes before what is nearer.
    third, half = 1 / 3, 1 / 2
    itself, further, nearer = stgcn.partitions(TINY, "released")
    assert np.allclose(itself, np.diag([third, third, half, half]))
    assert np.allclose(further, [[0, 0, 0, 0], [third, 0, 0, 0], [0, third, 0, 0], [third, 0, 0, 0]])
    assert np.allclose(nearer, [[0, third, 0, half], [0, 0, half, 0], [0, 0, 0, 0], [0, 0, 0, 0]])


def test_released_distances_beyond_a_bone_are_all_the_same():
    # In a chain 0 - 1 - 2 - 3 joints 2 and 3 count as equally far, so neither takes the other in as the nearer.
    chain = JointLayout("chain", ("a", "b", "c", "d"), ((1, 0), (2, 1), (3, 2)), 0, (1, 3))
    _, further, nearer = stgcn.partitions(chain, "released")
    assert (further[3, 2], further[2, 3]) == (pytest.approx(1 / 3), pytest.approx(1 / 2))
    assert (nearer[3, 2], nearer[2, 3]) == (0, 0)
    assert nearer[1, 2] == pytest.approx(1 / 3)


@pytest.mark.parametrize("graph", ["paper", "released"])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_every_joint_takes_in_a_mean_of_its_neighbours(layout, graph):
    weights_KVW = stgcn.partitions(layout, graph)
    assert np.allclose(weights_KVW.sum(axis=(0, 1)), 1)
    degree_V = 1 + np.bincount(np.ravel(layout.edges), minlength=layout.num_joints)
    if (graph, layout.name) == ("released", "ntu25"):  # a tip hangs on the thumb: hands have a bone less, thumbs more
        degree_V[[7, 11]] -= 1
        degree_V[[22, 24]] += 1
    assert np.array_equal((weights_KVW > 0).sum(axis=(0, 1)), degree_V)


def test_the_graph_convolution_is_the_papers_sum():
    torch.manual_seed(0)
    layer = stgcn.GraphConvolution(3, 5, stgcn.partitions(TINY, "paper"))
    with torch.no_grad():
        layer.edge_weight_KVW.uniform_(0.5, 2)
    x = torch.randn(2, 3, 4, TINY.num_joints)
    found = layer(x).detach().numpy()
    weight, bias, edge = (t.detach().double().numpy() for t in (layer.weight_KOC, layer.bias_KO, layer.edge_weight_KVW))
    adjacency, x = stgcn.partitions(TINY, "paper") * edge, x.double().numpy()
    expected = np.zeros((2, 5, 4, TINY.num_joints))
    sizes = (2, 5, 4, TINY.num_joints, 3, TINY.num_joints)
    for p, o, t, w, k, v in itertools.product(*map(range, sizes)):
        message = sum(weight[k, o, c] * x[p, c, t, v] for c in range(3)) + bias[k, o]
        expected[p, o, t, w] += adjacency[k, v, w] * message
    assert np.allclose(found, expected, atol=1e-5)


def test_two_blocks_halve_the_frames():
    model = encoder()
    shapes = []
    for block in model.blocks:
        block.register_forward_hook(lambda module, args, y: shapes.append(tuple(y.shape[1:3])))
    model(clips(frames=50))
    widths = [16] * 4 + [32] * 3 + [64] * 2 + [256]
    assert shapes == list(zip(widths, [50] * 4 + [25] * 3 + [13] * 3, strict=True))


def test_a_clip_is_the_mean_of_its_bodies():
    model = encoder().eval()
    both = clips(1)
    first, second = both.clone(), both.clone()
    first[..., 1] = 0
    second[..., 0] = 0
    assert torch.allclose(model(both), (model(first) + model(second)) / 2, atol=1e-6)


def test_an_absent_body_changes_nothing():
    model = encoder().eval()
    alone = clips(2, bodies=1)
    beside = torch.cat([alone, torch.zeros_like(alone)], dim=-1)
    assert torch.allclose(model(alone), model(beside), atol=1e-7)
    model.train()  # nor does it enter the statistics of a batch
    assert torch.allclose(model(alone), model(beside), atol=1e-7)


def test_input_is_normalised_per_coordinate_and_joint():
    model = encoder()
    x = clips(4, bodies=1)
    far = x * torch.tensor([1.0, 5, 10])[:, None, None, None] + torch.arange(4.0)[:, None]
    # Not exactly: a variance of a batch carries an epsilon.
    assert torch.allclose(model(x), model(far), atol=1e-3)


def test_edges_learn():
    model = encoder()
    model(clips()).square().sum().backward()
    assert all(block.graph.edge_weight_KVW.grad.abs().sum() > 0 for block in model.blocks)


def test_dropout_acts_in_training_only_and_not_in_the_first_block():
    plain, dropping = encoder(dropout=0.0), encoder(dropout=0.5)
    x = clips()
    rates = [layer.p for layer in dropping.modules() if isinstance(layer, nn.Dropout)]
    assert rates == [0.0] + [0.5] * 9
    assert not torch.allclose(plain(x), dropping(x))
    plain.eval(), dropping.eval()
    dropping.load_state_dict(plain.state_dict())
    assert torch.equal(plain(x), dropping(x))


def test_a_layout_of_twenty_joints_runs():
    assert encoder(layout=KINECT20)(clips(layout=KINECT20)).shape == (2, 256)
