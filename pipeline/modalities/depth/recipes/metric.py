"""Depth in physical units on a small grid: sampled, cropped, limited to a range and averaged over the readings.

Pixels without a reading are left out of the means. A cell without any reading is 0 in every unit: no distance, the
least nearness, or the disparity of something infinitely far.
"""

# Shapes: T frames, H x W pixels, C = 1 channel, M bodies, V joints, 2 = x y in pixels, 3 = x y z.
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core.boxes import View
from pipeline.core.errors import DataError
from pipeline.formats.shared import Footage
from pipeline.modalities.depth.recipes.shared import SENSORS, Sensor, SensorName, to_metres, to_unit
from pipeline.modalities.shared import GridParams, on_grid, sampled

Box = tuple[slice, slice]


class Params(GridParams):
    """Also the sensor, the unit, and the part of the picture."""

    sensor: SensorName
    unit: Literal["metres", "nearness", "disparity"]  # nearness: 1 at the near end of the range, 0 at the far end
    crop: Literal["none", "mask", "skeleton"]  # mask: where the release kept the body; skeleton: around its joints
    margin: float = Field(ge=0)  # around the box, as a fraction of its larger side


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
    """The part of the recorded pictures that `prepare` keeps: the box that it crops to."""
    depth_mm_THW, indices = sampled(footage, params.sampling)
    rows, columns = _box(depth_mm_THW, footage, indices, params, SENSORS[params.sensor])
    return View(indices, rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)


def _box(
    depth_mm_THW: npt.NDArray[Any], footage: Footage, indices: npt.NDArray[np.int64], params: Params, sensor: Sensor
) -> Box:
    """One box for the whole clip, so that the movement of a body stays visible."""
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
    num_frames = footage.skeleton.num_frames
    if num_frames != footage.num_frames:
        raise DataError(f"frame counts differ: {footage.num_frames} of depth, {num_frames} of the skeleton")
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
