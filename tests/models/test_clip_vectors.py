"""What a method needs of a store of features is read as it says, or refused in one line."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.core import members, store
from pipeline.core.errors import DataError
from pipeline.models import clip_vectors
from pipeline.models.clip_vectors import POOLED, Encoded, Reading, segments
from pipeline.models.encoder_history import EncoderHistory
from pipeline.training import selection
from tests.core.table_rows import split_row

Array = npt.NDArray[np.float32]
TOKENS, MASKED = Reading("tokens", "purls"), Reading("masked", "smie")
IDS = [f"toy/{number}" for number in range(5)]
ROWS = [split_row(clip_id=clip_id, class_id=place) for place, clip_id in reversed(list(enumerate(IDS)))]


def made(folder: Path, stage: str = "extract", **arrays: Array) -> Encoded:
    path = folder / "features" / stage / "x.zarr"
    with store.create(path, {"dataset": "toy"}) as writer:
        group = writer.group("s0-0", IDS, {})
        for name, values in arrays.items():
            group.put(name, values)
    history = EncoderHistory([], None, None, [], None, None)
    return Encoded(clip_vectors.open_features(path), "s0-0", history, None)


def drawn(*shape: int) -> Array:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("num_frames", [1, 2, 3, 6, 13])
def test_each_part_of_time_is_the_mean_of_its_frames(num_frames: int) -> None:
    tokens_NSVD = drawn(2, num_frames, 4, 5)
    found = segments(tokens_NSVD)
    bounds = {1: [0, 1], 2: [0, 1, 2], 3: [0, 1, 2, 3], 6: [0, 2, 4, 6], 13: [0, 5, 9, 13]}[num_frames]
    expected = [tokens_NSVD[:, start:end].astype(np.float64).mean(axis=1) for start, end in pairwise(bounds)]
    assert (found.shape, found.dtype) == ((2, len(bounds) - 1, 4, 5), np.float32)
    np.testing.assert_allclose(found, np.stack(expected, axis=1), rtol=1e-6, atol=1e-7)


def test_equal_parts_have_the_mean_of_all_tokens(tmp_path: Path) -> None:
    tokens_NSVD = drawn(5, 6, 4, 3)
    source = made(tmp_path, pooled=tokens_NSVD.mean((1, 2)), tokens=tokens_NSVD)
    found = source.vectors(ROWS, TOKENS)
    np.testing.assert_allclose(found.mean((1, 2)), source.vectors(ROWS, POOLED), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bytes_at_once", [1, 700, 1 << 20])
def test_tokens_are_of_the_clips_asked_for_however_few_are_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_at_once: int
) -> None:
    monkeypatch.setattr(clip_vectors, "_BLOCK_BYTES", bytes_at_once)
    tokens_NSVD = drawn(5, 7, 4, 3)
    source = made(tmp_path, pooled=drawn(5, 3), tokens=tokens_NSVD)
    clips = source.clips(ROWS[1:], TOKENS)
    assert clips.class_ids == (3, 2, 1, 0)
    np.testing.assert_array_equal(clips.features_ND, segments(tokens_NSVD)[[3, 2, 1, 0]])
    assert source.vectors([], TOKENS).shape == (0, 3, 4, 3)


def test_variants_follow_the_clip_itself(tmp_path: Path) -> None:
    pooled_ND, masked_NKD = drawn(5, 3), drawn(5, 2, 3)
    found = made(tmp_path, pooled=pooled_ND, masked=masked_NKD).vectors(ROWS[:2], MASKED)
    np.testing.assert_array_equal(found, np.concatenate([pooled_ND[:, None], masked_NKD], axis=1)[[4, 3]])


@pytest.mark.parametrize(("reading", "key"), [(TOKENS, "`tokens: true`"), (MASKED, "`masked`")])
def test_a_store_without_the_array_is_refused_by_name_with_the_key_to_set(
    tmp_path: Path, reading: Reading, key: str
) -> None:
    source = made(tmp_path, pooled=drawn(5, 3))
    said = (
        rf"extract/x\.zarr: group 's0-0' holds no '{reading.need}', which the method '{reading.method}' reads; "
        rf"set {key} in its row of extract\.rows and run `dvc repro extract`"
    )
    with pytest.raises(DataError, match=said):
        source.vectors(ROWS, reading)


@pytest.mark.parametrize("stage", ["adopt", "bind", "rest"])
def test_a_stage_that_leaves_vectors_alone_is_told(tmp_path: Path, stage: str) -> None:
    source = made(tmp_path, stage, pooled=drawn(5, 3))
    with pytest.raises(DataError, match=f"the stage {stage} leaves none: name a store of features/extract"):
        source.vectors(ROWS, TOKENS)


@pytest.mark.parametrize("reading", [POOLED, TOKENS, MASKED])
def test_what_is_not_finite_is_refused(tmp_path: Path, reading: Reading) -> None:
    arrays: dict[str, Any] = {"pooled": drawn(5, 3), "tokens": drawn(5, 2, 2, 3), "masked": drawn(5, 2, 3)}
    arrays[reading.need].flat[0] = np.nan
    with pytest.raises(DataError, match=f"array '{reading.need}': expected finite vectors"):
        made(tmp_path, **arrays).vectors(ROWS, reading)


@pytest.mark.parametrize("name", members.names(selection.METHODS))
def test_every_method_says_what_it_reads(name: str) -> None:
    assert selection.reading(name) == Reading(selection.method(name).NEEDS, name)
    assert selection.method(name).NEEDS in ("pooled", "tokens", "masked")
