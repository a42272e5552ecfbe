"""A small stand-in for image-text pairs of the web: pictures of things and of people who do something, in shards.

The scenes are those of the demo Visual Genome with other seeds, the people those of the body world, at a moment at
which one sees what they do. A caption is true and says little, as captions of the web do.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from pipeline.core.outputs import write_json
from pipeline.core.params import Params
from pipeline.core.seeds import generator
from pipeline.formats import webdataset
from pipeline.formats.webdataset import Sample
from pipeline.world import captioning
from pipeline.world.actions import ACTIONS, Action
from pipeline.world.bodies import Sizes, sampled_body, sampled_style
from pipeline.world.cameras import Places, ring
from pipeline.world.figures import dressed
from pipeline.world.film import Rooms, filmed, furnished
from pipeline.world.performances import performed
from pipeline.world.poses import Array, placed, stood
from pipeline.world.rasterizer import Lens
from pipeline.world.scenes import Scene, Thing, scene

if TYPE_CHECKING:
    from PIL.Image import Image

_QUALITY = 92  # of the JPEGs
_SCALE = 4  # scenes are drawn larger: shown is the part that the caption tells of
_ROOM = 1.5  # how much larger that part is than the things in it
_TELLING = 0.85  # of the farthest a body gets from rest: what it does can be seen


class ImageTextWorld(Params):
    """Pictures with a sentence each, half of things and half of people."""

    kind: Literal["image_text"]
    seed: int
    pictures: Annotated[int, Field(ge=2, le=1_000_000)]
    pictures_per_shard: Annotated[int, Field(ge=1, le=9999)]
    classes: Annotated[list[int], Field(min_length=1)]  # of the demo dataset: what is done; no caption names another
    width: Annotated[int, Field(ge=32, le=512)]
    height: Annotated[int, Field(ge=32, le=512)]
    focal_px: Annotated[float, Field(gt=0)]
    frames: Annotated[int, Field(ge=8, le=300)]  # of an action; one is shown
    sizes: Sizes
    places: Places
    rooms: Rooms

    @property
    def num_shards(self) -> int:
        """The last one may be smaller."""
        return -(-self.pictures // self.pictures_per_shard)

    @model_validator(mode="after")
    def _known(self) -> "ImageTextWorld":
        unknown = [class_id for class_id in self.classes if not 0 <= class_id < len(ACTIONS)]
        if unknown:
            raise ValueError(f"demo has no classes {unknown}, only 0 to {len(ACTIONS) - 1}")
        if unsaid := captioning.Words(self.classes).unsaid():
            raise ValueError(f"classes {unsaid} have no caption that names none but {self.classes}; leave them out")
        return self


def write_image_texts(world: ImageTextWorld, folder: Path) -> Iterator[int]:
    """Write the shards below a folder, with the counts that img2dataset puts beside each; yields after every shard."""
    words = captioning.Words(world.classes)
    for shard, first in enumerate(range(0, world.pictures, world.pictures_per_shard)):
        numbers = range(first, min(first + world.pictures_per_shard, world.pictures))
        webdataset.write(folder / f"{shard:05d}.tar", (_sample(world, number, words) for number in numbers))
        write_json(folder / f"{shard:05d}_stats.json", {"count": len(numbers), "successes": len(numbers)})
        yield shard


def _sample(world: ImageTextWorld, number: int, words: captioning.Words) -> Sample:
    rng = generator(world.seed, "picture", number)
    class_id = None
    if number % 2:
        class_id = world.classes[int(rng.integers(len(world.classes)))]
        picture = _person(world, ACTIONS[class_id], rng)
        caption = words.of_action(class_id, rng)
    else:
        picture, caption = _things(world, number, rng)
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=_QUALITY)
    key = f"{number // world.pictures_per_shard:05d}{number % world.pictures_per_shard:04d}"
    facts = {"key": key, "caption": caption, "class_id": class_id, "origin": "scene" if class_id is None else "person"}
    return Sample(key, "jpg", content.getvalue(), caption, facts)


def _things(world: ImageTextWorld, number: int, rng: np.random.Generator) -> tuple["Image", str]:
    from pipeline.world.painting import painted

    made = scene(world.seed, number, _SCALE * world.width, _SCALE * world.height)
    caption, named = captioning.of_scene(made, rng)
    return painted(made).crop(_around(named, made)).resize((world.width, world.height), reducing_gap=2.0), caption


def _around(things: list[Thing], made: Scene) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a part, of the proportions of the whole, that shows what the caption tells of."""
    boxes = [thing.box for thing in things if thing.number] or [made.things[0].box]  # the floor alone is all of it
    left, top = (min(box[axis] for box in boxes) for axis in (0, 1))
    right, bottom = (max(box[axis] + box[axis + 2] for box in boxes) for axis in (0, 1))
    share = min(1.0, _ROOM * max((right - left) / made.width, (bottom - top) / made.height))
    wide, high = round(share * made.width), round(share * made.height)
    x = min(max(0, round((left + right - wide) / 2)), made.width - wide)
    y = min(max(0, round((top + bottom - high) / 2)), made.height - high)
    return x, y, x + wide, y + high


def _person(world: ImageTextWorld, action: Action, rng: np.random.Generator) -> "Image":
    from PIL import Image

    body, style = sampled_body(rng, world.sizes), sampled_style(rng)
    joints_TV3 = placed(body, performed(action, style, world.frames, rng))
    heading = float(rng.choice([45.0, -45.0])) + rng.normal(0.0, 8.0)
    left_m, front_m = rng.normal(0.0, 0.15, 2)
    shown_TV3 = stood(_moment(joints_TV3, rng), heading_degrees=heading, left_m=left_m, front_m=front_m)
    camera = ring(rng.uniform(*world.places.distance_m), rng.uniform(*world.places.height_m))[1]
    lens = Lens(world.height, world.width, world.focal_px)
    film = filmed(dressed(shown_TV3, rng), furnished(rng, world.rooms), camera, lens, rng)
    return Image.fromarray(film.rgb_THW3[0])


def _moment(joints_TV3: Array, rng: np.random.Generator) -> Array:
    """One of the frames (1, V, 3) in which the body is far from how it stood."""
    far_T = np.linalg.norm(joints_TV3 - joints_TV3[:1], axis=-1).sum(axis=1)
    frame = int(rng.choice(np.flatnonzero(far_T >= _TELLING * far_T.max())))
    return joints_TV3[frame : frame + 1]
