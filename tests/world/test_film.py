import numpy as np
import pytest

from pipeline.core.joints import NTU25
from pipeline.world.bodies import Sizes, sampled_body
from pipeline.world.cameras import Camera, seen
from pipeline.world.figures import dressed, prop, together
from pipeline.world.film import Room, Rooms, centikelvin, display, filmed, furnished
from pipeline.world.poses import at_rest, placed
from pipeline.world.rasterizer import Lens

SIZES = Sizes(mean=1.0, deviation=0.06)
ROOMS = Rooms(
    wall_behind_m=(1.6, 2.6), floor_brightness=(0.25, 0.6), floor_tint=(1, 1, 1), wall_brightness=(0.45, 0.85),
    wall_tint=(1, 1, 1), things=0,
)  # fmt: skip
LENS = Lens(height=72, width=96, focal_px=78.0)
CAMERA = Camera(azimuth_degrees=20.0, distance_m=3.2, height_m=1.1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def joints() -> np.ndarray:
    return placed(sampled_body(rng(), SIZES), at_rest(4))


@pytest.fixture(scope="module")
def room() -> Room:
    return furnished(rng(), ROOMS)


def test_depth_at_the_spine_is_the_joint_less_the_trunk(joints, room):
    film = filmed(dressed(joints, rng()), room, CAMERA, LENS, rng())
    spine = seen(CAMERA, joints)[:, NTU25.names.index("spine_mid")]
    column, row = LENS.pixels(spine).astype(int).T
    depth_mm = np.median([film.depth_mm_THW[:, row[0] + d, column[0]] for d in (-1, 0, 1)], axis=0)
    assert depth_mm / 1000 == pytest.approx(spine[:, 2] - 0.13, abs=0.04)


def test_the_three_senses_see_the_body_in_the_same_pixels(joints, room):
    film = filmed(dressed(joints, rng()), room, CAMERA, LENS, rng())
    warm = film.celsius_THW > 25
    near = (film.depth_mm_THW > 0) & (film.depth_mm_THW < 3700) & (np.arange(72)[:, None] < 45)
    assert warm.sum() > 400
    upper = warm & (np.arange(72)[:, None] < 45)
    assert (near & upper).sum() / (near | upper).sum() > 0.7
    empty = filmed(dressed(np.full_like(joints, np.nan), rng()), room, CAMERA, LENS, rng())
    changed = (np.abs(film.rgb_THW3.astype(int) - empty.rgb_THW3).sum(axis=-1) > 60) & (np.arange(72)[:, None] < 45)
    assert (changed & upper).sum() / (changed | upper).sum() > 0.7


def test_people_are_warm_and_things_are_not(joints, room):
    ball = prop(np.repeat(joints[:1], 9, axis=0), rng(3))
    film = filmed(ball, room, CAMERA, LENS, rng())
    assert film.celsius_THW.max() < 22.5
    film = filmed(dressed(joints, rng()), room, CAMERA, LENS, rng())
    assert 31 < film.celsius_THW.max() < 36


def test_some_readings_are_missing_and_none_lies_behind_the_wall(joints, room):
    film = filmed(dressed(joints, rng()), room, CAMERA, LENS, rng())
    assert 0.001 < (film.depth_mm_THW == 0).mean() < 0.1
    assert film.depth_mm_THW.max() < 1000 * (3.2 + room.wall_behind_m) + 60


def test_a_thrown_thing_falls_to_the_floor(joints):
    flights = [prop(np.repeat(joints[:1], 90, axis=0), rng(seed)) for seed in range(40)]
    heights = np.array([flight.start_TN3[:, 0, 1] for flight in flights])
    thrown = (heights[:, -1] < 0.12).sum()
    assert 5 < thrown < 30
    assert heights.min() > 0.02


def test_the_same_draw_gives_the_same_film(joints, room):
    films = [filmed(together([dressed(joints, rng()), prop(joints, rng(1))]), room, CAMERA, LENS, rng()) for _ in "ab"]
    assert np.array_equal(films[0].depth_mm_THW, films[1].depth_mm_THW)
    assert np.array_equal(films[0].rgb_THW3, films[1].rgb_THW3)
    assert np.array_equal(films[0].celsius_THW, films[1].celsius_THW)


def test_golden_values_of_the_thermal_pictures():
    celsius = np.array([[[16.0, 27.0, 38.0, 60.0]]], np.float32)
    assert display(celsius).tolist() == [[[0, 128, 255, 255]]]
    assert centikelvin(celsius).tolist() == [[[28915, 30015, 31115, 33315]]]
