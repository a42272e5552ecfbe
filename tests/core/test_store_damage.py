"""Whoever reads a damaged store is told which file, in one line."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.core import store
from pipeline.core.errors import FormatError
from pipeline.core.store import Store

IDS = [f"a/{number:04d}" for number in range(600)]


@pytest.fixture
def path(tmp_path) -> Path:
    with store.create(tmp_path / "x.zarr", {"dataset": "toy"}) as writer:
        group = writer.group("all", IDS)
        group.put("x", np.random.default_rng(0).normal(size=(600, 8)).astype(np.float32))
        group.put_ragged("r", [np.ones((number % 5, 2), np.float32) for number in range(600)])
    return tmp_path / "x.zarr"


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-2] ^= 64
    file.write_bytes(data)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


def read_whole(path: Path) -> None:
    found = Store(path, "extract")
    for group in found.groups():
        for name in found.arrays(group):
            found.read(group, name)


def read_rows(path: Path) -> None:
    Store(path, "extract").reader("all", "x").read([(0, np.empty((600, 8), np.float32))])


CHANGED = "is cut short or changed"
MISSING = "is missing or cut short"


@pytest.mark.parametrize(
    ("name", "damage", "read", "told"),
    [
        ("all/x/c/0/0", flip, read_whole, "x.zarr/all/x: file 'c/0/0': a checksum does not fit: bytes have changed"),
        ("all/x/c/0/0", flip, read_rows, "x.zarr/all/x: file 'c/0/0': a checksum does not fit: bytes have changed"),
        ("all/r/c/0/0", flip, read_whole, "x.zarr/all/r: file 'c/0/0': a checksum does not fit: bytes have changed"),
        ("all/ids/c/0", flip, read_whole, "x.zarr/all/ids: file 'c/0': a checksum does not fit: bytes have changed"),
        ("all/x/c/0/0", truncate, read_rows, f"file 'all/x/c/0/0' {MISSING}"),
        ("all/x/c/0/0", Path.unlink, read_whole, f"file 'all/x/c/0/0' {MISSING}"),
        ("all/x/zarr.json", flip, read_whole, f"file 'all/x/zarr.json' {CHANGED}"),
        ("all/x/zarr.json", flip, read_rows, f"file 'all/x/zarr.json' {CHANGED}"),
        ("all/zarr.json", flip, read_whole, f"file 'all/zarr.json' {CHANGED}"),
        ("zarr.json", truncate, read_whole, f"no readable store there: its manifest 'zarr.json' {CHANGED}"),
        ("zarr.json", flip, read_rows, f"no readable store there: its manifest 'zarr.json' {CHANGED}"),
        ("zarr.json", Path.unlink, read_whole, "no readable store there"),
    ],
)
def test_a_reader_and_verify_say_which_file_is_damaged(name, damage, read, told, path):
    read(path)
    assert store.verify(path) == []
    damage(path / name)
    (fault,) = store.verify(path)
    assert name in fault.replace("', shard '", "/")
    with pytest.raises(FormatError) as caught:
        read(path)
    assert str(caught.value).endswith(f"{told}; run `dvc repro extract`")


def test_a_reader_says_which_of_several_shards(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "SHARD_BYTES", 256 * 8 * 4)
    with store.create(tmp_path / "x.zarr", {}) as writer:
        writer.group("all", IDS).put("x", np.ones((600, 8), np.float32))
    flip(tmp_path / "x.zarr/all/x/c/2/0")
    with pytest.raises(FormatError, match="file 'c/2/0': a checksum"):
        read_whole(tmp_path / "x.zarr")
