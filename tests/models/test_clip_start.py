"""A transformer begun as CLIP's tower, against open_clip's own tower on the same grey pictures."""

import pytest
import torch
from torch.nn import functional

from pipeline.core.errors import ParamsError
from pipeline.modalities.depth import vit as depth
from pipeline.modalities.thermal import vit as thermal
from pipeline.models import open_clips
from pipeline.models.clip_start import resized_grid, resized_kernel, start_from
from pipeline.models.vit import Encoder, Params

VISION = {"image_size": [24, 32], "patch_size": 8, "layers": 2, "width": 16, "head_width": 8}
TEXT = {"context_length": 77, "vocab_size": 49408, "layers": 1, "width": 8, "heads": 2}
SAME = {
    "num_frames": 3,
    "height": 24,
    "width": 32,
    "sees": "pictures",
    "patch_frames": 3,
    "patch_height": 8,
    "patch_width": 8,
    "dim": 16,
    "num_blocks": 2,
    "num_heads": 2,
    "activation": "gelu",
    "first_norm": "tokens",
    "pooling": "class",
    "drop_path": 0.0,
}


def tower(quick=False, **vision):
    torch.manual_seed(0)
    told = {"embed_dim": 6, "vision_cfg": VISION | vision, "text_cfg": TEXT, "quick_gelu": quick}
    visual = open_clips.build(told, None).visual.eval()
    for norm in (visual.ln_pre, visual.ln_post):
        for weight in norm.parameters():
            torch.nn.init.normal_(weight, 1.0)
    return visual


def started(visual, **changes):
    torch.manual_seed(1)
    encoder = Encoder(Params(**SAME | changes), 1).eval()
    start_from(encoder, visual)
    return encoder


def grey(num=2, height=24, width=32):
    return torch.rand(num, 1, 1, height, width, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def before_projection(visual, x_N11HW):
    """What the tower gives of grey pictures in its own colours, without its last linear layer."""
    mean_C11, deviation_C11 = (torch.tensor(each)[:, None, None] for each in (visual.image_mean, visual.image_std))
    return visual._pool(visual.transformer(visual._embeds((x_N11HW[:, 0] - mean_C11) / deviation_C11)))[0]


def test_both_senses_can_start():
    assert depth.start_from is thermal.start_from is start_from


@pytest.mark.parametrize("quick", [False, True])
def test_a_still_grey_clip_gives_what_the_tower_gives_of_the_picture(quick):
    visual = tower(quick)
    encoder = started(visual, activation="quick_gelu" if quick else "gelu")
    with torch.no_grad():
        feature_ND = encoder(grey().expand(-1, -1, 3, -1, -1))
    assert (feature_ND - before_projection(visual, grey())).abs().max() < 1e-5
    assert before_projection(visual, grey()).std(dim=0).mean() > 0.05  # pictures differ


@torch.no_grad()
def test_mapped_as_it_says_the_vector_is_the_towers_own():
    visual = tower()
    encoder = Encoder(Params(**SAME), 1).eval()
    weight_ED = start_from(encoder, visual)
    mapped_NE = encoder(grey().expand(-1, -1, 3, -1, -1)) @ weight_ED.T
    mean_C11, deviation_C11 = (torch.tensor(each)[:, None, None] for each in (visual.image_mean, visual.image_std))
    torch.testing.assert_close(mapped_NE, visual((grey()[:, 0] - mean_C11) / deviation_C11), atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_tower_without_projection_is_mapped_to_itself():
    visual = tower()
    visual.proj = None
    assert torch.equal(start_from(Encoder(Params(**SAME), 1), visual), torch.eye(16))


def test_changes_say_nothing_at_first_but_learn():
    moving = torch.rand(2, 1, 3, 24, 32, generator=torch.Generator().manual_seed(2))
    pictures, both = started(tower()), started(tower(), sees="both")
    assert torch.allclose(both(moving), pictures(moving), atol=1e-6)
    both(moving).square().sum().backward()
    assert both.stem.weight.grad[:, 1].any()


def test_of_several_patches_in_time_each_begins_alike():
    encoder, still = started(tower(), patch_frames=1), grey().expand(-1, -1, 3, -1, -1)
    with torch.no_grad():
        _, tokens_NSGPD = encoder.with_tokens(still)
    assert torch.allclose(tokens_NSGPD[:, 0], tokens_NSGPD[:, 2], atol=1e-5)


def test_positions_that_rise_along_the_rows_rise_as_evenly_on_another_grid():
    """Bicubic interpolation keeps a straight line, away from the edges."""
    row_KD = torch.arange(8.0).repeat_interleave(3)[:, None].expand(-1, 2)
    grown = resized_grid(row_KD, (8, 3), (16, 6)).reshape(16, 6, 2)
    assert torch.allclose(
        grown[4:12], ((torch.arange(4, 12) + 0.5) / 2 - 0.5)[:, None, None].expand(8, 6, 2), atol=1e-5
    )
    shrunk = resized_grid(row_KD, (8, 3), (4, 3)).reshape(4, 3, 2)
    assert torch.allclose(shrunk[1:3], torch.tensor([2.5, 4.5])[:, None, None].expand(2, 3, 2), atol=0.05)
    assert torch.equal(resized_grid(row_KD, (8, 3), (8, 3)), row_KD)


def test_larger_pictures_get_positions_between_those_of_the_tower():
    visual = tower()
    same, larger = started(visual), started(visual, height=48)
    assert torch.equal(larger.position_LD[0], visual.positional_embedding[0])
    dark_D = (same.position_LD - visual.positional_embedding)[1]
    expected_KD = resized_grid(visual.positional_embedding[1:], (3, 4), (6, 4)) + dark_D
    assert torch.allclose(larger.position_LD[1:], expected_KD, atol=1e-5)


def test_a_resized_patch_gives_the_larger_kernel_what_the_patch_gave_the_old():
    torch.manual_seed(0)
    kernel_DHW, patch_N1HW = torch.randn(5, 4, 6), torch.randn(7, 1, 4, 6)
    large_N1HW = functional.interpolate(patch_N1HW, (6, 9), mode="bilinear")
    old_ND = torch.einsum("dhw,nchw->nd", kernel_DHW, patch_N1HW)
    new_ND = torch.einsum("dhw,nchw->nd", resized_kernel(kernel_DHW, (6, 9)), large_N1HW)
    torch.testing.assert_close(new_ND, old_ND, rtol=1e-4, atol=1e-4)


def test_patches_of_another_size_start_near_the_tower():
    """The tower's picture made larger in the same grid of larger patches."""
    visual = tower()
    encoder = started(visual, height=36, width=48, patch_height=12, patch_width=12)
    smooth = functional.interpolate(grey(4, 3, 4)[:, 0], (24, 32), mode="bilinear")
    large = functional.interpolate(smooth, (36, 48), mode="bilinear")
    with torch.no_grad():
        feature_ND = encoder(large[:, :, None].expand(-1, -1, 3, -1, -1))
    expected_ND = before_projection(visual, smooth[:, :, None])
    assert functional.cosine_similarity(feature_ND, expected_ND).min() > 0.99


@pytest.mark.parametrize(
    ("changes", "vision", "message"),
    [
        ({"dim": 8}, {}, "vit: dim is 8, that of the picture tower it starts from 16; set it so"),
        ({"num_blocks": 1}, {}, "num_blocks is 1, that of the picture tower it starts from 2"),
        ({"num_heads": 4}, {}, "num_heads is 4, that of the picture tower it starts from 2"),
        ({"activation": "quick_gelu"}, {}, "activation is quick_gelu, that of the picture tower it starts from gelu"),
        ({"sees": "changes"}, {}, "sees changes alone cannot start from a picture tower; set sees to both"),
        ({"first_norm": "patches"}, {}, "first_norm is patches, that of the picture tower it starts from tokens"),
        ({}, {"mlp_ratio": 2.0}, "no first norm, or blocks of other layers; start from another"),
        ({}, {"no_ln_pre": True}, "no first norm, or blocks of other layers; start from another"),
        ({}, {"ls_init_value": 0.1}, "no first norm, or blocks of other layers; start from another"),
        ({}, {"layers": [1, 1, 1, 1], "width": 8, "head_width": 32, "image_size": 32}, "need a vision transformer"),
    ],
    ids=lambda each: "-".join(each) if isinstance(each, dict) else None,
)
def test_a_tower_of_another_build_is_refused(changes, vision, message):
    torch.manual_seed(0)
    told = {"embed_dim": 6, "vision_cfg": VISION | vision, "text_cfg": TEXT}
    with pytest.raises(ParamsError, match=message):
        started(open_clips.build(told, None).visual, **changes)
