"""Weights and multiply-accumulates against counts by hand, and those of ST-GCN against what is published."""

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pipeline.core.joints import LAYOUTS
from pipeline.modalities.skeleton import stgcn
from pipeline.models import encoder_cost
from pipeline.models.encoder_cost import EncoderCost
from pipeline.models.transformer import Block

FRESH = """
import sys, torch
from pipeline.models import encoder_cost
print(encoder_cost.of(torch.nn.Linear(8, 5), torch.ones(1, 3, 8)).macs, "torch._dynamo" in sys.modules)
"""


def test_layers_are_counted_as_by_hand():
    plane = torch.ones(1, 3, 8, 8)
    assert encoder_cost.of(nn.Conv2d(3, 5, 3, 2, 1), plane) == EncoderCost(5 * 3 * 9 + 5, 4 * 4 * 5 * 3 * 9)
    assert encoder_cost.of(nn.Linear(8, 7), plane) == EncoderCost(8 * 7 + 7, 3 * 8 * 8 * 7)
    assert encoder_cost.of(nn.BatchNorm2d(3), plane) == EncoderCost(6, 0)


def test_attention_is_counted_as_matrix_products():
    """Four maps and the two of the MLP, which is four times as wide, of every token; of every pair two products."""
    found = encoder_cost.of(Block(16, 2, "gelu", 0.0), torch.ones(1, 5, 16)).macs
    assert found == 5 * (4 + 2 * 4) * 16 * 16 + 2 * 5 * 5 * 16


def test_the_count_is_torchs_own_and_the_compiler_stays_out():
    module, x = made("reduced").eval(), torch.ones(1, 3, 9, 25, 2)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(x)
    assert encoder_cost.of(module, x).macs == counter.get_total_flops() // 2
    told = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["120", "False"]


def test_an_encoder_is_left_as_it_was():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.5))
    before = [value.clone() for value in network.state_dict().values()]
    random = torch.get_rng_state()
    encoder_cost.of(network, torch.ones(1, 3, 4, 4))
    assert network.training
    assert all(map(torch.equal, before, network.state_dict().values()))
    assert torch.equal(torch.get_rng_state(), random)
    encoder_cost.of(network.eval(), torch.ones(1, 3, 4, 4))
    assert not network.training


def made(plan, layout="ntu25"):
    return stgcn.Encoder(stgcn.Params(graph="paper", plan=plan, dropout=0.0), LAYOUTS[layout])


def by_hand(plan, frames, joints, bodies):
    """(sums over joints, convolutions) of ST-GCN, block by block from its plan."""
    sums = convolutions = 0
    channels, places = 3, frames
    for block in stgcn.PLANS[plan]:
        after = -(-places // block.stride)
        narrow = min(channels, block.channels)
        sums += 3 * joints * joints * narrow * places
        convolutions += 3 * channels * block.channels * places * joints + 9 * block.channels**2 * after * joints
        if block.residual and (channels != block.channels or block.stride > 1):
            convolutions += channels * block.channels * after * joints
        channels, places = block.channels, after
    return bodies * sums, bodies * convolutions


@pytest.mark.parametrize(("plan", "frames", "bodies"), [("reduced", 50, 1), ("full", 21, 2)])
def test_a_clip_through_st_gcn_is_counted_as_by_hand(plan, frames, bodies):
    sums, convolutions = by_hand(plan, frames, 25, bodies)
    before = [3, *(block.channels for block in stgcn.PLANS[plan])]
    grown = [
        block.channels for block, channels in zip(stgcn.PLANS[plan], before, strict=False) if block.channels > channels
    ]
    biases = 3 * 25 * sum(grown)  # of a batch, where joints are summed before channels
    assert encoder_cost.of(made(plan), torch.ones(1, 3, frames, 25, bodies)).macs == sums + convolutions + biases


def test_the_convolutions_of_st_gcn_are_what_is_published():
    """16.2 G of a clip of NTU RGB+D, 300 frames and two bodies (as Cheng et al., CVPR 2020, count it)."""
    sums, convolutions = by_hand("full", 300, 25, 2)
    found = encoder_cost.of(made("full"), torch.ones(1, 3, 300, 25, 2)).macs
    assert found == pytest.approx(sums + convolutions, rel=1e-3)
    assert convolutions / 1e9 == pytest.approx(16.2, abs=0.05)


def test_a_body_that_is_not_there_costs_nothing():
    x = torch.ones(1, 3, 20, 25, 2)
    both = encoder_cost.of(made("reduced"), x).macs
    x[..., 1] = 0
    assert encoder_cost.of(made("reduced"), x).macs == pytest.approx(both / 2, rel=0.01)
