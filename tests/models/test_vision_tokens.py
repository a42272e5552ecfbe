"""Patches, and towers with hidden patches: against loops, against open_clip itself, and each frame by itself."""

import open_clip
import pytest
import torch
from open_clip.transformer import VisionTransformer

from pipeline.core.errors import ParamsError
from pipeline.models import vision_tokens

SETTINGS = {
    "plain": {},
    "layer_scale_and_late_norm": {"ls_init_value": 0.3, "final_ln_after_pool": True, "no_ln_pre": True},
    "own_attention": {"qk_norm": True},
}


def tiny(setting: str = "plain") -> VisionTransformer:
    """Frames of 24 x 33 in patches of 8 x 8: 3 x 4 of them, a column of pixels in none."""
    torch.manual_seed(0)
    tower = VisionTransformer(
        (24, 33), 8, width=16, layers=2, heads=2, mlp_ratio=2.0, output_dim=6, **SETTINGS[setting]
    )
    return tower.double().eval()


def clips(frames: int = 3, items: int = 2) -> torch.Tensor:
    drawn = torch.Generator().manual_seed(1)
    return torch.randn(items, frames, 3, 24, 33, generator=drawn, dtype=torch.float64)


def some_hidden(frames: int = 3, items: int = 2, most: int = 11) -> torch.Tensor:
    """Another number in each frame, among them none."""
    hidden = torch.zeros(items * frames, 12, dtype=torch.bool)
    drawn = torch.Generator().manual_seed(2)
    for frame, num in enumerate([0, 5, most, 3, 8, 1][: items * frames]):
        hidden[frame, torch.randperm(12, generator=drawn)[:num]] = True
    return hidden.reshape(items, frames, 3, 4)


def changed_where(x_NTCHW: torch.Tensor, hidden_NTGP: torch.Tensor) -> torch.Tensor:
    """Other pixels in the hidden patches."""
    hidden_NTHW = torch.zeros(*x_NTCHW.shape[:2], *x_NTCHW.shape[3:], dtype=torch.bool)
    whole = hidden_NTGP.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)
    hidden_NTHW[:, :, : whole.shape[2], : whole.shape[3]] = whole
    return torch.where(hidden_NTHW[:, :, None], 100 - 3 * x_NTCHW, x_NTCHW)


def alone(tower: VisionTransformer, picture_CHW: torch.Tensor, left: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """The tower's steps for one frame of some patches only."""
    cells = [picture_CHW[:, 8 * (s // 4) : 8 * (s // 4) + 8, 8 * (s % 4) : 8 * (s % 4) + 8] for s in left]
    embedded = [(tower.conv1.weight * cell).sum(dim=(1, 2, 3)) + tower.positional_embedding[s + 1]
                for s, cell in zip(left, cells, strict=True)]  # fmt: skip
    tokens = torch.stack([tower.class_embedding + tower.positional_embedding[0], *embedded])[None]
    for block in [tower.ln_pre, *tower.transformer.resblocks]:
        tokens = block(tokens)
    normed = tower.ln_post(tokens)[0]
    return normed[0] @ tower.proj, tokens[0, 1:] if tower.final_ln_after_pool else normed[1:]


@pytest.mark.parametrize("frames", [1, 3])
def test_patches_by_row_column_and_channel(frames: int) -> None:
    x_NTCHW = clips(frames)
    patches = vision_tokens.patches(x_NTCHW, (8, 6))
    assert patches.shape == (2, frames, 3, 5, 8 * 6 * 3)
    for n, t, g, p, h, w, c in [(0, 0, 0, 0, 0, 0, 1), (1, frames - 1, 2, 4, 7, 5, 2), (1, 0, 1, 3, 2, 4, 0)]:
        assert patches[n, t, g, p, (h * 6 + w) * 3 + c] == x_NTCHW[n, t, c, g * 8 + h, p * 6 + w]


@pytest.mark.parametrize("setting", list(SETTINGS))
def test_with_nothing_hidden_it_is_the_tower_itself(setting: str) -> None:
    tower, x_NTCHW = tiny(setting).float(), clips().float()
    found = vision_tokens.encode(tower, x_NTCHW)
    assert torch.equal(found.embedding_NTD.flatten(0, 1), tower(x_NTCHW.flatten(0, 1)))
    assert found.patch_NTGPE.shape == (2, 3, 3, 4, 16)
    for token in (None, torch.zeros(16)):
        hidden = torch.zeros(2, 3, 3, 4, dtype=torch.bool)
        same = vision_tokens.encode(tower, x_NTCHW, hidden, token)
        assert all(torch.equal(a, b) for a, b in zip(found, same, strict=True))


def test_vit_b_32_gives_what_encode_image_gives() -> None:
    config = open_clip.get_model_config("ViT-B-32")
    config["text_cfg"] |= {"vocab_size": 8, "width": 8, "heads": 1, "layers": 1}
    torch.manual_seed(0)
    model = open_clip.CLIP(**config).eval()
    pictures = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        found = vision_tokens.encode(vision_tokens.checked_tower(model.visual), pictures[:, None])
        assert found.patch_NTGPE.shape == (2, 1, 7, 7, 768)
        torch.testing.assert_close(found.embedding_NTD[:, 0], model.encode_image(pictures), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("setting", list(SETTINGS))
@pytest.mark.parametrize("grad", [True, False])
def test_a_frame_without_dropped_patches_is_computed_from_those_left_alone(setting: str, grad: bool) -> None:
    tower, x_NTCHW, hidden = tiny(setting), clips(), some_hidden()
    with torch.set_grad_enabled(grad):
        found = vision_tokens.encode(tower, x_NTCHW, hidden)
    for n, t in [(n, t) for n in range(2) for t in range(3)]:
        left = torch.nonzero(~hidden[n, t].flatten()).flatten().tolist()
        embedding, tokens = alone(tower, x_NTCHW[n, t], left)
        torch.testing.assert_close(found.embedding_NTD[n, t], embedding, rtol=0, atol=1e-10)
        torch.testing.assert_close(found.patch_NTGPE[n, t].flatten(0, 1)[left], tokens, rtol=0, atol=1e-10)
        assert not found.patch_NTGPE[n, t][hidden[n, t]].any()


def test_a_mask_token_stands_for_the_patch_before_its_position_is_added() -> None:
    tower, x_NTCHW, hidden, token = tiny(), clips(), some_hidden(), torch.linspace(-1, 1, 16, dtype=torch.float64)
    found = vision_tokens.encode(tower, x_NTCHW, hidden, token)
    flat_FGP = hidden.flatten(0, 1)
    handle = tower.conv1.register_forward_hook(
        lambda _, __, map_FEGP: torch.where(flat_FGP[:, None], token[:, None, None], map_FEGP)
    )
    expected = tower(x_NTCHW.flatten(0, 1))
    handle.remove()
    torch.testing.assert_close(found.embedding_NTD.flatten(0, 1), expected, rtol=0, atol=1e-12)
    assert found.patch_NTGPE.ne(0).all()


@pytest.mark.parametrize("token", [None, torch.ones(16)])
@pytest.mark.parametrize("frames", [1, 3])
def test_hidden_pixels_reach_nothing(token: torch.Tensor | None, frames: int) -> None:
    tower, x_NTCHW, hidden = tiny().float(), clips(frames).float(), some_hidden(frames)
    other = changed_where(x_NTCHW, hidden)
    found = []
    for x in (x_NTCHW, other):
        tower.zero_grad()
        encoded = vision_tokens.encode(tower, x, hidden, token)
        sum(part.square().sum() for part in encoded).backward()
        found.append([*encoded, *(p.grad for p in tower.parameters())])
    assert not torch.equal(x_NTCHW, other)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    visible = vision_tokens.encode(tower, changed_where(x_NTCHW, ~hidden), hidden, token)
    assert not torch.equal(visible.embedding_NTD, found[0][0])


@pytest.mark.parametrize("hidden", [some_hidden(), some_hidden().flatten(0, 1)[1:2].expand(2, 3, 3, 4)])
def test_towers_in_bfloat16_take_hidden_patches(hidden: torch.Tensor) -> None:
    tower, x_NTCHW = tiny().float().train(), clips().float()
    for token in (None, torch.ones(16)):
        exact = vision_tokens.encode(tower, x_NTCHW, hidden, token)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = vision_tokens.encode(tower, x_NTCHW, hidden, token)
        torch.testing.assert_close(found.embedding_NTD.float(), exact.embedding_NTD, rtol=0.1, atol=0.1)


def test_patch_dropout_of_the_tower_is_off() -> None:
    tower = VisionTransformer(
        24, 8, width=16, layers=1, heads=2, mlp_ratio=2.0, output_dim=6, patch_dropout=0.5
    ).train()
    x_NTCHW = torch.randn(1, 1, 3, 24, 24)
    found = [vision_tokens.encode(tower, x_NTCHW).embedding_NTD for _ in range(2)]
    assert torch.equal(*found)
    assert torch.equal(found[0][0], tower.eval()(x_NTCHW[0]))


def test_other_towers_are_refused_in_one_line() -> None:
    pooling = VisionTransformer(24, 8, width=16, layers=1, heads=2, mlp_ratio=2.0, output_dim=8, attentional_pool=True)
    average = VisionTransformer(24, 8, width=16, layers=1, heads=2, mlp_ratio=2.0, output_dim=8, pool_type="avg")
    for tower in (torch.nn.Linear(2, 2), pooling, average):
        with pytest.raises(ParamsError, match="such as ViT-B-32"):
            vision_tokens.checked_tower(tower)
