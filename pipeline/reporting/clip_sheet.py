"""One clip as recorded and as recipes prepared it, each under its title: as strips below each other, or moving."""

# Shapes: C channels, T frames of the clip, F frames shown, M bodies, V joints, H x W pixels, 3 = x y z (or r g b).
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.core.sampling import Sampling, frame_indices
from pipeline.formats.shared import Footage, Skeleton
from pipeline.reporting import clip_strips
from pipeline.reporting.clip_strips import GAP, PAPER, Floats

_NUM_FRAMES, _STRIP_HEIGHT = 10, 112
_MAX_MOVING, _MOVING_HEIGHT = 64, 192  # frames and pixels of an animation
_TITLE = 18  # pixels
_INK = (30, 32, 36)


@dataclass(frozen=True)
class Titled:
    """A title, and the function that draws so many frames, spread over the clip, at a height in pixels."""

    title: str
    draw: Callable[[int, int], list[Image.Image]]


def recorded(title: str, recording: Skeleton | Footage) -> Titled:
    """The clip as its file has it: skeletons from the front, colours as they are, other pictures stretched to grey."""

    def draw(num_frames: int, height: int) -> list[Image.Image]:
        if isinstance(recording, Skeleton):
            x_CTVM = np.nan_to_num(recording.xyz_MTV3.transpose(3, 1, 2, 0))
            return clip_strips.frames(x_CTVM, recording.layout, num_frames=num_frames, height=height)
        indices = frame_indices(recording.num_frames, Sampling(num_frames=num_frames, stride=0, position=0.5))
        shown = recording.frames(indices)
        rgb_FHW3 = shown if shown.ndim == 4 else clip_strips.pictures(shown[None].astype(np.float32))
        return [clip_strips.fitted(picture_HW3, height) for picture_HW3 in rgb_FHW3]

    return Titled(title, draw)


def prepared(title: str, x_CT: Floats, layout: str) -> Titled:
    """What a recipe made of it."""
    return Titled(title, lambda num, height: clip_strips.frames(x_CT, layout, num_frames=num, height=height))


def strips(parts: Sequence[Titled], file: Path) -> None:
    """Write a PNG: under each title frames side by side."""
    rows = [_titled(part.title, clip_strips.side_by_side(part.draw(_NUM_FRAMES, _STRIP_HEIGHT), GAP)) for part in parts]
    sheet = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), PAPER)
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    sheet.save(file, format="PNG")


def moving(parts: Sequence[Titled], num_recorded: int, seconds: float, file: Path) -> None:
    """Write a GIF that plays the clip over and over in its `seconds`: the parts side by side, at the same moment."""
    num_frames = min(max(2, num_recorded), _MAX_MOVING)
    drawn = [_as_many(part.draw(num_frames, _MOVING_HEIGHT), num_frames) for part in parts]
    widths = [max(frames[0].width, _title_width(part.title)) for part, frames in zip(parts, drawn, strict=True)]
    pages = []
    for moment in zip(*drawn, strict=True):
        titled = [_titled(part.title, one, width) for part, one, width in zip(parts, moment, widths, strict=True)]
        pages.append(clip_strips.side_by_side(titled, 4 * GAP).quantize(128, dither=Image.Dither.NONE))
    each = max(20, round(1000 * seconds / num_frames))  # browsers slow down what is faster
    pages[0].save(file, format="GIF", save_all=True, append_images=pages[1:], duration=each, loop=0, optimize=False)


def _as_many(frames: list[Image.Image], num_frames: int) -> list[Image.Image]:
    return frames if len(frames) == num_frames else frames * num_frames


def _titled(title: str, picture: Image.Image, width: int = 0) -> Image.Image:
    sheet = Image.new("RGB", (max(picture.width, width), picture.height + _TITLE + GAP), PAPER)
    ImageDraw.Draw(sheet).text((1, 2), title, fill=_INK, font=_font())
    sheet.paste(picture, (0, _TITLE))
    return sheet


def _title_width(title: str) -> int:
    return round(_font().getlength(title)) + 2


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=12)
