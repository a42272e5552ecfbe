"""A block against torch's own of the same kind, and what dropping its changes does."""

import pytest
import torch
from torch import nn

from pipeline.models.transformer import Block

OTHERS = {"gelu": nn.functional.gelu, "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x)}


def block(activation="gelu", drop_path=0.0):
    torch.manual_seed(0)
    return Block(8, 2, activation, drop_path)


@pytest.mark.parametrize("activation", OTHERS)
def test_a_block_is_torchs_pre_norm_layer(activation):
    ours = block(activation)
    theirs = nn.TransformerEncoderLayer(8, 2, 32, 0.0, OTHERS[activation], batch_first=True, norm_first=True)
    pairs = {
        "norm1": ours.norm_attention,
        "norm2": ours.norm_layers,
        "linear1": ours.up,
        "linear2": ours.down,
        "self_attn.out_proj": ours.outward,
    }
    for name, layer in pairs.items():
        theirs.get_submodule(name).load_state_dict(layer.state_dict())
    theirs.self_attn.in_proj_weight.data.copy_(ours.inward.weight)
    theirs.self_attn.in_proj_bias.data.copy_(ours.inward.bias)
    x_NLD = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(x_NLD), theirs(x_NLD), rtol=1e-5, atol=1e-6)


def test_a_silent_block_changes_nothing_but_learns():
    silent, x_NLD = block(), torch.randn(3, 5, 8)
    silent.silence()
    assert torch.equal(silent(x_NLD), x_NLD)
    silent(x_NLD).square().sum().backward()
    assert silent.outward.weight.grad.any()
    assert silent.down.weight.grad.any()


def test_whole_clips_lose_their_changes_in_training_and_keep_their_mean():
    dropping, x_NLD = block(drop_path=0.5), torch.ones(4000, 2, 8) * torch.arange(8.0)
    with torch.no_grad():
        whole_LD = dropping.eval()(x_NLD[:1])[0] - x_NLD[0]
        change_NLD = dropping.train()(x_NLD) - x_NLD
    lost_N = (change_NLD == 0).all(dim=(1, 2))
    assert lost_N.float().mean() == pytest.approx(0.25, abs=0.03)  # both of two
    only_first_LD = 2 * dropping._attended(dropping.norm_attention(x_NLD[:1]))[0]
    assert torch.isclose(change_NLD, only_first_LD, atol=1e-5).all(dim=(1, 2)).float().mean() == pytest.approx(
        0.25, abs=0.03
    )
    assert whole_LD.abs().max() > 0
