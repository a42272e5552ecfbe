import numpy as np
import pytest

from pipeline.world.rasterizer import Capsules, Lens, surfaces

LENS = Lens(height=30, width=40, focal_px=35.0)
NO_PLANES = np.zeros((0, 4))


def one(start, stop, radius: float) -> Capsules:
    return Capsules(np.array([[start]], float), np.array([[stop]], float), np.array([radius]))


def marched(start: np.ndarray, stop: np.ndarray, radius: float) -> np.ndarray:
    """Sphere tracing in float64: walk each ray by the distance to the capsule until it is touched."""
    z_HW = np.full((LENS.height, LENS.width), np.inf)
    for row, column in np.ndindex(z_HW.shape):
        x = (column + 0.5 - LENS.width / 2) / LENS.focal_px
        y = (LENS.height / 2 - row - 0.5) / LENS.focal_px
        ray = np.array([x, y, 1.0])
        z = 0.0
        for _ in range(120):
            axis = stop - start
            share = np.clip((z * ray - start) @ axis / max(axis @ axis, 1e-12), 0, 1)
            distance = np.linalg.norm(z * ray - start - share * axis) - radius
            if distance < 1e-6:
                z_HW[row, column] = z
                break
            z += distance / np.linalg.norm(ray)
            if z > 20:
                break
    return z_HW


@pytest.mark.parametrize(
    ("start", "stop", "radius"),
    [
        ((-0.4, 0.2, 2.5), (0.5, -0.3, 3.0), 0.2),
        ((0.0, 0.1, 2.0), (0.05, 0.1, 4.0), 0.3),  # nearly end on
        ((0.3, 0.3, 3.0), (0.3, 0.3, 3.0), 0.4),  # a ball
        ((-1.4, 0.0, 3.0), (-0.9, 0.0, 3.0), 0.3),  # cut by the picture's edge
    ],
)
def test_depth_equals_sphere_tracing(start, stop, radius):
    view = surfaces(LENS, one(start, stop, radius), NO_PLANES)
    expected = marched(np.array(start), np.array(stop), radius)
    both = np.isfinite(expected) & np.isfinite(view.z_THW[0])
    assert (np.isfinite(expected) != np.isfinite(view.z_THW[0])).sum() <= 3  # grazing rays may round either way
    assert both.sum() > 20
    assert np.abs(expected[both] - view.z_THW[0][both]).max() < 2e-3


def test_a_ball_ahead_is_nearest_by_its_radius():
    lens = Lens(height=31, width=31, focal_px=30.0)
    view = surfaces(lens, one((0, 0, 3), (0, 0, 3), 0.5), NO_PLANES)
    assert view.z_THW[0, 15, 15] == pytest.approx(2.5, abs=1e-5)
    assert view.normal_THW3[0, 15, 15] == pytest.approx([0, 0, -1], abs=1e-5)


def test_the_nearer_solid_covers_the_farther():
    near_and_far = Capsules(
        np.array([[[0, 0, 4.0], [0, 0, 2.0]]]), np.array([[[0, 0, 4.0], [0, 0, 2.0]]]), np.array([0.5, 0.1])
    )
    view = surfaces(LENS, near_and_far, np.array([[0, 0, 1.0, 5.0]]))
    assert set(np.unique(view.solid_THW)) == {0, 1, 2}
    assert view.solid_THW[0, 15, 20] == 1
    assert view.z_THW[view.solid_THW == 2] == pytest.approx(5.0)


def test_a_floor_lies_below_the_horizon():
    view = surfaces(LENS, one((0, 0, -9), (0, 0, -9), 0.1), np.array([[0, 1.0, 0, -1.0]]))
    assert np.isinf(view.z_THW[0, :15]).all()
    below = view.z_THW[0, 15:]
    y = LENS.rays_HW2()[15:, :, 1]
    assert below * y == pytest.approx(-1.0, rel=1e-5)
    assert view.normal_THW3[0, 20, 20] == pytest.approx([0, 1, 0])


def test_a_hidden_capsule_leaves_no_pixel():
    view = surfaces(LENS, one((np.nan,) * 3, (0, 0, 2), 0.3), NO_PLANES)
    assert (view.solid_THW == -1).all()


def test_normals_have_length_one_and_face_the_lens():
    view = surfaces(LENS, one((-0.4, 0.2, 2.5), (0.5, -0.3, 3.0), 0.2), NO_PLANES)
    normals = view.normal_THW3[view.solid_THW == 0]
    rays = np.concatenate([LENS.rays_HW2(), np.ones((30, 40, 1))], axis=-1)[view.solid_THW[0] == 0]
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1, abs=2e-3)
    assert ((normals * rays).sum(axis=1) < 1e-2).all()


def test_a_point_projects_into_the_pixel_that_sees_it():
    point = np.array([0.31, -0.22, 2.7])
    column, row = LENS.pixels(point)
    view = surfaces(LENS, one(point, point, 0.01), NO_PLANES)
    assert view.solid_THW[0, int(row), int(column)] in (0, -1)
    view = surfaces(LENS, one(point, point, 0.08), NO_PLANES)
    assert view.solid_THW[0, int(row), int(column)] == 0
