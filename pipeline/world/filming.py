"""Filming: the same performance as colour video, depth pictures and thermal video, in the layout of NTU RGB+D.

Film frame i of F shows what the skeleton file holds at frame (i + 1/2) T / F of its T frames.
"""

# Shapes: M bodies, T frames of the skeleton file, F frames of the film, V joints, 3 = x y z.
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from pipeline.core.params import Params
from pipeline.core.sampling import Sampling, frame_indices
from pipeline.core.seeds import generator
from pipeline.formats import depth_png, video
from pipeline.world.cameras import Camera
from pipeline.world.figures import Solids, dressed, prop, together
from pipeline.world.film import Film, display, filmed, furnished
from pipeline.world.poses import Array
from pipeline.world.rasterizer import Lens

_FRAMES_PER_SECOND = 10
_WITH_PROP = 0.5  # share of performances with something in a hand


class Films(Params):
    """What is filmed, by camera 1, and the size of the pictures."""

    skip: Annotated[int, Field(ge=0)]  # the first so many performances are not filmed: a film is some twenty files
    num_frames: Annotated[int, Field(ge=2)]
    height: Annotated[int, Field(ge=8)]
    width: Annotated[int, Field(ge=8)]
    focal_px: Annotated[float, Field(gt=0)]

    @property
    def lens(self) -> Lens:
        """The one lens that all three cameras look through."""
        return Lens(self.height, self.width, self.focal_px)


@dataclass(frozen=True)
class Draws:
    """Where the chance of one film comes from: the room is the setup's, the clothes are the subject's."""

    room: int
    clothes: int
    performance: int


def take(films: Films, bodies_MTV3: Array, camera: Camera, draws: Draws) -> Film:
    """Film bodies in world space; NaN means out of the room."""
    solids = _scene(bodies_MTV3, draws)
    shown = frame_indices(bodies_MTV3.shape[1], Sampling(num_frames=films.num_frames, stride=0, position=0.5))
    sampled = Solids(
        solids.start_TN3[shown], solids.stop_TN3[shown], solids.radius_N, solids.color_N3, solids.celsius_N
    )
    room = furnished(generator(draws.room, "room"))
    return filmed(sampled, room, camera, films.lens, generator(draws.performance, "film"))


def write(folder: Path, recording: str, film: Film) -> None:
    """The three files (depth: a folder) of one recording."""
    depth_png.write(folder / "nturgb+d_depth" / recording, film.depth_mm_THW)
    rgb, ir = folder / "nturgb+d_rgb" / f"{recording}_rgb.mp4", folder / "nturgb+d_ir" / f"{recording}_ir.avi"
    video.write(rgb, film.rgb_THW3, frames_per_second=_FRAMES_PER_SECOND, codec="libx264")
    video.write(ir, display(film.celsius_THW), frames_per_second=_FRAMES_PER_SECOND, codec="mpeg4")


def _scene(bodies_MTV3: Array, draws: Draws) -> Solids:
    performer, *others = bodies_MTV3
    rng = generator(draws.performance, "scene")
    parts = [dressed(performer, generator(draws.clothes, "clothes"))]
    if rng.random() < _WITH_PROP:
        parts.append(prop(performer, rng))
    return together([*parts, *(dressed(other, rng) for other in others)])
