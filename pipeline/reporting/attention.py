"""Where a ResT looks: frames and words of a clip with the attention they get, and the regions that get most of it.

ResT figures 1 and 10 to 12. A weight is the mean over the heads of one layer; attention to [CLS] is not shown.
"""

# Shapes: S visual tokens, L words, K regions, H x W pixels, 4 = x0 y0 x1 y1 in 0 to 1.
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pipeline.reporting.clip_strips import PAPER, side_by_side

Floats = npt.NDArray[np.floating[Any]]
Pictures = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

MAX_REGIONS = 5  # as in the paper's figures
_HEIGHT = 96  # of a frame, pixels
_GAP, _CELL, _LINE = 4, 18, 16
_WORD = 64  # pixels, width of a word's column
_INK: Colour = (40, 40, 40)
_FULL: Colour = (27, 108, 168)  # of a cell with all the attention
_DARK = 0.7  # from this depth on the figure in a cell is light
_OUTLINES: tuple[Colour, ...] = ((230, 60, 50), (245, 160, 30), (60, 170, 90), (50, 130, 220), (160, 80, 190))
_NAMES = 96  # pixels, for what stands before a row
_FONT = 11
_MARGIN = 0.15  # around what is cut out, in parts of it
_LEAST = 1 / 3  # of the picture, what is cut out at least
_STILL = 24  # of 255: changes of a pixel below it are noise
_LETTERS = 14  # of a name before a row; over a column fewer


@dataclass(frozen=True, eq=False)
class ClipAttention:
    """The attention of one clip: from its CLS token and its words, to visual tokens and to words."""

    frames_SHW3: Pictures  # what the visual tokens were made from; of a group of frames the first
    rows: Sequence[str]  # the attending tokens: "[CLS]" and the words
    visual_RS: Floats
    words_RL: Floats
    group: int = 1  # frames of the clip that a visual token stands for


def draw(path: Path, clip: ClipAttention) -> None:
    """Frames above with the words beside them; below a row for each attending token, darker for more attention.

    Frames are numbered and cut to where something moves. Each cell holds its share in per cent, since the shares of a
    few frames differ little.
    """
    window = _moving(clip.frames_SHW3)
    frames = [_scaled(_cut(frame, window)) for frame in clip.frames_SHW3]
    width = max(2 * _CELL, frames[0].width) + _GAP
    words = _NAMES + len(frames) * width
    columns = [(_NAMES + number * width, width - _GAP) for number in range(len(frames))]
    columns += [(words + number * (_WORD + _GAP), _WORD) for number in range(clip.words_RL.shape[1])]
    size = sum(columns[-1]) + _GAP, _HEIGHT + _GAP + len(clip.rows) * (_CELL + _GAP)
    sheet = Image.new("RGB", size, PAPER)
    for (left, _), frame in zip(columns, frames, strict=False):
        sheet.paste(frame, (left, 0))
    pen = ImageDraw.Draw(sheet)
    for number, (left, _) in enumerate(columns[: len(frames)]):
        _tag(pen, (left + 3, 1), f"frame {number * clip.group + 1}")
    for (left, _), name in zip(columns[len(frames) :], clip.rows[1:], strict=True):
        _write(pen, (left, _HEIGHT - _LINE), name[: _LETTERS - 4])
    for row, name in enumerate(clip.rows):
        top = _HEIGHT + _GAP + row * (_CELL + _GAP)
        _write(pen, (2 * _GAP, top + 2), name)
        shares = [*clip.visual_RS[row].tolist(), *clip.words_RL[row].tolist()]
        for (left, wide), share in zip(columns, shares, strict=True):
            _cell(pen, left, top, wide, share)
    sheet.save(path)


def draw_regions(
    path: Path, frames_SHW3: Pictures, frame_K: npt.NDArray[np.int64], boxes_K4: Floats, share_K: Floats
) -> None:
    """Three frames of a clip, each with its five most attended regions framed, brighter for more attention.

    `frame_K` is the frame of each region. Each region holds its rank and its share, and all frames are cut to where
    regions are shown.
    """
    places = spread(frames_SHW3)
    chosen = [np.flatnonzero(frame_K == place)[max_attended(share_K[frame_K == place])] for place in places]
    window = _around(np.clip(boxes_K4[np.concatenate(chosen)], 0, 1))
    inside_K4 = (boxes_K4 - window[[0, 1, 0, 1]]) / (window[2:] - window[:2])[[0, 1, 0, 1]]
    frames = [
        _regions(_cut(frames_SHW3[place], window), inside_K4[of_frame], share_K[of_frame], place + 1)
        for place, of_frame in zip(places, chosen, strict=True)
    ]
    side_by_side(frames, _GAP).save(path)


def spread(frames: Sequence[Any] | Pictures, num_shown: int = 3) -> list[int]:
    """Places of a few frames from the first to the last.

    >>> spread(list(range(9)))
    [0, 4, 8]
    """
    return sorted({int(place) for place in np.linspace(0, len(frames) - 1, num_shown).round()})


def max_attended(share_K: Floats, max_regions: int = MAX_REGIONS) -> list[int]:
    """Places of the regions with the most attention, the highest first; of equals the earlier.

    >>> max_attended(np.array([0.1, 0.4, 0.4, 0.1]), 2)
    [1, 2]
    """
    return [int(place) for place in np.argsort(-share_K, kind="stable")[:max_regions]]


def _moving(frames_SHW3: Pictures) -> Floats:
    """The window (4) in which pixels change from frame to frame; all of it where nothing does."""
    change_HW = (frames_SHW3.max(axis=0).astype(int) - frames_SHW3.min(axis=0)).max(axis=-1)
    y, x = np.nonzero(change_HW > max(_STILL, change_HW.max() / 4))
    if not len(y):
        return np.array([0.0, 0.0, 1.0, 1.0])
    height, width = change_HW.shape
    return _around(np.array([[x.min() / width, y.min() / height, (x.max() + 1) / width, (y.max() + 1) / height]]))


def _around(boxes_K4: Floats) -> Floats:
    """The window (4) around all boxes, with a margin and not too small, inside the picture; all of it without boxes."""
    if not len(boxes_K4):
        return np.array([0.0, 0.0, 1.0, 1.0])
    low, high = boxes_K4[:, :2].min(axis=0), boxes_K4[:, 2:].max(axis=0)
    margin = np.maximum(_MARGIN * (high - low), (_LEAST - (high - low)) / 2)
    return np.concatenate([np.clip(low - margin, 0, 1 - _LEAST / 2), np.clip(high + margin, _LEAST / 2, 1)])


def _cut(frame_HW3: Pictures, window_4: Floats) -> Pictures:
    height, width = frame_HW3.shape[:2]
    left, top, right, bottom = _pixels(window_4, (width, height))
    return frame_HW3[top:bottom, left:right]


def _regions(frame_HW3: Pictures, boxes_K4: Floats, share_K: Floats, number: int) -> Image.Image:
    """The darkened frame with its most attended regions lit, the first of them fully."""
    picture = _scaled(frame_HW3, 2 * _HEIGHT)
    dark = Image.blend(picture, Image.new("RGB", picture.size, (0, 0, 0)), 0.6)
    chosen = max_attended(share_K)
    corners = [_pixels(boxes_K4[place], picture.size) for place in chosen]
    for place, box in reversed(list(zip(chosen, corners, strict=True))):  # the most attended last, on top
        light = Image.blend(dark, picture, float(share_K[place] / max(share_K.max(), 1e-12)))
        dark.paste(light.crop(box), (box[0], box[1]))
    pen = ImageDraw.Draw(dark)
    for rank, box in reversed(list(enumerate(corners))):
        pen.rectangle(box, outline=_OUTLINES[rank % len(_OUTLINES)], width=2)
    for rank, (place, box) in enumerate(zip(chosen, corners, strict=True), 1):
        _tag(pen, (box[0] + 4, box[1] + 2), f"{rank}: {100 * share_K[place]:.0f} %")
    _tag(pen, (3, dark.height - _LINE), f"frame {number}")
    return dark


def _pixels(box_4: Floats, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A box in pixels, at least one wide and high, inside the picture."""
    (width, height), (x0, y0, x1, y1) = size, np.clip(box_4, 0, 1).tolist()
    left, top = min(int(x0 * width), width - 1), min(int(y0 * height), height - 1)
    return left, top, max(left + 1, round(x1 * width)), max(top + 1, round(y1 * height))


def _scaled(frame_HW3: Pictures, height: int = _HEIGHT) -> Image.Image:
    picture = Image.fromarray(frame_HW3)
    return picture.resize((max(1, round(height * picture.width / picture.height)), height))


def _cell(pen: ImageDraw.ImageDraw, left: int, top: int, width: int, share: float) -> None:
    """A cell from paper (no attention) to full colour (all of it); the root lets small shares be seen."""
    depth = float(np.sqrt(np.clip(share, 0, 1)))
    shade = tuple(round(paper + depth * (full - paper)) for paper, full in zip(PAPER, _FULL, strict=True))
    pen.rectangle((left, top, left + width - 1, top + _CELL - 1), fill=shade, outline=(200, 200, 200))
    if share > 0:
        _write(pen, (left + _GAP, top + 2), f"{100 * share:.0f} %", PAPER if depth > _DARK else _INK)


def _tag(pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str) -> None:
    """Words on a picture, light with a dark edge, so that they show on any."""
    pen.text(at, text, fill=PAPER, font=ImageFont.load_default(_FONT), stroke_width=1, stroke_fill=_INK)


def _write(pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str, colour: Colour = _INK) -> None:
    pen.text(at, text[:_LETTERS], fill=colour, font=ImageFont.load_default(_FONT))
