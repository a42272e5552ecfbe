"""What a network reads of one dataset: windows of its videos, or features of its clips that are stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import Field, model_validator

from pipeline.core import groups, tables
from pipeline.core.batches import Source
from pipeline.core.errors import DataError, LeakError
from pipeline.core.hashing import path_digest, value_digest
from pipeline.core.params import Params
from pipeline.core.schemas import CLIPS
from pipeline.core.store import Store
from pipeline.models.rest.frames import FrameParams
from pipeline.sources.hidden_words import Labelled
from pipeline.sources.stored_clips import Array, ShownTokens, StoredClips, Tokens
from pipeline.sources.video_clips import MODALITY, ClipChoice, ShownClips, VideoClips, Videos, Window, long_enough

EXTRACTED = "extract/"  # where stored features lie below features/


class DatasetParams(Params):
    """A dataset whose clips are encoded: a target; its classes may be left out of the source's."""

    files: str | None  # folder of the recordings, as ingest was given it; null where features are stored
    embeddings: str  # a row of embed


class SourceParams(DatasetParams):
    """The dataset to learn from."""

    dataset: str
    split_table: str
    split: str


class FromVideo(Params):
    """Windows of video files."""

    kind: Literal["video"]
    window: Window


class FromStore(Params):
    """Features that are stored, by dataset the path below features/ of a store of one encoder."""

    kind: Literal["stored"]
    array: Array
    num_frames: int | None = Field(ge=1)  # of `regions`: frames of the recipe's clips, which say when a region was seen
    features: dict[str, str]

    @model_validator(mode="after")
    def _regions_have_frames(self) -> Self:
        if (self.num_frames is None) == (self.array == "regions"):
            raise ValueError("num_frames belongs to regions, and to nothing else; else set it to null")
        return self


Input = Annotated[FromVideo | FromStore, Field(discriminator="kind")]


class Test(ClipChoice):
    """Which clips of a recording are encoded, and how many recordings at once."""

    batch_size: int = Field(ge=1)


def fault(
    chosen: FromVideo | FromStore, test: Test, files: Mapping[str, str | None], frames: FrameParams | None
) -> str | None:
    """Which param of a row does not fit its input, and why; `files` are the folders of the datasets' videos."""
    if isinstance(chosen, FromVideo):
        return _fault_of_videos(chosen.window, files, frames)
    if frames is not None:
        return "frames: stored features have had their frame encoder: set it to null"
    if set(files.values()) != {None}:
        return "files: expected null, for the features are stored"
    if set(chosen.features) != set(files):
        return f"input.features: expected a store of each of {list(files)}"
    for path in chosen.features.values():
        if not path.startswith(EXTRACTED):
            return f"input.features: '{path}': expected a store that extract makes, such as extract/<row>.zarr"
    if (test.num_clips, test.positions, test.crop) != (1, "even", "centre"):
        return "test: of stored features there is one clip; set num_clips: 1, positions: even, crop: centre"
    return None


def _fault_of_videos(window: Window, files: Mapping[str, str | None], frames: FrameParams | None) -> str | None:
    if None in files.values():
        return "files: expected the folder of each dataset's videos"
    if frames is None:
        return "frames: videos need a frame encoder"
    if window.num_frames % frames.group:
        return "input.window.num_frames: expected a multiple of frames.group"
    if window.crop < frames.min_side:
        return f"input.window.crop: {frames.name} takes pictures of {frames.min_side} pixels at least"
    return None


@dataclass(frozen=True)
class ClipsRequest:
    """Clips to learn from or to measure on, with the places of their classes."""

    ids: Sequence[str]
    labels: Sequence[int]
    batch_size: int
    seed: int
    drawn: bool  # in any order, and of videos any window; else in turn, and the middle one


@dataclass(frozen=True)
class WeightsHistory:
    """What the weights that made stored features were trained on; empty for videos."""

    training_classes: list[int]  # of the source
    training_names: list[str]
    pretrained: str | None


class DatasetView(Protocol):
    """One dataset's clips as a network reads them."""

    @property
    def history(self) -> WeightsHistory:
        """Of the weights that made stored features."""

    @property
    def ids(self) -> list[str]:
        """Ids of the clips, sorted."""

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why other clips cannot be read, by id."""

    @property
    def facts(self) -> dict[str, Any]:
        """`token_dim` and `max_tokens` of stored features; nothing of videos."""

    def training_set(self, request: ClipsRequest) -> Labelled:
        """A source of labelled clips."""

    def shown(self, ids: Sequence[str], seed: int) -> Source:
        """A source of the chosen clips of each recording, along axis 1."""

    def decided_by(self, ids: Sequence[str]) -> str:
        """Digest of what a network reads of some clips."""


@dataclass(frozen=True)
class VideoView:
    """Windows of videos."""

    videos: Videos
    window: Window
    test: Test
    reasons: Mapping[str, str]
    history: WeightsHistory

    @cached_property
    def ids(self) -> list[str]:
        """Ids of the clips, sorted."""
        return sorted(self.videos.clips)

    @property
    def facts(self) -> dict[str, Any]:
        """Empty: the params say it all."""
        return {}

    def training_set(self, request: ClipsRequest) -> Labelled:
        """Windows, one a video."""
        videos = self._of(request.ids)
        return VideoClips(
            videos, request.ids, request.labels, self.window, request.seed, request.batch_size, request.drawn
        )

    def shown(self, ids: Sequence[str], seed: int) -> Source:
        """Windows, several a video."""
        return ShownClips(self._of(ids), ids, self.window, self.test, seed, self.test.batch_size)

    def decided_by(self, ids: Sequence[str]) -> str:
        """Digest of the contents of the files and of the places of the clips in them."""
        clips = [self.videos.clips[clip_id] for clip_id in ids]
        files = [[clip.clip_id, clip.content_hash, clip.path, clip.num_frames] for clip in clips]
        return value_digest([self.videos.dataset, self.window.model_dump(), files])

    def _of(self, ids: Sequence[str]) -> Videos:
        """Only these videos, because a source is sent to the processes that read."""
        return Videos(self.videos.dataset, self.videos.files, {clip_id: self.videos.clips[clip_id] for clip_id in ids})


@dataclass(frozen=True)
class StoredView:
    """Stored features."""

    store: Store
    tokens: Tokens
    test: Test
    history: WeightsHistory
    reasons: Mapping[str, str]

    @cached_property
    def ids(self) -> list[str]:
        """Ids of the clips, sorted."""
        return list(self.tokens.place)

    @property
    def facts(self) -> dict[str, Any]:
        """The size and the greatest number of the tokens."""
        return {"token_dim": self.tokens.dim, "max_tokens": self.tokens.max_tokens}

    def training_set(self, request: ClipsRequest) -> Labelled:
        """Tokens of the clips."""
        return StoredClips(self.tokens, request.ids, request.labels, request.batch_size, request.drawn)

    def shown(self, ids: Sequence[str], seed: int) -> Source:  # noqa: ARG002 - nothing is drawn
        """Tokens of the clips, one clip each."""
        return ShownTokens(self.tokens, ids, self.test.batch_size)

    def decided_by(self, ids: Sequence[str]) -> str:
        """Digest of the whole store."""
        return value_digest([self._digest, self.tokens.group, list(ids)])

    @cached_property
    def _digest(self) -> str:
        """Computed once: the store may have gigabytes, and every part needs it."""
        return path_digest(self.store.path)


@dataclass(frozen=True)
class Place:
    """Where one dataset's clips stand: the folder of its videos, or the store of its features."""

    names: Sequence[str]  # of its classes
    clips: Path  # the clips table
    path: Path


def opened(
    chosen: FromVideo | FromStore, test: Test, places: Mapping[str, Place], run: tuple[str, int], max_rejected: float
) -> dict[str, DatasetView]:
    """The view of each dataset; stored features are those of the encoder of a split and seed."""
    views: dict[str, DatasetView] = {}
    if isinstance(chosen, FromVideo):
        for dataset, place in places.items():
            views[dataset] = _filmed(dataset, place, chosen.window, test, max_rejected)
        return views
    stored = {dataset: _stored(dataset, place, chosen, test, run) for dataset, place in places.items()}
    _refuse_other_encoders(stored)
    views.update(stored)
    return views


def _filmed(dataset: str, place: Place, window: Window, test: Test, max_rejected: float) -> VideoView:
    """The accepted videos of a clips table; those shorter than a window may be rejected."""
    rows = [row for row in tables.read(place.clips, CLIPS) if row.modality == MODALITY and row.reason is None]
    clips = {row.clip_id: row for row in rows}  # one a clip: the table is sorted by id
    videos, rejects = long_enough(Videos(dataset, place.path, clips), window, max_rejected)
    return VideoView(videos, window, test, dict(rejects.rows), WeightsHistory([], [], None))


def _stored(dataset: str, place: Place, chosen: FromStore, test: Test, run: tuple[str, int]) -> StoredView:
    """The features of the encoder of a split and seed.

    Raises DataError for a store of another dataset or without that encoder, LeakError where it does not say what its
    encoder has seen.
    """
    path, store = place.path, Store(place.path, "extract")
    if store.attrs["dataset"] != dataset:
        raise DataError(f"{path}: features of '{store.attrs['dataset']}', not of '{dataset}'; mend input.features")
    group = groups.of_run(store.groups(), *run)
    if group is None:
        raise DataError(
            f"{path}: no features for split '{run[0]}', seed {run[1]}: its groups are {store.groups()}; use an encoder "
            "whose weights belong to no split, or add the split to its rows"
        )
    attrs = store.group_attrs(group)
    if "training_classes" not in attrs:
        raise LeakError(f"{path}: group '{group}' does not say what its encoder was trained on")
    classes = [class_id for class_id in attrs["training_classes"] if "training_names" not in attrs]
    names = attrs.get("training_names", [place.names[class_id] for class_id in classes])
    history = WeightsHistory(sorted(classes), sorted(names), attrs.get("pretrained"))
    return StoredView(store, Tokens(store, group, chosen.array, chosen.num_frames), test, history, {})


def _refuse_other_encoders(views: Mapping[str, StoredView]) -> None:
    """DataError where the stored features of datasets are not all of one encoder's weights and size."""
    made_by = {
        dataset: (view.store.group_attrs(view.tokens.group).get("weights_hash"), view.tokens.dim)
        for dataset, view in views.items()
    }
    first, *others = made_by
    for dataset in others:
        if made_by[dataset] != made_by[first]:
            raise DataError(
                f"{views[dataset].store.path}: features of another encoder than {views[first].store.path}; extract "
                "both with the same weights"
            )
