"""The decoder against plain steps in float64, what it must not see, and what each parameter changes."""

import math

import numpy as np
import pytest
import torch

from pipeline.core.errors import ParamsError
from pipeline.core.params import parse
from pipeline.models import mae
from tests.models.test_vision_tokens import changed_where, clips, some_hidden, tiny

SETTING = {
    "decoder": {"dim": 16, "depth": 2, "heads": 2},
    "masking": "graph",
    "share": 0.75,
    "ratio": 1.0,
    "masked_input": "mask_token",
}
BOXES = torch.zeros(2, 3, 2, 4)
BOXES[0] = torch.tensor([[0.0, 0.0, 0.4, 0.4], [0.6, 0.2, 0.9, 0.9]])


def autoencoder(**setting: object) -> mae.MaskedAutoencoder:
    torch.manual_seed(3)
    return mae.MaskedAutoencoder(parse(mae.Params, SETTING | setting, "mae"), tiny()).double().eval()


def rebuilt(x_NTCHW: torch.Tensor, **setting: object) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Prediction with the patches that the setting hides."""
    model = autoencoder(**setting)
    hidden, _ = model.hidden(BOXES[:, : x_NTCHW.shape[1]], np.random.default_rng(0))
    return model(tiny(), x_NTCHW, hidden).detach(), hidden


def test_a_target_has_mean_0_and_variance_1_over_all_values_of_its_patch() -> None:
    x_NTCHW = clips() * 2 + 5
    x_NTCHW[0, 0, :, :8, :8] = 7.0  # a patch without contrast
    target = autoencoder().targets(x_NTCHW)
    assert target.shape == (2, 36, 192)
    values = [x_NTCHW[1, 2, c, 8 + h, 16 + w].item() for h in range(8) for w in range(8) for c in range(3)]
    mean = sum(values) / 192
    variance = sum((v - mean) ** 2 for v in values) / 191
    wanted = [(v - mean) / math.sqrt(variance + 1e-6) for v in values]
    assert target[1, 24 + 4 + 2].tolist() == pytest.approx(wanted, abs=1e-12)
    assert not target[0, 0].any()


@pytest.mark.parametrize("dim", [16, 64])
def test_positions_are_sines_and_cosines_of_row_column_and_frame(dim: int) -> None:
    found = mae.positions((3, 2, 5), dim)
    assert found.shape == (3, 2, 5, dim)

    def waves(place: int, width: int) -> list[float]:
        rates = [10_000 ** (-i / (width // 2)) for i in range(width // 2)]
        return [math.sin(place * r) for r in rates] + [math.cos(place * r) for r in rates]

    for t, g, p in np.ndindex(3, 2, 5):
        wanted = waves(g, 3 * dim // 8) + waves(p, 3 * dim // 8) + waves(t, dim // 4)
        assert found[t, g, p].tolist() == pytest.approx(wanted, abs=1e-12)
    assert len(torch.unique(found.flatten(0, 2), dim=0)) == 30
    assert torch.equal(mae.positions((1, 2, 5), dim), found[:1])  # a picture is a clip's first frame


def attention(x_SM: torch.Tensor, block: torch.nn.TransformerEncoderLayer) -> torch.Tensor:
    at = block.self_attn
    query, key, value = (x_SM @ at.in_proj_weight.T + at.in_proj_bias).chunk(3, dim=1)
    heads = []
    for h in range(2):
        part = slice(8 * h, 8 * h + 8)
        weight = (query[:, part] @ key[:, part].T / math.sqrt(8)).exp()
        heads.append(weight / weight.sum(dim=1, keepdim=True) @ value[:, part])
    return torch.cat(heads, dim=1) @ at.out_proj.weight.T + at.out_proj.bias


def norm(x_SM: torch.Tensor, layer: torch.nn.LayerNorm) -> torch.Tensor:
    centred = x_SM - x_SM.mean(dim=1, keepdim=True)
    return centred / (centred.square().mean(dim=1, keepdim=True) + 1e-5).sqrt() * layer.weight + layer.bias


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("dropped", [False, True])
def test_the_decoder_is_a_plain_transformer_over_all_patches_of_a_clip(frames: int, dropped: bool) -> None:
    model, hidden = autoencoder(masked_input="dropped"), some_hidden(frames)
    draws = torch.Generator().manual_seed(4)
    tokens = torch.randn(2, frames, 3, 4, 16, generator=draws, dtype=torch.float64)
    token = torch.randn(16, generator=draws, dtype=torch.float64) if dropped else None
    found = model.decoder(tokens, hidden, token).detach()
    assert found.shape == (2, frames * 12, 192)
    for n in range(2):
        decoder = model.decoder
        x_SM = tokens[n].flatten(0, 2) @ decoder.embed.weight.T + decoder.embed.bias
        if token is not None:
            x_SM = torch.stack([token if h else x for x, h in zip(x_SM, hidden[n].flatten(), strict=True)])
        x_SM = x_SM + mae.positions((frames, 3, 4), 16).flatten(0, 2)
        for block in decoder.blocks:
            x_SM = x_SM + attention(norm(x_SM, block.norm1), block)
            inner = norm(x_SM, block.norm2) @ block.linear1.weight.T + block.linear1.bias
            gelu = inner * (1 + torch.erf(inner / math.sqrt(2))) / 2
            x_SM = x_SM + gelu @ block.linear2.weight.T + block.linear2.bias
        wanted = norm(x_SM, decoder.norm) @ decoder.predict.weight.T + decoder.predict.bias
        torch.testing.assert_close(found[n], wanted.detach(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("masked_input", ["mask_token", "dropped"])
@pytest.mark.parametrize("frames", [1, 3])
def test_hidden_pixels_change_no_prediction(masked_input: str, frames: int) -> None:
    model, tower, x_NTCHW = autoencoder(masked_input=masked_input).float(), tiny().float(), clips(frames).float()
    for hidden in (some_hidden(frames), model.hidden(BOXES[:, :frames], np.random.default_rng(0))[0]):
        assert hidden is not None
        other = changed_where(x_NTCHW, hidden)
        found = [model(tower, x, hidden) for x in (x_NTCHW, other)]
        assert torch.equal(*found)
        losses = [model.loss(found[0], x, hidden) for x in (x_NTCHW, other)]
        assert losses[0] != losses[1]  # they are what has to be predicted
        assert not torch.equal(model(tower, changed_where(x_NTCHW, ~hidden), hidden), found[0])


def test_the_mask_token_stands_in_the_tower_or_in_the_decoder() -> None:
    wide = {"dim": 32, "depth": 1, "heads": 2}
    x_NTCHW, hidden = clips(), some_hidden()
    for masked_input, size in (("mask_token", 16), ("dropped", 32)):
        model = autoencoder(masked_input=masked_input, decoder=wide)
        assert model.token is not None
        assert model.token.shape == (size,)
        tokens = model.encode(tiny(), x_NTCHW, hidden).patch_NTGPE[hidden]
        assert tokens.any() == (masked_input == "mask_token")
        before = model(tiny(), x_NTCHW, hidden).detach()
        with torch.no_grad():
            model.token += torch.linspace(-1, 1, size)
        assert not torch.allclose(model(tiny(), x_NTCHW, hidden), before)


def test_the_decoder_starts_as_that_of_mae_does() -> None:
    for name, layer in autoencoder().decoder.named_modules():
        if isinstance(layer, torch.nn.Linear):
            most = math.sqrt(6 / sum(layer.weight.shape))
            assert 0.9 * most < layer.weight.abs().max() <= most, name
            assert not layer.bias.any()


@pytest.mark.parametrize("masking", ["random", "graph"])
def test_loss_on_hidden_patches_only(masking: str) -> None:
    x_NTCHW, model = clips(), autoencoder(masking=masking)
    predicted, hidden = rebuilt(x_NTCHW, masking=masking)
    assert hidden is not None
    error = (predicted - model.targets(x_NTCHW)).square().mean(dim=2)
    masked = [error[n, s].item() for n in range(2) for s in range(36) if hidden.flatten(1)[n, s]]
    assert model.loss(predicted, x_NTCHW, hidden).item() == pytest.approx(sum(masked) / len(masked), abs=1e-12)


def test_without_masking_all_patches_are_seen_and_rebuilt_and_no_token_is_learned() -> None:
    x_NTCHW, model = clips(), autoencoder(masking="none")
    predicted, hidden = rebuilt(x_NTCHW, masking="none")
    assert hidden is None
    assert model.token is None
    error = (predicted - model.targets(x_NTCHW)).square().mean()
    assert model.loss(predicted, x_NTCHW, hidden).item() == pytest.approx(error.item(), abs=1e-12)
    embedding = model.encode(tiny(), x_NTCHW, hidden).embedding_NTD
    torch.testing.assert_close(embedding.flatten(0, 1), tiny()(x_NTCHW.flatten(0, 1)), rtol=0, atol=1e-12)


def test_boxes_are_where_the_tower_has_its_patches() -> None:
    """The rightmost of 33 columns is in no patch; 16 / 33 ends the second of four."""
    boxes = torch.tensor([[[[0.0, 0.0, 16 / 33 - 1e-4, 0.3]], [[16 / 33 + 1e-4, 0.4, 1.0, 0.6]]]])
    hidden, fell_back = autoencoder().hidden(boxes, np.random.default_rng(0))
    assert hidden is not None
    assert hidden[0, 0].tolist() == [[True, True, False, False], [False] * 4, [False] * 4]
    assert hidden[0, 1].tolist() == [[False] * 4, [False, False, True, True], [False] * 4]
    assert fell_back.tolist() == [False]


def test_items_that_fall_back_are_told_with_graph_only() -> None:
    found = {m: autoencoder(masking=m).hidden(BOXES, np.random.default_rng(0))[1] for m in ("none", "random", "graph")}
    assert {m: f.tolist() for m, f in found.items()} == {
        "none": [False, False],
        "random": [False, False],
        "graph": [False, True],
    }


CHANGES = [
    {"decoder": {"dim": 32, "depth": 2, "heads": 2}},
    {"decoder": {"dim": 16, "depth": 1, "heads": 2}},
    {"decoder": {"dim": 16, "depth": 2, "heads": 4}},
    {"masking": "none"},
    {"masking": "random"},
    {"share": 0.5},
    {"ratio": 0.5},
    {"masked_input": "dropped"},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_every_value_changes_the_loss(change: dict[str, object]) -> None:
    x_NTCHW = clips()
    found = []
    for setting in ({}, change):
        predicted, hidden = rebuilt(x_NTCHW, **setting)
        found.append(autoencoder(**setting).loss(predicted, x_NTCHW, hidden).item())
    assert found[0] != pytest.approx(found[1], abs=1e-9)


def test_share_matters_without_boxes_only_and_ratio_with_them_only() -> None:
    for change, same in ({"share": 0.5}, 0), ({"ratio": 0.5}, 1):
        found = [autoencoder(**s).hidden(BOXES, np.random.default_rng(0))[0] for s in ({}, change)]
        assert torch.equal(found[0][same], found[1][same])
        assert not torch.equal(found[0][1 - same], found[1][1 - same])


@pytest.mark.parametrize("masked_input", ["mask_token", "dropped"])
def test_it_learns_to_rebuild_and_the_tower_learns_with_it(masked_input: str) -> None:
    model, tower = autoencoder(masked_input=masked_input, masking="random", share=0.4).float(), tiny().float()
    ramp = torch.linspace(-1, 1, 24)[:, None] * torch.linspace(0.5, 1, 33)
    x_NTCHW = torch.stack([ramp, -ramp]).reshape(2, 1, 1, 24, 33).expand(-1, 2, 3, -1, -1)
    optimizer = torch.optim.AdamW([*model.parameters(), *tower.parameters()], lr=3e-3)
    found = []
    for step in range(40):
        hidden, _ = model.hidden(BOXES[:, :2], np.random.default_rng(step))
        loss = model.loss(model(tower, x_NTCHW, hidden), x_NTCHW, hidden)
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
        optimizer.step()
        found.append(loss.item())
    assert tower.conv1.weight.grad is not None
    assert tower.conv1.weight.grad.any()
    assert sum(found[-5:]) < 0.5 * sum(found[:5])


def test_bfloat16_around_it() -> None:
    for masked_input in ("mask_token", "dropped"):
        model, x_NTCHW, hidden = autoencoder(masked_input=masked_input).float(), clips().float(), some_hidden()
        exact = model.loss(model(tiny().float(), x_NTCHW, hidden), x_NTCHW, hidden)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model.loss(model(tiny().float(), x_NTCHW, hidden), x_NTCHW, hidden)
        assert loss.dtype == torch.float32
        assert loss.item() == pytest.approx(exact.item(), rel=0.05)


def test_a_width_that_heads_do_not_share_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"dim \(16\) should be a multiple of heads \(3\)"):
        autoencoder(decoder={"dim": 16, "depth": 1, "heads": 3})
