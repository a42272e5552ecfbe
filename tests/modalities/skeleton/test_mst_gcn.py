"""MST-GCN, golden: the whole network written out from its formulas, in float64 and without torch."""

# Shapes: N clips, M bodies, P = N * M, C channels, O channels after, T frames, V joints (W: after the graph), K = 3.
import numpy as np
import pytest
import torch
from torch import nn

from pipeline.core.errors import DataError, FormatError, ParamsError
from pipeline.core.joints import LAYOUTS, NTU25
from pipeline.core.params import parse
from pipeline.modalities.skeleton import _released, mst_gcn
from pipeline.modalities.skeleton._graphs import directed, with_released_bones
from tests.modalities.skeleton.test_stgcn_released import BONES, normalised, over_time

WIDTH, NUM_JOINTS = 8, 25
SMALL = {"num_slots": 2, "width": WIDTH}
INERT = 4_704  # weights of the released network that nothing it computes depends on


def encoder(layout=NTU25, seed=0, **changes):
    torch.manual_seed(seed)
    return mst_gcn.Encoder(mst_gcn.Params(**{**SMALL, **changes}), layout).eval()


def num_weights(module):
    return sum(weight.numel() for weight in module.parameters() if weight.requires_grad)


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
    """Weights by their released names, drawn, so that no layer is one that any order of channels would leave alike."""
    random = np.random.default_rng(0)
    state = {}

    def normalisation(name, size):
        state[f"{name}.weight"], state[f"{name}.running_var"] = random.uniform(0.5, 2, (2, size))
        state[f"{name}.bias"], state[f"{name}.running_mean"] = random.normal(size=(2, size)) / 4
        state[f"{name}.num_batches_tracked"] = np.array(7)

    def convolution(name, *shape):
        state[f"{name}.weight"] = random.normal(size=shape) / np.sqrt(np.prod(shape[1:]))
        state[f"{name}.bias"] = random.normal(size=shape[0]) / 4

    def spatial(name, before, after):
        state[f"{name}.A"], state[f"{name}.PA"] = graph(), graph() + random.normal(size=(3, 25, 25)) / 10
        convolution(f"{name}.gcn", 3 * after, before, 1, 1)

    def changed(name, before, after):
        convolution(f"{name}.residual.0", after, before, 1, 1)
        normalisation(f"{name}.residual.1", after)

    normalisation("data_bn", 2 * NUM_JOINTS * 3)
    spatial("layers.0.msgcn.conv", 3, width)
    normalisation("layers.0.msgcn.bn", width)
    convolution("layers.0.mstcn.conv", width, width, 9, 1)
    normalisation("layers.0.mstcn.bn", width)
    for number, (before, after, stride) in blocks(width):
        space, time = f"layers.{number}.msgcn", f"layers.{number}.mstcn"
        normalisation(f"{space}.bn_in", before)
        normalisation(f"{time}.bn_in", after)
        for part in range(4):
            spatial(f"{space}.conv_bn.{part}.0", before // 4, after // 4)
            normalisation(f"{space}.conv_bn.{part}.1", after // 4)
            convolution(f"{time}.conv_bn.{part}.0", after // 4, after // 4, 9, 1)
            normalisation(f"{time}.conv_bn.{part}.1", after // 4)
        if before != after:
            changed(space, before, after)
        if stride != 1:
            changed(time, after, after)
    convolution("fc", num_classes, 4 * width)
    return state


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


def added(y, x, state, name, stride):
    if f"{name}.residual.0.weight" in state:
        x = normalised(over_time(x, state, f"{name}.residual.0", stride), state, f"{name}.residual.1")
    return np.maximum(y + x, 0)


def network(x_NCTVM, state):
    """The feature of each clip: the mean over its two bodies, frames and joints."""
    clips, channels, frames, joints, bodies = x_NCTVM.shape
    x = x_NCTVM.transpose(0, 4, 3, 1, 2).reshape(clips, bodies * joints * channels, frames)
    x = normalised(x, state, "data_bn").reshape(-1, joints, channels, frames).transpose(0, 2, 3, 1)
    x = np.maximum(normalised(spatial(x, state, "layers.0.msgcn.conv"), state, "layers.0.msgcn.bn"), 0)
    x = np.maximum(normalised(over_time(x, state, "layers.0.mstcn.conv", 1), state, "layers.0.mstcn.bn"), 0)
    for number, (before, after, stride) in blocks(WIDTH):
        name = f"layers.{number}.msgcn"
        y = normalised(x, state, f"{name}.bn_in")
        y = scaled(y, state, name, lambda part, one: spatial(part, state, one), hands_on=before == after)
        x = added(y, x, state, name, 1)
        name = f"layers.{number}.mstcn"
        y = scaled(
            x,
            state,
            name,
            lambda part, one, stride=stride: over_time(part, state, one, stride),
            hands_on=stride == 1,
        )
        x = added(y, x, state, name, stride)
    return x.mean((2, 3)).reshape(clips, bodies, -1).mean(1)


def clips(frames=9, joints=NUM_JOINTS):
    return np.random.default_rng(1).normal(size=(2, 3, frames, joints, 2))


def saved(state, file):
    tensors = {name: torch.from_numpy(np.asarray(value)) for name, value in state.items()}
    torch.save({name: one if name.endswith("tracked") else one.float() for name, one in tensors.items()}, file)
    return file


def feature(model, x_NCTVM):
    with torch.no_grad():
        return model(torch.from_numpy(x_NCTVM).float())


def test_it_has_the_published_number_of_weights_but_the_inert_ones():
    model = mst_gcn.Encoder(mst_gcn.Params(**mst_gcn.RELEASED.options), NTU25)
    assert num_weights(model) + num_weights(nn.Linear(model.dim, 60)) == 2_896_055 - INERT
    assert model.dim == 448


def test_a_released_state_of_full_size_loads_completely(tmp_path):
    model = mst_gcn.Encoder(mst_gcn.Params(**mst_gcn.RELEASED.options), NTU25)
    state = released_weights(width=112)
    no_weights = ("running", "tracked", ".A")
    assert sum(one.size for name, one in state.items() if not any(word in name for word in no_weights)) == 2_896_055
    assert (
        sum(one.size for name, one in state.items() if name.endswith(("mstcn.bn_in.weight", "mstcn.bn_in.bias")))
        == INERT
    )
    assert _released.load(model, saved(state, tmp_path / "w.pt"), mst_gcn.RELEASED) == 60
    learnt = model.blocks[7][0].parts[3][0].learnt_KVW.detach().numpy()
    assert np.allclose(learnt, state["layers.7.msgcn.conv_bn.3.0.PA"])


def test_released_weights_give_the_features_of_the_released_network(tmp_path):
    ours = encoder()
    assert _released.load(ours, saved(released_weights(), tmp_path / "w.pt"), mst_gcn.RELEASED) == 60
    state = {name: value.astype(np.float32).astype(np.float64) for name, value in released_weights().items()}
    expected = network(clips(), state)
    single = feature(ours, clips()).numpy()
    with torch.no_grad():
        exact = ours.double()(torch.from_numpy(clips())).numpy()
    assert np.abs(exact - expected).max() < 1e-10 * np.abs(expected).max()
    assert np.abs(single - expected).max() < 1e-4 * np.abs(expected).max()


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
    _released.load(model, saved(released_weights(), tmp_path / "w.pt"), mst_gcn.RELEASED)
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
    state = {name: value for name, value in {**released_weights(), **change}.items() if value is not None}
    with pytest.raises(FormatError, match=message):
        _released.load(encoder(), saved(state, tmp_path / "w.pt"), mst_gcn.RELEASED)


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
@pytest.mark.parametrize("frames", [1, 6, 7])
def test_any_layout_and_number_of_frames_goes_through(layout, frames):
    model, joints = encoder(LAYOUTS[layout]), LAYOUTS[layout].num_joints
    found = feature(model, clips(frames, joints))
    assert found.shape == (2, 4 * WIDTH)
    assert found.isfinite().all()
    with torch.no_grad():
        tokens = model.with_tokens(torch.from_numpy(clips(frames, joints)).float())[1]
    assert tokens.shape == (2, -(-frames // 4), joints, 32)


def test_the_width_is_that_of_the_options():
    assert feature(encoder(width=4), clips()).shape == (2, 16)


def test_a_body_beyond_the_slots_is_refused():
    assert len(encoder(num_slots=1).normalise) == 1
    with pytest.raises(DataError, match="clips of 2 bodies, but the encoder normalises 1"):
        feature(encoder(num_slots=1), clips())


def test_a_width_that_no_parts_share_is_refused():
    with pytest.raises(ParamsError, match=r"key 'width': .* multiple of 4"):
        parse(mst_gcn.Params, {**SMALL, "width": 10}, "options")
