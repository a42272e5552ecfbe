import numpy as np
import pytest

from pipeline.core.errors import DataError
from pipeline.core.joints import LAYOUTS, NTU25
from pipeline.formats.mat import read_skeleton
from pipeline.formats.shared import Skeleton
from pipeline.modalities.skeleton.recipes.dvta50 import Params, prepare

V = NTU25.num_joints
CENTRE = NTU25.centre
RIGHT, LEFT = NTU25.shoulders


def body(num_frames, seed=0, layout=NTU25):
    """A body whose joints move on straight lines; positions at the middles of the frames of two seconds."""
    rng = np.random.default_rng(seed)
    start_V3, speed_V3 = rng.normal(size=(2, layout.num_joints, 3))
    times_T = (np.arange(num_frames) + 0.5) * 2 / num_frames
    return start_V3 + times_T[:, None, None] * speed_V3


def recording(*bodies, layout=NTU25):
    return Skeleton(layout.name, np.stack(bodies).astype(np.float32), tuple(range(len(bodies))))


def turned(xyz, angle):
    cos, sin = np.cos(angle), np.sin(angle)
    return xyz @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]).T


def make(clip, num_frames=8, num_bodies=2):
    return prepare(clip, Params(num_frames=num_frames, num_bodies=num_bodies))


def absent(num_frames, layout=NTU25):
    return np.full((num_frames, layout.num_joints, 3), np.nan)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_every_layout_is_centred_with_its_shoulders_along_x(layout):
    x = make(recording(body(12, layout=layout), layout=layout))
    assert x.shape == (3, 8, layout.num_joints, 2)
    assert x.dtype == np.float32
    assert (x[:, :, layout.centre] == 0).all()
    right, left = layout.shoulders
    across = x[:, :, left, 0] - x[:, :, right, 0]
    assert np.allclose(across[2], 0, atol=1e-6)
    assert (across[0] > 0).all()


def test_a_frame_worked_by_hand():
    # Centre at (1, 2, 3); right shoulder there; left shoulder 2 m further along z; head 1 m up and 1 m along x.
    xyz = np.tile([1.0, 2, 3], (V, 1))
    xyz[LEFT] += [0, 0, 2]
    xyz[3] += [1, 1, 0]
    x = make(recording([xyz] * 3), num_frames=2)[:, 0, :, 0]
    # +z goes to +x, so +x goes to -z; y stays.
    assert np.allclose(x[:, LEFT], [2, 0, 0])
    assert np.allclose(x[:, 3], [0, 1, -1], atol=1e-7)
    assert np.allclose(x[:, RIGHT], 0)


def test_frames_are_stretched_like_pixels():
    # Two frames to four: times -1/4 (held at 0), 1/4, 3/4, 5/4 (held at 1). The shoulders keep along x.
    first = np.zeros((V, 3))
    first[LEFT] = [1, 0, 0]
    second = first.copy()
    second[3, 1] = 4
    x = make(recording([first, second]), num_frames=4)
    assert x[1, :, 3, 0].tolist() == [0, 1, 3, 4]


def test_a_linear_motion_does_not_depend_on_the_frame_rate():
    slow, fast = (make(recording(body(n)), num_frames=10) for n in (20, 60))
    # At the ends the first and the last frame are held, for half a frame.
    assert np.allclose(slow[:, 1:-1], fast[:, 1:-1], atol=1e-5)


def test_a_frame_rate_equal_to_the_result_changes_nothing_but_the_view():
    xyz = body(8)
    x = make(recording(xyz), num_frames=8)[..., 0]
    lengths = np.linalg.norm(xyz - xyz[:, CENTRE, None], axis=2)
    assert np.allclose(np.linalg.norm(x, axis=0), lengths, atol=1e-5)
    assert np.allclose(x[1], (xyz - xyz[:, CENTRE, None])[..., 1], atol=1e-5)


def test_moving_or_turning_the_sensor_changes_nothing():
    xyz = body(12)
    plain = make(recording(xyz))
    assert np.allclose(make(recording(xyz + np.array([3, -1, 2]))), plain, atol=1e-5)
    assert np.allclose(make(recording(turned(xyz, 2.1))), plain, atol=1e-5)


def test_frames_without_a_body_are_dropped():
    xyz = body(9)
    gaps = xyz.copy()
    gaps[[2, 5]] = np.nan
    gaps[7] = 0  # some formats write zeros for what was not seen
    dropped = np.delete(xyz, [2, 5, 7], axis=0)
    assert np.array_equal(make(recording(gaps)), make(recording(dropped)))


def test_a_frame_that_lacks_one_joint_is_dropped():
    xyz = body(9)
    gaps = xyz.copy()
    gaps[4, 7, 1] = np.nan
    assert np.array_equal(make(recording(gaps)), make(recording(np.delete(xyz, 4, axis=0))))


def test_an_absent_body_is_zero():
    x = make(recording(body(9)))
    assert (x[..., 1] == 0).all()
    assert (x[..., 0] != 0).any()


def test_the_bodies_that_move_most_are_kept_most_first():
    still, lively, busy = body(9, 1) * 0.01, body(9, 2), body(9, 3) * 10
    x = make(recording(still, lively, busy))
    assert np.array_equal(x[..., 0], make(recording(busy), num_bodies=1)[..., 0])
    assert np.array_equal(x[..., 1], make(recording(lively), num_bodies=1)[..., 0])


def test_a_ghost_of_one_frame_loses_against_an_actor():
    ghost = absent(9)
    ghost[3] = 100
    x = make(recording(ghost, body(9)), num_bodies=1)
    assert np.array_equal(x, make(recording(body(9)), num_bodies=1))


def test_bodies_keep_their_common_time():
    # The second comes with frame 4 of 8 and stays; its gap at frame 5 is bridged.
    early, late = body(8, 1) * 10, body(8, 2)
    late[:4] = np.nan
    late[5] = np.nan
    x = make(recording(early, late), num_frames=8)
    assert (x[:, :4, :, 1] == 0).all()
    whole = make(recording(early, body(8, 2)), num_frames=8)
    for frame in (4, 6, 7):
        assert np.allclose(x[:, frame, :, 1], whole[:, frame, :, 1], atol=1e-5)
    assert np.isfinite(x).all()
    assert (x[:, 5, :, 1] != 0).any()


def test_shoulders_in_line_with_the_vertical_leave_the_frame_as_it_is():
    xyz = body(6)
    xyz[:, LEFT] = xyz[:, RIGHT] + [0, 1, 0]
    expected = (xyz - xyz[:, CENTRE, None]).transpose(2, 0, 1)
    assert np.allclose(make(recording(xyz), num_frames=6)[..., 0], expected, atol=1e-5)


@pytest.mark.parametrize("clip", [absent(4), np.zeros((4, V, 3)), np.empty((0, V, 3))], ids=["NaN", "zero", "no frame"])
def test_a_clip_without_a_body_is_refused_with_the_reason(clip):
    with pytest.raises(DataError, match=f"no valid frame: none of {len(clip)} shows all 25 joints"):
        make(recording(clip))


def test_a_clip_of_one_frame_stands_still():
    x = make(recording(body(1)))[..., 0]
    assert (x == x[:, :1]).all()


def test_a_real_clip_has_the_size_of_a_person(real_data):
    file = next(real_data.glob("**/a1_s1_t1_skeleton.mat"))
    clip = read_skeleton(file)
    layout = LAYOUTS[clip.layout]
    x = make(clip, num_frames=50)[..., 0]
    right, left = layout.shoulders
    width = x[0, :, left] - x[0, :, right]
    assert 0.2 < np.median(width) < 0.6
    assert np.abs(x[2, :, left] - x[2, :, right]).max() < 1e-5
    height = x[1, :, layout.names.index("head")] - x[1, :, layout.names.index("foot_left")]
    assert 1.2 < np.median(height) < 2.1
    assert np.abs(x).max() < 2.5
