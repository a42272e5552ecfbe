"""The mask token by token, and a layer against torch's own of the same kind."""

import pytest
import torch
from torch import nn

from pipeline.models.rest.attention import Layer, attention_mask


def rule(row, column, num_visual):
    """The single scheme said in other words. Token 0 is [CLS], then visual tokens, then words."""
    row_is_word, column_is_word = row > num_visual, column > num_visual
    if not row_is_word:
        return not column_is_word
    return not column_is_word or column <= row


@pytest.mark.parametrize("num_visual", [1, 2, 5])
@pytest.mark.parametrize("num_words", [0, 1, 4])
def test_every_pair_of_tokens_keeps_the_rule(num_visual, num_words):
    num = 1 + num_visual + num_words
    may_LL = attention_mask(num_visual, num_words, "single")
    assert may_LL.tolist() == [[rule(row, column, num_visual) for column in range(num)] for row in range(num)]
    assert attention_mask(num_visual, num_words, "cross").tolist() == [[True] * num] * num


def layer(dropout=0.0):
    torch.manual_seed(0)
    return Layer(8, 2, 12, dropout)


def inputs(dtype=torch.float32):
    token_NLD = torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(0)).to(dtype)
    return token_NLD, attention_mask(3, 2, "single")[None, None]


def test_a_layer_is_torchs_post_norm_layer():
    ours = layer().double().eval()
    theirs = nn.TransformerEncoderLayer(8, 2, 12, 0.0, "gelu", batch_first=True, norm_first=False).double()
    pairs = {
        "norm1": ours.norm_attention,
        "norm2": ours.norm_mlp,
        "linear1": ours.up,
        "linear2": ours.down,
        "self_attn.out_proj": ours.outward,
    }
    for name, part in pairs.items():
        theirs.get_submodule(name).load_state_dict(part.state_dict())
    theirs.self_attn.in_proj_weight.data.copy_(ours.inward.weight)
    theirs.self_attn.in_proj_bias.data.copy_(ours.inward.bias)
    token_NLD, may_11LL = inputs(torch.float64)
    expected_NLD = theirs(token_NLD, src_mask=~may_11LL[0, 0])
    torch.testing.assert_close(ours(token_NLD, may_11LL), expected_NLD, rtol=1e-10, atol=1e-10)


def test_the_weights_are_those_of_the_layer():
    """Weights times values, through the rest of the layer, give what the layer gives."""
    ours, (token_NLD, may_11LL) = layer().eval(), inputs()
    weight_NHLL = ours.weights(token_NLD, may_11LL)
    assert torch.allclose(weight_NHLL.sum(dim=3), torch.ones(3, 2, 6))
    assert (weight_NHLL > 0).eq(may_11LL).all()
    value_NHLK = ours.inward(token_NLD)[:, :, 16:].unflatten(2, (2, 4)).transpose(1, 2)
    change_NLD = ours.outward((weight_NHLL @ value_NHLK).transpose(1, 2).flatten(2))
    middle_NLD = ours.norm_attention(token_NLD + change_NLD)
    after_NLD = ours.norm_mlp(middle_NLD + ours.down(nn.functional.gelu(ours.up(middle_NLD))))
    torch.testing.assert_close(ours(token_NLD, may_11LL), after_NLD)


def test_dropout_drops_in_training_alone():
    dropping, (token_NLD, may_11LL) = layer(0.5), inputs()
    assert torch.equal(dropping.eval()(token_NLD, may_11LL), layer().eval()(token_NLD, may_11LL))
    assert not torch.equal(dropping.train()(token_NLD, may_11LL), layer().eval()(token_NLD, may_11LL))
