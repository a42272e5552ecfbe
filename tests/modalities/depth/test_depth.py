import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.core.errors import DataError, ParamsError
from pipeline.core.joints import KINECT20
from pipeline.core.sampling import Sampling, frame_indices
from pipeline.formats import mat
from pipeline.formats.shared import Footage, Skeleton
from pipeline.modalities import depth
from pipeline.modalities.depth.recipes.metric import around, joint_pixels
from pipeline.modalities.depth.recipes.shared import SENSORS, to_metres, to_unit

OPTIONS = {
    "sampling": {"num_frames": 4, "stride": 0, "position": 0.5},
    "height": 6,
    "width": 8,
    "sensor": "kinect_v2",
    "unit": "metres",
    "crop": "none",
    "margin": 0.0,
}


def footage(depth_mm_THW: np.ndarray, skeleton: Skeleton | None = None) -> Footage:
    return Footage("depth_mm", lambda: len(depth_mm_THW), lambda indices: depth_mm_THW[indices], skeleton)


def prepared(recording: Footage, **changes) -> np.ndarray:
    return depth.prepare("metric", OPTIONS | changes, "here")(recording)


@pytest.fixture
def wall() -> np.ndarray:
    return np.full((8, 12, 16), 2500, np.uint16)


def test_millimetres_become_metres(wall):
    x = prepared(footage(wall))
    assert x.shape == (1, 4, 6, 8)
    assert x.dtype == np.float32
    assert np.all(x == np.float32(2.5))


def test_golden_values_of_every_unit():
    sensor = SENSORS["kinect_v2"]
    depth_m, known = to_metres(np.array([[[0, 500, 1000, 4500, 8000, 65535]]], np.uint16), sensor)
    assert known.tolist() == [[[False, True, True, True, True, False]]]
    assert depth_m[known].tolist() == [0.5, 1.0, 4.5, 4.5]  # beyond the range is its end
    assert to_unit(depth_m, "metres", sensor)[known].tolist() == [0.5, 1.0, 4.5, 4.5]
    assert to_unit(depth_m, "nearness", sensor)[known] == pytest.approx([1, 0.875, 0, 0])
    assert to_unit(depth_m, "disparity", sensor)[known] == pytest.approx([54.75, 27.375, 6.0833, 6.0833], abs=1e-3)


def test_a_pixel_without_a_reading_takes_no_part_in_a_mean(wall):
    wall[:, ::2, :] = 0
    assert np.all(prepared(footage(wall)) == np.float32(2.5))


@pytest.mark.parametrize("unit", ["metres", "nearness", "disparity"])
def test_a_cell_without_any_reading_is_zero(wall, unit):
    wall[:, :4, :4] = 0
    x = prepared(footage(wall), unit=unit)
    assert np.all(x[..., :2, :2] == 0)
    assert np.all(x[..., 2:, 2:] > 0)


def test_the_sensor_decides_the_range(wall):
    wall[:] = 4400
    assert prepared(footage(wall), sensor="kinect_v1").max() == np.float32(4.0)
    assert prepared(footage(wall), sensor="kinect_v2").max() == np.float32(4.4)


def test_a_clip_without_a_reading_is_refused(wall):
    with pytest.raises(DataError, match="no reading"):
        prepared(footage(wall * 0))


def test_the_mask_decides_the_crop(wall):
    masked = np.zeros_like(wall)
    masked[:, 3:9, 4:12] = np.arange(6)[:, None] * 100 + 1000
    x = prepared(footage(masked), crop="mask")
    assert x[0, 0, :, 0] == pytest.approx([1.0, 1.1, 1.2, 1.3, 1.4, 1.5])
    padded = prepared(footage(masked), crop="mask", margin=0.25)
    assert np.all(padded[0, 0, 0] == 0)


def test_the_skeleton_decides_the_crop():
    picture = np.tile(np.arange(1000, 1512, dtype=np.uint16), (8, 424, 1))  # depth tells the column
    xyz = np.full((1, 8, 20, 3), np.nan, np.float32)
    xyz[0, :, 0] = [-0.4, 0.5, 2.0]
    xyz[0, :, 1] = [0.6, -0.5, 2.0]
    skeleton = Skeleton(KINECT20.name, xyz, (0,))
    x = prepared(footage(picture, skeleton), crop="skeleton")
    # Columns 256 + 365 * x / z: 183 to 365.5, so the mean is that of columns 183 to 365.
    assert x.mean() == pytest.approx((1183 + 1365) / 2000, abs=2e-3)


def test_a_joint_lies_where_a_pinhole_camera_sees_it():
    xyz = np.full((1, 2, 20, 3), (0.5, 0.4, 2.0), np.float32)  # to the right of the axis and above it
    recorded = footage(np.ones((2, 240, 320), np.uint16), Skeleton(KINECT20.name, xyz, (0,)))
    kinect, frames = SENSORS["kinect_v1"], np.array([0, 1])
    expected = np.array([160 + 285.6 * 0.25, 120 - 285.6 * 0.2])
    found = joint_pixels(recorded, frames, kinect, 240, 320)
    assert found == pytest.approx(np.tile(expected, (40, 1)), rel=1e-6)
    stretched = joint_pixels(recorded, frames, kinect, 120, 640)
    assert stretched == pytest.approx(np.tile(expected * (2, 0.5), (40, 1)), rel=1e-6)


def test_frame_counts_that_differ_are_refused(wall):
    skeleton = Skeleton(KINECT20.name, np.ones((1, 7, 20, 3), np.float32), (0,))
    with pytest.raises(DataError, match="frame counts differ: 8 of depth, 7 of the skeleton"):
        prepared(footage(wall, skeleton), crop="skeleton")


def test_a_crop_without_a_skeleton_is_refused(wall):
    with pytest.raises(DataError, match="the clip has none"):
        prepared(footage(wall), crop="skeleton")


def test_a_box_is_cut_at_the_edge_and_never_empty():
    points = np.array([[-5.0, 3.0], [4.0, 30.0]])
    assert around(points, height=10, width=10, margin=0.0) == (slice(3, 10), slice(0, 4))
    point = np.array([[20.0, 20.0]])
    assert around(point, height=10, width=10, margin=0.0) == (slice(9, 10), slice(9, 10))


def test_an_unknown_recipe_option_or_layout_names_itself():
    with pytest.raises(ParamsError, match=r"no 'metricc' in .* the recipes are \['clip', 'metric'\]"):
        depth.prepare("metricc", OPTIONS, "here")
    with pytest.raises(ParamsError, match=r"'here' does not fit Params: .*'unit'"):
        depth.prepare("metric", OPTIONS | {"unit": "feet"}, "here")
    with pytest.raises(ParamsError, match="depth footage is depth_mm, not 'rgb'"):
        depth.build("r2plus1d", {"widths": [4], "dropout": 0.0}, "rgb", "here")


def test_a_blank_clip_is_empty():
    x = np.random.default_rng(0).random((3, 1, 2, 4, 4)).astype(np.float32)
    x[0] = 0.5
    x[1, 0, 0, 0, 0] = np.nan
    assert depth.is_empty(x).tolist() == [True, True, False]


GREY = {"sampling": OPTIONS["sampling"], "size": 12, "sensor": "kinect_v2", "grey": "nearness"}


def as_picture(recording: Footage, **changes) -> np.ndarray:
    return depth.prepare("clip", GREY | changes, "here")(recording)


@pytest.mark.parametrize(
    ("grey", "expected"), [("nearness", [1, 0.875, 0, 0, 0]), ("disparity", [1, 0.5, 1 / 9, 1 / 9, 0])]
)
def test_millimetres_become_brightness(grey, expected):
    """At the range's near end, at 1 m, at its far end, beyond it, and without a reading."""
    for depth_mm, bright in zip((500, 1000, 4500, 8000, 0), expected, strict=True):
        picture = np.full((8, 12, 16), depth_mm, np.uint16)
        picture[:, :6] = 500
        x = as_picture(footage(picture), grey=grey)
        assert x.shape == (1, 4, 12, 12)
        assert x.dtype == np.float32
        assert x[0, :, 6:] == pytest.approx(bright, abs=1e-6)
        assert x[0, :, :6] == pytest.approx(1)


def test_the_picture_is_the_middle_square_and_stays_between_black_and_white(wall):
    wall[:, :, :2], wall[:, :, 14:] = 0, 0  # what the square leaves out
    assert as_picture(footage(wall)) == pytest.approx(0.5)
    wall[:, 5:7, 5:9] = 500
    wall[:, 7:9, 5:9] = 0
    larger = as_picture(footage(wall), size=30)
    assert (larger.min(), larger.max()) == (0, 1)


def test_pictures_are_resized_as_clip_resizes_its_own():
    square = np.random.default_rng(0).integers(500, 4500, (8, 12, 12)).astype(np.uint16)
    nearness = (4.5 - square / 1000) / 4
    levels = np.rint(255 * nearness).astype(np.uint8)
    expected = [np.asarray(Image.fromarray(picture).resize((7, 7), Image.Resampling.BICUBIC)) for picture in levels]
    sampled = frame_indices(8, Sampling(**GREY["sampling"]))
    assert as_picture(footage(square), size=7)[0] == pytest.approx(np.stack(expected)[sampled] / 255, abs=1.5 / 255)


def test_a_picture_without_a_reading_is_refused(wall):
    with pytest.raises(DataError, match="no reading"):
        as_picture(footage(wall * 0))


def test_real_utd_depth_becomes_pictures(real_data):
    recording = mat.depth_footage(real_data / "utd-mhad" / "Depth" / "a10_s1_t1_depth.mat")
    x = as_picture(recording, sensor="kinect_v1", size=64)
    assert x.shape == (1, 4, 64, 64)
    assert 0.1 < (x > 0.05).mean() < 0.9  # the release keeps the body alone
    assert 0.2 < x[x > 0.05].mean() < 0.8


@pytest.fixture(scope="module")
def encoder() -> torch.nn.Module:
    torch.manual_seed(0)
    return depth.build("r2plus1d", {"widths": [4, 8], "dropout": 0.5}, "depth_mm", "here").eval()


def test_a_clip_alone_equals_the_clip_in_a_batch(encoder):
    x = torch.rand(5, 1, 6, 12, 16)
    with torch.no_grad():
        assert encoder.dim == 8
        assert torch.allclose(encoder(x)[3], encoder(x[3:4])[0], atol=1e-6)


def test_the_order_of_frames_matters(encoder):
    x = torch.rand(1, 1, 6, 12, 16)
    with torch.no_grad():
        assert not torch.allclose(encoder(x), encoder(x.flip(2)), atol=1e-5)


def test_real_utd_depth_lies_in_the_sensors_range(real_data):
    path = real_data / "utd-mhad" / "Depth" / "a10_s1_t1_depth.mat"
    recording = mat.depth_footage(path)
    assert recording.num_frames == 76
    x = prepared(recording, sensor="kinect_v1", height=48, width=32, crop="mask")
    known = x[x > 0]
    assert 0.3 < len(known) / x.size < 0.9  # the release keeps the body alone
    assert 0.8 <= known.min() < known.max() <= 4.0


def test_real_utd_joints_lie_on_the_body(real_data):
    folder = real_data / "utd-mhad"
    skeleton = mat.read_skeleton(folder / "Skeleton" / "a10_s1_t1_skeleton.mat")
    recording = mat.depth_footage(folder / "Depth" / "a10_s1_t1_depth.mat")
    spine = skeleton.xyz_MTV3[0, :, KINECT20.names.index("spine")]
    column, row = SENSORS["kinect_v1"].pixels(spine)[20].astype(int)
    patch = recording.frames([20])[0, row - 3 : row + 4, column - 3 : column + 4]
    assert np.median(patch) / 1000 == pytest.approx(spine[20, 2], abs=0.2)
