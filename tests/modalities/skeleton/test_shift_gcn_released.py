"""Shift-GCN as released, golden: the whole network written out from its formulas, in float64 and without torch."""

import numpy as np
import pytest
import torch

from pipeline.core.errors import FormatError
from pipeline.core.joints import NTU25
from pipeline.modalities.skeleton import _released, shift_gcn
from tests.modalities.skeleton.golden import (
    PLAN,
    Weights,
    added,
    normalised,
    of_ten_blocks,
    over_time,
    relu,
    same_features,
)

NUM_JOINTS, WIDTH, CLASSES = 25, 8, 60


def index(channels, sign):
    """Where number i * C + j is taken from."""
    total = NUM_JOINTS * channels
    pairs = ((i, j) for i in range(NUM_JOINTS) for j in range(channels))
    return np.array([(i * channels + j + sign * j * channels) % total for i, j in pairs])


def released(width=WIDTH, seed=0):
    weights = Weights(seed)
    weights.normalisation("data_bn", 2 * NUM_JOINTS * 3)
    channels = 3
    for number, (times, stride) in enumerate(PLAN, 1):
        out, block = times * width, f"l{number}"
        weights.draw(f"{block}.gcn1.Linear_weight", channels, out, spread=channels**-0.5)
        weights.draw(f"{block}.gcn1.Linear_bias", 1, 1, out)
        weights.draw(f"{block}.gcn1.Feature_Mask", 1, NUM_JOINTS, channels)
        weights.state[f"{block}.gcn1.shift_in"] = index(channels, 1)
        weights.state[f"{block}.gcn1.shift_out"] = index(out, -1)
        weights.normalisation(f"{block}.gcn1.bn", NUM_JOINTS * out)
        if channels != out:
            weights.convolution(f"{block}.gcn1.down.0", out, channels, 1, 1)
            weights.normalisation(f"{block}.gcn1.down.1", out)
        weights.normalisation(f"{block}.tcn1.bn", out)
        weights.normalisation(f"{block}.tcn1.bn2", out)
        for shift in ("shift_in", "shift_out"):
            weights.draw(f"{block}.tcn1.{shift}.xpos", out, spread=1e-8)
            weights.draw(f"{block}.tcn1.{shift}.ypos", out, spread=2.0)
        weights.convolution(f"{block}.tcn1.temporal_linear", out, out, 1, 1)
        if stride == 2:
            weights.convolution(f"{block}.residual.conv", out, channels, 1, 1)
            weights.normalisation(f"{block}.residual.bn", out)
        channels = out
    weights.convolution("fc", CLASSES, 4 * width)
    return weights


def layers(x_PCTV, state, block, stride):
    y = shifted_over_joints(x_PCTV, state, f"{block}.gcn1")
    y = normalised(y, state, f"{block}.tcn1.bn")
    y = shifted_over_time(y, state[f"{block}.tcn1.shift_in.ypos"], 1)
    y = relu(over_time(y, state, f"{block}.tcn1.temporal_linear"))
    shift_C = state[f"{block}.tcn1.shift_out.ypos"] + (0.5 if stride == 2 else 0)
    return normalised(shifted_over_time(y, shift_C, stride), state, f"{block}.tcn1.bn2")


def shifted_over_joints(x_PCTV, state, name):
    bodies, channels, frames, joints = x_PCTV.shape
    rows = x_PCTV.transpose(0, 2, 3, 1).reshape(-1, joints * channels)[:, index(channels, 1)]
    masked = rows.reshape(-1, joints, channels) * (np.tanh(state[f"{name}.Feature_Mask"]) + 1)
    mapped = masked @ state[f"{name}.Linear_weight"] + state[f"{name}.Linear_bias"]
    out = mapped.shape[2]
    back = normalised(mapped.reshape(-1, joints * out)[:, index(out, -1)], state, f"{name}.bn")
    y = back.reshape(bodies, frames, joints, out).transpose(0, 3, 1, 2)
    return added(y, x_PCTV, state, (f"{name}.down.0", f"{name}.down.1"))


def shifted_over_time(x_PCTV, shift_C, stride):
    frames = x_PCTV.shape[2]
    y = np.zeros((*x_PCTV.shape[:2], -(-frames // stride), x_PCTV.shape[3]))
    for channel, shift in enumerate(shift_C):
        for step in range(y.shape[2]):
            before = int(np.floor(step * stride + shift))
            for frame, share in ((before, 1 - (shift - np.floor(shift))), (before + 1, shift - np.floor(shift))):
                if 0 <= frame < frames:
                    y[:, channel, step] += share * x_PCTV[:, channel, frame]
    return y


def encoder(width=WIDTH):
    torch.manual_seed(0)
    return shift_gcn.Encoder(shift_gcn.Params(num_slots=2, width=width, shift_gradient="exact"), NTU25)


@pytest.mark.parametrize("frames", [12, 9])
def test_released_weights_give_the_features_of_the_released_network(tmp_path, frames):
    weights = released()
    x = np.random.default_rng(1).normal(size=(2, 3, frames, NUM_JOINTS, 2))
    file = weights.save(tmp_path / "shift_gcn.pt")
    same_features(encoder(), file, shift_gcn.RELEASED, x, of_ten_blocks(x, weights, layers), CLASSES)


def test_the_released_names_and_shapes_are_all_of_the_published_weights():
    """693,107 that learn, of which 2,816 are shifts over joints that never move; and 64,075 places of shifts."""
    numbers = {"learnt": 0, "inert": 0, "places": 0}
    for name, value in released(width=64).state.items():
        if name.endswith(("running_mean", "running_var", "num_batches_tracked")):
            continue
        kind = "places" if name.endswith(("gcn1.shift_in", "gcn1.shift_out")) else "learnt"
        numbers[kind] += value.size
        numbers["inert"] += value.size if name.endswith("xpos") else 0
    assert numbers == {"learnt": 693_107, "inert": 2_816, "places": 64_075}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"l3.tcn1.shift_in.ypos": None}, r"shift_gcn\.pt: lacks blocks\.2\.time\.shift_in\.shift_C"),
        ({"l3.tcn1.shift_in.zpos": torch.ones(8)}, r"has, and the architecture has not, blocks\.2\.tcn1"),
        ({"data_bn.weight": torch.ones(75)}, r"lacks normalise\.0\.weight, normalise\.1\.weight"),  # of one body
        ({"data_bn.weight": torch.ones(120)}, r"its data_bn is of 2 x 20 joints with 3 coordinates"),
        ({"l2.gcn1.Feature_Mask": torch.ones(1, 20, 8)}, r"mask_VC has the shape \(20, 8\), .* \(25, 8\)"),
    ],
)
def test_weights_of_another_network_are_refused(change, message, tmp_path):
    file = released().save(tmp_path / "shift_gcn.pt")
    state = {**torch.load(file), **change}
    torch.save({name: value for name, value in state.items() if value is not None}, file)
    with pytest.raises(FormatError, match=message):
        _released.load(encoder(), file, shift_gcn.RELEASED)
