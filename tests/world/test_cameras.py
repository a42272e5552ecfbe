import numpy as np
import pytest

from pipeline.core.joints import NTU25
from pipeline.world.bodies import Sizes, sampled_body
from pipeline.world.cameras import Camera, color_pixels, depth_pixels, ring, seen
from pipeline.world.poses import at_rest, placed

SIZES = Sizes(mean=1.0, deviation=0.06)
FRONT = Camera(azimuth_degrees=0.0, distance_m=3.0, height_m=1.0)


def test_a_person_who_faces_the_camera_has_the_right_hand_at_positive_x():
    xyz_V3 = seen(FRONT, placed(sampled_body(np.random.default_rng(0), SIZES), at_rest(1)))[0]
    joint = dict(zip(NTU25.names, xyz_V3, strict=True))
    assert joint["hand_right"][0] > 0.1 > -0.1 > joint["hand_left"][0]
    assert joint["foot_left"][2] < joint["ankle_left"][2]  # the toes are nearer
    assert joint["head"][1] > joint["foot_left"][1]


@pytest.mark.parametrize(
    ("azimuth", "world", "expected"),
    [
        (0, (0, 0, 0), (0, -1, 3)),
        (0, (0.5, 1.2, 0.5), (-0.5, 0.2, 2.5)),
        (90, (0.5, 1.0, 0.0), (0, 0, 2.5)),
        (90, (0.0, 1.0, 0.5), (0.5, 0, 3)),
        (-90, (0.0, 1.0, 0.5), (-0.5, 0, 3)),
    ],
)
def test_points_of_the_world_are_found_where_geometry_puts_them(azimuth, world, expected):
    camera = Camera(azimuth_degrees=azimuth, distance_m=3.0, height_m=1.0)
    np.testing.assert_allclose(seen(camera, np.array(world, float)), expected, atol=1e-12)


def test_cameras_keep_distances_and_handedness():
    points_3 = np.random.default_rng(0).normal(size=(4, 3))
    for camera in ring(3.0, 1.0).values():
        seen_3 = seen(camera, points_3)
        sides, seen_sides = points_3[1:] - points_3[0], seen_3[1:] - seen_3[0]
        np.testing.assert_allclose(sides @ sides.T, seen_sides @ seen_sides.T, atol=1e-12)
        assert np.linalg.det(sides) == pytest.approx(np.linalg.det(seen_sides))


def test_pixels_grow_to_the_right_and_downward_and_the_images_hold_a_body():
    centre = np.array([[0.0, 0.0, 3.0], [0.3, 0.0, 3.0], [0.0, 0.3, 3.0]])
    np.testing.assert_allclose(depth_pixels(centre), [[256, 212], [256 + 36.6, 212], [256, 212 - 36.6]])
    color = color_pixels(centre)
    assert color[1, 0] > color[0, 0]
    assert color[2, 1] < color[0, 1]
    xyz_V3 = seen(FRONT, placed(sampled_body(np.random.default_rng(0), SIZES), at_rest(1)))[0]
    for pixels, size in ((depth_pixels(xyz_V3), (512, 424)), (color_pixels(xyz_V3), (1920, 1080))):
        assert (pixels >= 0).all()
        assert (pixels < size).all()


def test_the_three_cameras_stand_at_three_angles():
    assert {number: camera.azimuth_degrees for number, camera in ring(3.0, 1.0).items()} == {1: 0, 2: 45, 3: -45}
