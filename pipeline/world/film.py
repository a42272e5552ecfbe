"""Film: what a depth camera, a colour camera and a thermal camera see of the same solids, pixel by pixel aligned.

All three look through one lens, so a pixel of one is the same pixel of the others (real rigs need a calibration).
"""

# Shapes: T frames, H x W pixels, N solids, P planes, 3 = x y z or r g b, 4 = plane.
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core.boxes import Boxes
from pipeline.core.params import Params
from pipeline.world.cameras import Camera, Range, seen
from pipeline.world.figures import Solids
from pipeline.world.poses import Array
from pipeline.world.rasterizer import Capsules, Lens, Surfaces, surfaces

_DEPTH_RANGE_M = (0.5, 8.0)
_ROOM_CELSIUS = 20.0
_DISPLAY_CELSIUS = (16.0, 38.0)  # what the 8-bit thermal picture spans
_ABSOLUTE_ZERO = -273.15
_FEWEST_PIXELS = 6  # of a thing that gets a box


@dataclass(frozen=True, eq=False)
class Room:
    """Floor (y = 0), a wall behind the middle of the world, and a lamp: `towards_lamp_3` is a unit vector."""

    wall_behind_m: float
    floor_color_3: Array
    wall_color_3: Array
    towards_lamp_3: Array


@dataclass(frozen=True, eq=False)
class Film:
    """One clip in three senses: depth uint16 millimetres (0 = no reading), colour uint8, temperature Celsius.

    `boxes` are those of the people and things as far as they are seen, whole pixels.
    """

    depth_mm_THW: npt.NDArray[np.uint16]
    rgb_THW3: npt.NDArray[np.uint8]
    celsius_THW: npt.NDArray[np.float32]
    boxes: Boxes


class Rooms(Params):
    """What the rooms of a world have in common; floors and walls are rgb, 0 to 1, times a brightness from the range."""

    wall_behind_m: Range
    floor_brightness: Range
    floor_tint: tuple[float, float, float]
    wall_brightness: Range
    wall_tint: tuple[float, float, float]
    things: Annotated[int, Field(ge=0, le=50)]  # what stands or lies about along the wall


def furnished(rng: np.random.Generator, rooms: Rooms) -> Room:
    """A room whose wall, colours and lamp `rng` chooses."""
    lamp = np.array([rng.uniform(-0.8, 0.8), 1.0, rng.uniform(-1.0, -0.3)])
    return Room(
        wall_behind_m=float(rng.uniform(*rooms.wall_behind_m)),
        floor_color_3=rng.uniform(*rooms.floor_brightness) * rng.uniform(0.85, 1.0, 3) * rooms.floor_tint,
        wall_color_3=rng.uniform(*rooms.wall_brightness) * rng.uniform(0.85, 1.0, 3) * rooms.wall_tint,
        towards_lamp_3=lamp / np.linalg.norm(lamp),
    )


def filmed(solids: Solids, room: Room, camera: Camera, lens: Lens, rng: np.random.Generator) -> Film:
    """Solids in world space as one camera films them, with the noise of its sensors."""
    start_TN3, stop_TN3 = (seen(camera, xyz_TN3) for xyz_TN3 in (solids.start_TN3, solids.stop_TN3))
    floor, wall = (0.0, 1.0, 0.0, -camera.height_m), (0.0, 0.0, 1.0, camera.distance_m + room.wall_behind_m)
    view = surfaces(lens, Capsules(start_TN3, stop_TN3, solids.radius_N), np.array([floor, wall]))
    return Film(
        depth_mm_THW=_depth_mm(view, rng),
        rgb_THW3=_rgb(view, solids, room, lens, rng),
        celsius_THW=_celsius(view, solids, rng),
        boxes=_boxes(view.solid_THW, solids),
    )


def display(celsius_THW: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """The 8-bit picture a thermal camera shows."""
    low, high = _DISPLAY_CELSIUS
    return np.asarray(np.rint(255 * np.clip((celsius_THW - low) / (high - low), 0, 1)), np.uint8)


def centikelvin(celsius_THW: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """The 16-bit counts of a radiometric camera: hundredths of a kelvin."""
    return np.rint(100 * (celsius_THW.astype(np.float64) - _ABSOLUTE_ZERO)).astype(np.uint16)


def _boxes(solid_THW: npt.NDArray[np.int16], solids: Solids) -> Boxes:
    """The boxes around the pixels that show a person or thing, where there are some; frame by frame."""
    thing_of = np.append(solids.thing_N, [-1, -1, -1])  # floor, wall and, as -1, nothing
    thing_THW = thing_of[solid_THW]
    boxes: list[tuple[int, int, list[int]]] = []
    for thing in range(len(solids.things)):
        shown_THW = thing_THW == thing
        for frame in np.flatnonzero(shown_THW.sum(axis=(1, 2)) >= _FEWEST_PIXELS).tolist():
            columns, rows = (np.flatnonzero(shown_THW[frame].any(axis=axis)) for axis in (0, 1))
            corners = [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]
            boxes.append((frame, thing, corners))
    boxes.sort()
    return Boxes(
        np.array([frame for frame, _, _ in boxes], np.int64),
        np.array([corners for _, _, corners in boxes], np.float32).reshape(-1, 4),
        tuple(solids.things[thing] for _, thing, _ in boxes),
    )


def _depth_mm(view: Surfaces, rng: np.random.Generator) -> npt.NDArray[np.uint16]:
    """Noise grows with the square of the distance; some readings at edges and a few elsewhere are missing."""
    z_THW = view.z_THW
    sigma = 0.0015 * (np.minimum(z_THW, 10) / 3) ** 2
    z_noisy = z_THW + sigma * rng.standard_normal(z_THW.shape, dtype=np.float32)
    lost = rng.random(z_THW.shape, dtype=np.float32)
    missing = lost < np.where(_edges(view), np.float32(0.35), np.float32(0.003))
    near, far = _DEPTH_RANGE_M
    missing |= (z_THW < near) | (z_THW > far)
    return np.where(missing, 0, np.rint(1000 * np.minimum(z_noisy, 60))).astype(np.uint16)


def _edges(view: Surfaces) -> npt.NDArray[np.bool_]:
    """Pixels beside another solid that is much nearer or farther."""
    edge_THW = np.zeros(view.z_THW.shape, bool)
    for axis in (1, 2):
        with np.errstate(invalid="ignore"):
            jump = np.abs(np.diff(view.z_THW, axis=axis)) > 0.15
        jump &= np.diff(view.solid_THW, axis=axis) != 0
        low, high = ((slice(None),) * axis + (part,) for part in (slice(None, -1), slice(1, None)))
        edge_THW[low] |= jump
        edge_THW[high] |= jump
    return edge_THW


def _rgb(view: Surfaces, solids: Solids, room: Room, lens: Lens, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Matt surfaces under one lamp and light from all sides; the floor is tiled so that its slope can be seen."""
    colors = np.concatenate([solids.color_N3, room.floor_color_3[None], room.wall_color_3[None], np.zeros((1, 3))])
    albedo_THW3 = colors.astype(np.float32)[view.solid_THW]
    floor = view.solid_THW == len(solids.radius_N)
    tile = (np.floor(2 * lens.rays_HW2()[..., 0] * view.z_THW) + np.floor(2 * view.z_THW)) % 2
    albedo_THW3 *= np.where(floor & (tile == 1), np.float32(0.8), np.float32(1))[..., None]
    shade_THW = 0.45 + 0.55 * np.clip(view.normal_THW3 @ room.towards_lamp_3.astype(np.float32), 0, 1)
    noise_THW = 0.015 * rng.standard_normal(shade_THW.shape, dtype=np.float32)
    picture = albedo_THW3 * shade_THW[..., None] + noise_THW[..., None]
    return np.asarray(np.rint(255 * np.clip(picture, 0, 1) ** np.float32(1 / 2.2)), np.uint8)


def _celsius(view: Surfaces, solids: Solids, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Warm bodies before a cool room; surfaces seen at a grazing angle look cooler, optics blur over three pixels."""
    warmth = np.concatenate([solids.celsius_N, [_ROOM_CELSIUS - 0.5, _ROOM_CELSIUS, _ROOM_CELSIUS]]).astype(np.float32)
    surface_THW = warmth[view.solid_THW]
    frontal_THW = np.clip(-view.normal_THW3[..., 2], 0, 1)
    surface_THW += (surface_THW - _ROOM_CELSIUS) * np.float32(0.15) * (frontal_THW - 1)
    for axis in (1, 2):
        surface_THW = _blurred(surface_THW, axis)
    return surface_THW + np.float32(0.1) * rng.standard_normal(surface_THW.shape, dtype=np.float32)


def _blurred(picture_THW: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    """Means of three neighbours with weights 1, 2, 1; the border repeats."""
    padded = np.pad(picture_THW, [(0, 0) if a != axis else (1, 1) for a in range(3)], mode="edge")
    first, middle, last = (
        np.take(padded, range(start, start + picture_THW.shape[axis]), axis=axis) for start in range(3)
    )
    return np.asarray((first + 2 * middle + last) / 4, np.float32)
