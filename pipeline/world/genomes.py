"""Small Visual and Action Genomes in the native formats of the real ones, with their pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pipeline.core.params import Params
from pipeline.formats import action_genome, visual_genome
from pipeline.world.households import LARGE, RoomFrame, RoomThing, frames, person_entry
from pipeline.world.scenes import COLOURS, Scene, Thing, scene, told_relations

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw as Canvas

Side = Annotated[int, Field(ge=64, le=1024)]

_OBJECT_ALIASES = ("ball,sphere", "cup,mug", "man,guy", "box,crate")
_RELATION_ALIASES = ("to the left of,left of", "to the right of,right of", "next to,beside")
_NUM_IDS = 100  # ids an image may use of objects, relations and regions


class VisualGenomeWorld(Params):
    """A demo Visual Genome in the files of v1.2."""

    kind: Literal["visual_genome"]
    seed: int
    images: Annotated[int, Field(ge=1, le=99999)]
    width: Side
    height: Side


class ActionGenomeWorld(Params):
    """A demo Action Genome."""

    kind: Literal["action_genome"]
    seed: int
    videos: Annotated[int, Field(ge=1, le=999)]
    frames: Annotated[int, Field(ge=4, le=999)]  # annotated frames of a video
    width: Side
    height: Side


def write_visual_genome(world: VisualGenomeWorld, folder: Path) -> Iterator[int]:
    """Write pictures and annotations below a folder; yields after every picture."""
    from pipeline.world.painting import painted

    (folder / "VG_100K").mkdir()
    scenes = []
    for number in range(1, world.images + 1):
        made = scene(world.seed, number, world.width, world.height)
        painted(made).save(folder / _picture(made))
        scenes.append(made)
        yield number
    visual_genome.write(folder, "image_data", [_image_data(made) for made in scenes])
    visual_genome.write(folder, "objects", [_objects(made, with_attributes=False) for made in scenes])
    visual_genome.write(folder, "attributes", [_objects(made, with_attributes=True) for made in scenes])
    visual_genome.write(folder, "relationships", [_relationships(made) for made in scenes])
    visual_genome.write(folder, "region_descriptions", [_regions(made) for made in scenes])
    (folder / "object_alias.txt").write_text("\n".join(_OBJECT_ALIASES) + "\n", encoding="utf-8")
    (folder / "relationship_alias.txt").write_text("\n".join(_RELATION_ALIASES) + "\n", encoding="utf-8")


def write_action_genome(world: ActionGenomeWorld, folder: Path) -> Iterator[int]:
    """Write frames and annotations below a folder; yields after every video."""
    objects, persons = {}, {}
    for video in range(world.videos):
        for frame in frames(world.seed, video, world.frames, world.width, world.height):
            path = folder / "frames" / frame.key
            path.parent.mkdir(parents=True, exist_ok=True)
            _room(frame, world.width, world.height).save(path)
            objects[frame.key] = [_entry(frame, thing) for thing in frame.things]
            persons[frame.key] = person_entry(frame.person, world.width, world.height)
        yield video
    action_genome.write(folder, objects, persons)


def object_id(made: Scene, thing: Thing) -> int:
    """The id an object has in the files, unique over the whole world as in the real one."""
    return made.number * _NUM_IDS + thing.number


def _picture(made: Scene) -> str:
    return f"VG_100K/{made.number}.png"


def _image_data(made: Scene) -> dict[str, object]:
    url = f"https://demo.invalid/{_picture(made)}"
    size = {"width": made.width, "height": made.height}
    return {"image_id": made.number, "url": url, **size, "coco_id": None, "flickr_id": None}


def _described(made: Scene, thing: Thing) -> dict[str, object]:
    x, y, w, h = thing.box
    synset = f"{thing.noun}.n.01"
    return {"object_id": object_id(made, thing), "synsets": [synset], "x": x, "y": y, "w": w, "h": h}


def _objects(made: Scene, *, with_attributes: bool) -> dict[str, object]:
    entries = []
    for thing in made.things:
        words = {"attributes": list(thing.words)} if with_attributes and thing.words else {}
        entries.append({**_described(made, thing), "names": [thing.noun], **words})
    return {"image_id": made.number, "attributes" if with_attributes else "objects": entries}


def _relationships(made: Scene) -> dict[str, object]:
    entries = []
    for number, (subject, predicate, object_) in enumerate(told_relations(made)):
        ends = [
            {**_described(made, thing), "name": thing.noun} for thing in (made.things[subject], made.things[object_])
        ]
        # The real files shout some of their predicates.
        word = predicate.upper() if predicate in ("on", "wearing") else predicate
        ids = {"relationship_id": made.number * _NUM_IDS + number, "synsets": []}
        entries.append({**ids, "predicate": word, "subject": ends[0], "object": ends[1]})
    return {"relationships": entries, "image_id": made.number}


def _regions(made: Scene) -> dict[str, object]:
    """A region around every carrier with what it carries."""
    entries = []
    for carrier in made.things[1:]:
        group = [carrier, *(thing for thing in made.things if thing.carrier == carrier.number)]
        if len(group) > 1:
            left, top = min(t.box[0] for t in group), min(t.box[1] for t in group)
            right, bottom = max(t.box[0] + t.box[2] for t in group), max(t.box[1] + t.box[3] for t in group)
            box = {"x": left, "y": top, "width": right - left, "height": bottom - top}
            phrase = f"{carrier.noun} and {group[1].noun}"
            number = made.number * _NUM_IDS + carrier.number
            entries.append({"region_id": number, **box, "image_id": made.number, "phrase": phrase})
    return {"regions": entries, "id": made.number}


def _entry(frame: RoomFrame, thing: RoomThing) -> dict[str, object]:
    metadata = {"tag": f"{frame.key}/{thing.name}", "set": frame.subset}
    if thing.box is None:
        empty = dict.fromkeys(("bbox", "attention_relationship", "spatial_relationship", "contacting_relationship"))
        return {"class": thing.name, **empty, "visible": False, "metadata": metadata}
    return {
        "class": thing.name,
        "bbox": thing.box,
        "attention_relationship": list(thing.attention),
        "spatial_relationship": list(thing.spatial),
        "contacting_relationship": list(thing.contacting),
        "visible": True,
        "metadata": metadata,
    }


def _room(frame: RoomFrame, width: int, height: int) -> "Image":
    from PIL import Image, ImageDraw

    from pipeline.world.painting import person

    picture = Image.new("RGB", (width, height), (235, 230, 220))
    canvas = ImageDraw.Draw(picture)
    canvas.rectangle((0, round(0.9 * height), width, height), fill=(170, 140, 110))
    palette = sorted(COLOURS.items())
    for thing in sorted(frame.things, key=lambda t: t.name not in LARGE):
        if thing.name in LARGE:
            _block(canvas, thing, palette[len(thing.name) % len(palette)][1])
    x, y, w, h = (round(side) for side in frame.drawn_person)
    person(canvas, (x, y, w, h), (90, 110, 160), skirt=False)
    for thing in frame.things:
        if thing.name not in LARGE:
            _block(canvas, thing, palette[len(thing.name) % len(palette)][1])
    return picture


def _block(canvas: "Canvas", thing: RoomThing, colour: tuple[int, int, int]) -> None:
    if thing.box is not None:
        x, y, w, h = (round(side) for side in thing.box)
        shape = canvas.ellipse if len(thing.name) % 2 else canvas.rectangle
        shape((x, y, x + w - 1, y + h - 1), fill=colour, outline=(60, 50, 45))
