"""The transformer over CLIP's frames: what it begins as, what learns, what it refuses."""

import numpy as np
import pytest
import torch

from pipeline.core.errors import DataError, ParamsError
from pipeline.modalities import video
from pipeline.modalities.video import clip, temporal
from pipeline.models import open_clips

VISION = {"image_size": 32, "patch_size": 16, "layers": 1, "width": 16, "head_width": 8}
NETWORK = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "head_width": 32}  # keeps statistics of batches
TEXT = {"context_length": 77, "vocab_size": 49408, "layers": 1, "width": 8, "heads": 2}
SMALL = {"embed_dim": 6, "vision_cfg": VISION, "text_cfg": TEXT}
OPTIONS = {"architecture": SMALL, "frames": "frozen", "num_frames": 4, "num_blocks": 2, "num_heads": 2}


def build(**changes):
    torch.manual_seed(0)
    return video.build("temporal", OPTIONS | changes, "rgb", "here").eval()


def clips(num_frames=4, size=32):
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(size=(3, 3, num_frames, size, size)).astype(np.float32))


def stirred(encoder):
    """As after some training: the blocks say something."""
    torch.manual_seed(1)
    for weight in encoder.blocks.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return encoder


def test_untrained_it_is_the_mean_of_the_frames():
    encoder = build()
    torch.manual_seed(0)
    frames = video.build("clip", {"architecture": SMALL, "pooling": "mean_unit"}, "rgb", "here").eval()
    with torch.no_grad():
        torch.testing.assert_close(encoder(clips()), frames(clips()), rtol=1e-4, atol=1e-6)
        assert not torch.allclose(stirred(encoder)(clips()), frames(clips()), atol=1e-2)


def test_once_it_says_something_the_order_of_frames_matters():
    encoder = build()
    with torch.no_grad():
        assert torch.allclose(encoder(clips()), encoder(clips().flip(2)), atol=1e-6)
        assert not torch.allclose(stirred(encoder)(clips()), encoder(clips().flip(2)), atol=1e-3)


@pytest.mark.parametrize("frames", ["frozen", "trained"])
def test_what_learns_gets_a_gradient_and_nothing_else(frames):
    encoder = build(frames=frames).train()
    encoder(clips()).square().sum().backward()
    learning = [weight for weight in encoder.parameters() if weight.requires_grad]
    assert all(weight.grad is not None for weight in learning)
    assert any(weight is encoder.visual.proj for weight in learning) == (frames == "trained")
    assert all(weight.grad is None for weight in encoder.parameters() if not weight.requires_grad)
    assert encoder.position_TD.grad is not None


@pytest.mark.parametrize("frames", ["frozen", "trained"])
def test_a_frozen_tower_keeps_its_statistics_in_training(frames):
    encoder = build(frames=frames, architecture=SMALL | {"vision_cfg": NETWORK}).train()
    before = encoder.visual.bn1.running_mean.clone()
    encoder(clips())
    assert torch.equal(encoder.visual.bn1.running_mean, before) == (frames == "frozen")
    assert encoder.training
    assert encoder.blocks.training


def test_it_starts_from_a_whole_tower():
    torch.manual_seed(5)
    other = open_clips.build(SMALL, None)
    encoder = build()
    assert torch.equal(temporal.start_from(encoder, other.visual), torch.eye(6))
    with torch.no_grad():
        unit_MD = torch.nn.functional.normalize(other.visual(clips().movedim(1, 2).flatten(0, 1)), dim=-1)
        torch.testing.assert_close(encoder(clips()), unit_MD.reshape(3, 4, 6).mean(dim=1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "vision",
    [VISION | {"layers": 2}, VISION | {"width": 8}, VISION | {"image_mean": [0.5, 0.5, 0.5]}],
    ids=["layers", "width", "colours"],
)
def test_another_tower_is_refused(vision):
    other = open_clips.build(SMALL | {"vision_cfg": {k: v for k, v in vision.items() if k != "image_mean"}}, None)
    if "image_mean" in vision:
        other.visual.image_mean = (0.5, 0.5, 0.5)
    with pytest.raises(ParamsError, match="temporal: the picture tower to start from is of another architecture"):
        temporal.start_from(build(), other.visual)


def test_clips_of_another_length_and_heads_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="clips of 5 frames, this encoder has positions for 4; set num_frames"):
        build()(clips(5))
    with pytest.raises(DataError, match="clip: pictures of 48 x 48 pixels, this tower sees 32 x 32"):
        build()(clips(size=48))
    with pytest.raises(ParamsError, match="vectors of 6 cannot be divided among 4 heads; set num_heads to a divisor"):
        build(num_heads=4)


def test_places_are_those_of_the_encoder_clip():
    torch.manual_seed(0)
    frames = clip.Encoder(clip.Params(architecture=SMALL, pooling="mean"), 3).eval()
    with torch.no_grad():
        assert torch.equal(build().places(clips()), frames.places(clips()))
