import numpy as np

from pipeline.world.sensors import blinked, jittered, kept_frames


def scene(z_m, num_frames=4000):
    xyz_MTV3 = np.zeros((1, num_frames, 2, 3))
    xyz_MTV3[..., 2] = z_m
    return xyz_MTV3


def noise_mm(clean_MTV3):
    noisy = jittered(clean_MTV3, 10.0, np.random.default_rng(0))
    return 1000 * (noisy - clean_MTV3).std(axis=(0, 1, 3))


def test_jitter_is_as_told_at_three_metres_and_grows_with_the_square():
    np.testing.assert_allclose(noise_mm(scene(3.0)), 10, rtol=0.03)
    np.testing.assert_allclose(noise_mm(scene(6.0)), 40, rtol=0.03)


def test_joints_on_the_far_side_jitter_three_times_as_much():
    clean_MTV3 = scene(3.0)
    clean_MTV3[:, :, 1, 2] = 3.3
    np.testing.assert_allclose(noise_mm(clean_MTV3), [10, 30 * 1.1**2], rtol=0.03)


def test_no_noise_changes_nothing():
    assert np.array_equal(jittered(scene(3.0, 5), 0.0, np.random.default_rng(0)), scene(3.0, 5))


def test_a_share_of_the_frames_is_dropped_in_order_but_never_the_first():
    kept = kept_frames(10_000, 0.1, np.random.default_rng(0))
    assert abs(len(kept) - 9000) < 200
    assert kept[0] == 0
    assert (np.diff(kept) > 0).all()
    assert kept_frames(50, 0.0, np.random.default_rng(0)).tolist() == list(range(50))
    assert kept_frames(50, 0.999, np.random.default_rng(0))[0] == 0


def test_a_share_of_the_frames_is_without_any_body_but_never_the_first():
    shown = blinked(np.zeros((2, 10_000, 1, 3)), 0.1, np.random.default_rng(0))
    empty_MT = np.isnan(shown).all(axis=(2, 3))
    assert (empty_MT[0] == empty_MT[1]).all()
    assert abs(empty_MT[0].sum() - 1000) < 150
    assert not empty_MT[:, 0].any()
