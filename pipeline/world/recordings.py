"""Recordings: which subject does what before which camera, and the files of it.

Every random draw is named by what it is for, so one more subject, class or camera leaves all other files as they were.
"""

# Shapes: M bodies, T frames, V joints, 3 = x y z.
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from pipeline.core.joints import NTU25
from pipeline.core.params import Params
from pipeline.core.seeds import derived_seed, generator
from pipeline.formats import ntu_skeleton
from pipeline.formats.shared import Skeleton
from pipeline.world import filming
from pipeline.world.actions import REPERTOIRES, Action
from pipeline.world.bodies import Sizes, sampled_body, sampled_style
from pipeline.world.cameras import Camera, Places, color_pixels, depth_pixels, ring, seen
from pipeline.world.film import Film
from pipeline.world.filming import Films
from pipeline.world.performances import idle, performed
from pipeline.world.poses import Array, placed, stood
from pipeline.world.sensors import blinked, jittered, kept_frames

Share = Annotated[float, Field(ge=0, lt=1)]
_SUBJECTS_PER_SETUP = 4
_KINECT_BODY = 1 << 56  # where Kinect's body ids begin


class World(Params):
    """A demo world in the native format of NTU RGB+D."""

    kind: Literal["bodies"]
    seed: int
    subjects: Annotated[int, Field(ge=1, le=999)]
    repetitions: Annotated[int, Field(ge=1, le=999)]
    cameras: Annotated[int, Field(ge=1, le=3)]
    repertoire: Literal["demo", "demo_gym", "demo_home"]  # the dataset whose class list is performed
    classes: Annotated[int, Field(ge=1)]  # the first so many of that list
    sizes: Sizes
    places: Places
    min_frames: Annotated[int, Field(ge=8)]
    max_frames: Annotated[int, Field(le=300)]
    noise_mm: Annotated[float, Field(ge=0)]
    dropped_frames: Share  # share of frames that are missing from the file
    empty_frames: Share  # share of frames without any body
    second_body: Annotated[float, Field(ge=0, le=1)]  # share of performances with a bystander
    films: Films | None  # null: skeletons alone

    @model_validator(mode="after")
    def _consistent(self) -> "World":
        if self.min_frames > self.max_frames:
            raise ValueError("min_frames is above max_frames")
        if self.classes > len(REPERTOIRES[self.repertoire]):
            raise ValueError(f"{self.repertoire} has {len(REPERTOIRES[self.repertoire])} classes")
        return self

    @property
    def actions(self) -> tuple[Action, ...]:
        """What is performed, by class id."""
        return REPERTOIRES[self.repertoire][: self.classes]


@dataclass(frozen=True)
class Performance:
    """One repetition of an action by a subject; all numbers but `class_id` count from 1."""

    subject: int
    repetition: int
    class_id: int

    @property
    def setup(self) -> int:
        """Number of the set-up (distance and height of the cameras) in which this subject was recorded."""
        return 1 + (self.subject - 1) // _SUBJECTS_PER_SETUP

    def recording(self, camera: int) -> str:
        """Name of what one camera records, by the rule of NTU RGB+D."""
        return f"S{self.setup:03d}C{camera:03d}P{self.subject:03d}R{self.repetition:03d}A{self.class_id + 1:03d}"


def performances(world: World) -> list[Performance]:
    """Everything that is performed, each once and before all cameras at the same time."""
    return [
        Performance(subject, repetition, class_id)
        for subject in range(1, world.subjects + 1)
        for repetition in range(1, world.repetitions + 1)
        for class_id in range(world.classes)
    ]


def is_filmed(world: World, performance: Performance) -> bool:
    """Whether camera 1 also films this performance."""
    who = (performance.subject, performance.repetition, performance.class_id)
    return world.films is not None and world.films.filmed(*who)


def record(world: World, performance: Performance, folder: Path) -> None:
    """Play one performance and write the skeleton file of each camera, and the film of the first."""
    bodies_MTV3 = played(world, performance)
    for number, camera in _cameras(world, performance):
        recording = performance.recording(number)
        xyz_MTV3, kept = _tracked(world, performance, number, camera, bodies_MTV3)
        pixels = (depth_pixels(xyz_MTV3), color_pixels(xyz_MTV3))
        ntu_skeleton.write(
            folder / f"{recording}.skeleton",
            _skeleton(world, performance, xyz_MTV3),
            *(xy_MTV2.astype(np.float32) for xy_MTV2 in pixels),
        )
        if number == 1 and world.films and is_filmed(world, performance):
            film = filming.take(world.films, bodies_MTV3[:, kept], camera, _film_draws(world, performance))
            filming.write(folder, recording, film, world.films.senses)


def all_senses(world: World, films: Films, performance: Performance) -> tuple[Skeleton, Film]:
    """What camera 1 records of one performance, as `record` writes it."""
    bodies_MTV3 = played(world, performance)
    number, camera = next(_cameras(world, performance))
    xyz_MTV3, kept = _tracked(world, performance, number, camera, bodies_MTV3)
    film = filming.take(films, bodies_MTV3[:, kept], camera, _film_draws(world, performance))
    return _skeleton(world, performance, xyz_MTV3), film


def played(world: World, performance: Performance) -> Array:
    """Joints of all bodies in world space, without noise; the performer is the first, NaN means out of the room."""
    rng = generator(_draw(world, performance, "play"))
    who = generator(world.seed, "subject", performance.subject)
    body, style = sampled_body(who, world.sizes), sampled_style(who)
    usual = rng.uniform(world.min_frames, world.max_frames + 1)
    num_frames = int(np.clip(usual * style.pace, world.min_frames, world.max_frames))
    pose = performed(world.actions[performance.class_id], style, num_frames, rng)
    # As in NTU RGB+D the subject faces camera 2 and camera 3 by turns: front, half and side views of every action.
    heading = (45.0 if performance.repetition % 2 else -45.0) + rng.normal(0.0, 8.0)
    left_m, front_m = rng.normal(0.0, 0.15, 2)
    performer = stood(placed(body, pose), heading_degrees=heading, left_m=left_m, front_m=front_m)
    if rng.random() >= world.second_body:
        return performer[None]
    return np.stack([performer, _bystander(world, num_frames, rng)])


def _tracked(
    world: World, performance: Performance, number: int, camera: Camera, bodies_MTV3: Array
) -> tuple[Array, npt.NDArray[np.intp]]:
    return tracked(world, camera, bodies_MTV3, generator(_draw(world, performance, "sensor", number)))


def _skeleton(world: World, performance: Performance, xyz_MTV3: Array) -> Skeleton:
    body_ids = tuple(_KINECT_BODY + _draw(world, performance, "body", m) % (1 << 20) for m in range(len(xyz_MTV3)))
    return Skeleton(NTU25.name, xyz_MTV3.astype(np.float32), body_ids)


def tracked(
    world: World, camera: Camera, bodies_MTV3: Array, rng: np.random.Generator
) -> tuple[Array, npt.NDArray[np.intp]]:
    """What one camera's tracker leaves of the bodies, in its own space, and which frames it kept."""
    xyz_MTV3 = jittered(seen(camera, bodies_MTV3), world.noise_mm, rng)
    kept = kept_frames(xyz_MTV3.shape[1], world.dropped_frames, rng)
    return blinked(xyz_MTV3[:, kept], world.empty_frames, rng), kept


def _bystander(world: World, num_frames: int, rng: np.random.Generator) -> Array:
    """Somebody who stands behind, for part of the time."""
    pose = idle(sampled_style(rng), num_frames, rng)
    side = rng.choice([-1.0, 1.0]) * rng.uniform(0.7, 1.1)
    xyz_TV3 = stood(
        placed(sampled_body(rng, world.sizes), pose),
        heading_degrees=rng.uniform(-90.0, 90.0),
        left_m=side,
        front_m=-rng.uniform(0.3, 1.0),
    )
    comes = rng.integers(0, num_frames // 2)
    goes = rng.integers(comes + num_frames // 4, num_frames + 1)
    xyz_TV3[:comes] = xyz_TV3[goes:] = np.nan
    return xyz_TV3


def _cameras(world: World, performance: Performance) -> Iterator[tuple[int, Camera]]:
    rng = generator(world.seed, "setup", performance.setup)
    cameras = ring(distance_m=rng.uniform(*world.places.distance_m), height_m=rng.uniform(*world.places.height_m))
    return ((number, camera) for number, camera in cameras.items() if number <= world.cameras)


def _film_draws(world: World, performance: Performance) -> filming.Draws:
    return filming.Draws(
        room=derived_seed(world.seed, "room", performance.setup),
        clothes=derived_seed(world.seed, "clothes", performance.subject),
        performance=_draw(world, performance, "film"),
    )


def _draw(world: World, performance: Performance, *purpose: str | int) -> int:
    who = (performance.subject, performance.repetition, performance.class_id)
    return derived_seed(world.seed, "performance", *who, *purpose)
