import google_crc32c
import numpy as np
import pytest

from pipeline.core import store
from pipeline.core.chunks import blocks
from pipeline.core.errors import FormatError


def test_blocks_hold_every_row_once_in_any_order(tmp_path):
    rows = np.arange(600, dtype=np.float32).reshape(600, 1)
    with store.create(tmp_path / "x.zarr", {}) as writer:
        writer.group("all", [f"{i:04d}" for i in range(600)]).put("x", rows)
    found = store.Store(tmp_path / "x.zarr", "preprocess")
    assert np.array_equal(np.concatenate(list(blocks(found, "all", "x", seed=None))), rows)
    shuffled = [block for seed in range(4) for block in blocks(found, "all", "x", seed=seed)]
    assert np.array_equal(np.sort(np.concatenate(shuffled[:3]), axis=0), rows)
    assert len({float(shuffled[first][0, 0]) for first in (0, 3, 6, 9)}) > 1


def test_blocks_over_several_shards_equal_the_whole_and_notice_a_flipped_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "CHUNK_ROWS", 8)
    monkeypatch.setattr(store, "SHARD_BYTES", 600)
    rows = np.random.default_rng(0).random((45, 2, 3)).astype(np.float32)
    with store.create(tmp_path / "x.zarr", {}) as writer:
        writer.group("all", [f"{i:04d}" for i in range(45)]).put("x", rows)
    found = store.Store(tmp_path / "x.zarr", "preprocess")
    assert np.array_equal(np.concatenate(list(blocks(found, "all", "x", seed=None))), rows)
    shards = sorted(path for path in (tmp_path / "x.zarr/all/x/c").rglob("*") if path.is_file())
    data = bytearray(shards[0].read_bytes())
    data[5] ^= 1
    shards[0].write_bytes(bytes(data))
    with pytest.raises(FormatError, match="a checksum does not fit: bytes have changed"):
        list(blocks(found, "all", "x", seed=None))


def test_a_block_of_zeros_is_stored_like_any_other(tmp_path):
    """What equals the fill value could be left out; a mapped shard has no place to tell that."""
    rows = np.zeros((600, 2), np.int32)
    rows[300:] = 7
    with store.create(tmp_path / "x.zarr", {}) as writer:
        writer.group("all", [f"{i:04d}" for i in range(600)]).put("x", rows)
    found = store.Store(tmp_path / "x.zarr", "preprocess")
    assert np.array_equal(np.concatenate(list(blocks(found, "all", "x", seed=None))), rows)


def test_an_index_that_points_beyond_its_shard_is_refused(tmp_path):
    with store.create(tmp_path / "x.zarr", {}) as writer:
        writer.group("all", ["a", "b"]).put("x", np.ones((2, 3), np.float32))
    found = store.Store(tmp_path / "x.zarr", "preprocess")
    (shard,) = (path for path in (tmp_path / "x.zarr/all/x/c").rglob("*") if path.is_file())
    index = (1 << 40).to_bytes(8, "little") + (28).to_bytes(8, "little")
    checksum = google_crc32c.value(index).to_bytes(4, "little")
    shard.write_bytes(shard.read_bytes()[:-20] + index + checksum)
    with pytest.raises(FormatError, match="chunk 0 lies outside its shard"):
        list(blocks(found, "all", "x", seed=None))
