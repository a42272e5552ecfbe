"""CTR-GCN as released, golden: the whole network written out from its formulas, in float64 and without torch."""

import numpy as np
import pytest
import torch

from pipeline.core.errors import FormatError
from pipeline.core.joints import NTU25
from pipeline.modalities.skeleton import _released, ctr_gcn
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


def released(width=WIDTH, seed=0):
    weights = Weights(seed)
    weights.normalisation("data_bn", 2 * NUM_JOINTS * 3)
    channels = 3
    for number, (times, stride) in enumerate(PLAN, 1):
        out = times * width
        graph_weights(weights, f"l{number}.gcn1", channels, out)
        time_weights(weights, f"l{number}.tcn1.branches", out)
        if stride == 2:
            weights.convolution(f"l{number}.residual.conv", out, channels, 1, 1)
            weights.normalisation(f"l{number}.residual.bn", out)
        channels = out
    weights.convolution("fc", CLASSES, 4 * width)
    return weights


def graph_weights(weights, name, channels, out):
    weights.draw(f"{name}.PA", 3, NUM_JOINTS, NUM_JOINTS, spread=0.2)
    weights.draw(f"{name}.alpha", 1)
    weights.normalisation(f"{name}.bn", out)
    relations = 8 if channels == 3 else channels // 8
    for part in range(3):
        for number, shape in enumerate([(relations, channels)] * 2 + [(out, channels), (out, relations)], 1):
            weights.convolution(f"{name}.convs.{part}.conv{number}", *shape, 1, 1)
    if channels != out:
        weights.convolution(f"{name}.down.0", out, channels, 1, 1)
        weights.normalisation(f"{name}.down.1", out)


def time_weights(weights, name, out):
    quarter = out // 4
    for branch in range(4):
        weights.convolution(f"{name}.{branch}.0", quarter, out, 1, 1)
        weights.normalisation(f"{name}.{branch}.1", quarter)
    for branch in range(2):
        weights.convolution(f"{name}.{branch}.3.conv", quarter, quarter, 5, 1)
        weights.normalisation(f"{name}.{branch}.3.bn", quarter)
    weights.normalisation(f"{name}.2.4", quarter)


def layers(x_PCTV, state, block, stride):
    return over_branches(over_graphs(x_PCTV, state, f"{block}.gcn1"), state, f"{block}.tcn1.branches", stride)


def over_graphs(x_PCTV, state, name):
    y = 0
    for part in range(3):
        of_part = f"{name}.convs.{part}.conv"
        one_PRV, other_PRV = (over_time(x_PCTV, state, f"{of_part}{i}").mean(2) for i in (1, 2))
        relation_PRUV = np.tanh(one_PRV[..., :, None] - other_PRV[..., None, :])
        refined_POUV = (
            over_time(relation_PRUV, state, f"{of_part}4") * state[f"{name}.alpha"] + state[f"{name}.PA"][part]
        )
        y = y + np.einsum("pouv,potv->potu", refined_POUV, over_time(x_PCTV, state, f"{of_part}3"))
    y = normalised(y, state, f"{name}.bn")
    return added(y, x_PCTV, state, (f"{name}.down.0", f"{name}.down.1"))


def over_branches(x_PCTV, state, name, stride):
    mapped = [
        normalised(over_time(x_PCTV, state, f"{name}.{branch}.0"), state, f"{name}.{branch}.1") for branch in range(4)
    ]
    parts = []
    for branch, dilation in ((0, 1), (1, 2)):
        y = over_time(relu(mapped[branch]), state, f"{name}.{branch}.3.conv", stride, dilation)
        parts.append(normalised(y, state, f"{name}.{branch}.3.bn"))
    frames = x_PCTV.shape[2]
    near = [range(max(0, t - 1), min(frames, t + 2)) for t in range(0, frames, stride)]
    greatest = np.stack([relu(mapped[2])[:, :, list(three)].max(2) for three in near], axis=2)
    parts.append(normalised(greatest, state, f"{name}.2.4"))
    return np.concatenate([*parts, mapped[3][:, :, ::stride]], axis=1)


def encoder():
    torch.manual_seed(0)
    return ctr_gcn.Encoder(ctr_gcn.Params(num_slots=2, width=WIDTH), NTU25)


@pytest.mark.parametrize("frames", [12, 9])
def test_released_weights_give_the_features_of_the_released_network(tmp_path, frames):
    weights = released()
    x = np.random.default_rng(1).normal(size=(2, 3, frames, NUM_JOINTS, 2))
    file = weights.save(tmp_path / "ctr_gcn.pt")
    same_features(encoder(), file, ctr_gcn.RELEASED, x, of_ten_blocks(x, weights, layers), CLASSES)


def test_the_released_names_and_shapes_are_all_of_the_published_weights():
    still = ("running_mean", "running_var", "num_batches_tracked")
    assert sum(value.size for name, value in released(64).state.items() if not name.endswith(still)) == 1_446_672


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"l3.gcn1.alpha": None}, r"ctr_gcn\.pt: lacks blocks\.2\.graphs\.alpha"),
        ({"l3.gcn1.A": torch.ones(3, 25, 25)}, r"has, and the architecture has not, blocks\.2\.gcn1\.A"),
        ({"l2.gcn1.PA": torch.ones(3, 20, 20)}, r"graphs_KUV has the shape \(3, 20, 20\), .* \(3, 25, 25\)"),
    ],
)
def test_weights_of_another_network_are_refused(change, message, tmp_path):
    file = released().save(tmp_path / "ctr_gcn.pt")
    state = {**torch.load(file), **change}
    torch.save({name: value for name, value in state.items() if value is not None}, file)
    with pytest.raises(FormatError, match=message):
        _released.load(encoder(), file, ctr_gcn.RELEASED)
