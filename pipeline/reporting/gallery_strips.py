"""The pictures of galleries, a clip once: skeletons as SVG in the page's colours, anything else as three frames."""

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from pipeline.core import joints
from pipeline.reporting.page_strips import Named, prepared_clips

if TYPE_CHECKING:  # zarr and Pillow come in where a clip is drawn
    from pipeline.core.prepared import ClipArrays

_SKELETON_FRAMES, _PICTURE_FRAMES = 6, 3
_HEIGHT = 72  # pixels of a picture
_NUM_COLOURS = 64


@dataclass(frozen=True)
class Drawn:
    """A clip's frames side by side: the inside of an SVG, or a PNG in base64; the other is empty."""

    svg: Markup
    png: str
    width: int
    height: int
    num_frames: int


Figures = Mapping[Named, Drawn]


def draw(wanted: Iterable[Named], arrays: Path) -> Figures:
    """A picture of every clip that a store below `<arrays>/<dataset>` has; the others are left out."""
    clips_of: dict[tuple[str, str], set[str]] = {}
    for dataset, modality, clip_id in wanted:
        clips_of.setdefault((dataset, modality), set()).add(clip_id)
    drawn: dict[Named, Drawn] = {}
    for (dataset, modality), clip_ids in clips_of.items():
        clips = prepared_clips(arrays / dataset, modality)
        if clips is not None:
            chosen = clips.only(clip_ids)
            drawn |= {(dataset, modality, clip_id): _drawn(chosen, row) for row, clip_id in enumerate(chosen.ids)}
    return drawn


def _drawn(clips: "ClipArrays", row: int) -> Drawn:
    from pipeline.reporting import clip_strips, skeleton_svg

    x_CT, layout = clips[[row]][0], clips.store.attrs["layout"]
    if joints.is_layout(layout):
        strip = skeleton_svg.strip(x_CT, layout, num_frames=_SKELETON_FRAMES)
        svg = Markup(strip.body)  # noqa: S704 - numbers and our own words alone
        return Drawn(svg, "", strip.width, strip.height, _SKELETON_FRAMES)
    picture = clip_strips.strip(x_CT, layout, num_frames=_PICTURE_FRAMES, height=_HEIGHT)
    file = io.BytesIO()
    clip_strips.save(picture, file, num_colours=_NUM_COLOURS)
    png = base64.b64encode(file.getvalue()).decode()
    return Drawn(Markup(""), png, picture.width, picture.height, _PICTURE_FRAMES)
