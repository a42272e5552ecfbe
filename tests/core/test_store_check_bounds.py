"""`store.verify` needs little memory for whatever a store claims, and for stores of a million ids."""

import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core import store, store_check
from tests.core.test_store_check import relist, remade, rewrite

MANY = "-" * 60


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with store.create(tmp_path / "f.zarr", {"dataset": "demo"}) as writer:
        writer.group("all", ["a", "b"]).put("pooled", np.zeros((2, 4), np.float32))
    return tmp_path / "f.zarr"


@contextmanager
def at_most(num_bytes: int) -> Iterator[None]:
    """Python and numpy hold no more than so many bytes at any time in the block."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < num_bytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["zarr.json", "all/zarr.json", "all/pooled/zarr.json"])
def test_metadata_larger_than_any_store_needs_are_refused_unread(path: Path, name: str) -> None:
    """As lists, these bytes would take twenty times their size."""
    content = (path / name).read_bytes().rstrip().removesuffix(b"}")
    (path / name).write_bytes(content + b', "more": [[]' + b",[]" * (8 << 20) + b"]}")
    if name != "zarr.json":
        size = (path / name).stat().st_size
        rewrite(path / "zarr.json", lambda tree: tree["attributes"]["manifest"]["files"].update({name: size}))
    with at_most(40 << 20):
        faults = store.verify(path)
    assert any(f"{path / name}: larger than 16 MiB" in fault for fault in faults), faults


def test_files_that_are_not_there_are_counted_where_they_are_many(path: Path) -> None:
    files = {f"all/{number}": 1 for number in range(1200)}
    rewrite(path / "zarr.json", lambda tree: tree["attributes"]["manifest"].update(files=files))
    assert store.verify(path) == [f"{path}: 1200 of the 1200 files of its manifest are missing"]


def test_a_million_ids_are_checked_a_block_at_a_time(tmp_path: Path) -> None:
    ids = [f"kinetics/{number:07}{MANY}" for number in range(1_000_000)]
    with store.create(tmp_path / "f.zarr", {}) as writer:
        group = writer.group("all", ids)
        group.put("labels", np.zeros(len(ids), np.int16))
        group.ragged("tokens", [1] * len(ids), [64], np.int8).write(np.zeros((len(ids), 64), np.int8))
    del ids
    assert (tmp_path / "f.zarr/all/ids/c/0").stat().st_size > 64 << 20
    metadata = (tmp_path / "f.zarr").rglob("zarr.json")
    assert max(file.stat().st_size for file in metadata) < store_check._MAX_JSON_BYTES / 1000
    with at_most(16 << 20):
        assert store.verify(tmp_path / "f.zarr") == []


@pytest.mark.parametrize("block_bytes", [8, 16, 1 << 20])
@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"ids": "aa\nbbbbbbbbbbbbbbbbbbbbé\nc".encode()}, ""),
        ({"ids": b"\na\nb"}, ""),
        ({"ids": b"aaaaaaa\nbbb\nbb"}, "ids are not sorted and unique: 'bb' is out of place"),
        ({"ids": b"a\nbbbbbb\n"}, "ids are not sorted and unique: '' is out of place"),
        ({"ids": b"\n\nb"}, "ids are not sorted and unique: '' is out of place"),
        ({"ids": "a\nb\nccccccccé".encode()[:-1]}, "'ids' is not UTF-8 text"),
        ({"offsets": [0, 7, 2, 7]}, "'tokens.offsets' does not rise from 0 to the 7 rows of its array"),
        ({"offsets": [1, 2, 2, 7]}, "'tokens.offsets' does not rise from 0 to the 7 rows of its array"),
    ],
)
def test_values_are_judged_alike_wherever_a_block_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int, changes: dict[str, Any], fault: str
) -> None:
    monkeypatch.setattr(store_check, "_BLOCK_BYTES", block_bytes)
    assert remade(tmp_path / "f.zarr", **changes) == ([fault] if fault else [])


def test_an_id_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_check, "_BLOCK_BYTES", 1 << 12)
    assert remade(tmp_path / "f.zarr", ids=b"a\nb\n" + b"c" * (1 << 18)) == ["an id is longer than 64 KiB"]


def test_offsets_that_leave_their_type_on_the_way_do_not_rise(tmp_path: Path) -> None:
    """Their differences, taken in 64 bits, are all positive."""
    ends = np.iinfo(np.int64)
    with store.create(tmp_path / "f.zarr", {}) as writer:
        group = writer.group("all", ["a", "b", "c", "d"])
        group.put_ragged("x", [np.zeros((1, 1), np.int8)] * 4)
        del group._group["x.offsets"]
        offsets = np.array([0, ends.max, ends.min, -1, 4])
        group._create("x.offsets", offsets.shape, offsets.dtype).write(offsets)
    (fault,) = store.verify(tmp_path / "f.zarr")
    assert "'x.offsets' does not rise from 0 to the 4 rows" in fault


def test_a_shard_of_more_chunks_than_its_index_may_have_is_refused(path: Path) -> None:
    def edit(tree: dict[str, Any]) -> None:
        tree["chunk_grid"]["configuration"]["chunk_shape"] = [1 << 21, 4]
        tree["codecs"][0]["configuration"]["chunk_shape"] = [1, 4]

    rewrite(path / "all/pooled/zarr.json", edit)
    assert any("more than 1048576 chunks in a shard" in fault for fault in faults_of(path))


def test_arrays_cannot_claim_the_same_files_again_and_again(path: Path) -> None:
    """A thousand arrays of a thousand shards each would be told by a million lines."""
    (path / "all/pooled/c/0/0").unlink()
    num_files = len(json.loads((path / "zarr.json").read_text())["attributes"]["manifest"]["files"])

    def edit(tree: dict[str, Any]) -> None:
        tree["shape"] = [2 * num_files, 4]

    for number in range(40):
        folder = path / f"all/x{number:02}"
        folder.mkdir()
        (folder / "zarr.json").write_bytes((path / "all/pooled/zarr.json").read_bytes())
        rewrite(folder / "zarr.json", edit)
    assert sum("a shard of array" in fault for fault in faults_of(path)) <= num_files + 40


def faults_of(path: Path) -> list[str]:
    """The faults of a store whose manifest has every file that is there."""
    relist(path)
    return store.verify(path)
