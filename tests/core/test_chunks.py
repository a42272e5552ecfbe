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
