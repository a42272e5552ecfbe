"""MS-G3D, golden: the whole network written out from its formulas, in float64 and without torch."""

# Shapes: P bodies, C channels, O channels after, T frames, V joints (W: before), K distances.
import numpy as np
import pytest
import torch
from torch import nn

from pipeline.core.errors import FormatError, ParamsError
from pipeline.core.joints import NTU25, JointLayout
from pipeline.core.params import parse
from pipeline.modalities.skeleton import _released, ms_g3d
from tests.modalities.skeleton.golden import (
    Weights,
    clips,
    feature,
    normalised,
    num_weights,
    of_two_bodies,
    over_time,
    relu,
)
from tests.modalities.skeleton.test_stgcn_released import BONES

# Joint 0 is the centre of a chain 0 - 1 - 2 and of 0 - 3.
TINY = JointLayout("tiny", ("a", "b", "c", "d"), ((1, 0), (2, 1), (3, 0)), 0, (1, 3))
THIRD = 1 / 3
WIDTH, GCN, G3D, NUM_JOINTS = 12, 5, 3, 25
SMALL = {"bones": "released", "num_slots": 2, "width": WIDTH, "gcn_scales": GCN, "g3d_scales": G3D}


def encoder(layout=NTU25, seed=0, **changes):
    torch.manual_seed(seed)
    return ms_g3d.Encoder(ms_g3d.Params(**{**SMALL, **changes}), layout).eval()


def released_weights(width=WIDTH, gcn=GCN, g3d=G3D, num_classes=60):
    weights = Weights()

    def mixed(name, scales, size, before, after):
        weights.draw(f"{name}.A_res", scales * size, size, spread=0.02)
        weights.convolution(f"{name}.mlp.layers.0", after, before * scales, 1, 1)
        weights.normalisation(f"{name}.mlp.layers.1", after)

    def time(name, before, after, stride):
        for branch in range(6):
            weights.convolution(f"{name}.branches.{branch}.0", after // 6, before, 1, 1)
            weights.normalisation(f"{name}.branches.{branch}.1", after // 6)
        for branch in range(4):
            weights.convolution(f"{name}.branches.{branch}.3.conv", after // 6, after // 6, 3, 1)
            weights.normalisation(f"{name}.branches.{branch}.3.bn", after // 6)
        weights.normalisation(f"{name}.branches.4.4", after // 6)
        if (before, stride) != (after, 1):
            weights.convolution(f"{name}.residual.conv", after, before, 1, 1)
            weights.normalisation(f"{name}.residual.bn", after)

    weights.normalisation("data_bn", 2 * NUM_JOINTS * 3)
    for number, (before, between, after, stride) in plan(width):
        mixed(f"sgcn{number}.0", gcn, NUM_JOINTS, before, between)
        time(f"sgcn{number}.1", between, after, stride)
        time(f"sgcn{number}.2", after, after, 1)
        time(f"tcn{number}", after, after, 1)
        for way, frames in enumerate((3, 5)):
            window = f"gcn3d{number}.gcn3d.{way}"
            mixed(f"{window}.gcn3d.1", g3d, frames * NUM_JOINTS, before, between)
            weights.convolution(f"{window}.out_conv", after, between, 1, frames, 1)
            weights.normalisation(f"{window}.out_bn", after)
    weights.convolution("fc", num_classes, 4 * width)
    return weights


def plan(width):
    return enumerate([(3, width, width, 1), (width, width, 2 * width, 2), (2 * width, 2 * width, 4 * width, 2)], 1)


def bones():
    near = np.zeros((NUM_JOINTS, NUM_JOINTS))
    for bone in BONES.split():
        one, other = (int(number) - 1 for number in bone.split("-"))
        near[one, other] = near[other, one] = 1
    return near


def scales(near_VW, num_scales):
    """By powers of the adjacency, as the paper writes them: in k steps and not in k - 1."""
    step, itself = near_VW + np.eye(len(near_VW)), np.eye(len(near_VW))
    step = np.minimum(step, 1)
    found = []
    for k in range(num_scales):
        within = [np.minimum(np.linalg.matrix_power(step, k - i), 1) for i in (0, 1) if k >= i]
        exactly = itself if k == 0 else within[0] - within[1] + itself
        root = np.diag(exactly.sum(1) ** -0.5)
        found.append(root @ exactly @ root)
    return np.stack(found)


def mixed(x, weights_KVW, state, name):
    learnt = state[f"{name}.A_res"].reshape(weights_KVW.shape)
    kernel = state[f"{name}.mlp.layers.0.weight"][:, :, 0, 0].reshape(-1, len(weights_KVW), x.shape[1])
    y = sum(
        np.einsum("oc,vw,pctw->potv", kernel[:, k], weights_KVW[k] + learnt[k], x, optimize=True)
        for k in range(len(weights_KVW))
    )
    y = y + state[f"{name}.mlp.layers.0.bias"][:, None, None]
    return relu(normalised(y, state, f"{name}.mlp.layers.1"))


def time(x, state, name, stride=1, *, rectified=True):
    found = []
    for branch in range(6):
        one = f"{name}.branches.{branch}"
        y = normalised(over_time(x, state, f"{one}.0", stride if branch == 5 else 1), state, f"{one}.1")
        if branch < 4:
            y = over_time(relu(y), state, f"{one}.3.conv", stride, dilation=branch + 1)
            y = normalised(y, state, f"{one}.3.bn")
        if branch == 4:
            wide = np.pad(relu(y), ((0, 0), (0, 0), (1, 1), (0, 0)), constant_values=-np.inf)
            y = np.stack([wide[:, :, t : t + 3].max(2) for t in range(0, x.shape[2], stride)], axis=2)
            y = normalised(y, state, f"{one}.4")
        found.append(y)
    y = np.concatenate(found, axis=1)
    if f"{name}.residual.conv.weight" in state:
        x = normalised(over_time(x, state, f"{name}.residual.conv", stride), state, f"{name}.residual.bn")
    return relu(y + x) if rectified else y + x


def window(x, state, name, stride, frames):
    wide = np.pad(x, ((0, 0), (0, 0), (frames // 2, frames // 2), (0, 0)))
    near = np.tile(bones() + np.eye(NUM_JOINTS), (frames, frames))
    weights_KVW, found = scales(near, G3D), []
    for t in range(0, x.shape[2], stride):
        joints = wide[:, :, t : t + frames].reshape(*x.shape[:2], 1, frames * NUM_JOINTS)
        y = mixed(joints, weights_KVW, state, f"{name}.gcn3d.1").reshape(len(x), -1, frames, NUM_JOINTS)
        found.append(np.einsum("pcfv,ocf->pov", y, state[f"{name}.out_conv.weight"][:, :, 0, :, 0]))
    y = np.stack(found, axis=2) + state[f"{name}.out_conv.bias"][:, None, None]
    return normalised(y, state, f"{name}.out_bn")


def network(x_PCTV, state):
    for number, (_, _, _, stride) in plan(WIDTH):
        y = mixed(x_PCTV, scales(bones(), GCN), state, f"sgcn{number}.0")
        y = time(time(y, state, f"sgcn{number}.1", stride), state, f"sgcn{number}.2", rectified=False)
        for way, size in enumerate((3, 5)):
            y = y + window(x_PCTV, state, f"gcn3d{number}.gcn3d.{way}", stride, size)
        x_PCTV = time(relu(y), state, f"tcn{number}")
    return x_PCTV


def test_it_has_the_published_number_of_weights():
    model = ms_g3d.Encoder(ms_g3d.Params(**ms_g3d.RELEASED.options), NTU25)
    assert num_weights(model) + num_weights(nn.Linear(model.dim, 60)) == 3_194_595
    assert num_weights(model) + num_weights(nn.Linear(model.dim, 120)) == 3_217_695
    assert model.dim == 384


def test_scales_worked_by_hand():
    """Joints 2 and 3 are three bones apart; of scale 2 joint 0 has joint 2, joint 1 has joint 3, and each itself."""
    near = np.zeros((4, 4))
    for one, other in TINY.edges:
        near[one, other] = near[other, one] = 1
    itself, first, second, third, fourth = ms_g3d.scales(near, 5)
    half = 1 / 2
    assert np.allclose(itself, np.eye(4))
    assert np.allclose(fourth, np.eye(4))  # nothing is so far away
    root = 6**-0.5
    assert np.allclose(
        first, [[THIRD, THIRD, 0, root], [THIRD, THIRD, root, 0], [0, root, half, 0], [root, 0, 0, half]]
    )
    assert np.allclose(second, [[half, 0, half, 0], [0, half, 0, half], [half, 0, half, 0], [0, half, 0, half]])
    assert np.allclose(third, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, half, half], [0, 0, half, half]])


def test_scales_are_those_of_the_powers_of_the_adjacency():
    assert np.allclose(ms_g3d.scales(bones(), 13), scales(bones(), 13))
    near = ms_g3d.windowed(bones(), 5)
    assert np.allclose(ms_g3d.scales(near, 6), scales(near - np.eye(len(near)), 6))


def test_released_weights_give_the_features_of_the_released_network(tmp_path):
    ours, state = encoder(), released_weights()
    expected = of_two_bodies(clips(), state, lambda x_PCTV: network(x_PCTV, state))
    assert _released.load(ours, state.save(tmp_path / "w.pt"), ms_g3d.RELEASED) == 60
    single = feature(ours, clips()).numpy()
    double = ours.double()
    for module in double.modules():  # kept in float32
        if isinstance(module, ms_g3d.GraphConvolution):
            num_scales, size, _ = module.weights_KVW.shape
            near = bones() if size == NUM_JOINTS else ms_g3d.windowed(bones(), size // NUM_JOINTS)
            module.weights_KVW = torch.from_numpy(ms_g3d.scales(near, num_scales))
    with torch.no_grad():
        exact = double(torch.from_numpy(clips())).numpy()
    assert np.abs(exact - expected).max() < 1e-10 * np.abs(expected).max()
    assert np.abs(single - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_released_state_of_full_size_loads_completely(tmp_path):
    model = ms_g3d.Encoder(ms_g3d.Params(**ms_g3d.RELEASED.options), NTU25)
    state = released_weights(width=96, gcn=13, g3d=6, num_classes=120)
    trainable = sum(
        value.size for name, value in state.state.items() if "running" not in name and "tracked" not in name
    )
    assert trainable == 3_217_695
    assert _released.load(model, state.save(tmp_path / "w.pt"), ms_g3d.RELEASED) == 120
    assert np.allclose(
        model.blocks[2].windows[1].graph.learnt_KVW.detach().numpy().reshape(-1, 125),
        state["gcn3d3.gcn3d.1.gcn3d.1.A_res"],
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sgcn1.0.A_res": None}, r"lacks blocks\.0\.joints\.0\.learnt_KVW"),
        ({"sgcn1.0.A_res": np.ones((100, 25))}, r"learnt_KVW has the shape \(4, 25, 25\)"),
        ({"sgcn1.0.A_res": np.ones(3)}, r"learnt_KVW has the shape \(3,\)"),
        ({"gcn3d2.gcn3d.1.out_conv.weight": np.ones((24, 12, 1, 3, 1))}, r"collapse\.0\.weight has the shape \(24, 36"),
        ({"tcn4.branches.0.0.weight": np.ones(3)}, r"has, and the architecture has not, tcn4"),
        ({"data_bn.weight": np.ones(120)}, r"its data_bn is of 2 x 20 joints with 3 coordinates, the layout has 25"),
    ],
)
def test_weights_of_another_network_are_refused(change, message, tmp_path):
    state = released_weights()
    state.state = {name: value for name, value in {**state.state, **change}.items() if value is not None}
    with pytest.raises(FormatError, match=message):
        _released.load(encoder(), state.save(tmp_path / "w.pt"), ms_g3d.RELEASED)


@pytest.mark.parametrize("changes", [{"bones": "layout"}, {"gcn_scales": 4}, {"g3d_scales": 2}, {"width": 6}])
def test_options_change_the_feature(changes):
    one, other = feature(encoder(), clips()), feature(encoder(**changes), clips())
    assert one.shape != other.shape or not torch.allclose(one, other, rtol=1e-3)


def test_a_width_that_no_branches_share_is_refused():
    with pytest.raises(ParamsError, match=r"key 'width': .* multiple of 6"):
        parse(ms_g3d.Params, {**SMALL, "width": 16}, "options")
