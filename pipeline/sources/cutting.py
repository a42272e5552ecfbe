"""How a picture is cut to the size that a model sees, and where its boxes lie then.

Nothing is mirrored: captions say "to the left of".
"""

# Shapes: B boxes, 4 = x1 y1 x2 y2.
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core.params import Params
from pipeline.formats.pictures import Region

Boxes = npt.NDArray[np.float32]


class Squash(Params):
    """All of the picture, its sides scaled alike or not."""

    kind: Literal["squash"]


class Centre(Params):
    """The largest part of the model's proportions, from the middle."""

    kind: Literal["centre"]


class Random(Params):
    """A part of the picture's own proportions, drawn anew each time."""

    kind: Literal["random"]
    min_area: float = Field(gt=0, le=1)  # share of the picture's area; a small part may not show what the caption says


Cut = Annotated[Squash | Centre | Random, Field(discriminator="kind")]


def cut(how: Squash | Centre | Random, region: Region, size: tuple[int, int], rng: np.random.Generator) -> Region:
    """The part of a region (x, y, width, height) that is shown at a `size` (H, W) in training."""
    if not isinstance(how, Random):
        return at_rest(how, region, size)
    x, y, w, h = region
    side = float(np.sqrt(rng.uniform(how.min_area, 1.0)))
    left, top = rng.uniform(0.0, 1.0 - side, 2)
    return (x + float(left) * w, y + float(top) * h, side * w, side * h)


def at_rest(how: Squash | Centre | Random, region: Region, size: tuple[int, int]) -> Region:
    """The part that is shown outside training: the whole region where training cuts at random."""
    if not isinstance(how, Centre):
        return region
    x, y, w, h = region
    share = min(w / size[1], h / size[0])
    wide, high = share * size[1], share * size[0]
    return (x + (w - wide) / 2, y + (h - high) / 2, wide, high)


def seen_boxes(boxes_B4: Boxes, region: Region, shown: Region) -> Boxes:
    """Boxes given as shares of a region, as shares of what is shown of it; those outside are left out."""
    corner, whole = np.array([region[:2]] * 2).reshape(4), np.array([region[2:]] * 2).reshape(4)
    new_corner, new_whole = np.array([shown[:2]] * 2).reshape(4), np.array([shown[2:]] * 2).reshape(4)
    pixels_B4 = corner + boxes_B4.astype(np.float64).reshape(-1, 4) * whole
    shares_B4 = np.clip((pixels_B4 - new_corner) / new_whole, 0.0, 1.0)
    inside_B = (shares_B4[:, 2:] > shares_B4[:, :2]).all(axis=1)
    return np.asarray(shares_B4[inside_B], np.float32)
