"""What ResT's representation depends on and what it does not, and what each option changes."""

import numpy as np
import pytest
import torch

from pipeline.core.errors import DataError, FormatError, ParamsError
from pipeline.models import checkpoint
from pipeline.models.rest.losses import LossParams, loss
from pipeline.models.rest.model import Rest
from pipeline.models.rest.tokens import MASK, PAD
from tests.models.rest.conftest import NAMES, encoder, model, params, sizes

KINDS = ["transformer", "rnn", "lstm"]
BOTH = LossParams(cls=True, mlm=0.5, mask_share=0.15)


def visual(batch, **changes):
    return {key: value for key, value in batch.items() if key not in ("words", "word_targets")} | changes


@pytest.mark.parametrize("kind", KINDS)
def test_words_change_nothing_that_the_clip_is(kind, tokens):
    made, other = model(kind=kind), {**tokens, "words": torch.full_like(tokens["words"], 5)}
    one, two = made(tokens), made(other)
    assert torch.equal(one.visual_ND, two.visual_ND)
    assert torch.equal(one.class_logit_NK, two.class_logit_NK)
    assert not torch.equal(one.word_logit_NWV, two.word_logit_NWV)


@pytest.mark.parametrize("kind", KINDS)
def test_no_gradient_of_the_clip_reaches_a_word(kind, tokens):
    made = model(kind=kind)
    output = made(tokens)
    output.class_logit_NK.square().sum().backward()
    touched = {name for name, weight in made.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert "classes.0.weight" in touched
    assert not {
        name for name in touched if name.startswith(("words.", "trunk.word.", "trunk.words.", "trunk.place_WD"))
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_learns_from_the_words(kind, tokens):
    made, x_NSD = model(kind=kind), tokens["x"].requires_grad_()
    made({**tokens, "x": x_NSD}).word_logit_NWV[:, 0].sum().backward()
    assert x_NSD.grad.abs().amax(dim=2).gt(0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_sees_those_to_its_left_alone(kind, tokens):
    made, words_NW = model(kind=kind), tokens["words"].clone()
    words_NW[:, 1] = 5
    before, after = made(tokens).word_logit_NWV, made({**tokens, "words": words_NW}).word_logit_NWV
    assert torch.equal(before[:, 0], after[:, 0])
    words_NW = tokens["words"].clone()
    words_NW[:, 0] = 5
    after = made({**tokens, "words": words_NW}).word_logit_NWV
    assert (before[:, 1] != after[:, 1]).any(dim=1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_is_represented_without_its_name(kind, tokens):
    made = model(kind=kind)
    torch.testing.assert_close(made.represent(visual(tokens)), made(tokens).visual_ND, rtol=1e-5, atol=1e-5)
    with_mask = visual(tokens, words=torch.full((4, 1), MASK))
    torch.testing.assert_close(made.represent(visual(tokens)), made(with_mask).visual_ND, rtol=1e-5, atol=1e-5)


def test_under_cross_attention_the_name_changes_the_clip_which_is_represented_with_a_mask(tokens):
    made, other = model(attention="cross"), {**tokens, "words": torch.full_like(tokens["words"], 5)}
    assert not torch.allclose(made(tokens).visual_ND, made(other).visual_ND)
    with_mask = visual(tokens, words=torch.full((4, 1), MASK))
    assert torch.equal(made.represent(visual(tokens)), made(with_mask).visual_ND)
    assert torch.equal(made.represent(tokens), made.represent(visual(tokens)))


def test_the_mask_may_stand_for_a_clip(tokens):
    by_mask, by_cls = model(represents="mask"), model()
    found_ND = by_mask.represent(visual(tokens))
    assert not torch.allclose(found_ND, by_cls.represent(visual(tokens)), atol=1e-2)
    assert torch.equal(found_ND, by_mask.represent(tokens))  # not the name that it comes with
    with pytest.raises(ParamsError, match=r"represents: mask needs words"):
        model(size=sizes(5, num_words=None, max_words=0), represents="mask")


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_frames_counts(kind, tokens):
    made = model(kind=kind)
    turned = visual(tokens, x=tokens["x"].flip(1))
    assert not torch.allclose(made.represent(visual(tokens)), made.represent(turned), atol=1e-3)


def test_of_regions_their_place_counts_and_their_order_does_not(tokens):
    made = model(size=sizes(5, places=True))
    place_NS7 = torch.rand(4, 6, 7, generator=torch.Generator().manual_seed(3))
    found_ND = made.represent(visual(tokens, place=place_NS7))
    turned_ND = made.represent(visual(tokens, x=tokens["x"].flip(1), place=place_NS7.flip(1)))
    torch.testing.assert_close(found_ND, turned_ND, rtol=1e-5, atol=1e-5)
    moved_ND = made.represent(visual(tokens, place=place_NS7.flip(1)))
    assert not torch.allclose(found_ND, moved_ND, atol=1e-3)
    with pytest.raises(DataError, match="come with their places"):
        made.represent(visual(tokens))
    with pytest.raises(DataError, match="come with their places"):
        model().represent(visual(tokens, place=place_NS7))


@pytest.mark.parametrize("kind", ["transformer", "lstm", "rnn"])
def test_a_clip_without_regions_is_the_same_beside_any_others(kind):
    made, nothing_NS = model(kind=kind), torch.zeros(4, 6, dtype=torch.bool)
    empty = {"x": torch.zeros(4, 6, 5), "known": nothing_NS}
    alone = {name: value[:, :1] for name, value in empty.items()}
    torch.testing.assert_close(made.represent(empty), made.represent(alone), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("changes", [{}, {"kind": "lstm"}, {"attention": "cross"}, {"represents": "mask"}], ids=str)
def test_padding_is_nobodys_business(changes, tokens):
    made = model(**changes)
    known_NS = torch.ones(4, 6, dtype=torch.bool)
    known_NS[1, 4:] = False
    found_ND = made.represent(visual(tokens, known=known_NS))
    alone_1D = made.represent({"x": tokens["x"][1:2, :4]})
    torch.testing.assert_close(found_ND[1:2], alone_1D, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found_ND[2:], made.represent(visual(tokens))[2:], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("attention", ["single", "cross"])
def test_neither_is_the_padding_of_names(attention, tokens):
    made = model(attention=attention)
    row = NAMES.index("clap")
    assert tokens["words"][row].tolist() == [MASK, PAD]
    short = {"x": tokens["x"][row : row + 1], "words": tokens["words"][row : row + 1, :1]}
    whole, cut = made(tokens), made(short)
    torch.testing.assert_close(whole.visual_ND[row], cut.visual_ND[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(whole.word_logit_NWV[row, 0], cut.word_logit_NWV[0, 0], rtol=1e-5, atol=1e-5)


def test_each_size_changes_the_weights():
    """Counted by hand: projection, [CLS], positions, words, norms, layers, the final norm and the two heads."""
    d, h, layers, s, w, v, k, t = 16, 24, 2, 6, 2, 9, 4, 5
    layer = 4 * d * d + 4 * d + 2 * d * h + h + d + 4 * d
    heads = 2 * (d * d + d) + d * k + k + d * v + v
    expected = t * d + d + d + s * d + v * d + w * d + 2 * d + layers * layer + 2 * d + heads
    assert num_weights(model()) == expected
    assert num_weights(model(size=sizes(5, num_words=None, max_words=0))) == expected - (
        v * d + w * d + d * d + d + d * v + v
    )
    assert num_weights(model(size=sizes(5, num_classes=None))) == expected - (2 * d + d * d + d + d * k + k)
    assert num_weights(model(size=sizes(5, places=True))) == expected + 7 * d - s * d
    assert num_weights(model(num_layers=3)) == expected + layer
    cell = 2 * d * d + 2 * d
    streams = t * d + d + 2 * d + v * d + 2 * d + heads
    assert num_weights(model(kind="rnn")) == streams + 2 * cell
    assert num_weights(model(kind="lstm", num_layers=2)) == streams + 2 * 2 * 4 * cell


def test_heads_divide_what_the_same_weights_attend(tokens):
    one, two = model(num_heads=4), model(num_heads=2)
    two.load_state_dict(one.state_dict())
    assert not torch.allclose(one(tokens).visual_ND, two(tokens).visual_ND, atol=1e-3)


@pytest.mark.parametrize("scale", [0.01, 1, 100])
def test_positions_begin_at_the_scale_of_tokens(scale):
    """However long the vectors of a network are, or the order of frames would be learnt late or never."""
    made = model(dim=64)
    token_NSD = made.trunk.project(scale * torch.randn(50, 6, 5))
    for part in (made.trunk.position_SD, made.trunk.cls_D, made.trunk.word.weight, made.trunk.place_WD):
        assert part.std().item() == pytest.approx(token_NSD.std().item(), rel=0.3)


def num_weights(made):
    return sum(weight.numel() for weight in made.parameters())


def test_heads_that_nothing_teaches_are_not_there(tokens):
    without_words = model(size=sizes(5, num_words=None, max_words=0))(visual(tokens))
    assert without_words.word_logit_NWV is None
    assert without_words.class_logit_NK.shape == (4, 4)
    without_classes = model(size=sizes(5, num_classes=None))(tokens)
    assert without_classes.class_logit_NK is None
    assert without_classes.word_logit_NWV.shape == (4, 2, 9)
    assert model()(visual(tokens)).word_logit_NWV is None


@pytest.mark.parametrize(
    ("kind", "losses", "size"),
    [
        ("transformer", BOTH, {}),
        ("lstm", BOTH, {}),
        ("rnn", BOTH, {}),
        ("transformer", LossParams(cls=True, mlm=None, mask_share=0.15), {"num_words": None, "max_words": 0}),
        ("transformer", LossParams(cls=False, mlm=0.5, mask_share=0.15), {"num_classes": None}),
    ],
    ids=["both", "lstm", "rnn", "cls", "mlm"],
)
def test_every_weight_learns(kind, losses, size, pictures, tokens):
    """On several devices a weight without a gradient would end the training."""
    net = encoder()
    made = model(net, sizes(net.dim, **size), kind=kind).train()
    batch = {**tokens, "x": pictures}
    loss(made(visual(batch) if losses.mlm is None else batch), batch, losses)[0].backward()
    assert [name for name, weight in made.named_parameters() if weight.grad is None] == []


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_is_of_training_alone(kind, tokens):
    assert torch.equal(model(kind=kind, dropout=0.5)(tokens).visual_ND, model(kind=kind)(tokens).visual_ND)
    dropping = model(kind=kind, dropout=0.5).train()
    torch.manual_seed(0)
    assert not torch.allclose(dropping(tokens).visual_ND, model(kind=kind)(tokens).visual_ND)


def test_attention_is_shown_layer_by_layer(tokens):
    found = model().attention(tokens)
    assert [weight.shape for weight in found] == [(4, 4, 9, 9)] * 2
    for weight_NHLL in found:
        assert not weight_NHLL[:, :, :7, 7:].any()
        torch.testing.assert_close(weight_NHLL.sum(dim=3), torch.ones(4, 4, 9))
    assert [weight.shape for weight in model().attention(visual(tokens))] == [(4, 4, 7, 7)] * 2
    with pytest.raises(DataError, match="recurrent model has no attention"):
        model(kind="lstm").attention(tokens)


def test_weights_come_back_from_their_file(tmp_path, pictures):
    net, other = encoder(), encoder()
    made, again = model(net), model(other, seed=1)
    checkpoint.save(tmp_path / "0.safetensors", made, {})
    state, _ = checkpoint.load(tmp_path / "0.safetensors", "rest")
    assert not torch.allclose(made.represent({"x": pictures}), again.represent({"x": pictures}))
    checkpoint.restore(again, state, tmp_path / "0.safetensors")
    assert torch.equal(made.represent({"x": pictures}), again.represent({"x": pictures}))


def test_weights_of_another_size_are_refused(tmp_path):
    file = tmp_path / "0.safetensors"
    checkpoint.save(file, model(), {})
    state, _ = checkpoint.load(file, "rest")
    for other in (model(dim=32), model(num_layers=1), model(size=sizes(5, max_tokens=7)), model(kind="lstm")):
        with pytest.raises(FormatError, match=r"0\.safetensors: weights do not fit the network"):
            checkpoint.restore(other, state, file)


def test_inputs_of_another_size_are_refused(tokens):
    with pytest.raises(DataError, match="clips of 7 tokens, this model has room for 6"):
        model().represent({"x": torch.zeros(1, 7, 5)})
    with pytest.raises(DataError, match="tokens of 4 numbers, this model takes 5"):
        model().represent({"x": torch.zeros(1, 6, 4)})
    with pytest.raises(DataError, match="names of 3 words, this model has room for 2"):
        model()({**tokens, "words": torch.full((4, 3), 5)})
    with pytest.raises(DataError, match="gives 72 numbers a token, sizes say 5"):
        Rest(params(), encoder(), sizes(5))
    with pytest.raises(ValueError, match="dim 16 should be a multiple of num_heads 3"):
        params(num_heads=3)


@pytest.mark.parametrize("kind", ["transformer", "lstm"])
def test_eight_clips_are_learnt_by_heart(kind):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    net = encoder()
    made = model(net, sizes(net.dim, num_classes=8), kind=kind, num_layers=1).train()
    words_NW = torch.from_numpy(rng.integers(2, 9, (8, 2)))
    batch = {"x": torch.from_numpy(rng.integers(0, 256, (8, 6, 3, 16, 16), np.uint8)), "label": torch.arange(8)}
    batch |= {"words": torch.full_like(words_NW, MASK), "word_targets": words_NW}
    optimizer = torch.optim.AdamW(made.parameters(), lr=3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        loss(made(batch), batch, BOTH)[0].backward()
        optimizer.step()
    made.eval()
    assert {name: float(value) for name, value in loss(made(batch), batch, BOTH)[1].items()} == {
        "accuracy": 1.0,
        "word_accuracy": 1.0,
    }
