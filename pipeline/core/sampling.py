"""Which frames of a clip are looked at: pure index arithmetic, shared by every modality that is filmed."""

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.core.params import Params


class Sampling(Params):
    """How many frames, how far apart, and where.

    `stride` 0 spreads the frames over the whole clip: the clip is cut in `num_frames` equal parts and `position` (0 to
    1) says where in its part a frame lies (.5 = middle, the usual segment sampling of CLIP-style models). A `stride` of
    1 or more takes frames that far apart, and `position` places the window in the clip (0 = start, .5 = centre,
    1 = end; ResT: 16 frames, stride 6).
    """

    num_frames: int
    stride: int
    position: float


def frame_indices(num_recorded: int, sampling: Sampling) -> npt.NDArray[np.int64]:
    """Ascending 0-based indices (num_frames,) into a clip of `num_recorded` frames.

    A clip shorter than the window repeats its last frame (stride >= 1) or its neighbours (stride 0). Raises DataError
    for an empty clip and for sampling that is out of range.

    >>> frame_indices(10, Sampling(num_frames=4, stride=2, position=0.5)).tolist()
    [1, 3, 5, 7]
    >>> frame_indices(8, Sampling(num_frames=4, stride=0, position=0.5)).tolist()
    [1, 3, 5, 7]
    """
    count, stride = sampling.num_frames, sampling.stride
    if num_recorded < 1:
        raise DataError("a clip without frames cannot be sampled")
    if count < 1 or stride < 0 or not 0 <= sampling.position <= 1:
        raise DataError(f"sampling needs num_frames >= 1, stride >= 0 and position in 0..1, found {sampling!r}")
    steps = np.arange(count)
    if stride == 0:
        places = np.floor((steps + sampling.position) * num_recorded / count).astype(np.int64)
    else:
        spare = max(0, num_recorded - ((count - 1) * stride + 1))
        places = int(sampling.position * spare) + steps * stride
    return np.minimum(places, num_recorded - 1).astype(np.int64)


def num_nonempty_frames(x_CT: npt.NDArray[np.floating]) -> int:
    """Number of frames (axis 1) up to the last one that is not 0 throughout."""
    others = tuple(axis for axis in range(x_CT.ndim) if axis != 1)
    nonempty = np.flatnonzero((x_CT != 0).any(axis=others))
    return int(nonempty[-1]) + 1 if len(nonempty) else 0
