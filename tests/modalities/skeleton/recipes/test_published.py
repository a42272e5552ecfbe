"""The published recipes against hand-worked examples."""

import numpy as np
import pytest

from pipeline.core.errors import DataError
from pipeline.core.joints import KINECT20, NTU25
from pipeline.formats.shared import Skeleton
from pipeline.modalities.skeleton.recipes import agcn300, ctrgcn64, stgcn300

MIDDLE, BASE = NTU25.names.index("spine_mid"), NTU25.names.index("spine_base")
RIGHT, LEFT = NTU25.shoulders


def standing(num_frames: int, seed: int = 0) -> np.ndarray:
    """A body about 1.7 m tall and .4 m wide that drifts."""
    rng = np.random.default_rng(seed)
    body = rng.uniform((-0.2, 0.0, 2.9), (0.2, 1.7, 3.1), (25, 3))
    return (body + np.linspace(0, 0.5, num_frames)[:, None, None] * (1, 0, 0.2)).astype(np.float32)


def skeleton(*bodies: np.ndarray) -> Skeleton:
    return Skeleton("ntu25", np.stack(bodies), tuple(range(len(bodies))))


def test_stgcn300_pads_the_first_bodies_with_zeros():
    one, two, three = standing(4), standing(4, 1), standing(4, 2)
    two[1] = np.nan
    x = stgcn300.prepare(skeleton(one, two, three), stgcn300.Params(num_frames=6, num_bodies=2))
    assert x.shape == (3, 6, 25, 2)
    assert np.array_equal(x[:, :4, :, 0], one.transpose(2, 0, 1))
    assert np.array_equal(x[:, 3, :, 1], two[3].T)
    assert not x[:, 4:].any()
    assert not x[:, 1, :, 1].any()


def test_stgcn300_cuts_what_is_longer():
    x = stgcn300.prepare(skeleton(standing(9)), stgcn300.Params(num_frames=6, num_bodies=1))
    assert np.array_equal(x[..., 0], standing(9)[:6].transpose(2, 0, 1))


def test_agcn300_puts_the_spine_on_z_and_the_shoulders_on_x():
    x = agcn300.prepare(skeleton(standing(5)), agcn300.Params(num_frames=7, num_bodies=1))
    first = x[:, 0, :, 0].T
    assert first[MIDDLE] == pytest.approx([0, 0, 0], abs=1e-6)
    spine = first[MIDDLE] - first[BASE]
    across = first[LEFT] - first[RIGHT]
    assert across[1:] == pytest.approx([0, 0], abs=1e-6)
    assert across[0] > 0
    assert np.linalg.norm(spine) == pytest.approx(
        np.linalg.norm(standing(5)[0, MIDDLE] - standing(5)[0, BASE]), rel=1e-5
    )


def test_agcn300_keeps_distances_and_repeats_the_clip():
    x = agcn300.prepare(skeleton(standing(5)), agcn300.Params(num_frames=12, num_bodies=1))[..., 0]
    assert x[:, 5:10] == pytest.approx(x[:, :5])
    turned = x[:, 3].T
    found = np.linalg.norm(turned[:, None] - turned[None], axis=-1)
    joints = standing(5)[3]
    expected = np.linalg.norm(joints[:, None] - joints[None], axis=-1)
    assert found == pytest.approx(expected, abs=1e-5)


def test_agcn300_drops_leading_empty_frames_and_takes_the_most_active_first():
    still, moving = standing(8), 1.5 * standing(8, 1)
    moving[:2] = np.nan
    x = agcn300.prepare(skeleton(still, moving), agcn300.Params(num_frames=6, num_bodies=2))
    assert x[:, 0, :, 0].any()
    size = np.ptp(x[:, 0, :, 0], axis=1).sum() / np.ptp(x[:, 0, :, 1], axis=1).sum()
    assert size > 1.2


def test_agcn300_needs_a_spine():
    flat = Skeleton("coco17", np.ones((1, 5, 17, 3), np.float32), (0,))
    with pytest.raises(DataError, match="turns a spine upright"):
        agcn300.prepare(flat, agcn300.Params(num_frames=6, num_bodies=1))


@pytest.mark.parametrize("vector", [(1, 2, 3), (0, 0, -2), (0, 0, 5), (0, 1e-12, 0), (-1, 0, 0)])
def test_a_turn_is_a_rotation_onto_the_axis(vector):
    onto = np.array([0.0, 0.0, 1.0])
    rotation = agcn300.turn(np.array(vector, float), onto)
    assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1)
    length = np.linalg.norm(vector)
    if length > 1e-8:
        assert rotation @ np.array(vector, float) == pytest.approx(length * onto, abs=1e-9)


def test_ctrgcn64_moves_the_clip_once_and_stretches_it():
    body = standing(16)
    x = ctrgcn64.prepare(skeleton(body), ctrgcn64.Params(num_frames=16, num_bodies=2, share=1.0))
    assert x[..., 0] == pytest.approx((body - body[0, MIDDLE]).transpose(2, 0, 1), abs=1e-6)
    assert not x[..., 1].any()
    twice = ctrgcn64.prepare(skeleton(body), ctrgcn64.Params(num_frames=32, num_bodies=1, share=1.0))
    assert twice[:, 2, :, 0] == pytest.approx(0.75 * x[:, 1, :, 0] + 0.25 * x[:, 0, :, 0], abs=1e-6)


def test_ctrgcn64_looks_at_the_middle_of_the_clip():
    body = standing(20)
    x = ctrgcn64.prepare(skeleton(body), ctrgcn64.Params(num_frames=10, num_bodies=1, share=0.5))
    assert x[..., 0] == pytest.approx((body - body[0, MIDDLE])[5:15].transpose(2, 0, 1), abs=1e-6)


def test_ctrgcn64_drops_ghosts():
    actor, short, lying = standing(20), standing(20, 1), standing(20, 2)
    short[11:] = np.nan
    lying = lying[..., [1, 0, 2]]
    lying[10:] *= 3  # moves most of all
    x = ctrgcn64.prepare(skeleton(lying, short, actor), ctrgcn64.Params(num_frames=20, num_bodies=2, share=1.0))
    assert x[..., 0] == pytest.approx((actor - actor[0, MIDDLE]).transpose(2, 0, 1), abs=1e-6)
    assert not x[..., 1].any()


@pytest.mark.parametrize("recipe", [stgcn300, agcn300, ctrgcn64])
@pytest.mark.parametrize("layout", [NTU25, KINECT20])
def test_an_empty_recording_is_refused(recipe, layout):
    options = {"num_frames": 6, "num_bodies": 1} | ({"share": 0.95} if recipe is ctrgcn64 else {})
    empty = Skeleton(layout.name, np.full((1, 5, layout.num_joints, 3), np.nan, np.float32), (0,))
    with pytest.raises(DataError, match="no valid frame"):
        recipe.prepare(empty, recipe.Params(**options))
