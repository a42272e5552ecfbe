"""Kinematic features against numbers worked out joint by joint, and over layouts, short clips and missing joints."""

import numpy as np
import pytest
import torch

from pipeline.core.joints import COCO17, KINECT20, LAYOUTS, MEDIAPIPE33, NTU25, OPENPOSE18
from pipeline.core.measures import MEASURES, OF_SIDE
from pipeline.modalities.skeleton import _measured, kinematics
from pipeline.modalities.skeleton._poses import JOINTS, poses

# A body in trunk lengths about the hips, the right side at negative x.
STANDING = {
    "head": (0.0, 1.4, 0.0),
    "nose": (0.0, 1.4, 0.0),
    "shoulder": (0.35, 1.0, 0.0),
    "elbow": (0.4, 0.5, 0.0),
    "wrist": (0.4, 0.0, 0.0),
    "hip": (0.2, 0.0, 0.0),
    "knee": (0.2, -0.9, 0.0),
    "ankle": (0.2, -1.8, 0.0),
}
TIMES = np.linspace(0, 1, 50)


def standing(layout, num_frames=50):
    """x_CTVM of one body at rest; joints that only some layouts have lie at the neck."""
    x_CTVM = np.zeros((3, num_frames, layout.num_joints, 1), np.float32)
    for joint, name in enumerate(layout.names):
        part, _, side = name.rpartition("_")
        place = np.array(STANDING.get(part if side in ("left", "right") else name, (0.0, 1.0, 0.0)))
        x_CTVM[:, :, joint, 0] = (place * [-1 if side == "right" else 1, 1, 1])[:, None]
    return x_CTVM + np.array([0.3, 0.1, 2.0], np.float32)[:, None, None, None]


def joint(layout, name):
    return layout.names.index(name)


def vectors(x, layout):
    x_NCTVM = torch.from_numpy(np.asarray(x if np.ndim(x) == 5 else x[None], np.float32))
    return kinematics.Encoder(kinematics.Params(), layout)(x_NCTVM).numpy()


def measure(x, name, layout=KINECT20):
    return float(vectors(x, layout)[0, MEASURES.index(name)])


def with_hand(path_T3, side="right", layout=KINECT20):
    """A standing body whose hand goes along a path about the hips, in trunks."""
    x = standing(layout)
    x[:, :, joint(layout, f"wrist_{side}"), 0] = (np.asarray(path_T3) + np.array([0.3, 0.1, 2.0])).T
    return x


def line(start, end):
    return np.asarray(start) + TIMES[:, None] * (np.asarray(end, float) - np.asarray(start, float))


def circle(periods=1.0, radius=0.4):
    angle_T = 2 * np.pi * periods * TIMES
    return np.stack([radius * np.cos(angle_T) - 0.4, 1 + radius * np.sin(angle_T), np.full(50, 0.5)], axis=1)


@pytest.mark.parametrize("layout", [NTU25, KINECT20, OPENPOSE18, COCO17, MEDIAPIPE33], ids=lambda layout: layout.name)
def test_one_movement_is_the_same_in_every_layout(layout):
    path_T3 = line((-0.4, 0.0, 0.0), (0.3, 1.5, 0.5))
    found, expected = (vectors(with_hand(path_T3, layout=some), some) for some in (layout, KINECT20))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_size_and_place_of_a_body_do_not_matter():
    x = with_hand(line((-0.4, 0.0, 0.0), (0.3, 1.5, 0.5)))
    elsewhere = 0.55 * x + np.array([1.0, -2.0, 0.5])[:, None, None, None]
    np.testing.assert_allclose(vectors(elsewhere, KINECT20), vectors(x, KINECT20), atol=2e-3)


def test_the_statistics_are_those_of_each_curve():
    """Every number of the hand's height, in float64, by its definition."""
    x = with_hand(circle(2.0))
    found = vectors(x, KINECT20)[0, len(MEASURES) : -4].reshape(14, -1)[:, 3 * JOINTS.index("hand_right") + 1]
    y = circle(2.0)[:, 1]
    fourier = [abs(sum(y[t] * np.exp(-2j * np.pi * k * t / 50) for t in range(50))) / 50 for k in range(1, 7)]
    speed = np.abs(y[1:] - y[:-1])
    ends = [y[-5:].mean() - y[:5].mean(), y[23:28].mean() - y[:5].mean()]
    spread = [y.mean(), np.sqrt(np.mean((y - y.mean()) ** 2)), np.percentile(y, 5), np.percentile(y, 95)]
    expected = [*spread, *ends, speed.mean(), np.percentile(speed, 95), *np.log(np.array(fourier) + 1e-3)]
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_every_number_of_a_vector_is_named_or_a_statistic():
    encoder = kinematics.Encoder(kinematics.Params(), KINECT20)
    assert encoder.dim == len(MEASURES) + 14 * (3 * 14 + 3 + 12) + 4 == vectors(standing(KINECT20), KINECT20).shape[1]
    assert kinematics.MEASURED == MEASURES
    assert len(set(MEASURES)) == len(MEASURES) == 38


@pytest.mark.parametrize(
    ("name", "small", "great"),
    [
        ("arm high", line((-0.4, 0, 0), (-0.4, 0.2, 0)), line((-0.4, 0, 0), (-0.4, 1.8, 0))),
        ("arm low", line((-0.4, 0, 0), (-0.4, 0.2, 0)), line((-0.4, 0, 0), (-0.4, -1.5, 0))),
        ("arm vertical", line((-0.4, 0, 0), (-0.4, 0.2, 0)), line((-0.4, 0, 0), (-0.4, 1.2, 0))),
        ("arm lateral", line((-0.4, 0, 0), (-0.4, 0.2, 0)), line((-0.4, 0.5, 0), (0.4, 0.5, 0))),
        ("arm sagittal", line((-0.4, 0, 0), (-0.4, 0.2, 0)), line((-0.4, 0, 0), (-0.4, 0, 0.9))),
        ("arm across", line((-0.4, 0, 0), (-0.6, 0, 0)), line((-0.4, 0.5, 0), (0.5, 0.5, 0))),
        ("arm near head", line((-0.4, 0, 0), (-0.4, 0.2, 0)), line((-0.4, 0, 0), (-0.1, 1.4, 0))),
        ("arm far", line((-0.4, 1, 0), (-0.4, 1, 0.2)), line((-0.4, 1, 0), (-0.4, 1, 1.3))),
        ("arm moves", line((-0.4, 0, 0), (-0.4, 0.1, 0)), circle(3)),
        ("arm fast", circle(1), circle(4)),
        ("hand clockwise", circle(-1), circle(1)),  # seen from the front a circle from x to y is the body's clockwise
        ("hand to the left", line((0.5, 1, 0), (-0.5, 1, 0)), line((-0.5, 1, 0), (0.5, 1, 0))),
        ("repeated", circle(1), circle(5)),
    ],
)
def test_a_hand_is_measured_by_what_it_does(name, small, great):
    assert measure(with_hand(great), name) > measure(with_hand(small), name) + 0.05
    if f"{name}{OF_SIDE}" in MEASURES:
        other = great * [-1, 1, 1]
        both = [measure(with_hand(great), name), measure(with_hand(other, side="left"), name)]
        assert both[0] == pytest.approx(both[1], abs=1e-3)
        sides = [measure(x, f"{name}{OF_SIDE}") for x in (with_hand(great), with_hand(other, side="left"))]
        assert sides[0] == pytest.approx(-sides[1], abs=1e-3)
        assert sides[0] > 0.02


def moved(names, path_T3):
    x = standing(KINECT20)
    for name in names:
        x[:, :, joint(KINECT20, name), 0] += np.asarray(path_T3).T
    return x


UPPER = ("head", "shoulder_centre", "spine", "shoulder_left", "shoulder_right", "elbow_left", "elbow_right")


@pytest.mark.parametrize(
    ("name", "lively"),
    [
        ("leg moves", moved(["ankle_right"], line((0, 0, 0), (0, 0.3, 0.8)))),
        (f"leg moves{OF_SIDE}", moved(["ankle_right"], line((0, 0, 0), (0, 0.3, 0.8)))),
        ("leg raised", moved(["knee_right", "ankle_right"], line((0, 0, 0), (0, 0.9, 0.4)))),
        ("leg bent", moved(["ankle_right"], line((0, 0, 0), (0, 0.9, -0.9)))),
        ("legs both", moved(["ankle_right", "ankle_left"], line((0, 0, 0), (0, 0.3, 0.5)))),
        ("arms both", moved(["wrist_right", "wrist_left"], line((0, 0, 0), (0, 0.8, 0.5)))),
        ("body low", moved(["ankle_left", "ankle_right"], line((0, 0, 0), (0, 0.9, 0)))),
        ("trunk leans", moved(UPPER, line((0, 0, 0), (0, -0.2, 0.7)))),
        ("travels", moved(KINECT20.names, line((0, 0, 0), (2, 0, 0)))),
        ("jumps", moved(KINECT20.names, np.outer(np.exp(-(((TIMES - 0.5) / 0.1) ** 2)), [0, 0.5, 0]))),
    ],
)
def test_a_body_is_measured_by_what_it_does(name, lively):
    assert measure(lively, name) > measure(standing(KINECT20), name) + 0.05


def test_rising_is_the_opposite_of_sitting_down():
    sits = moved(["ankle_left", "ankle_right"], line((0, 0, 0), (0, 0.9, 0)))
    rises = sits[:, ::-1].copy()
    assert measure(rises, "body rises") == pytest.approx(-measure(sits, "body rises"), abs=1e-3)
    assert measure(rises, "body rises") > 0.5


@pytest.mark.parametrize(("limbs", "names"), [("arms", ("wrist", "wrist")), ("legs", ("knee", "knee"))])
def test_limbs_in_turn_are_told_from_limbs_together(limbs, names):
    wave_T3 = np.outer(np.sin(8 * np.pi * TIMES), [0, 0.3, 0])
    together = moved([f"{names[0]}_right", f"{names[1]}_left"], wave_T3)
    in_turn = moved([f"{names[0]}_right"], wave_T3)
    in_turn[:, :, joint(KINECT20, f"{names[1]}_left"), 0] -= wave_T3.T
    assert measure(in_turn, f"{limbs} in turn") > 0.8 > -0.8 > measure(together, f"{limbs} in turn")


def test_measures_do_not_follow_one_wild_frame():
    x = with_hand(line((-0.4, 0, 0), (-0.4, 0.8, 0)))
    wild = x.copy()
    wild[:, 20, joint(KINECT20, "wrist_right"), 0] += 30
    for name in ("arm high", "arm lateral", "arm fast", "arm far"):
        assert measure(wild, name) == pytest.approx(measure(x, name), abs=0.1)


@pytest.mark.parametrize("num_frames", [1, 2, 5])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_short_clips_have_finite_vectors(layout, num_frames):
    x = np.random.default_rng(0).normal(size=(2, 3, num_frames, layout.num_joints, 2)).astype(np.float32)
    assert np.isfinite(vectors(x, layout)).all()


@pytest.mark.parametrize("num_clips", [0, 2])
def test_clips_without_a_body_have_vectors_of_zeros(num_clips):
    found = vectors(np.zeros((num_clips, 3, 50, KINECT20.num_joints, 2)), KINECT20)
    np.testing.assert_array_equal(found, np.zeros((num_clips, 38 + 14 * 57 + 4)))


def test_a_joint_that_is_missing_stands_where_its_neighbour_does():
    whole, without = standing(KINECT20), standing(KINECT20)
    without[:, :, joint(KINECT20, "wrist_right"), 0] = 0
    without[:, :, joint(KINECT20, "hand_right"), 0] = 0
    whole[:, :, joint(KINECT20, "wrist_right"), 0] = whole[:, :, joint(KINECT20, "elbow_right"), 0]
    np.testing.assert_allclose(vectors(without, KINECT20), vectors(whole, KINECT20), atol=1e-5)


def test_a_layout_without_legs_has_finite_vectors():
    x = with_hand(circle())
    x[
        :,
        :,
        [joint(KINECT20, name) for name in KINECT20.names if name.split("_")[0] in ("hip", "knee", "ankle", "foot")],
    ] = 0
    found = vectors(x, KINECT20)
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 50


def without(x, *names, layout=KINECT20):
    found = x.copy()
    found[:, :, [joint(layout, name) for name in names]] = 0
    return found


@pytest.mark.parametrize(
    ("names", "layout"),
    [
        (("hip_left",), COCO17),
        (("hip_left", "hip_right"), COCO17),
        (("hip_left", "hip_right"), OPENPOSE18),
        (("hip_left", "hip_right", "hip_centre"), KINECT20),
        (("shoulder_left",), COCO17),
    ],
)
def test_a_body_keeps_its_place_and_size_where_joints_of_its_trunk_are_missing(names, layout):
    path_T3 = line((-0.4, 0.0, 0.0), (0.3, 1.5, 0.5))
    whole = with_hand(path_T3, layout=layout)
    whole_J3, found_J3 = (
        poses(x[None], layout).pose_PTJ3[0, -1] for x in (whole, without(whole, *names, layout=layout))
    )
    assert np.abs(found_J3 - whole_J3).max() < 0.8  # trunks: none is thrown far off
    assert np.abs(found_J3 - whole_J3)[JOINTS.index("hand_right")].max() < 0.4


def test_a_head_that_is_missing_leans_to_neither_side():
    bodies = poses(without(standing(KINECT20), "head")[None], KINECT20)
    np.testing.assert_allclose(bodies.joint("head"), bodies.joint("neck"))


def test_the_unit_does_not_matter_where_no_trunk_is_seen():
    hidden = ("hip_left", "hip_right", "shoulder_left", "shoulder_right")
    x = without(with_hand(circle(), layout=COCO17), *hidden, layout=COCO17)
    np.testing.assert_allclose(vectors(1000 * x, COCO17), vectors(x, COCO17), atol=2e-3)


def test_frames_without_the_body_are_as_the_one_before():
    x = with_hand(circle())[:, :10]
    gone, held = x.copy(), x.copy()
    gone[:, [0, 1, 5]] = 0
    held[:, [0, 1, 5]] = held[:, [2, 2, 4]]
    np.testing.assert_array_equal(vectors(gone, KINECT20), vectors(held, KINECT20))


def test_a_clip_of_two_bodies_is_their_mean_and_how_far_they_are_apart():
    one, other = with_hand(circle()), standing(KINECT20) + np.array([4.0, 0, 0], np.float32)[:, None, None, None]
    other = other - line((0, 0, 0), (2.0, 0, 0)).T[:, :, None, None].astype(np.float32)
    found = vectors(np.concatenate([one, other], axis=3), KINECT20)[0]
    alone = np.concatenate([vectors(x, KINECT20) for x in (one, other)])
    np.testing.assert_allclose(found[:-4], alone[:, :-4].mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(found[-4:], [1, 3, 2, -2], atol=1e-3)
    assert (alone[:, -4:] == 0).all()


def test_the_measures_are_in_the_order_of_their_names():
    bodies = poses(with_hand(circle())[None], KINECT20)
    found = _measured.measured(bodies)
    np.testing.assert_allclose(found[0], vectors(with_hand(circle()), KINECT20)[0, : len(MEASURES)], rtol=1e-5)
