"""Cameras: where they stand, and where a point of the world lies in their space and in their two images.

Camera space is that of Kinect v2, in metres: x to the sensor's left (the right of a person who faces it), y up, z away
from the sensor. Pixels grow with x and fall with y.
"""

# Shapes: any leading axes, 2 = x y in pixels, 3 = x y z.
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import AfterValidator

from pipeline.core.params import Params
from pipeline.world.poses import Array

# Typical Kinect v2 intrinsics in pixels; the colour camera sits 52 mm beside the depth camera.
_DEPTH_FOCAL, _DEPTH_CENTRE = 366.0, (256.0, 212.0)
_COLOR_FOCAL, _COLOR_CENTRE = 1064.0, (960.0, 540.0)
_COLOR_OFFSET_M = 0.052


def _ascending(span: tuple[float, float]) -> tuple[float, float]:
    if not span[0] <= span[1]:
        raise ValueError("the first number of a range is above the second")
    return span


Range = Annotated[tuple[float, float], AfterValidator(_ascending)]


class Places(Params):
    """Where the set-ups of a world stand their cameras: distance from the middle, height above the floor."""

    distance_m: Range
    height_m: Range


@dataclass(frozen=True)
class Camera:
    """A level camera that looks at the vertical axis through the middle of the world.

    `azimuth_degrees` is where it stands: 0 in front of a body that is not turned, positive to that body's left.
    """

    azimuth_degrees: float
    distance_m: float
    height_m: float


def ring(distance_m: float, height_m: float) -> dict[int, Camera]:
    """The three cameras of a set-up as NTU RGB+D places them: 1 in the middle, 2 and 3 at 45 degrees to its sides."""
    return {number: Camera(azimuth, distance_m, height_m) for number, azimuth in ((1, 0.0), (2, 45.0), (3, -45.0))}


def seen(camera: Camera, xyz_world_3: Array) -> Array:
    """World space to camera space."""
    angle = np.deg2rad(camera.azimuth_degrees)
    towards_3 = np.array([np.sin(angle), 0.0, np.cos(angle)])  # from the middle to the camera
    up_3 = np.array([0.0, 1.0, 0.0])
    left_3 = np.cross(up_3, -towards_3)
    from_camera_3 = xyz_world_3 - (camera.distance_m * towards_3 + camera.height_m * up_3)
    return np.asarray(from_camera_3 @ np.stack([left_3, up_3, -towards_3], axis=1))


def depth_pixels(xyz_3: Array) -> Array:
    """Camera space to x y in the 512 x 424 depth image."""
    return _projected(xyz_3, _DEPTH_FOCAL, _DEPTH_CENTRE)


def color_pixels(xyz_3: Array) -> Array:
    """Camera space to x y in the 1920 x 1080 colour image."""
    return _projected(xyz_3 + np.array([_COLOR_OFFSET_M, 0.0, 0.0]), _COLOR_FOCAL, _COLOR_CENTRE)


def _projected(xyz_3: Array, focal: float, centre: tuple[float, float]) -> Array:
    return np.asarray(centre + focal * np.array([1.0, -1.0]) * xyz_3[..., :2] / xyz_3[..., 2:])
