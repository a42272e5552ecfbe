"""Depth cameras, and the conversion of their millimetres."""

# Shapes: T frames, H x W pixels, 2 = x y in pixels, 3 = x y z.
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

SensorName = Literal["kinect_v1", "kinect_v2", "demo"]


@dataclass(frozen=True)
class Sensor:
    """Picture size, pinhole intrinsics in pixels, reliable range in metres, and the base line for disparity."""

    height: int
    width: int
    focal_px: float
    centre_x_px: float
    centre_y_px: float
    near_m: float
    far_m: float
    baseline_m: float

    def disparity_px(self, depth_m: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The shift of a point between two lenses a base line apart: focal length times base line over depth."""
        return np.asarray(np.float32(self.focal_px * self.baseline_m) / depth_m, np.float32)

    def pixels(self, xyz_3: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """x y, in the depth picture, of points in camera space (x as in the picture, y up, z away)."""
        x = self.centre_x_px + self.focal_px * xyz_3[..., 0] / xyz_3[..., 2]
        y = self.centre_y_px - self.focal_px * xyz_3[..., 1] / xyz_3[..., 2]
        return np.stack([x, y], axis=-1)


# Kinect v1 finds depth from the disparity of a pattern projected 75 mm beside its camera. Kinect v2 measures the time
# of flight and has no base line; for ImageBind's and Omnivore's disparity it gets that of Kinect v1. Ranges are those
# that Microsoft states for body tracking.
SENSORS = {
    "kinect_v1": Sensor(240, 320, 285.6, 160.0, 120.0, near_m=0.8, far_m=4.0, baseline_m=0.075),
    "kinect_v2": Sensor(424, 512, 365.0, 256.0, 212.0, near_m=0.5, far_m=4.5, baseline_m=0.075),
    "demo": Sensor(72, 96, 78.0, 48.0, 36.0, near_m=0.5, far_m=6.5, baseline_m=0.075),
}


def to_metres(depth_mm_THW: npt.NDArray[Any], sensor: Sensor) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Depth in metres, limited to the sensor's range, and which pixels have a reading (0 and 65535 are none)."""
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
