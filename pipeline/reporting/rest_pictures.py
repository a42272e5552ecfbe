"""Pictures for the page of a row of rest: the attention of the network in a few held-out clips.

The clips are drawn at random from the held-out clips of seen classes, so their class names may be shown.
"""

# Shapes: T frames, H x W pixels, S visual tokens, K regions, 7 = a region's place.
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core import pages
from pipeline.core.prepared import ClipArrays
from pipeline.core.seeds import generator
from pipeline.models.rest.model import Rest
from pipeline.models.rest.tokens import Vocabulary
from pipeline.reporting import attention, clip_strips
from pipeline.sources import viewing
from pipeline.training.attending import Attended, attended
from pipeline.training.rest_training_set import RestTrainingSet

Arrays = Mapping[str, npt.NDArray[Any]]
NUM_CLIPS = 4


@dataclass(frozen=True)
class ShownClip:
    """One clip: its class, the arrays that the network reads, and for regions the prepared clips with the frames."""

    clip_id: str
    class_name: str
    arrays: Arrays
    prepared: ClipArrays | None


def drawn(
    view: viewing.DatasetView, training_set: RestTrainingSet, class_names: Sequence[str], arrays: Path, seed: int
) -> list[ShownClip]:
    """A few of the held-out clips of a training; `arrays` is the folder that preprocess leaves."""
    prepared = None
    if isinstance(view, viewing.StoredView) and view.tokens.array == "regions":
        attrs = view.store.attrs
        prepared = ClipArrays(arrays / attrs["dataset"] / f"{attrs['modality']}-{attrs['recipe']}.zarr")
    shown = []
    order = generator(seed, "rest", "pictures").permutation(len(training_set.held_out_ids))
    for place in sorted(order[:NUM_CLIPS].tolist()):
        clip_id, label = training_set.held_out_ids[place], training_set.held_out_labels[place]
        batch = view.training_set(viewing.ClipsRequest([clip_id], [label], 1, 0, drawn=False)).read(np.array([0]), 0)
        shown.append(ShownClip(clip_id, class_names[label], batch, prepared))
    return shown


def pictures(
    folder: Path, module: Rest, clips: Sequence[ShownClip], vocabulary: Vocabulary | None, num_threads: int, seed: int
) -> list[pages.Image]:
    """Write a picture of each clip into a folder; returns the images of a page."""
    images = []
    for number, clip in enumerate(clips, 1):
        looked = attended(module, clip.arrays, clip.class_name, vocabulary, num_threads)
        file = f"attention-{seed}-{number}.png"
        if "place" in clip.arrays:
            images.append(_regions(folder / file, clip, looked))
        elif clip.arrays["x"].ndim == 5:
            images.append(_frames(folder / file, clip, looked))
    return images


def _frames(path: Path, clip: ShownClip, looked: Attended) -> pages.Image:
    frames_THW3 = np.moveaxis(clip.arrays["x"][0], 1, -1)
    group = len(frames_THW3) // looked.visual_RS.shape[1]
    attention.draw(
        path, attention.ClipAttention(frames_THW3[::group], looked.rows, looked.visual_RS, looked.words_RW, group)
    )
    name = f"“{clip.class_name}” ({clip.clip_id})"
    return pages.Image(
        file=path.name,
        alt=f"attention over the frames of {name}",
        caption=f"{name}: how much [CLS] and each word look at each frame and, at the right, at the words; the last "
        "word is hidden. Last layer, mean over its heads, in per cent of all the tokens; what goes to [CLS] is not "
        "shown. Darker is more. The frames are cut to where something moves.",
    )


def _regions(path: Path, clip: ShownClip, looked: Attended) -> pages.Image:
    """The five most attended regions of three frames, on the prepared frames (suppl. E of the paper)."""
    place_K7 = clip.arrays["place"][0][clip.arrays["known"][0]]
    assert clip.prepared is not None
    x_CTHW = clip.prepared[[clip.prepared.ids.index(clip.clip_id)]][0]
    frames_THW3 = clip_strips.pictures(x_CTHW)
    last = max(len(frames_THW3) - 1, 1)
    frame_K = np.rint(place_K7[:, 6] * last).astype(np.int64)
    attention.draw_regions(path, frames_THW3, frame_K, place_K7[:, :4], looked.visual_RS[0, : len(place_K7)])
    name = f"“{clip.class_name}” ({clip.clip_id})"
    return pages.Image(
        file=path.name,
        alt=f"the most attended regions of {name}",
        caption=f"{name}: in the first, the middle and the last frame the five regions that [CLS] looks at most, the "
        "brighter the more; each is numbered, with its share of the attention. The frames are cut to where the regions "
        "lie. Last layer, mean over its heads.",
    )
