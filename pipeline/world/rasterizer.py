"""From solids to pictures: exact rays against capsules and planes, nearest one wins, vectorised over a clip's frames.

Camera space as Kinect gives it: x to the right of the picture, y up, z away from the lens, metres. A pixel looks along
(u - cx) / f, (cy - v) / f, 1. Depth is z, as depth sensors report it, not the length of the ray.
"""

# Shapes: T frames, N capsules, P planes, H x W pixels, 2 = x y, 3 = x y z, 4 = a b c d of a x + b y + c z = d.
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Lens:
    """A pinhole: picture size and focal length in pixels; the axis goes through the middle of the picture."""

    height: int
    width: int
    focal_px: float

    def rays_HW2(self) -> Array:  # noqa: N802 - a shape suffix
        """x / z and y / z of what each pixel's middle looks at."""
        x_W = (np.arange(self.width) + 0.5 - self.width / 2) / self.focal_px
        y_H = (self.height / 2 - np.arange(self.height) - 0.5) / self.focal_px
        return np.stack(np.broadcast_arrays(x_W[None, :], y_H[:, None]), axis=-1).astype(np.float32)

    def pixels(self, xyz: npt.NDArray[Any]) -> Points:
        """Column and row (..., 2) of points (..., 3); the middle of the first pixel is at .5."""
        column = self.width / 2 + self.focal_px * xyz[..., 0] / xyz[..., 2]
        row = self.height / 2 - self.focal_px * xyz[..., 1] / xyz[..., 2]
        return np.stack([column, row], axis=-1)


@dataclass(frozen=True, eq=False)
class Capsules:
    """Round sticks from `start` to `stop`; a ball where both are one point. A NaN end hides it in that frame."""

    start_TN3: Points
    stop_TN3: Points
    radius_N: Points


@dataclass(frozen=True, eq=False)
class Surfaces:
    """What each pixel sees: z in metres (inf for nothing), which solid (capsules, then planes, -1 nothing), normal."""

    z_THW: Array
    solid_THW: Ids
    normal_THW3: Array


def surfaces(lens: Lens, capsules: Capsules, planes_P4: Points) -> Surfaces:
    """Nearest surface of every pixel; a plane is seen from either side."""
    rays_HW2 = lens.rays_HW2()
    num_frames, num_capsules = capsules.start_TN3.shape[:2]
    z_THW = np.full((num_frames, lens.height, lens.width), np.inf, np.float32)
    solid_THW = np.full(z_THW.shape, -1, np.int16)
    for index, plane in enumerate(planes_P4, num_capsules):
        _nearer(z_THW, solid_THW, _plane_z(rays_HW2, plane)[None], index)
    for index in range(num_capsules):
        start_T3, stop_T3 = capsules.start_TN3[:, index], capsules.stop_TN3[:, index]
        rows, columns = _window(lens, start_T3, stop_T3, float(capsules.radius_N[index]))
        part = (slice(None), rows, columns)
        if z_THW[part].size:
            depth = _capsule_z(rays_HW2[rows, columns], start_T3, stop_T3, float(capsules.radius_N[index]))
            _nearer(z_THW[part], solid_THW[part], depth, index)
    return Surfaces(z_THW, solid_THW, _normals(rays_HW2, z_THW, solid_THW, capsules, planes_P4))


def _nearer(z_THW: Array, solid_THW: Ids, found_THW: Array, index: int) -> None:
    closer_THW = found_THW < z_THW
    np.copyto(z_THW, found_THW, where=closer_THW)
    np.copyto(solid_THW, np.int16(index), where=closer_THW)


def _plane_z(rays_HW2: Array, plane: Points) -> Array:
    towards_HW = rays_HW2 @ plane[:2].astype(np.float32) + np.float32(plane[2])
    with np.errstate(divide="ignore", invalid="ignore"):
        z_HW = np.float32(plane[3]) / towards_HW
    return np.where(z_HW > 0, z_HW, np.float32(np.inf))


def _window(lens: Lens, start_T3: Points, stop_T3: Points, radius: float) -> tuple[slice, slice]:
    """The part of the picture in which a capsule can be seen in any frame: projections of its bounding boxes."""
    low_T3, high_T3 = np.minimum(start_T3, stop_T3) - radius, np.maximum(start_T3, stop_T3) + radius
    seen_T = np.isfinite(low_T3).all(axis=1) & (high_T3[:, 2] > 0)
    if not seen_T.any():
        return slice(0, 0), slice(0, 0)
    if (low_T3[seen_T, 2] <= 0.05).any():  # reaches the lens: anything can be covered
        return slice(0, lens.height), slice(0, lens.width)
    corners = np.stack([np.where(bits, low_T3[seen_T], high_T3[seen_T]) for bits in np.ndindex(2, 2, 2)])
    pixels = lens.pixels(corners).reshape(-1, 2)
    first, last = np.floor(pixels.min(axis=0)).astype(int), np.ceil(pixels.max(axis=0)).astype(int)
    return slice(max(0, first[1]), max(0, last[1])), slice(max(0, first[0]), max(0, last[0]))


def _capsule_z(rays_HW2: Array, start_T3: Points, stop_T3: Points, radius: float) -> Array:
    """z (T, H, W) of the first hit of each ray with a capsule, inf where it misses (or the capsule is hidden)."""
    axis_T3 = stop_T3 - start_T3
    axis_ray, start_ray = _dot(rays_HW2, axis_T3), _dot(rays_HW2, start_T3)
    ray_ray = (rays_HW2**2).sum(axis=-1) + np.float32(1)
    axis_axis, axis_start, start_start = (
        _column((a * b).sum(axis=1)) for a, b in ((axis_T3, axis_T3), (axis_T3, start_T3), (start_T3, start_T3))
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        # The side: z where a ray's distance from the axis is the radius (a z^2 - 2 b z + c = 0).
        a = axis_axis * ray_ray - axis_ray**2
        b = axis_axis * start_ray - axis_start * axis_ray
        c = axis_axis * (start_start - np.float32(radius**2)) - axis_start**2
        z_side = (b - np.sqrt(b * b - a * c)) / a
        along = z_side * axis_ray - axis_start
        on_side = (along >= 0) & (along <= axis_axis) & (z_side > 0)
        z_THW = np.where(on_side, z_side, np.float32(np.inf))
        for centre_T3 in (start_T3, stop_T3):
            centre_ray = _dot(rays_HW2, centre_T3)
            rest = _column((centre_T3**2).sum(axis=1) - radius**2)
            z_cap = (centre_ray - np.sqrt(centre_ray**2 - ray_ray * rest)) / ray_ray
            np.copyto(z_THW, z_cap, where=(z_cap > 0) & (z_cap < z_THW))
    return np.asarray(z_THW)


def _dot(rays_HW2: Array, vector_T3: Points) -> Array:
    x, y, z = (vector_T3[:, i, None, None].astype(np.float32) for i in range(3))
    return np.asarray(rays_HW2[..., 0] * x + rays_HW2[..., 1] * y + z)


def _column(value_T: Points) -> Array:
    return value_T.astype(np.float32)[:, None, None]


def _normals(rays_HW2: Array, z_THW: Array, solid_THW: Ids, capsules: Capsules, planes_P4: Points) -> Array:
    """Unit vectors away from the surface, towards the lens; zero where a pixel sees nothing."""
    num_capsules = capsules.start_TN3.shape[1]
    normal_THW3 = np.zeros((*z_THW.shape, 3), np.float32)
    for index, plane in enumerate(planes_P4, num_capsules):
        # The lens is at the origin, so the side it sees is given by the sign of d.
        normal_THW3[solid_THW == index] = -np.sign(plane[3]) * plane[:3] / np.linalg.norm(plane[:3])
    frame, row, column = np.nonzero((solid_THW >= 0) & (solid_THW < num_capsules))
    solid = solid_THW[frame, row, column]
    start = capsules.start_TN3[frame, solid].astype(np.float32)
    axis = capsules.stop_TN3[frame, solid].astype(np.float32) - start
    ray = np.concatenate([rays_HW2[row, column], np.ones((len(row), 1), np.float32)], axis=1)
    from_start = ray * z_THW[frame, row, column, None] - start
    length = np.maximum((axis**2).sum(axis=1), np.float32(1e-12))
    share = np.clip((from_start * axis).sum(axis=1) / length, 0, 1)
    radius = capsules.radius_N.astype(np.float32)[solid, None]
    normal_THW3[frame, row, column] = (from_start - share[:, None] * axis) / radius
    return normal_THW3
