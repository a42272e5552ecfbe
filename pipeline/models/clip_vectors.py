"""The features of one encoder by clip: a group of a store, what its encoder saw, and what a method reads."""

# Shapes: N clips, D feature size, S frames or parts of time, K variants of a clip.
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import groups, store
from pipeline.core.errors import DataError
from pipeline.core.rejects import Rejects
from pipeline.core.rows import RowReader
from pipeline.core.schemas import SplitRow
from pipeline.models import text_space
from pipeline.models.encoder_history import Classes, EncoderHistory, checked_history
from pipeline.models.methods.shared import Array, Clips, Need
from pipeline.models.text_space import TextSpace

TOKEN_SEGMENTS = 3  # parts of time at most, whose frames' tokens are averaged: what PURLS reads

_STAGES = ("adopt", "bind", "rest")  # which leave features in folders of their own
_SHAPES = {"pooled": "(clips, size)", "tokens": "(clips, frames, ..., size)", "masked": "(clips, variants, size)"}
_KEYS = {"tokens": "`tokens: true`", "masked": "`masked`"}  # of a row of extract, by the array that they ask for
_BLOCK_BYTES = 64 << 20  # of tokens, read at once


@dataclass(frozen=True)
class Reading:
    """What is read of each clip, and for which method."""

    need: Need
    method: str


POOLED = Reading("pooled", "any")


@dataclass(frozen=True)
class Encoded:
    """One group of a store of features."""

    features: store.Store
    group: str
    history: EncoderHistory
    weights_hash: str | None

    @property
    def senses(self) -> tuple[str, ...]:
        """Whose vectors stand end to end; none where the store does not say."""
        return tuple(self.features.attrs.get("senses", ()))

    @property
    def text_space(self) -> TextSpace | None:
        """The space of texts that its vectors lie in, if its encoder kept its map to texts."""
        space = self.features.group_attrs(self.group).get(text_space.KEY)
        return None if space is None else TextSpace.model_validate(space)

    def with_features(self, rows: Sequence[SplitRow], max_missing: float) -> tuple[list[SplitRow], int]:
        """The rows of clips that have features, and how many have none. Raises DataError if those are too many."""
        known = self.features.places(self.group)
        rejects = Rejects(f"{self.features.path}, group '{self.group}'")
        for clip_id in (row.clip_id for row in rows):
            if clip_id not in known:
                rejects.add(clip_id, "no features: preprocess left it out or never had it")
        rejects.check(total=len(rows), at_most=max_missing)
        return [row for row in rows if row.clip_id in known], len(rejects.rows)

    def vectors(self, rows: Sequence[SplitRow], reading: Reading) -> Array:
        """The features of some clips, float32.

        pooled: (N, D); tokens: (N, S, ..., D), time averaged in at most TOKEN_SEGMENTS parts; masked: (N, 1 + K, D),
        the clip itself and then its variants. Raises DataError for an array that the store lacks or that is not finite.
        """
        ids = [row.clip_id for row in rows]
        self._check_there(reading)
        if reading.need == "tokens":
            vectors = self._segments(ids)
        else:
            vectors = self._finite("pooled", 2, self.features.rows(self.group, "pooled", ids))
        if reading.need == "masked":
            masked_NKD = self._finite("masked", 3, self.features.rows(self.group, "masked", ids))
            vectors = np.concatenate([vectors[:, None], masked_NKD], axis=1)
        return vectors

    @cached_property
    def _tokens(self) -> RowReader:
        """Opened once: a reader checks each chunk of the array when it first touches it."""
        return self.features.reader(self.group, "tokens")

    def clips(self, rows: Sequence[SplitRow], reading: Reading) -> Clips:
        """The features of some clips, with the classes that the rows state."""
        measured = tuple(self.features.group_attrs(self.group).get("measured", ()))
        return Clips(self.vectors(rows, reading), tuple(row.taught_class for row in rows), self.senses, measured)

    def _check_there(self, reading: Reading) -> None:
        if reading.need == "pooled" or reading.need in self.features.arrays(self.group):
            return
        stage = made_by(self.features.path)
        remedy = f"set {_KEYS[reading.need]} in its row of extract.rows and run `dvc repro extract`"
        if stage != "extract":
            remedy = f"the stage {stage} leaves none: name a store of features/extract"
        raise DataError(
            f"{self.features.path}: group '{self.group}' holds no '{reading.need}', which the method "
            f"'{reading.method}' reads; {remedy}"
        )

    def _segments(self, ids: Sequence[str]) -> Array:
        """The tokens of each part of time, (N, S, ..., D); memory holds those of all frames of a few clips."""
        reader, place = self._tokens, self.features.places(self.group)
        step = max(1, _BLOCK_BYTES // max(1, int(np.prod(reader.shape[1:])) * reader.dtype.itemsize))
        segments_NSXD = np.empty((len(ids), min(TOKEN_SEGMENTS, reader.shape[1]), *reader.shape[2:]), np.float32)
        for start in range(0, len(ids), step):
            block = np.empty((len(ids[start : start + step]), *reader.shape[1:]), reader.dtype)
            reader.read((place[clip_id], x[None]) for clip_id, x in zip(ids[start:], block, strict=False))
            segments_NSXD[start : start + step] = segments(self._finite("tokens", None, block))
        return segments_NSXD

    def _finite(self, name: str, num_axes: int | None, vectors: Array) -> Array:
        """An array of float32. Raises DataError unless it has so many axes, None: at least three, and finite values."""
        fits = vectors.ndim == num_axes if num_axes else vectors.ndim > 2
        if not fits or not np.isfinite(vectors).all():
            raise DataError(
                f"{self.features.path}: group '{self.group}', array '{name}': expected finite vectors "
                f"{_SHAPES[name]}, found shape {vectors.shape}; run `dvc repro {made_by(self.features.path)}`"
            )
        return vectors.astype(np.float32, copy=False)


def segments(tokens_NSXD: Array) -> Array:
    """Tokens averaged over time, their second axis, in at most TOKEN_SEGMENTS parts of equal length, to one frame."""
    parts = np.array_split(tokens_NSXD, min(TOKEN_SEGMENTS, tokens_NSXD.shape[1]), axis=1)
    return np.stack([part.mean(axis=1, dtype=np.float64) for part in parts], axis=1).astype(np.float32)


def open_features(path: Path) -> store.Store:
    """A store of features, of whichever stage."""
    return store.Store(path, made_by(path))


def encoder_attrs(features: Path) -> dict[str, Any]:
    """The attributes that scores repeat: dataset, modality, encoder, and the multiply-accumulates of one clip, `macs`.

    Only stores of the stage rest have `macs`.
    """
    attrs = open_features(features).attrs
    return {name: attrs[name] for name in ("dataset", "modality", "encoder", "macs") if name != "macs" or name in attrs}


def made_by(features: Path) -> str:
    """The stage that writes a store of features, as its folder says."""
    return next((name for name in reversed(features.parent.parts) if name in _STAGES), "extract")


def encoded(features: store.Store, split: str, seed: int, classes: Classes, named: str | None = None) -> Encoded:
    """The features that the encoder of a split and seed gave; `classes` are those of the split that is tested.

    `named` is the name of that split in error messages, where it is not the encoder's. Raises LeakError for an encoder
    that saw classes it must not see, DataError where there are no such features.
    """
    group = groups.of_run(features.groups(), split, seed)
    if group is None:
        raise DataError(
            f"{features.path}: no features for split '{split}', seed {seed}: its groups are {features.groups()}; "
            "add the split or the seed to the rows of pretrain, finetune, bind or rest, and extract"
        )
    weights_hash = features.group_attrs(group).get("weights_hash")
    return Encoded(features, group, checked_history(features, group, named or split, classes), weights_hash)
