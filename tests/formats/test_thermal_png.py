import numpy as np
import pytest

from pipeline.core.errors import FormatError
from pipeline.formats import png, thermal_png


@pytest.fixture
def clip(tmp_path):
    thermal_png.write(tmp_path / "a", np.arange(29000, 29060, dtype=np.uint16).reshape(3, 4, 5))
    return tmp_path / "a"


def test_counts_come_back_as_written(clip):
    footage = thermal_png.footage(clip)
    assert (footage.layout, footage.num_frames) == ("grey16", 3)
    assert footage.frames([0, 2]).tolist() == np.arange(29000, 29060).reshape(3, 4, 5)[[0, 2]].tolist()


def test_a_picture_for_display_is_refused(clip):
    png.write_grey(clip / "Thermal-00000002.png", np.zeros((4, 5), np.uint8))
    with pytest.raises(FormatError, match="8-bit PNG where 16-bit counts are expected"):
        thermal_png.footage(clip).frames([1])


def test_a_missing_frame_is_named(clip):
    (clip / "Thermal-00000002.png").unlink()
    with pytest.raises(FormatError, match=r"frame 2 is missing; the frames are Thermal-00000001\.png"):
        thermal_png.footage(clip).count()


def test_depth_frames_are_no_thermal_frames(clip):
    for path in list(clip.iterdir()):
        path.rename(clip / path.name.replace("Thermal", "Depth"))
    with pytest.raises(FormatError, match=r"0 files 'Thermal-%08d\.png'"):
        thermal_png.footage(clip).count()


def test_only_16_bits_are_written(tmp_path):
    with pytest.raises(ValueError, match="thermal is written as uint16 counts, found uint8"):
        thermal_png.write(tmp_path / "a", np.zeros((2, 4, 5), np.uint8))
