from pathlib import Path

import numpy as np
import pytest

from pipeline.core import store
from pipeline.core.errors import DataError, FormatError
from pipeline.core.hashing import folder_digest

IDS = ["a", "b", "c"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "features.zarr"


def make(path: Path, rows: np.ndarray | None = None) -> None:
    rows = np.arange(12, dtype=np.float32).reshape(3, 4) if rows is None else rows
    with store.create(path, {"dataset": "demo"}) as writer:
        group = writer.group("s0-0", IDS, {"seed": 0})
        group.put("pooled", rows)
        group.put_ragged("tokens", [np.full((n, 2), n, np.float32) for n in (2, 0, 5)])


def test_what_is_written_is_read(path: Path) -> None:
    make(path)
    features = store.Store(path, "extract")
    assert features.attrs == {"dataset": "demo"}
    assert features.groups() == ["s0-0"]
    assert features.group_attrs("s0-0") == {"seed": 0}
    assert features.ids("s0-0") == IDS
    np.testing.assert_array_equal(features.read("s0-0", "pooled"), np.arange(12).reshape(3, 4))
    assert [row.shape for row in features.read_ragged("s0-0", "tokens")] == [(2, 2), (0, 2), (5, 2)]
    assert (features.read_ragged("s0-0", "tokens")[2] == 5).all()


def test_rows_are_joined_by_id_not_by_position(path: Path) -> None:
    make(path)
    rows = store.Store(path, "extract").rows("s0-0", "pooled", ["c", "a"])
    np.testing.assert_array_equal(rows, [[8, 9, 10, 11], [0, 1, 2, 3]])


def test_an_id_that_is_not_there_is_named(path: Path) -> None:
    make(path)
    with pytest.raises(DataError, match=r"lacks 1 of 2 ids, first 'd'; run `dvc repro extract`"):
        store.Store(path, "extract").rows("s0-0", "pooled", ["a", "d"])


def test_an_empty_group_is_legal(path: Path) -> None:
    with store.create(path, {}) as writer:
        group = writer.group("all", [])
        group.put("pooled", np.zeros((0, 4), np.float32))
        group.put_ragged("tokens", [])
    features = store.Store(path, "extract")
    assert features.ids("all") == []
    assert features.read("all", "pooled").shape == (0, 4)
    assert features.read_ragged("all", "tokens") == []


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    make(tmp_path / "one.zarr")
    make(tmp_path / "two.zarr")
    assert folder_digest(tmp_path / "one.zarr") == folder_digest(tmp_path / "two.zarr")


def test_rows_written_in_shards_equal_rows_written_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SHARD_BYTES", 256 * 8 * 4)
    rows = np.random.default_rng(0).normal(size=(700, 8)).astype(np.float32)
    ids = [f"{i:04d}" for i in range(700)]
    with store.create(path, {}) as writer:
        array = writer.group("all", ids).dense("pooled", (8,), np.float32)
        assert (array.shard_rows, array.num_shards) == (256, 3)
        for shard in (2, 0, 1):
            array.write_shard(shard, rows[shard * 256 : (shard + 1) * 256])
    np.testing.assert_array_equal(store.Store(path, "extract").read("all", "pooled"), rows)


def test_numbers_keep_their_type_and_zeros_are_written_too(path: Path) -> None:
    """A chunk that were left out because it holds zeros alone would not be told from one that was lost."""
    half = np.ones((3, 2), np.float16)
    with store.create(path, {}) as writer:
        group = writer.group("all", IDS)
        group.put("half", half)
        group.put_ragged("tokens", list(half[:, None]))
        group.dense("small", (2,), np.uint8).write(half.astype(np.uint8))
        group.put("zeros", np.zeros((3, 2), np.int16))
    found = store.Store(path, "extract")
    types = [found.read("all", name).dtype for name in ("half", "small", "zeros")]
    assert types == [np.float16, np.uint8, np.int16]
    assert found.read_ragged("all", "tokens")[0].dtype == np.float16
    assert [file for file in (path / "all" / "zeros" / "c").rglob("*") if file.is_file()]


def test_what_was_never_written_reads_as_nan(path: Path) -> None:
    with store.create(path, {}) as writer:
        writer.group("all", IDS).dense("pooled", (2,), np.float32)
    assert np.isnan(store.Store(path, "extract").read("all", "pooled")).all()


def test_a_shard_of_the_wrong_length_is_refused(path: Path) -> None:
    with pytest.raises(DataError, match="shard 0 holds 3 rows, got 2"), store.create(path, {}) as writer:
        writer.group("all", IDS).dense("pooled", (2,), np.float32).write_shard(0, np.zeros((2, 2)))


def test_a_flipped_byte_is_refused(path: Path) -> None:
    make(path)
    file = path / "s0-0" / "pooled" / "c" / "0" / "0"
    data = bytearray(file.read_bytes())
    data[5] ^= 1
    file.write_bytes(data)
    with pytest.raises(FormatError, match=r"checksum.*dvc repro extract"):
        store.Store(path, "extract").read("s0-0", "pooled")


def test_a_missing_shard_is_refused_and_not_read_as_fill_value(path: Path) -> None:
    make(path)
    (path / "s0-0" / "pooled" / "c" / "0" / "0").unlink()
    with pytest.raises(FormatError, match="missing or cut short"):
        store.Store(path, "extract")


def test_a_shard_that_is_cut_short_is_refused_before_it_is_read(path: Path) -> None:
    make(path)
    (shard,) = (file for file in (path / "s0-0" / "pooled" / "c").rglob("*") if file.is_file())
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(FormatError, match=r"file 's0-0/pooled/c/.*' is missing or cut short; run `dvc repro extract`"):
        store.Store(path, "extract")


def test_ragged_rows_are_as_many_as_ids(tmp_path: Path) -> None:
    expected = pytest.raises(DataError, match="ragged array 'x': expected 2 rows, got 1")
    with expected, store.create(tmp_path / "x.zarr", {}) as writer:
        writer.group("all", ["a", "b"]).ragged("x", [3], (), np.float32)


def test_a_folder_that_is_no_store_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(FormatError, match="no readable store"):
        store.Store(path, "extract")


def test_an_unknown_group_and_an_unknown_array_are_named(path: Path) -> None:
    make(path)
    features = store.Store(path, "extract")
    with pytest.raises(FormatError, match=r"no group 's1-0', found \['s0-0'\]"):
        features.read("s1-0", "pooled")
    with pytest.raises(FormatError, match="no array 'regions'"):
        features.read("s0-0", "regions")


@pytest.mark.parametrize("ids", [["b", "a"], ["a", "a"], ["a\nb"]])
def test_ids_must_be_sorted_unique_lines(path: Path, ids: list[str]) -> None:
    with pytest.raises(DataError, match="sorted, unique"), store.create(path, {}) as writer:
        writer.group("all", ids)


def test_a_failed_writer_leaves_the_old_store(path: Path) -> None:
    make(path)
    before = folder_digest(path)
    with pytest.raises(RuntimeError), store.create(path, {}):
        raise RuntimeError
    assert folder_digest(path) == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("lengths", [(10,), (3, 7), (0, 4, 0, 6), (1,) * 10])
def test_rows_may_come_in_parts_of_any_length(path: Path, monkeypatch: pytest.MonkeyPatch, lengths: tuple) -> None:
    monkeypatch.setattr(store, "CHUNK_ROWS", 4)
    monkeypatch.setattr(store, "SHARD_BYTES", 1)  # three shards
    rows = np.arange(30, dtype=np.float32).reshape(10, 3)
    stops = np.cumsum(lengths)
    with store.create(path, {}) as writer:
        array = writer.group("all", [f"{i:02d}" for i in range(10)]).dense("pooled", (3,), np.float32)
        array.fill(rows[stop - length : stop] for length, stop in zip(lengths, stops, strict=True))
    np.testing.assert_array_equal(store.Store(path, "extract").read("all", "pooled"), rows)


@pytest.mark.parametrize("num_rows", [2, 4, 9])
def test_too_few_or_too_many_rows_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch, num_rows: int) -> None:
    monkeypatch.setattr(store, "CHUNK_ROWS", 2)
    monkeypatch.setattr(store, "SHARD_BYTES", 1)
    with pytest.raises(DataError, match=r"expected 3 rows, got"), store.create(path, {}) as writer:
        writer.group("all", IDS).dense("pooled", (2,), np.float32).fill([np.zeros((num_rows, 2), np.float32)])
    assert not path.exists()
