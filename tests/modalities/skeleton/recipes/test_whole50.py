"""The recipe that moves and turns a clip as a whole."""

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.core.errors import DataError
from pipeline.core.joints import COCO17, LAYOUTS, NTU25
from pipeline.formats.shared import Skeleton
from pipeline.modalities.skeleton.recipes.whole50 import Params, prepare

OPTIONS = {"num_frames": 8, "num_bodies": 2, "smoothing": 1, "up": "y"}
KNEE = NTU25.names.index("knee_left")


def body(num_frames, seed=0, layout=NTU25):
    """Joints that move on straight lines, the shoulders above the hips."""
    start_V3, speed_V3 = np.random.default_rng(seed).normal(size=(2, layout.num_joints, 3))
    for name, height in (("shoulder", 3.0), ("hip", -3.0)):
        for side in ("left", "right"):
            start_V3[layout.names.index(f"{name}_{side}"), 1] = height
    times_T = (np.arange(num_frames) + 0.5) * 2 / num_frames
    return start_V3 + times_T[:, None, None] * speed_V3


def recording(*bodies, layout=NTU25):
    return Skeleton(layout.name, np.stack(bodies).astype(np.float32), tuple(range(len(bodies))))


def make(clip, **changed):
    return prepare(clip, Params.model_validate({**OPTIONS, **changed}))


def turned(xyz, angle):
    cos, sin = np.cos(angle), np.sin(angle)
    return xyz @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]).T


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_every_layout_faces_front_on_the_mean(layout):
    x = make(recording(body(8, layout=layout), layout=layout))
    assert (x.shape, x.dtype) == ((3, 8, layout.num_joints, 2), np.float32)
    right, left = layout.shoulders
    across_CF = x[:, :, left, 0] - x[:, :, right, 0]
    if layout.planar:
        assert not x[2].any()  # a score is no place
    else:
        mean_2 = (across_CF[[0, 2]] / np.linalg.norm(across_CF[[0, 2]], axis=0)).mean(axis=1)
        assert abs(mean_2[1]) < 1e-5
        assert mean_2[0] > 0
    assert not x[..., 1].any()


def test_where_a_clip_was_recorded_from_does_not_matter():
    clip = body(12)
    elsewhere = turned(clip, 0.7) + np.array([3.0, -1.0, 4.0])
    np.testing.assert_allclose(make(recording(elsewhere)), make(recording(clip)), atol=1e-4)


def test_where_a_body_goes_and_turns_to_is_kept():
    """Other than in recipes that centre and turn every frame: only one rotation and one move are taken off."""
    clip = body(8)
    x_FV3 = make(recording(clip))[..., 0].transpose(1, 2, 0)
    for frame in (0, 7):
        distances = np.linalg.norm(x_FV3[frame] - x_FV3[3], axis=-1)
        np.testing.assert_allclose(distances, np.linalg.norm(clip[frame] - clip[3], axis=-1), rtol=1e-4)


def test_bodies_keep_how_they_stand_to_each_other_and_the_liveliest_comes_first():
    quiet, lively = body(8), 3 * body(8, seed=1) + 5
    x_FVM3 = make(recording(quiet, lively)).transpose(1, 2, 3, 0)
    expected = np.linalg.norm(lively - quiet, axis=-1)
    np.testing.assert_allclose(np.linalg.norm(x_FVM3[:, :, 0] - x_FVM3[:, :, 1], axis=-1), expected, rtol=1e-4)
    np.testing.assert_array_equal(
        make(recording(quiet, lively), num_bodies=1)[..., 0], make(recording(quiet, lively))[..., 0]
    )


def test_who_trembles_is_not_taken_for_who_moves():
    """A bystander whose every joint the sensor jitters, beside somebody who moves one hand."""
    random = np.random.default_rng(3)
    still, actor = (np.repeat(body(60, seed=seed)[:1], 60, axis=0) for seed in (0, 1))
    actor[:, NTU25.names.index("wrist_right"), 1] += 0.5 * np.sin(np.arange(60) / 3)
    still += random.normal(0, 0.1, still.shape)
    x = make(recording(still, actor), num_bodies=1)
    np.testing.assert_array_equal(x, make(recording(actor), num_bodies=1))


def test_a_joint_that_is_missing_now_and_then_is_bridged():
    clip = body(8)
    holes = clip.copy()
    holes[[2, 3, 5], KNEE] = np.nan
    holes[6, KNEE + 1] = 0.0
    np.testing.assert_allclose(make(recording(holes)), make(recording(clip)), atol=1e-4)  # it moves on a line


def test_a_joint_that_is_thrown_off_for_a_frame_is_bridged():
    clip = body(8)
    wild = clip.copy()
    wild[3, KNEE] += 40.0  # some six trunks
    np.testing.assert_allclose(make(recording(wild)), make(recording(clip)), atol=1e-4)


@pytest.mark.parametrize(
    "way_T", [[0, 40, 0, 40, 0, 40, 0, 40], [0, 0, 0, 40, 40, 0, 0, 0], [0, 0, 0, 8, 0, 0, 0, 0]], ids=str
)
def test_a_joint_that_goes_to_and_fro_or_stays_there_is_left_as_it_was(way_T):
    clip = body(8)
    clip[:, KNEE, 0] += np.array(way_T)
    x_F3, x_T3 = make(recording(clip))[:, :, KNEE, 0].T, clip[:, KNEE]
    np.testing.assert_allclose(*(np.linalg.norm(np.diff(x, axis=0), axis=1) for x in (x_F3, x_T3)), rtol=1e-4)


def test_a_joint_that_is_never_there_stays_zero_and_hurts_nobody():
    clip = body(8)
    clip[:, KNEE] = np.nan
    x = make(recording(clip))
    assert not x[:, :, KNEE].any()
    assert np.isfinite(x).all()
    assert x[:, :, KNEE + 1, 0].any()


def test_a_body_that_comes_late_is_zero_before():
    late = body(8, seed=1)
    late[:4] = np.nan
    x = make(recording(2 * body(8), late))
    assert not x[:, :4, :, 1].any()
    assert x[:, 4:, :, 1].any(axis=(0, 2)).all()


@pytest.mark.parametrize("num_frames", [1, 2, 3])
def test_a_clip_of_few_frames_is_stretched(num_frames):
    x = make(recording(body(num_frames)), smoothing=3)
    assert np.isfinite(x).all()
    assert x[:, :, :, 0].any(axis=(0, 2)).all()


def test_smoothing_is_the_mean_over_the_window_that_is_there():
    clip = recording(body(8) + np.random.default_rng(2).normal(size=(8, 25, 3)))
    x, smooth = (make(clip, smoothing=window)[..., 0] for window in (1, 3))
    for frame in range(8):
        expected = x[:, max(0, frame - 1) : frame + 2].mean(axis=1)
        np.testing.assert_allclose(smooth[:, frame], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("up", "axes"),
    [
        ("-y", [1, -1, -1]),
        ("z", [[1, 0, 0], [0, 0, -1], [0, 1, 0]]),
        ("-z", [[1, 0, 0], [0, 0, 1], [0, -1, 0]]),
        ("x", [[0, 1, 0], [-1, 0, 0], [0, 0, 1]]),
        ("-x", [[0, -1, 0], [1, 0, 0], [0, 0, 1]]),
    ],
)
def test_whatever_axis_points_up_the_clip_stands_upright(up, axes):
    """The same body, recorded by a sensor whose axes are turned: told which, and found out."""
    clip = body(8)
    turn_33 = np.diag(axes) if np.ndim(axes) == 1 else np.array(axes)
    elsewhere = recording(clip @ turn_33.T)
    expected = make(recording(clip))
    np.testing.assert_allclose(make(elsewhere, up=up), expected, atol=1e-4)
    np.testing.assert_allclose(make(elsewhere, up="auto"), expected, atol=1e-4)
    assert not np.allclose(make(elsewhere, up="y"), expected, atol=0.1)


def test_somebody_who_bows_is_not_taken_to_lie():
    clip = body(8)
    for side in ("left", "right"):
        clip[:, NTU25.names.index(f"ankle_{side}"), 1] = -9.0
        clip[:, NTU25.names.index(f"shoulder_{side}")] += [0.0, -4.0, 6.0]  # before the hips, hardly above them
    np.testing.assert_allclose(make(recording(clip), up="auto"), make(recording(clip), up="y"), atol=1e-4)


def test_a_body_on_the_vertical_axis_of_its_space_is_there():
    """Only in a picture does a joint at x = y = 0 say that it is missing."""
    clip = body(8)
    clip[:, NTU25.names.index("head")] = [0.0, 0.0, 5.0]
    assert make(recording(clip), up="z")[:, :, NTU25.names.index("head"), 0].any()


def test_a_picture_s_joint_without_a_place_is_missing_whatever_its_score():
    clip = body(8, layout=COCO17)
    clip[:, COCO17.names.index("wrist_left")] = [0.0, 0.0, 0.2]
    assert not make(recording(clip, layout=COCO17))[:, :, COCO17.names.index("wrist_left")].any()


def test_a_centre_that_is_never_there_is_between_the_shoulders():
    """Elsewhere zero says that a joint is missing; the centre is in the origin of recipes that put it there."""
    clip = body(8, layout=COCO17)
    clip[:, COCO17.names.index("nose")] = np.nan
    x = make(recording(clip, layout=COCO17))
    between = x[:, :, list(COCO17.shoulders)].mean(axis=2)
    np.testing.assert_allclose(x[:, :, COCO17.names.index("nose")], between, atol=1e-6)


def test_hips_say_where_a_body_faces_whose_shoulder_is_hidden():
    clip = body(8)
    clip[:, NTU25.shoulders[0]] = np.nan
    np.testing.assert_allclose(make(recording(turned(clip, 0.7))), make(recording(clip)), atol=1e-4)


def test_a_picture_whose_hips_are_hidden_is_taken_to_have_y_downwards():
    clip = body(8, layout=COCO17)
    clip[:, [COCO17.names.index(f"hip_{side}") for side in ("left", "right")]] = np.nan
    flipped = recording(clip * [1, -1, 1], layout=COCO17)
    np.testing.assert_allclose(make(flipped, up="auto"), make(recording(clip, layout=COCO17)), atol=1e-4)


def test_a_recording_without_a_body_is_refused():
    with pytest.raises(DataError, match="no valid frame: none of 4 shows a body"):
        make(recording(np.full((4, 25, 3), np.nan)))


def test_an_even_window_is_refused():
    with pytest.raises(ValidationError, match="expected an odd number"):
        Params.model_validate({**OPTIONS, "smoothing": 2})
