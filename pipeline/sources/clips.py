"""A clip around an annotated frame: which of the video's frames on disk it has, and the boxes of each."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from pipeline.sources.graph_pairs import VideoRow

_ENDINGS = (".png", ".jpg", ".jpeg")


def frames(picture: Path, frame: int, video: VideoRow, num_frames: int, stride: int) -> list[tuple[Path, int]]:
    """The pictures of a clip, each with the place of its annotated frame in `video`.

    `stride` counts frames on disk, the annotated one stands in the middle (the later of two), and at a video's end its
    last frame is repeated. A video ends early where the nearest annotated frame is kept out of training.
    """
    annotated, usable = video.frames, video.usable
    known = [(number, path, nearest(annotated, number)) for number, path in _on_disk(picture.parent)]
    centre = next((at for at, (number, _, place) in enumerate(known) if number == frame and usable[place]), None)
    if centre is None:  # another name than its number, or alone
        return [(picture, annotated.index(frame))] * num_frames
    hidden = [at for at, (_, _, place) in enumerate(known) if not usable[place]]
    first = max((at + 1 for at in hidden if at < centre), default=0)
    last = min((at - 1 for at in hidden if at > centre), default=len(known) - 1)
    places = (centre + stride * (step - num_frames // 2) for step in range(num_frames))
    return [known[min(max(place, first), last)][1:] for place in places]


def nearest(annotated: Sequence[int], frame: int) -> int:
    """The place of the annotated frame nearest to one; of two the earlier."""
    after = bisect_left(annotated, frame)
    if after == len(annotated):
        return after - 1
    if after and frame - annotated[after - 1] <= annotated[after] - frame:
        return after - 1
    return after


@lru_cache(maxsize=256)
def _on_disk(folder: Path) -> list[tuple[int, Path]]:
    """The frames of a video's folder by their numbers; other files are ignored."""
    files = [path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS and path.stem.isdecimal()]
    return sorted((int(path.stem), path) for path in files)
