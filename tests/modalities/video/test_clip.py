"""CLIP's tower on clips, against the wrapper on pictures; what every encoder must do is in tests/contracts."""

import numpy as np
import pytest
import torch

from pipeline.core.errors import DataError, ParamsError
from pipeline.modalities import video
from pipeline.modalities.video.recipes import clip as recipe
from pipeline.models import clip, clip_frames, open_clips

VISION = {"image_size": 32, "patch_size": 16, "layers": 1, "width": 16, "head_width": 8}
TEXT = {"context_length": 77, "vocab_size": 49408, "layers": 1, "width": 8, "heads": 2}
SMALL = {"embed_dim": 6, "vision_cfg": VISION, "text_cfg": TEXT}


def build(pooling="mean_unit", architecture=SMALL):
    torch.manual_seed(0)
    options = {"architecture": architecture, "pooling": pooling}
    return video.build("clip", options, "rgb", "here").eval()


def pictures(size=32):
    return np.random.default_rng(0).integers(0, 256, (2, 4, size, size, 3), dtype=np.uint8)


def prepared(frames_NTHWC):
    """As the recipe leaves footage of this size."""
    x_NTHWC = (frames_NTHWC.astype(np.float32) / 255 - recipe.MEAN) / recipe.DEVIATION
    return torch.from_numpy(np.moveaxis(x_NTHWC, -1, 1))


@pytest.mark.parametrize("pooling", ["mean_unit", "mean", "central"])
def test_a_clip_is_the_pooled_vectors_of_its_pictures(pooling):
    encoder = build(pooling)
    frames = pictures()
    with torch.inference_mode():
        expected = encoder.clip.clips(encoder.clip.prepare(torch.from_numpy(frames)), pooling)
        torch.testing.assert_close(encoder(prepared(frames)), expected, rtol=1e-4, atol=1e-5)


def test_a_tower_of_other_colours_is_given_its_own():
    encoder, frames = build(), pictures()
    tower = clip.Clip(SMALL, open_clips.build(SMALL, None), None)
    tower.mean_C.fill_(0.5)
    tower.deviation_C.fill_(0.25)
    other = clip_frames.Encoder(clip_frames.PoolingParams(pooling="mean"), 3, tower)
    with torch.inference_mode():
        expected = tower.clips(tower.prepare(torch.from_numpy(frames)), "mean")
        torch.testing.assert_close(other(prepared(frames)), expected, rtol=1e-3, atol=1e-4)
    assert torch.equal(encoder.coloured(prepared(frames)), prepared(frames).movedim(2, 1))  # CLIP's own are left alone


def test_pictures_of_another_size_are_refused():
    with pytest.raises(DataError, match="clip: pictures of 48 x 48 pixels, this tower sees 32 x 32; set the size"):
        build()(prepared(pictures(48)))


def test_a_place_is_the_mean_of_the_patches_around_it():
    encoder, x = build(), prepared(pictures())
    visual = encoder.clip.model.visual
    with torch.inference_mode():
        hidden = visual.transformer(visual._embeds(x.movedim(1, 2).flatten(0, 1)))
        patch = (visual.ln_post(hidden)[:, 1:] @ visual.proj).reshape(2, 4, 2, 2, 6).permute(0, 4, 1, 2, 3)
        found = encoder.places(x)
    assert found.shape == (2, 6, 4, 3, 3)
    torch.testing.assert_close(found[..., 1, 1], patch.mean(dim=(-2, -1)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[..., 0, 2], patch[..., 0, 1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[..., 1, 0], patch[..., 0].mean(dim=-1), rtol=1e-4, atol=1e-5)


def test_an_architecture_without_patches_keeps_no_map():
    network = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "head_width": 32}
    encoder = build(architecture={**SMALL, "vision_cfg": network})
    with pytest.raises(ParamsError, match="keeps no map of places; set regions to false"):
        encoder.places(prepared(pictures()))
