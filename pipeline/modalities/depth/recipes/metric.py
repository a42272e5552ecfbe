"""Depth in true units on a small grid: sampled, cropped, range-limited and averaged over the readings there are.

A pixel without a reading takes no part in any mean; a cell without a reading is 0 in every unit, which is no distance,
no nearness (as far as the range goes) and no disparity (infinitely far).
"""

# Shapes: T frames, H x W pixels, C = 1 channel, M bodies, V joints, 2 = x y in pixels, 3 = x y z.
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core import params
from pipeline.core.boxes import View
from pipeline.core.errors import DataError
from pipeline.core.sampling import Sampling
from pipeline.formats.shared import Footage
from pipeline.modalities.shared import on_grid, sampled

Box = tuple[slice, slice]


@dataclass(frozen=True)
class Sensor:
    """Picture size, pinhole intrinsics in pixels, reliable range in metres, base line that disparity assumes."""

    height: int
    width: int
    focal_px: float
    centre_x_px: float
    centre_y_px: float
    near_m: float
    far_m: float
    baseline_m: float

    def disparity_px(self, depth_m: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Shift of a point between two lenses a base line apart: focal length times base line over depth."""
        return np.asarray(np.float32(self.focal_px * self.baseline_m) / depth_m, np.float32)

    def pixels(self, xyz_3: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """x y in the depth picture of points in camera space (x with the picture, y up, z away)."""
        x = self.centre_x_px + self.focal_px * xyz_3[..., 0] / xyz_3[..., 2]
        y = self.centre_y_px - self.focal_px * xyz_3[..., 1] / xyz_3[..., 2]
        return np.stack([x, y], axis=-1)


# Kinect v1 finds depth from the disparity of a pattern projected 75 mm beside its camera; Kinect v2 measures the time
# of flight and has no base line, so that ImageBind's and Omnivore's disparity gives it the one of Kinect v1. Ranges are
# those Microsoft states for body tracking.
SENSORS = {
    "kinect_v1": Sensor(240, 320, 285.6, 160.0, 120.0, near_m=0.8, far_m=4.0, baseline_m=0.075),
    "kinect_v2": Sensor(424, 512, 365.0, 256.0, 212.0, near_m=0.5, far_m=4.5, baseline_m=0.075),
    "demo": Sensor(72, 96, 78.0, 48.0, 36.0, near_m=0.5, far_m=6.5, baseline_m=0.075),
}


class Params(params.Params):
    """Which frames, what size, what unit, and what part of the picture."""

    sampling: Sampling
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    sensor: Literal["kinect_v1", "kinect_v2", "demo"]
    unit: Literal["metres", "nearness", "disparity"]  # nearness: 1 at the near end of the range, 0 at the far end
    crop: Literal["none", "mask", "skeleton"]  # mask: where the release kept the body; skeleton: around its joints
    margin: float = Field(ge=0)  # of the box, in parts of its larger side


def prepare(footage: Footage, params: Params) -> npt.NDArray[np.float32]:
    """x_CTHW in the unit asked for, 0 where there is no reading. Raises DataError if there is none at all."""
    sensor = SENSORS[params.sensor]
    depth_mm_THW, indices = sampled(footage, params.sampling)
    rows, columns = _box(depth_mm_THW, footage, indices, params, sensor)
    depth_m_THW, known_THW = to_metres(depth_mm_THW[:, rows, columns], sensor)
    if not known_THW.any():
        raise DataError("no reading: every depth pixel is 0")
    x_THW = to_unit(depth_m_THW, params.unit, sensor)
    return on_grid(x_THW, params.height, params.width, known_THW)[None]


def view(footage: Footage, params: Params) -> View:
    """What of the recorded pictures `prepare` shows: the box that it crops to."""
    depth_mm_THW, indices = sampled(footage, params.sampling)
    rows, columns = _box(depth_mm_THW, footage, indices, params, SENSORS[params.sensor])
    return View(indices, rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)


def to_metres(depth_mm_THW: npt.NDArray[Any], sensor: Sensor) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Depth in metres, limited to the sensor's range, and where there is a reading (0 and 65535 are none)."""
    known_THW = (depth_mm_THW > 0) & (depth_mm_THW < np.iinfo(np.uint16).max)
    depth_m_THW = np.clip(depth_mm_THW.astype(np.float32) / 1000, sensor.near_m, sensor.far_m)
    return np.asarray(depth_m_THW, np.float32), known_THW


def to_unit(depth_m: npt.NDArray[np.float32], unit: str, sensor: Sensor) -> npt.NDArray[np.float32]:
    """Metres, nearness (linear in depth, 1 to 0 over the range) or disparity in pixels."""
    if unit == "metres":
        return depth_m
    if unit == "disparity":
        return sensor.disparity_px(depth_m)
    return np.asarray((sensor.far_m - depth_m) / (sensor.far_m - sensor.near_m), np.float32)


def _box(
    depth_mm_THW: npt.NDArray[Any], footage: Footage, indices: npt.NDArray[np.int64], params: Params, sensor: Sensor
) -> Box:
    """One box for the whole clip, so that a body that moves is seen to move."""
    height, width = depth_mm_THW.shape[1:]
    if params.crop == "none":
        return slice(0, height), slice(0, width)
    if params.crop == "mask":
        rows, columns = np.nonzero(depth_mm_THW.any(axis=0))
        points = np.stack([columns, rows], axis=1).astype(np.float64)
        points = np.concatenate([points, points + 1])
    else:
        points = joint_pixels(footage, indices, sensor, height, width)
    if not len(points):
        raise DataError("no body to crop to: no pixel is kept, or no joint is in the sampled frames")
    return around(points, height=height, width=width, margin=params.margin)


def joint_pixels(
    footage: Footage, indices: npt.NDArray[np.int64], sensor: Sensor, height: int, width: int
) -> npt.NDArray[np.float64]:
    """x y (K, 2) of the joints of all bodies in the sampled frames, scaled to the picture's true size."""
    if footage.skeleton is None:
        raise DataError("crop to the skeleton: the clip has none; ingest both or set crop to none")
    found = footage.skeleton.num_frames
    if found != footage.num_frames:
        raise DataError(f"frame counts differ: {footage.num_frames} of depth, {found} of the skeleton")
    xyz_MTV3 = footage.skeleton.xyz_MTV3[:, indices]
    xyz = xyz_MTV3[np.isfinite(xyz_MTV3).all(axis=-1) & (xyz_MTV3[..., 2] > 0)]
    return sensor.pixels(xyz) * (width / sensor.width, height / sensor.height)


def around(points_xy: npt.NDArray[np.float64], *, height: int, width: int, margin: float) -> Box:
    """Rows and columns of the box around points with a margin, cut at the picture's edge, at least one pixel."""
    low, high = points_xy.min(axis=0), points_xy.max(axis=0)
    pad = margin * (high - low).max()
    first = np.clip(np.floor(low - pad), 0, (width - 1, height - 1)).astype(int)
    last = np.clip(np.ceil(high + pad), first + 1, (width, height)).astype(int)
    return slice(int(first[1]), int(last[1])), slice(int(first[0]), int(last[0]))
