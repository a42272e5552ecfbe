"""The input of CTR-GCN: without noise bodies, the main actor first, centred on its first frame, 64 frames.

After Chen et al. 2021: the preprocessing and test-time feeder of its released code (data/ntu, feeders/tools.py). Bodies
of at most 11 frames and bodies that are mostly wider than tall are dropped. The middle of the main actor's spine in the
first frame becomes the origin. The middle 95 % of the clip is stretched to 64 frames. The random crop and rotation of
training are left out.
"""

# Shapes: M bodies, T frames as recorded, F frames of the result, V joints, C = 3 coordinates.
import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core import joints, params
from pipeline.core.errors import DataError
from pipeline.formats.shared import Skeleton

Floats = npt.NDArray[np.float64]
_SHORTEST_BODY = 12
_WIDEST = 0.8  # a frame is valid if the joints' spread in x is at most this share of that in y
_MAX_INVALID = 0.69754
_ORIGINS = ("spine_mid", "spine", "neck", "nose")  # the first of these that a layout has, else its centre


class Params(params.Params):
    """Size of the result, and the share of the clip, around its middle, that is used (.95 when testing)."""

    num_frames: int = Field(ge=2)
    num_bodies: int = Field(ge=1)
    share: float = Field(gt=0, le=1)


def prepare(recording: Skeleton, params: Params) -> npt.NDArray[np.float32]:
    """x_CFVM; a body is zero where it is absent. Raises DataError if no body is left."""
    xyz_MTV3 = np.nan_to_num(recording.xyz_MTV3.astype(np.float64))
    bodies = [body for body in range(len(xyz_MTV3)) if _is_actor(xyz_MTV3[body], alone=len(xyz_MTV3) == 1)]
    if not bodies:
        raise DataError("no valid frame: every body is too short or wider than tall")
    order = sorted((-_motion(xyz_MTV3[body]), body) for body in bodies)[: params.num_bodies]
    actors_MTV3 = np.zeros((params.num_bodies, *xyz_MTV3.shape[1:]))
    actors_MTV3[: len(order)] = xyz_MTV3[[body for _, body in order]]
    actors_MTV3 = actors_MTV3[:, actors_MTV3.any(axis=(0, 2, 3))]
    layout = joints.find(recording.layout)
    origin = next((layout.names.index(name) for name in _ORIGINS if name in layout.names), layout.centre)
    centre_3 = actors_MTV3[0, int(actors_MTV3[0].any(axis=(1, 2)).argmax()), origin]
    present = np.asarray(actors_MTV3.any(axis=(2, 3)))[..., None, None]
    moved = np.where(present, actors_MTV3 - centre_3, 0.0)
    return _stretched(moved, params).transpose(3, 1, 2, 0).astype(np.float32)


def _is_actor(xyz_TV3: Floats, *, alone: bool) -> bool:
    seen = xyz_TV3[xyz_TV3.any(axis=(1, 2))]
    if not len(seen) or alone:
        return len(seen) > 0  # the released code denoises only where there are several bodies
    spread = np.ptp(seen, axis=1)
    invalid = (spread[:, 0] > _WIDEST * spread[:, 1]).mean()
    return len(seen) >= _SHORTEST_BODY and float(invalid) < _MAX_INVALID


def _motion(xyz_TV3: Floats) -> float:
    """The sum of the variances of all joints' coordinates over the frames with the body."""
    seen = xyz_TV3[xyz_TV3.any(axis=(1, 2))]
    return float(seen.var(axis=0).sum())


def _stretched(xyz_MTV3: Floats, params: Params) -> Floats:
    """The middle of the clip, linearly interpolated at frame centres, as in resizing a picture."""
    num_recorded = xyz_MTV3.shape[1]
    num_cut = max(1, int(num_recorded * params.share))
    first = (num_recorded - num_cut) // 2
    times = first + np.clip((np.arange(params.num_frames) + 0.5) * num_cut / params.num_frames - 0.5, 0, num_cut - 1)
    before = np.floor(times).astype(int)
    after = np.minimum(before + 1, first + num_cut - 1)
    share = (times - before)[:, None, None]
    return np.asarray(xyz_MTV3[:, before] * (1 - share) + xyz_MTV3[:, after] * share)
