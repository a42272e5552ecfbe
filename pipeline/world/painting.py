"""Pictures of demo scenes: plain shapes, no anti-aliasing, the same bytes on every machine with the pinned Pillow."""

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from pipeline.world.scenes import COLOURS, Scene, Thing

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw as Canvas

Colour = tuple[int, int, int]

_SKIN: Colour = (225, 180, 150)
_DARK: Colour = (60, 50, 45)
_FLOORS: dict[str, Colour] = {"wooden": (190, 150, 105), "tiled": (185, 185, 190)}


def painted(scene: Scene) -> Image.Image:
    """The picture of a scene, RGB."""
    picture = Image.new("RGB", (scene.width, scene.height), (225, 232, 238))
    canvas = ImageDraw.Draw(picture)
    for thing in scene.things:
        _paint(canvas, thing)
    return picture


def _paint(canvas: "Canvas", thing: Thing) -> None:
    x, y, w, h = thing.box
    corners = (x, y, x + w - 1, y + h - 1)
    colour = COLOURS[thing.colour] if thing.colour else _FLOORS[thing.words[0]]
    if thing.noun == "floor":
        canvas.rectangle(corners, fill=colour)
    elif thing.noun == "ball":
        canvas.ellipse(corners, fill=colour, outline=_DARK)
    elif thing.noun == "cone":
        canvas.polygon([(x + w // 2, y), (x, y + h - 1), (x + w - 1, y + h - 1)], fill=colour, outline=_DARK)
    elif thing.noun == "table":
        canvas.rectangle((x, y, x + w - 1, y + h // 5), fill=colour, outline=_DARK)
        for left in (x + 2, x + w - 6):
            canvas.rectangle((left, y + h // 5, left + 3, y + h - 1), fill=colour, outline=_DARK)
    elif thing.noun in ("man", "woman", "child"):
        person(canvas, thing.box, colour, skirt=thing.noun == "woman")
    else:
        _vessel(canvas, thing, colour)
    if "striped" in thing.words:
        for line in range(y + 2, y + h - 1, 4):
            canvas.line((x + w // 4, line, x + w - 1 - w // 4, line), fill=_DARK)


def _vessel(canvas: "Canvas", thing: Thing, colour: Colour) -> None:
    x, y, w, h = thing.box
    if thing.noun == "bottle":
        canvas.rectangle((x + w // 3, y, x + w - 1 - w // 3, y + h // 3), fill=colour, outline=_DARK)
        canvas.rectangle((x + w // 6, y + h // 3, x + w - 1 - w // 6, y + h - 1), fill=colour, outline=_DARK)
    elif thing.noun == "cup":
        canvas.polygon([(x, y), (x + w - 1, y), (x + w - 1 - w // 5, y + h - 1), (x + w // 5, y + h - 1)], fill=colour)
        canvas.ellipse((x + w - w // 4, y + h // 4, x + w - 1, y + h // 2), outline=_DARK)
    elif thing.noun == "vase":
        canvas.ellipse((x, y + h // 4, x + w - 1, y + h - 1), fill=colour, outline=_DARK)
        canvas.rectangle((x + w // 4, y, x + w - 1 - w // 4, y + h // 3), fill=colour, outline=_DARK)
    else:  # box, book, hat
        canvas.rectangle((x, y, x + w - 1, y + h - 1), fill=colour, outline=_DARK)
        if thing.noun == "book":
            canvas.line((x + w // 5, y, x + w // 5, y + h - 1), fill=_DARK, width=2)


def person(canvas: "Canvas", box: tuple[int, int, int, int], shirt: Colour, *, skirt: bool) -> None:
    """A standing figure that fills a box."""
    x, y, w, h = box
    head = h // 5
    centre = x + w // 2
    canvas.ellipse((centre - head // 2, y, centre + head // 2, y + head), fill=_SKIN, outline=_DARK)
    canvas.rectangle((x + w // 5, y + head, x + w - 1 - w // 5, y + 3 * h // 5), fill=shirt, outline=_DARK)
    for side in (x, x + w - 1 - w // 6):
        canvas.rectangle((side, y + head + 2, side + w // 6, y + h // 2 + 2), fill=_SKIN)
    if skirt:
        canvas.polygon(
            [(x + w // 4, y + h // 2), (x + 3 * w // 4, y + h // 2), (x + w - 1, y + 4 * h // 5), (x, y + 4 * h // 5)],
            fill=shirt,
        )
    for side in (x + w // 4, x + w - 1 - w // 2 + w // 8):
        canvas.rectangle((side, y + 3 * h // 5, side + w // 5, y + h - 1), fill=_DARK)
