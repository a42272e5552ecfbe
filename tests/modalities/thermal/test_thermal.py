import numpy as np
import pytest

from pipeline.core.errors import DataError, ParamsError
from pipeline.formats import video
from pipeline.formats.shared import Footage
from pipeline.modalities import thermal
from pipeline.modalities.thermal.recipes.radiometric import SENSORS, to_celsius
from pipeline.modalities.thermal.recipes.shared import stretched

SIZE = {"sampling": {"num_frames": 2, "stride": 0, "position": 0.5}, "height": 4, "width": 5}
RADIOMETRIC = SIZE | {"sensor": "centikelvin", "low_celsius": 20.0, "high_celsius": 40.0}
DISPLAY = SIZE | {"sensor": "plain", "stretch": "none"}


def footage(counts_THW: np.ndarray) -> Footage:
    layout = "grey16" if counts_THW.dtype == np.uint16 else "grey8"
    return Footage(layout, lambda: len(counts_THW), lambda indices: counts_THW[indices])


def test_golden_temperatures():
    counts = np.array([27315, 30315, 0], np.uint16)
    assert to_celsius(counts, SENSORS["centikelvin"]) == pytest.approx([0.0, 30.0, -273.15])
    assert to_celsius(np.array([2731, 3031], np.uint16), SENSORS["decikelvin"]) == pytest.approx([-0.05, 29.95])


def test_a_range_of_degrees_becomes_zero_to_one():
    counts = np.full((3, 4, 5), 30315, np.uint16)
    counts[:, 0], counts[:, 1] = 20000, 40000
    x = thermal.prepare("radiometric", RADIOMETRIC, "here")(footage(counts))
    assert x.shape == (1, 2, 4, 5)
    assert x[0, 0, :, 0] == pytest.approx([0, 1, 0.5, 0.5])


def test_eight_bits_are_no_temperatures():
    with pytest.raises(DataError, match="radiometric counts are 16 bit, found grey8; use recipe 'display'"):
        thermal.prepare("radiometric", RADIOMETRIC, "here")(footage(np.ones((3, 4, 5), np.uint8)))


def test_a_range_upside_down_is_refused():
    with pytest.raises(ParamsError, match=r"section 'here' .* high_celsius 40\.0 should be above low_celsius 50\.0"):
        thermal.prepare("radiometric", RADIOMETRIC | {"low_celsius": 50.0}, "here")


@pytest.mark.parametrize(("dtype", "full"), [(np.uint8, 255), (np.uint16, 65535)])
def test_full_scale_is_one_in_either_depth(dtype, full):
    counts = np.zeros((3, 4, 5), dtype)
    counts[:, 1:] = full
    x = thermal.prepare("display", DISPLAY, "here")(footage(counts))
    assert (x.min(), x.max()) == (0, 1)


def test_the_sensor_decides_the_normalisation():
    counts = np.zeros((3, 4, 5), np.uint8)
    counts[:, 1:] = 255
    x = thermal.prepare("display", DISPLAY | {"sensor": "thermal"}, "here")(footage(counts))
    assert [x.min(), x.max()] == pytest.approx([-1.6, 2.4])


def test_stretching_forgets_brightness_and_contrast():
    counts = np.random.default_rng(0).integers(0, 100, (3, 4, 5)).astype(np.uint8)
    stretch = thermal.prepare("display", DISPLAY | {"stretch": "clip"}, "here")
    assert stretch(footage(counts)) == pytest.approx(stretch(footage(2 * counts + 30)), abs=1e-5)
    plain = thermal.prepare("display", DISPLAY, "here")
    assert plain(footage(counts)).max() < 0.4 < stretch(footage(counts)).max()


def test_a_single_bright_pixel_is_still_stretched():
    picture = np.zeros((1, 20, 20), np.float32)
    picture[0, 3, 3] = 0.1
    assert stretched(picture).max() == 1


def test_a_blank_clip_is_refused():
    with pytest.raises(DataError, match="blank"):
        thermal.prepare("display", DISPLAY, "here")(footage(np.full((3, 4, 5), 7, np.uint8)))


PICTURE = {"sampling": SIZE["sampling"], "size": 8, "stretch": "none"}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_clip_sees_the_middle_square_of_full_scale(dtype):
    counts = np.zeros((3, 8, 12), dtype)
    counts[:, 4:, 2:10] = np.iinfo(dtype).max // 5
    x = thermal.prepare("clip", PICTURE, "here")(footage(counts))
    assert x.shape == (1, 2, 8, 8)
    assert x.dtype == np.float32
    assert x[0, :, :4] == pytest.approx(0)
    assert x[0, :, 4:] == pytest.approx(0.2)
    stretched_x = thermal.prepare("clip", PICTURE | {"stretch": "clip"}, "here")(footage(counts))
    assert stretched_x[0, :, 4:] == pytest.approx(1)


def test_clip_sees_no_blank_clip():
    with pytest.raises(DataError, match="blank"):
        thermal.prepare("clip", PICTURE, "here")(footage(np.full((3, 4, 5), 7, np.uint8)))


def test_colour_footage_is_not_thermal():
    with pytest.raises(ParamsError, match="thermal footage is grey16 or grey8, not 'rgb'"):
        thermal.build("any", {}, "rgb", "here")


def test_the_file_decides_between_8_and_16_bit(tmp_path):
    for name, dtype in (("a.avi", np.uint8), ("b.avi", np.uint16)):
        video.write(tmp_path / name, np.arange(60, dtype=dtype).reshape(3, 4, 5), frames_per_second=9, codec="ffv1")
    assert [video.grey_footage(tmp_path / name).layout for name in ("a.avi", "b.avi")] == ["grey8", "grey16"]


def test_a_real_thermal_clip_runs_through(real_data):
    recording = video.grey_footage(real_data / "thermal" / "exercising-01.mp4")
    assert (recording.layout, recording.num_frames) == ("grey8", 1097)
    options = DISPLAY | {"height": 48, "width": 36, "stretch": "clip", "sensor": "thermal"}
    x = thermal.prepare("display", options, "here")(recording)
    assert x.shape == (1, 2, 48, 36)
    assert 0.5 < x.std() < 2
