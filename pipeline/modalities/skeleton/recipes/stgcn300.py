"""The input of the original ST-GCN: the first recorded bodies, padded with zeros to 300 frames, otherwise unchanged.

After Yan, Xiong, Lin 2018: the preprocessing of its released code (tools/ntu_gendata.py). The network normalises.
"""

# Shapes: M bodies, T frames as recorded, F frames of the result, V joints, C = 3 coordinates.
import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core import params
from pipeline.core.errors import DataError
from pipeline.formats.shared import Skeleton


class Params(params.Params):
    """Size of the result."""

    num_frames: int = Field(ge=1)
    num_bodies: int = Field(ge=1)


def prepare(recording: Skeleton, params: Params) -> npt.NDArray[np.float32]:
    """x_CFVM: frames beyond `num_frames` are cut off, absent bodies and missing coordinates are zero."""
    xyz_MTV3 = np.nan_to_num(recording.xyz_MTV3[: params.num_bodies, : params.num_frames], nan=0.0)
    if not xyz_MTV3.any():
        raise DataError(f"no valid frame: the first {params.num_bodies} bodies are in none of the first frames")
    num_bodies, num_frames, num_joints = xyz_MTV3.shape[:3]
    x_CFVM = np.zeros((3, params.num_frames, num_joints, params.num_bodies), np.float32)
    x_CFVM[:, :num_frames, :, :num_bodies] = xyz_MTV3.transpose(3, 1, 2, 0)
    return x_CFVM
