import pickle

import numpy as np
import pytest

from pipeline.core.errors import ParamsError
from pipeline.modalities import depth, skeleton
from pipeline.modalities.skeleton import _augmentation

NONE = {"yaw_degrees": 0.0, "scale": 0.0, "time_warp": 0.0, "noise": 0.0}
FRAMES = 12


def clip(bodies=1, frames=FRAMES):
    return np.random.default_rng(0).normal(size=(3, frames, 5, bodies)).astype(np.float32)


def variant(x, seed=0, **options):
    return _augmentation.augmented(x, np.random.default_rng(seed), _augmentation.Params(**{**NONE, **options}))


def test_with_nothing_to_vary_a_clip_stays_what_it_is():
    assert variant(clip()).tobytes() == clip().tobytes()


@pytest.mark.parametrize("seed", range(8))
def test_a_turn_is_one_about_the_vertical_within_its_bounds(seed):
    x = clip().astype(np.float64)
    found = variant(clip(), seed, yaw_degrees=30.0)
    np.testing.assert_allclose(found[1], x[1], atol=1e-6)
    before, after = (np.arctan2(each[0], each[2]) for each in (x, found))
    turned = np.rad2deg(np.angle(np.exp(1j * (after - before))))
    np.testing.assert_allclose(turned, turned.flat[0], atol=1e-3)
    assert 0 < abs(turned.flat[0]) <= 30
    np.testing.assert_allclose(np.hypot(found[0], found[2]), np.hypot(x[0], x[2]), atol=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_a_scale_is_one_for_the_clip_within_its_bounds(seed):
    ratio = variant(clip(), seed, scale=0.2) / clip()
    np.testing.assert_allclose(ratio, ratio.flat[0], rtol=1e-6)
    assert 0.8 <= ratio.flat[0] <= 1.2
    assert ratio.flat[0] != 1


@pytest.mark.parametrize("seed", range(8))
def test_a_warp_keeps_first_and_last_frame_and_the_order_of_time(seed):
    """Of joints that move evenly the times that are shown can be read off: u + w sin(pi u) / pi, with one w."""
    u = np.arange(FRAMES) / (FRAMES - 1)
    x = np.broadcast_to(1 + u[:, None, None], (3, FRAMES, 5, 1)).astype(np.float32)
    found = variant(x, seed, time_warp=0.5)
    times = found[0, :, 0, 0].astype(np.float64) - 1
    assert np.abs(found - found[:1, :, :1]).max() == 0
    assert (np.diff(times) > 0).all()
    strength = (times - u)[1:-1] * np.pi / np.sin(np.pi * u[1:-1])
    np.testing.assert_allclose(strength, strength[0], atol=1e-4)
    assert 0 < abs(strength[0]) <= 0.5
    np.testing.assert_allclose(times[[0, -1]], [0, 1], atol=1e-6)


def test_a_warped_clip_is_interpolated_linearly():
    x, frames = clip(), np.arange(FRAMES)
    even = np.broadcast_to(1 + frames[:, None, None], x.shape).astype(np.float32)
    times = variant(even, 3, time_warp=0.7)[0, :, 0, 0].astype(np.float64) - 1
    expected = np.apply_along_axis(lambda row: np.interp(times, frames, row), 1, x.astype(np.float64))
    np.testing.assert_allclose(variant(x, 3, time_warp=0.7), expected, atol=1e-4)


def test_noise_has_the_deviation_that_is_asked_for():
    x = clip(frames=4000)
    rest = variant(x, noise=0.05) - x
    assert rest.std() == pytest.approx(0.05, rel=0.02)
    assert abs(rest.mean()) < 1e-3


EVERYTHING = {"yaw_degrees": 30.0, "scale": 0.1, "time_warp": 0.5, "noise": 0.02}


def test_absent_bodies_and_padding_stay_absent():
    x = clip(bodies=3)
    x[..., 1] = 0  # nobody
    x[:, 8:] = 0  # padding
    x[:, :4, :, 2] = 0  # somebody who comes later
    found = variant(x, **EVERYTHING)
    assert not found[..., 1].any()
    assert not found[:, 8:].any()
    assert found[:, :8, :, 0].all()
    there = found[:, :8, :, 2].any(axis=(0, 2))
    assert list(there) == sorted(there)
    assert 2 <= there.sum() <= 6


def test_where_a_body_appears_it_is_never_between_its_place_and_the_origin():
    x = np.full((3, FRAMES, 5, 2), 3, np.float32)
    x[:, :4, :, 1] = 0
    x[:, 9:, :, 1] = 0
    for seed in range(8):
        found = variant(x, seed, time_warp=0.9)
        assert set(np.unique(found[..., 1]).tolist()) == {0, 3}
        assert np.unique(found[..., 0]).tolist() == [3]


def test_a_clip_of_one_frame_and_one_without_a_body_can_be_varied():
    assert variant(clip(frames=1), **EVERYTHING).shape == (3, 1, 5, 1)
    assert not variant(np.zeros((3, 4, 5, 1), np.float32), **EVERYTHING).any()


@pytest.mark.parametrize("name", list(NONE))
def test_every_option_changes_the_variant_and_nothing_that_is_drawn_for_another(name):
    alone, rest = {name: EVERYTHING[name]}, {key: value for key, value in EVERYTHING.items() if key != name}
    assert not np.array_equal(variant(clip(), **alone), clip())
    assert not np.array_equal(variant(clip(), **rest), variant(clip(), **EVERYTHING))
    if name == "scale":
        ratio = variant(clip(), **{**EVERYTHING, "noise": 0.0}) / variant(clip(), **{**rest, "noise": 0.0})
        np.testing.assert_allclose(ratio, (variant(clip(), scale=0.1) / clip()).flat[0], rtol=1e-4)


def test_the_same_generator_draws_the_same_variant_and_another_another():
    assert variant(clip(), 1, **EVERYTHING).tobytes() == variant(clip(), 1, **EVERYTHING).tobytes()
    assert variant(clip(), 1, **EVERYTHING).tobytes() != variant(clip(), 2, **EVERYTHING).tobytes()


def test_the_modality_offers_them_to_reader_processes():
    draw = pickle.loads(pickle.dumps(skeleton.augment(EVERYTHING, "kinect20", "here")))
    assert draw(clip(), np.random.default_rng(0)).tobytes() == variant(clip(), **EVERYTHING).tobytes()
    assert not hasattr(depth, "augment")


@pytest.mark.parametrize(
    ("options", "layout", "fault"),
    [
        ({**NONE, "yaw": 3.0}, "ntu25", r"section 'here' .*unknown key 'yaw'"),
        ({"scale": 0.1}, "ntu25", r"section 'here' .*missing"),
        ({**NONE, "scale": 1.0}, "ntu25", "'scale'"),
        ({**NONE, "time_warp": 1.0}, "ntu25", "'time_warp'"),
        (NONE, "coco17", r"here: the joints of layout 'coco17' are places in a picture"),
    ],
)
def test_what_does_not_fit_is_refused(options, layout, fault):
    with pytest.raises(ParamsError, match=fault):
        skeleton.augment(options, layout, "here")
