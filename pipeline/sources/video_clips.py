"""Clips of videos: windows of frames, cut and resized, decoded from the files when they are asked for.

A seed, the epoch and the clip's id decide where a window begins and where pictures are cut. The order of clips and the
number of processes change nothing. The rows of epoch e are e * N to e * N + N - 1. Source: Lin et al., Cross-modal
representation learning for zero-shot action recognition (CVPR 2022), 4.1.
"""

# Shapes: N videos, K clips of each, T frames, C = 3 colours, H x W pixels.
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import Field, model_validator

from pipeline.core.batches import Arrays, Rows, in_turn
from pipeline.core.errors import DataError
from pipeline.core.params import Params
from pipeline.core.rejects import Rejects
from pipeline.core.schemas import ClipRow
from pipeline.core.seeds import generator
from pipeline.formats.shared import Footage
from pipeline.modalities import video
from pipeline.sources.hidden_words import numbered
from pipeline.sources.recordings import verified

Frames = npt.NDArray[np.uint8]

MODALITY = "video"


class Window(Params):
    """What one clip shows of a video: a square of T frames, `stride` recorded frames apart."""

    num_frames: int = Field(ge=1)
    stride: int = Field(ge=1)
    short_side: int = Field(ge=1)  # pixels of a picture's shorter side when it is cut
    crop: int = Field(ge=1)  # side of the square, pixels
    short: Literal["repeat", "reject"]  # a video that ends before the window: its last frame stands still, or it is out

    @property
    def span(self) -> int:
        """Recorded frames from the first to the last."""
        return (self.num_frames - 1) * self.stride + 1

    @model_validator(mode="after")
    def _square_lies_in_the_picture(self) -> Self:
        if self.crop > self.short_side:
            raise ValueError("crop is more than short_side")
        return self


class ClipChoice(Params):
    """Which clips of a video are encoded, whose representations are averaged."""

    num_clips: int = Field(ge=1)
    positions: Literal["random", "even"]  # even: in the middles of equal parts
    crop: Literal["random", "centre"]


@dataclass(frozen=True)
class Place:
    """Where a window lies: its first frame, and how far down and across its square lies, 0 to 1 of the spare room."""

    first: int
    down: float
    across: float


@dataclass(frozen=True)
class Videos:
    """The videos of a dataset by clip id, opened when they are looked at; rows of the clips table."""

    dataset: str
    files: Path
    clips: Mapping[str, ClipRow]

    def opened(self, clip_id: str) -> Footage:
        """A video. Raises DataError where its file is not the one that ingest read."""
        clip = self.clips[clip_id]
        footage = video.read(self.dataset)(verified(self.files, clip, self.dataset))
        return footage.counted(clip.num_frames)


@dataclass(frozen=True)
class VideoClips:
    """A source of one clip a video: `x` (N, T, C, H, W) uint8 and `label`, the place of its class.

    Where nothing is drawn a clip lies in the middle of its video and its square in the middle of the picture.
    """

    videos: Videos
    ids: Sequence[str]
    labels: Sequence[int]
    window: Window
    seed: int
    batch_size: int
    drawn: bool  # also: shuffled

    def steps(self, seed: int, epoch: int) -> list[Rows]:
        """Rows of the epoch."""
        return numbered(len(self.ids), self.batch_size, seed, epoch, shuffled=self.drawn)

    def read(self, rows: Rows, seed: int) -> Arrays:  # noqa: ARG002 - what is drawn does not depend on the batch
        """x and label of some rows."""
        x_NTCHW = np.stack([self._clip(row) for row in rows.tolist()])
        return {"x": x_NTCHW, "label": np.array([self.labels[row % len(self.ids)] for row in rows.tolist()], np.int64)}

    def names(self, rows: Rows) -> list[str]:
        """Clip ids."""
        return [self.ids[row % len(self.ids)] for row in rows.tolist()]

    def _clip(self, row: int) -> Frames:
        epoch, number = divmod(row, len(self.ids))
        clip_id = self.ids[number]
        footage = self.videos.opened(clip_id)
        spare = max(0, footage.num_frames - self.window.span)
        place = Place(spare // 2, 0.5, 0.5)
        if self.drawn:
            rng = generator(self.seed, "clip", epoch, clip_id)
            place = Place(int(rng.integers(spare + 1)), *rng.random(2).tolist())
        x_KTCHW = clips_at(footage, self.window, [place])
        return x_KTCHW.reshape(x_KTCHW.shape[1:])


@dataclass(frozen=True)
class ShownClips:
    """A source of the clips that stand for each video: `x` (N, K, T, C, H, W) uint8."""

    videos: Videos
    ids: Sequence[str]
    window: Window
    shown: ClipChoice
    seed: int
    batch_size: int

    def steps(self, seed: int, epoch: int) -> list[Rows]:  # noqa: ARG002 - in their order
        """Rows as they lie."""
        return in_turn(len(self.ids), self.batch_size)

    def read(self, rows: Rows, seed: int) -> Arrays:  # noqa: ARG002 - what is drawn does not depend on the batch
        """x of some rows; each video is decoded once."""
        return {"x": np.stack([self._clips(self.ids[row]) for row in rows.tolist()])}

    def names(self, rows: Rows) -> list[str]:
        """Clip ids."""
        return [self.ids[row] for row in rows.tolist()]

    def _clips(self, clip_id: str) -> Frames:
        footage = self.videos.opened(clip_id)
        spare = max(0, footage.num_frames - self.window.span)
        return clips_at(footage, self.window, places(self.shown, spare, generator(self.seed, "shown", clip_id)))


def places(shown: ClipChoice, spare: int, rng: np.random.Generator) -> list[Place]:
    """The places of a video's clips; `spare` frames are left beside a window."""
    count = shown.num_clips
    firsts = rng.integers(spare + 1, size=count).tolist() if shown.positions == "random" else _even(count, spare)
    corners = rng.random((count, 2)).tolist() if shown.crop == "random" else [(0.5, 0.5)] * count
    return [Place(first, *corner) for first, corner in zip(firsts, corners, strict=True)]


def _even(count: int, spare: int) -> list[int]:
    return [(2 * number + 1) * spare // (2 * count) for number in range(count)]


def clips_at(footage: Footage, window: Window, where: Sequence[Place]) -> Frames:
    """x_KTCHW of windows of one video; the last frame of a video that ends before them is repeated."""
    steps = np.arange(window.num_frames) * window.stride
    frames_KT = np.minimum(np.array([place.first for place in where])[:, None] + steps, footage.num_frames - 1)
    wanted = np.unique(frames_KT)
    rgb_FHWC = footage.frames(wanted)
    windows = [
        np.stack([_cut(rgb_FHWC[number], window, place) for number in np.searchsorted(wanted, frame_T).tolist()])
        for frame_T, place in zip(frames_KT, where, strict=True)
    ]
    return np.ascontiguousarray(np.moveaxis(np.stack(windows), -1, 2))


def _cut(rgb_HWC: Frames, window: Window, place: Place) -> Frames:
    """A square of one picture, resized: cut where it would lie if the picture's shorter side were `short_side`."""
    height, width = rgb_HWC.shape[:2]
    side = window.crop * min(height, width) / window.short_side
    top, left = place.down * (height - side), place.across * (width - side)
    box = (left, top, min(left + side, width), min(top + side, height))  # rounding must not lead out of the picture
    picture = Image.fromarray(rgb_HWC).resize((window.crop, window.crop), Image.Resampling.BILINEAR, box=box)
    return np.asarray(picture)


def long_enough(videos: Videos, window: Window, at_most: float) -> tuple[Videos, Rejects]:
    """The videos that a window fits in, if the others are to be rejected, and those others with the reason.

    Raises DataError, naming one, where more than the share `at_most` is too short, or all are.
    """
    rejects = Rejects(f"{videos.dataset}, {MODALITY}")
    for clip_id, clip in videos.clips.items():
        if window.short == "reject" and clip.num_frames < window.span:
            rejects.add(
                clip_id,
                f"too short: {clip.num_frames} frames, where {window.num_frames} frames at stride {window.stride} "
                f"need {window.span}",
            )
    rejects.check(total=len(videos.clips), at_most=at_most)
    out = {clip_id for clip_id, _ in rejects.rows}
    clips = {clip_id: clip for clip_id, clip in videos.clips.items() if clip_id not in out}
    if not clips:
        first = f"; {rejects.rows[0][0]}: {rejects.rows[0][1]}" if rejects.rows else "; run `dvc repro ingest`"
        raise DataError(f"{videos.dataset}: no {MODALITY} is left to look at{first}")
    return Videos(videos.dataset, videos.files, clips), rejects
