import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import DataError
from pipeline.core.sampling import Sampling, frame_indices


def indices(num_recorded: int, num_frames: int, stride: int, position: float) -> list[int]:
    return frame_indices(num_recorded, Sampling(num_frames=num_frames, stride=stride, position=position)).tolist()


def test_a_window_moves_from_start_to_end():
    assert indices(20, 3, 6, 0.0) == [0, 6, 12]
    assert indices(20, 3, 6, 0.5) == [3, 9, 15]
    assert indices(20, 3, 6, 1.0) == [7, 13, 19]


def test_a_short_clip_repeats_its_last_frame():
    assert indices(4, 4, 2, 0.5) == [0, 2, 3, 3]


def test_spread_frames_lie_in_the_middle_of_equal_parts():
    assert indices(100, 4, 0, 0.5) == [12, 37, 62, 87]
    assert indices(2, 4, 0, 0.5) == [0, 0, 1, 1]


@given(st.integers(1, 500), st.integers(1, 40), st.integers(0, 12), st.floats(0, 1))
def test_indices_ascend_and_stay_inside(num_recorded, num_frames, stride, position):
    found = indices(num_recorded, num_frames, stride, position)
    assert len(found) == num_frames
    assert found == sorted(found)
    assert found[0] >= 0
    assert found[-1] < num_recorded


@pytest.mark.parametrize("case", [(0, 4, 0, 0.5), (9, 0, 0, 0.5), (9, 4, -1, 0.5), (9, 4, 1, 1.5)])
def test_what_cannot_be_sampled_is_refused(case):
    with pytest.raises(DataError):
        indices(*case)
