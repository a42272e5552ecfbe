"""The clips that pages name, as strips of frames, drawn by the report from prepared arrays if there are any."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.pages import Page

if TYPE_CHECKING:  # zarr and Pillow come in where a clip is drawn
    from pipeline.core.prepared import ClipArrays

Named = tuple[str, str, str]  # dataset, modality, clip id
Strips = Mapping[Named, bytes]  # as PNG

_NUM_FRAMES, _HEIGHT = 10, 96
_NUM_COLOURS = 64
_FIRST = "skeleton"  # of several modalities the easiest for a person to read


def draw(shown: Iterable[Page], arrays: Path) -> Strips:
    """A strip for every clip that pages name and that a store below `<arrays>/<dataset>` has."""
    clips_of: dict[tuple[str, str], list[str]] = {}
    for page in shown:
        for part in page.clips:
            clips_of.setdefault((part.dataset, part.modality), []).extend(clip.clip_id for clip in part.clips)
    drawn: dict[Named, bytes] = {}
    for (dataset, modality), clip_ids in clips_of.items():
        clips = prepared_clips(arrays / dataset, modality)
        place = {clip_id: row for row, clip_id in enumerate(clips.ids)} if clips else {}
        for clip_id in clip_ids:
            if clips and clip_id in place:
                drawn[dataset, modality, clip_id] = _strip(clips, place[clip_id])
    return drawn


def prepared_clips(folder: Path, modality: str) -> "ClipArrays | None":
    """The first store of a modality; of several ("depth+skeleton") skeletons come first."""
    from pipeline.core.prepared import ClipArrays

    parts = sorted(modality.split("+"), key=lambda part: part != _FIRST)
    stores = [path for part in parts for path in sorted(folder.glob(f"{part}-*.zarr"))]
    return ClipArrays(stores[0]) if stores else None


def _strip(clips: "ClipArrays", row: int) -> bytes:
    from pipeline.reporting import clip_strips

    drawn = clip_strips.strip(clips[[row]][0], clips.store.attrs["layout"], num_frames=_NUM_FRAMES, height=_HEIGHT)
    file = io.BytesIO()
    clip_strips.save(drawn, file, num_colours=_NUM_COLOURS)
    return file.getvalue()
