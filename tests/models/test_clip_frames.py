"""CLIP applied directly to grey clips, against its wrapper on the same pictures; colours are in modalities/video."""

import numpy as np
import pytest
import torch

from pipeline.core.errors import DataError
from pipeline.modalities.depth import clip as depth
from pipeline.modalities.thermal import clip as thermal
from pipeline.modalities.video import clip as video
from pipeline.models import clip as clips
from pipeline.models.clip_frames import Encoder, Params
from pipeline.models.encoder import SplitlessMember

ARCHITECTURE = {
    "embed_dim": 6,
    "vision_cfg": {"image_size": 32, "patch_size": 16, "layers": 1, "width": 16, "head_width": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "layers": 1, "width": 8, "heads": 2},
}


@pytest.mark.parametrize("pooling", ["mean_unit", "mean", "central"])
def test_a_grey_clip_is_the_pooled_vectors_of_its_pictures_in_three_colours(pooling):
    torch.manual_seed(0)
    encoder = Encoder(Params(architecture=ARCHITECTURE, pooling=pooling), 1).eval()
    grey_NTHW = np.random.default_rng(0).integers(0, 256, (2, 4, 32, 32), dtype=np.uint8)
    coloured_NTHWC = torch.from_numpy(np.repeat(grey_NTHW[..., None], 3, axis=-1))
    x_NCTHW = torch.from_numpy(grey_NTHW[:, None].astype(np.float32) / 255)
    with torch.inference_mode():
        expected = encoder.clip.clips(encoder.clip.prepare(coloured_NTHWC), pooling)
        torch.testing.assert_close(encoder(x_NCTHW), expected, rtol=1e-4, atol=1e-5)
        assert encoder.places(x_NCTHW).shape == (2, 6, 4, 3, 3)


def test_grey_clips_of_another_size_are_refused():
    encoder = Encoder(Params(architecture=ARCHITECTURE, pooling="mean"), 1)
    with pytest.raises(DataError, match="clip: pictures of 48 x 48 pixels, this tower sees 32 x 32; set the size"):
        encoder(torch.rand(1, 1, 2, 48, 48))


@pytest.mark.parametrize(("member", "channels"), [(depth, 1), (thermal, 1), (video, 3)])
def test_every_sense_serves_all_splits_with_the_weights_of_a_path(tmp_path, member, channels):
    assert isinstance(member, SplitlessMember)
    torch.manual_seed(0)
    clip = clips.Clip(ARCHITECTURE, clips.open_clips.build(ARCHITECTURE, None), None)
    clips.save(tmp_path / "3.safetensors", clip, {"named_classes": [1]})
    assert member.seeds(tmp_path) == [3]
    encoder, about = member.frozen(tmp_path, 3, {"pooling": "mean"}, "here")
    assert about["named_classes"] == [1]
    assert len(about["weights_hash"]) == 64
    assert not any(weight.requires_grad for weight in encoder.parameters())
    with torch.inference_mode():
        x = torch.rand(1, channels, 2, 32, 32)
        own = Encoder(Params(architecture=ARCHITECTURE, pooling="mean"), channels, clip.eval())
        assert torch.equal(encoder(x), own(x))
