import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.core.errors import DataError, FormatError
from pipeline.formats import video as video_file
from pipeline.formats.shared import Footage
from pipeline.modalities import video
from pipeline.modalities.video.recipes.clip import DEVIATION, MEAN

SAMPLING = {"num_frames": 3, "stride": 0, "position": 0.5}


def footage(rgb_THWC: np.ndarray) -> Footage:
    return Footage("rgb", lambda: len(rgb_THWC), lambda indices: rgb_THWC[indices])


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 20, 30, 3)).astype(np.uint8)


def test_black_is_minus_one_and_white_one(noise):
    noise[:] = 0
    noise[..., 1] = 255
    x = video.prepare("small", {"sampling": SAMPLING, "height": 5, "width": 6}, "here")(footage(noise))
    assert x.shape == (3, 3, 5, 6)
    assert [x[channel].mean() for channel in range(3)] == [-1, 1, -1]


def test_pictures_for_clip_are_those_of_its_published_preprocessing(noise):
    x = video.prepare("clip", {"sampling": SAMPLING, "size": 10}, "here")(footage(noise))
    picture = Image.fromarray(noise[1]).resize((15, 10), Image.Resampling.BICUBIC).crop((2, 0, 12, 10))
    expected = (np.asarray(picture).astype(np.float32) / 255 - MEAN) / DEVIATION
    assert x.shape == (3, 3, 10, 10)
    assert np.moveaxis(x, 0, -1)[0] == pytest.approx(expected, abs=1e-6)


def test_half_a_pixel_beside_the_square_is_rounded_as_torchvision_does():
    wide = np.random.default_rng(0).integers(0, 256, (3, 10, 17, 3)).astype(np.uint8)
    x = video.prepare("clip", {"sampling": SAMPLING, "size": 10}, "here")(footage(wide))
    expected = (wide[0, :, 4:14].astype(np.float32) / 255 - MEAN) / DEVIATION  # int(round(3.5)) is 4
    assert np.moveaxis(x, 0, -1)[0] == pytest.approx(expected, abs=1e-6)


def test_the_shorter_side_decides_the_size():
    tall = np.zeros((4, 50, 20, 3), np.uint8)
    tall[:, 15:35] = 255  # the middle square
    x = video.prepare("clip", {"sampling": SAMPLING, "size": 10}, "here")(footage(tall))
    assert x[:, :, 1:-1] == pytest.approx(np.broadcast_to(((1 - MEAN) / DEVIATION)[:, None, None, None], (3, 3, 8, 10)))


def test_a_strip_is_refused_before_it_is_enlarged():
    with pytest.raises(DataError, match="too thin: of a picture of 130 x 2 pixels a square shows nearly nothing"):
        video.prepare("clip", {"sampling": SAMPLING, "size": 10}, "here")(footage(np.zeros((9, 2, 130, 3), np.uint8)))


def test_a_part_of_a_video_is_that_part_of_its_frames(tmp_path, noise):
    video_file.write(tmp_path / "a.mkv", noise, frames_per_second=2, codec="ffv1")
    part = video_file.footage(tmp_path / "a.mkv#seconds=1-2.5")
    assert part.num_frames == 3
    assert np.array_equal(part.frames([0, 2]), noise[[2, 4]])
    open_end = video_file.footage(tmp_path / "a.mkv#frames=4-99")
    assert open_end.num_frames == 2


@pytest.fixture(scope="module")
def encoder() -> torch.nn.Module:
    torch.manual_seed(0)
    return video.build("framecnn", {"widths": [4, 8], "dim": 16, "dropout": 0.5}, "rgb", "here").eval()


def test_a_clip_alone_equals_the_clip_in_a_batch(encoder):
    x = torch.rand(5, 3, 6, 12, 16)
    with torch.no_grad():
        assert encoder(x).shape == (5, encoder.dim)
        assert torch.allclose(encoder(x)[3], encoder(x[3:4])[0], atol=1e-6)


@pytest.mark.parametrize("axis", [2, 4], ids=["time", "left and right"])
def test_what_is_mirrored_looks_different(encoder, axis):
    x = torch.rand(1, 3, 6, 12, 16)
    with torch.no_grad():
        assert not torch.allclose(encoder(x), encoder(x.flip(axis)), atol=1e-5)


@pytest.mark.parametrize(("recipe", "options"), [("small", {"height": 24, "width": 32}), ("clip", {"size": 32})])
def test_real_clips_run_through_both_recipes(real_data, recipe, options):
    shapes = set()
    for path in sorted((real_data / "videos").glob("*")):
        if path.name != "corrupted.mp4":
            x = video.prepare(recipe, options | {"sampling": SAMPLING}, "here")(video_file.footage(path))
            assert np.isfinite(x).all(), path.name
            assert 0.1 < x.std() < 2, path.name
            shapes.add(x.shape[:2])
    assert shapes == {(3, 3)}


def test_the_real_corrupt_clip_ends_in_one_clear_error(real_data):
    prepare = video.prepare("small", {"height": 24, "width": 32, "sampling": SAMPLING}, "here")
    with pytest.raises(FormatError, match=r"corrupted\.mp4: does not decode"):
        prepare(video_file.footage(real_data / "videos" / "corrupted.mp4"))
