"""MST-GCN, golden: the whole network written out from its formulas, in float64 and without torch."""

# Shapes: P bodies, C channels, O channels after, T frames, V joints (W: after the graph), K = 3 directions of bones.
import numpy as np
import pytest
import torch
from torch import nn

from pipeline.core.errors import FormatError, ParamsError
from pipeline.core.joints import LAYOUTS, NTU25
from pipeline.core.params import parse
from pipeline.modalities.skeleton import _released, mst_gcn
from pipeline.modalities.skeleton._graphs import directed, with_released_bones
from tests.modalities.skeleton.golden import (
    Weights,
    added,
    clips,
    feature,
    normalised,
    num_weights,
    of_two_bodies,
    over_time,
    relu,
    same_features,
)
from tests.modalities.skeleton.test_stgcn_released import BONES

WIDTH, NUM_JOINTS = 8, 25
SMALL = {"num_slots": 2, "width": WIDTH}
INERT = 4_704  # weights of the released network that nothing it computes depends on


def encoder(layout=NTU25, seed=0, **changes):
    torch.manual_seed(seed)
    return mst_gcn.Encoder(mst_gcn.Params(**{**SMALL, **changes}), layout).eval()


def blocks(width):
    """Channels before and after, and the stride, of the blocks 1 to 9."""
    one, two, four = width, 2 * width, 4 * width
    later = [(one, two, 2), (two, two, 1), (two, two, 1), (two, four, 2), (four, four, 1), (four, four, 1)]
    return enumerate([(one, one, 1)] * 3 + later, 1)


def graph():
    """A_KVW: each joint itself, from the nearer to the centre, from the further; columns divided by their sums."""
    found = np.zeros((3, NUM_JOINTS, NUM_JOINTS))
    found[0] = np.eye(NUM_JOINTS)
    for bone in BONES.split():
        joint, nearer = (int(number) - 1 for number in bone.split("-"))
        found[1, nearer, joint] = found[2, joint, nearer] = 1
    sums = found.sum(axis=1, keepdims=True)
    return found / np.where(sums > 0, sums, 1)


def released_weights(width=WIDTH, num_classes=60):
    weights = Weights()

    def spatial(name, before, after):
        weights.state[f"{name}.A"] = graph().astype(np.float32).astype(np.float64)
        weights.draw(f"{name}.PA", 3, NUM_JOINTS, NUM_JOINTS, spread=0.2)
        weights.convolution(f"{name}.gcn", 3 * after, before, 1, 1)

    def changed(name, before, after):
        weights.convolution(f"{name}.residual.0", after, before, 1, 1)
        weights.normalisation(f"{name}.residual.1", after)

    weights.normalisation("data_bn", 2 * NUM_JOINTS * 3)
    spatial("layers.0.msgcn.conv", 3, width)
    weights.normalisation("layers.0.msgcn.bn", width)
    weights.convolution("layers.0.mstcn.conv", width, width, 9, 1)
    weights.normalisation("layers.0.mstcn.bn", width)
    for number, (before, after, stride) in blocks(width):
        space, time = f"layers.{number}.msgcn", f"layers.{number}.mstcn"
        weights.normalisation(f"{space}.bn_in", before)
        weights.normalisation(f"{time}.bn_in", after)
        for part in range(4):
            spatial(f"{space}.conv_bn.{part}.0", before // 4, after // 4)
            weights.normalisation(f"{space}.conv_bn.{part}.1", after // 4)
            weights.convolution(f"{time}.conv_bn.{part}.0", after // 4, after // 4, 9, 1)
            weights.normalisation(f"{time}.conv_bn.{part}.1", after // 4)
        if before != after:
            changed(space, before, after)
        if stride != 1:
            changed(time, after, after)
    weights.convolution("fc", num_classes, 4 * width)
    return weights


def spatial(x, state, name):
    kernel = state[f"{name}.gcn.weight"][:, :, 0, 0].reshape(3, -1, x.shape[1])
    bias = state[f"{name}.gcn.bias"].reshape(3, -1)
    weights_KVW = state[f"{name}.A"] + state[f"{name}.PA"]
    parts = [np.einsum("oc,pctv->potv", kernel[k], x) + bias[k][:, None, None] for k in range(3)]
    return sum(part @ weights_VW for part, weights_VW in zip(parts, weights_KVW, strict=True))


def scaled(x, state, name, layer, *, hands_on):
    """Part by part; y_i = layer_i(x_i + y_i-1)."""
    size, found = x.shape[1] // 4, []
    for part in range(4):
        taken = x[:, part * size : (part + 1) * size]
        taken = taken + found[-1] if hands_on and part else taken
        found.append(normalised(layer(taken, f"{name}.conv_bn.{part}.0"), state, f"{name}.conv_bn.{part}.1"))
    return np.concatenate(found, axis=1)


def network(x, state):
    x = relu(normalised(spatial(x, state, "layers.0.msgcn.conv"), state, "layers.0.msgcn.bn"))
    x = relu(normalised(over_time(x, state, "layers.0.mstcn.conv"), state, "layers.0.mstcn.bn"))
    for number, (before, after, stride) in blocks(WIDTH):
        name = f"layers.{number}.msgcn"
        y = normalised(x, state, f"{name}.bn_in")
        y = scaled(y, state, name, lambda part, one: spatial(part, state, one), hands_on=before == after)
        x = added(y, x, state, (f"{name}.residual.0", f"{name}.residual.1"))
        name = f"layers.{number}.mstcn"
        y = scaled(
            x,
            state,
            name,
            lambda part, one, stride=stride: over_time(part, state, one, stride),
            hands_on=stride == 1,
        )
        x = added(y, x, state, (f"{name}.residual.0", f"{name}.residual.1"), stride)
    return x


def test_it_has_the_published_number_of_weights_but_the_inert_ones():
    model = mst_gcn.Encoder(mst_gcn.Params(**mst_gcn.RELEASED.options), NTU25)
    assert num_weights(model) + num_weights(nn.Linear(model.dim, 60)) == 2_896_055 - INERT
    assert model.dim == 448


def test_a_released_state_of_full_size_loads_completely(tmp_path):
    model = mst_gcn.Encoder(mst_gcn.Params(**mst_gcn.RELEASED.options), NTU25)
    state = released_weights(width=112)
    no_weights, inert = ("running", "tracked", ".A"), ("mstcn.bn_in.weight", "mstcn.bn_in.bias")
    weights = {name: one for name, one in state.state.items() if not any(word in name for word in no_weights)}
    assert sum(one.size for one in weights.values()) == 2_896_055
    assert sum(one.size for name, one in weights.items() if name.endswith(inert)) == INERT
    assert _released.load(model, state.save(tmp_path / "w.pt"), mst_gcn.RELEASED) == 60
    learnt = model.blocks[7][0].parts[3][0].learnt_KVW.detach().numpy()
    assert np.allclose(learnt, state["layers.7.msgcn.conv_bn.3.0.PA"])


def test_released_weights_give_the_features_of_the_released_network(tmp_path):
    state = released_weights()
    expected = of_two_bodies(clips(), state, lambda x_PCTV: network(x_PCTV, state))
    same_features(encoder(), state.save(tmp_path / "w.pt"), mst_gcn.RELEASED, clips(), expected, 60)


def test_a_new_network_has_the_bones_of_its_layout():
    found = encoder().blocks[3][0].parts[2][0]
    bones = {(joint, near) for joint, near in np.argwhere(found.graph_KVW[2].numpy() > 0).tolist()}
    assert bones == set(NTU25.edges)
    assert torch.equal(found.learnt_KVW, found.graph_KVW)  # both count: at first every bone does twice


def test_the_released_graph_is_that_of_the_released_bones():
    assert np.allclose(directed(with_released_bones(NTU25)), graph())
    assert not np.allclose(directed(NTU25), graph())
    others = [layout for name, layout in LAYOUTS.items() if name != "ntu25"]
    assert [with_released_bones(layout) for layout in others] == others


def test_released_weights_bring_their_graph(tmp_path):
    model = encoder()
    _released.load(model, released_weights().save(tmp_path / "w.pt"), mst_gcn.RELEASED)
    assert np.allclose(model.blocks[3][0].parts[2][0].graph_KVW.numpy(), graph())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers.2.msgcn.bn_in.weight": None}, r"lacks blocks\.2\.0\.normalise\.weight"),
        ({"layers.2.msgcn.conv_bn.0.0.PA": np.ones((3, 20, 20))}, r"learnt_KVW has the shape \(3, 20, 20\)"),
        ({"layers.10.mstcn.conv_bn.0.0.bias": np.ones(8)}, r"has, and the architecture has not, blocks\.10\.1\.parts"),
        ({"data_bn.weight": np.ones(108)}, r"its data_bn is of 2 x 18 joints with 3 coordinates, the layout has 25"),
    ],
)
def test_weights_of_another_network_are_refused(change, message, tmp_path):
    state = released_weights()
    state.state = {name: value for name, value in {**state.state, **change}.items() if value is not None}
    with pytest.raises(FormatError, match=message):
        _released.load(encoder(), state.save(tmp_path / "w.pt"), mst_gcn.RELEASED)


def test_the_width_is_that_of_the_options():
    assert feature(encoder(width=4), clips()).shape == (2, 16)


def test_a_width_that_no_parts_share_is_refused():
    with pytest.raises(ParamsError, match=r"key 'width': .* multiple of 4"):
        parse(mst_gcn.Params, {**SMALL, "width": 10}, "options")
