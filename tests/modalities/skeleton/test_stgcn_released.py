"""ST-GCN as released, golden: the whole network written out from its formulas, in float64 and without torch."""

# Shapes: N clips, M bodies, P = N * M, C channels, O channels after, T frames, V joints (W: after the graph), K = 3.
import numpy as np
import pytest
import torch

from pipeline.core.errors import FormatError
from pipeline.core.joints import LAYOUTS, NTU25
from pipeline.modalities.skeleton import _released, stgcn
from tests.modalities.skeleton.golden import added, normalised, over_time, relu

# Bones of the released graph of NTU RGB+D, by the joints' numbers from 1; joint 21 is the centre.
BONES = (
    "1-2 2-21 3-21 4-3 5-21 6-5 7-6 8-7 9-21 10-9 11-10 12-11 13-1 14-13 15-14 16-15 17-1 18-17 19-18 20-19 "
    "22-23 23-8 24-25 25-12"
)
CENTRE, NUM_JOINTS = 20, 25
REDUCED = [(16, 1)] * 4 + [(32, 2)] + [(32, 1)] * 2 + [(64, 2)] + [(64, 1), (256, 1)]


def adjacency():
    """A_KVW: hop 0; of hop 1 from as far or further; of hop 1 from nearer; each column divided by its neighbours."""
    near = np.eye(NUM_JOINTS)
    for bone in BONES.split():
        one, other = (int(number) - 1 for number in bone.split("-"))
        near[one, other] = near[other, one] = 1
    centre_V = [0.0 if v == CENTRE else 1.0 if near[v, CENTRE] else np.inf for v in range(NUM_JOINTS)]
    found = np.zeros((3, NUM_JOINTS, NUM_JOINTS))
    for v in range(NUM_JOINTS):
        for w in range(NUM_JOINTS):
            if near[v, w]:
                part = 0 if v == w else 1 if centre_V[v] >= centre_V[w] else 2
                found[part, v, w] = 1 / near[:, w].sum()
    return found


def released_weights(seed=0):
    """Weights by their released names, drawn, so that no layer is one that any order of channels would leave alike."""
    random = np.random.default_rng(seed)
    state = {"A": adjacency(), "fcn.weight": random.normal(size=(60, 256, 1, 1)), "fcn.bias": random.normal(size=60)}

    def normalisation(name, size):
        state[f"{name}.weight"], state[f"{name}.running_var"] = random.uniform(0.5, 2, (2, size))
        state[f"{name}.bias"], state[f"{name}.running_mean"] = random.normal(size=(2, size)) / 4
        state[f"{name}.num_batches_tracked"] = np.array(7)

    def convolution(name, *shape):
        state[f"{name}.weight"] = random.normal(size=shape) / np.sqrt(np.prod(shape[1:]))
        state[f"{name}.bias"] = random.normal(size=shape[0]) / 4

    normalisation("data_bn", NUM_JOINTS * 3)
    channels = 3
    for number, (out, stride) in enumerate(REDUCED):
        block = f"st_gcn_networks.{number}"
        state[f"edge_importance.{number}"] = random.uniform(0.5, 1.5, (3, NUM_JOINTS, NUM_JOINTS))
        convolution(f"{block}.gcn.conv", 3 * out, channels, 1, 1)
        normalisation(f"{block}.tcn.0", out)
        convolution(f"{block}.tcn.2", out, out, 9, 1)
        normalisation(f"{block}.tcn.3", out)
        if number and (channels, stride) != (out, 1):
            convolution(f"{block}.residual.0", out, channels, 1, 1)
            normalisation(f"{block}.residual.1", out)
        channels = out
    return state


def network(x_NCTVM, state):
    """The feature of each clip: the mean over its two bodies, frames and joints."""
    clips, channels, frames, joints, bodies = x_NCTVM.shape
    x = x_NCTVM.transpose(0, 4, 3, 1, 2).reshape(clips * bodies, joints * channels, frames)
    x = normalised(x, state, "data_bn").reshape(-1, joints, channels, frames).transpose(0, 2, 3, 1)
    for number, (out, stride) in enumerate(REDUCED):
        x = block_of(x, out, stride, state, number)
    return x.mean((2, 3)).reshape(clips, bodies, -1).mean(1)


def block_of(x_PCTV, out, stride, state, number):
    block, weights_KVW = f"st_gcn_networks.{number}", state["A"] * state[f"edge_importance.{number}"]
    kernel = state[f"{block}.gcn.conv.weight"][:, :, 0, 0].reshape(3, out, -1)
    bias = state[f"{block}.gcn.conv.bias"].reshape(3, out)
    y = np.zeros((len(x_PCTV), out, *x_PCTV.shape[2:]))
    for part in range(3):
        message = np.einsum("oc,pctv->potv", kernel[part], x_PCTV) + bias[part][:, None, None]
        y += message @ weights_KVW[part]
    y = relu(normalised(y, state, f"{block}.tcn.0"))
    y = normalised(over_time(y, state, f"{block}.tcn.2", stride), state, f"{block}.tcn.3")
    if number == 0:
        return relu(y)
    return added(y, x_PCTV, state, (f"{block}.residual.0", f"{block}.residual.1"), stride)


def clips():
    return np.random.default_rng(1).normal(size=(2, 3, 10, NUM_JOINTS, 2))


def encoder(graph="released"):
    return stgcn.Encoder(stgcn.Params(graph=graph, plan="reduced", dropout=0.5), NTU25).eval()


@pytest.fixture
def file(tmp_path):
    """Weights as torch keeps them."""
    state = {name: torch.from_numpy(np.asarray(value)) for name, value in released_weights().items()}
    for name, value in state.items():
        state[name] = value if name.endswith("tracked") else value.float()
    torch.save(state, tmp_path / "stgcn.pt")
    return tmp_path / "stgcn.pt"


def test_the_graph_is_the_released_one():
    assert np.array_equal(stgcn.partitions(NTU25, "released"), adjacency())


def test_released_weights_give_the_features_of_the_released_network(file):
    ours = encoder()
    assert _released.load(ours, file, stgcn.RELEASED) == 60
    state = {name: value.astype(np.float32).astype(np.float64) for name, value in released_weights().items()}
    state["A"] = adjacency()
    expected = network(clips(), state)
    with torch.no_grad():
        single = ours(torch.from_numpy(clips()).float()).numpy()
        double = ours.double()
        for block in double.blocks:  # kept in float32
            block.graph.adjacency_KVW = torch.from_numpy(adjacency())
        exact = double(torch.from_numpy(clips())).numpy()
    assert np.abs(exact - expected).max() < 1e-10 * np.abs(expected).max()
    assert np.abs(single - expected).max() < 1e-5 * np.abs(expected).max()


def test_with_the_papers_graph_the_features_are_far_from_those(file):
    features = []
    for graph in ("released", "paper"):
        ours = encoder(graph)
        _released.load(ours, file, stgcn.RELEASED)
        with torch.no_grad():
            features.append(ours(torch.from_numpy(clips()).float()))
    released, paper = features
    assert (released - paper).norm() > 0.02 * released.norm()


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_the_two_graphs_differ_in_every_layout(layout):
    assert not np.array_equal(stgcn.partitions(LAYOUTS[layout], "released"), stgcn.partitions(LAYOUTS[layout], "paper"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data_bn.weight": None}, r"stgcn\.pt: lacks normalise\.0\.weight"),
        ({"data_bn.weight": torch.ones(76)}, r"normalise\.0\.weight has the shape \(76,\)"),
        ({"st_gcn_networks.3.gcn.conv.weight": torch.ones(49, 16, 1, 1)}, r"weight_KOC has the shape \(49, 16, 1, 1\)"),
        ({"st_gcn_networks.11.tcn.0.bias": torch.ones(4)}, r"has, and the architecture has not, blocks\.11\.time\.0"),
    ],
)
def test_weights_of_another_network_are_refused(change, message, file):
    state = {**torch.load(file), **change}
    torch.save({name: value for name, value in state.items() if value is not None}, file)
    with pytest.raises(FormatError, match=message):
        _released.load(encoder(), file, stgcn.RELEASED)


def test_weights_that_count_no_batches_as_of_an_old_torch_load(file):
    with_counts, without = encoder(), encoder()
    _released.load(with_counts, file, stgcn.RELEASED)
    state = {name: value for name, value in torch.load(file).items() if not name.endswith("num_batches_tracked")}
    torch.save(state, file)
    _released.load(without, file, stgcn.RELEASED)
    x = torch.from_numpy(clips()).float()
    with torch.no_grad():
        assert torch.equal(with_counts(x), without(x))
