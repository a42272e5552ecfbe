"""Filming: the same performance as colour video, depth pictures and thermal video, in the layout of NTU RGB+D.

Film frame i of F shows what the skeleton file holds at frame (i + 1/2) T / F of its T frames.
"""

# Shapes: M bodies, T frames of the skeleton file, F frames of the film, V joints, 3 = x y z.
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.params import Params
from pipeline.core.sampling import Sampling, frame_indices
from pipeline.core.seeds import generator
from pipeline.formats import boxes, depth_png, thermal_png, video
from pipeline.world.cameras import Camera
from pipeline.world.figures import Solids, dressed, furniture, prop, together
from pipeline.world.film import Film, Rooms, centikelvin, display, filmed, furnished
from pipeline.world.poses import Array
from pipeline.world.rasterizer import Lens

_FRAMES_PER_SECOND = 10
_WITH_PROP = 0.5  # share of performances with something in a hand


class Unfilmed(Params):
    """Performances that are not filmed: those of these subjects, repetitions and classes; null: all."""

    subjects: list[int] | None
    repetitions: list[int] | None
    classes: list[int] | None


class Films(Params):
    """What is filmed, by camera 1, in which senses, where, and the size of the pictures."""

    senses: Annotated[list[Literal["boxes", "depth", "radiometric", "thermal", "video"]], Field(min_length=1)]
    unfilmed: list[Unfilmed]  # a film in all senses is some twenty files
    rooms: Rooms
    num_frames: Annotated[int, Field(ge=2)]
    height: Annotated[int, Field(ge=8)]
    width: Annotated[int, Field(ge=8)]
    focal_px: Annotated[float, Field(gt=0)]

    @property
    def lens(self) -> Lens:
        """The one lens that all three cameras look through."""
        return Lens(self.height, self.width, self.focal_px)

    def filmed(self, subject: int, repetition: int, class_id: int) -> bool:
        """Whether a performance is filmed."""
        return not any(
            all(
                some is None or number in some
                for some, number in (
                    (left_out.subjects, subject),
                    (left_out.repetitions, repetition),
                    (left_out.classes, class_id),
                )
            )
            for left_out in self.unfilmed
        )


@dataclass(frozen=True)
class Draws:
    """Where the chance of one film comes from: the room is the setup's, the clothes are the subject's."""

    room: int
    clothes: int
    performance: int


def take(films: Films, bodies_MTV3: Array, camera: Camera, draws: Draws) -> Film:
    """Film bodies in world space; NaN means out of the room."""
    room = furnished(generator(draws.room, "room"), films.rooms)
    things = furniture(bodies_MTV3.shape[1], films.rooms.things, room.wall_behind_m, generator(draws.room, "furniture"))
    solids = together([_scene(bodies_MTV3, draws), things])
    shown = frame_indices(bodies_MTV3.shape[1], Sampling(num_frames=films.num_frames, stride=0, position=0.5))
    sampled = replace(solids, start_TN3=solids.start_TN3[shown], stop_TN3=solids.stop_TN3[shown])
    return filmed(sampled, room, camera, films.lens, generator(draws.performance, "film"))


def write(folder: Path, recording: str, film: Film, senses: Collection[str]) -> None:
    """One file a sense (depth: a folder) of one recording."""
    if "boxes" in senses:
        boxes.write(folder / "nturgb+d_boxes" / f"{recording}_boxes.csv", film.boxes)
    if "depth" in senses:
        depth_png.write(folder / "nturgb+d_depth" / recording, film.depth_mm_THW)
    if "video" in senses:
        path = folder / "nturgb+d_rgb" / f"{recording}_rgb.mp4"
        video.write(path, film.rgb_THW3, frames_per_second=_FRAMES_PER_SECOND, codec="libx264")
    if "radiometric" in senses:
        thermal_png.write(folder / "nturgb+d_ir16" / recording, centikelvin(film.celsius_THW))
    if "thermal" in senses:
        path = folder / "nturgb+d_ir" / f"{recording}_ir.avi"
        video.write(path, display(film.celsius_THW), frames_per_second=_FRAMES_PER_SECOND, codec="mpeg4")


def _scene(bodies_MTV3: Array, draws: Draws) -> Solids:
    performer, *others = bodies_MTV3
    rng = generator(draws.performance, "scene")
    parts = [dressed(performer, generator(draws.clothes, "clothes"))]
    if rng.random() < _WITH_PROP:
        parts.append(prop(performer, rng))
    return together([*parts, *(dressed(other, rng) for other in others)])
