"""`store.verify`: what is wrong with a store is said by file, group, array, shard and chunk."""

import json
from collections.abc import Callable
from pathlib import Path

import google_crc32c
import numpy as np
import pytest

from pipeline.core import store, store_check

IDS = ["a", "b", "c"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "f.zarr"
    with store.create(path, {"dataset": "demo"}) as writer:
        group = writer.group("s-0", IDS, {"seed": 0})
        group.put("pooled", np.arange(12, dtype=np.float32).reshape(3, 4))
        group.put("flags", np.array([True, False, True]))
        group.put_ragged("tokens", [np.full((n, 2), n, np.float32) for n in (2, 0, 5)])
        empty = writer.group("t-0", [])
        empty.put("pooled", np.zeros((0, 4), np.float32))
        empty.put_ragged("tokens", [])
    return path


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def rewrite(file: Path, edit: Callable[[dict], None]) -> None:
    tree = json.loads(file.read_text())
    edit(tree)
    file.write_text(json.dumps(tree))


def relist(path: Path) -> None:
    """Make the manifest say what is there, as who forges a store would."""
    files = sorted(file for file in path.glob("*/**/*") if file.is_file())
    sizes = {file.relative_to(path).as_posix(): file.stat().st_size for file in files}
    rewrite(path / "zarr.json", lambda tree: tree["attributes"]["manifest"].update(files=sizes))


def test_a_store_as_it_was_written_is_sound(path: Path) -> None:
    assert store.verify(path) == []


def test_a_store_of_several_shards_is_read_shard_by_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SHARD_BYTES", 16 << 10)
    monkeypatch.setattr(store_check, "_MANY_SHARDS", 2)
    ids = [f"{number:05}" for number in range(3000)]
    with store.create(tmp_path / "f.zarr", {}) as writer:
        writer.group("all", ids).put("pooled", np.random.default_rng(0).normal(size=(3000, 8)))
    shards = sorted((tmp_path / "f.zarr/all/pooled/c").glob("*/0"))
    assert len(shards) == 12
    assert store.verify(tmp_path / "f.zarr") == []
    flip(shards[-1], 3)
    where = f"array 'all/pooled', shard '{shards[-1].relative_to(tmp_path / 'f.zarr/all/pooled')}'"
    assert store.verify(tmp_path / "f.zarr") == [f"{tmp_path}/f.zarr: {where}: the checksum of chunk 0 does not fit"]


@pytest.mark.parametrize(
    ("place", "fault"), [(0, "the checksum of chunk 0 does not fit"), (-2, "the checksum of its index does not fit")]
)
def test_a_flipped_bit_is_named_by_group_array_shard_and_chunk(path: Path, place: int, fault: str) -> None:
    flip(path / "s-0/pooled/c/0/0", place)
    assert store.verify(path) == [f"{path}: array 's-0/pooled', shard 'c/0/0': {fault}"]


def test_every_bit_of_a_shard_counts(path: Path) -> None:
    file = path / "s-0/pooled/c/0/0"
    for place in range(file.stat().st_size):
        flip(file, place)
        assert store.verify(path), place
        flip(file, place)


def test_files_that_are_missing_cut_short_or_too_many_are_named(path: Path) -> None:
    (path / "s-0/pooled/c/0/0").unlink()
    cut = path / "s-0/tokens/c/0/0"
    cut.write_bytes(cut.read_bytes()[:-1])
    (path / "s-0/more").write_text("")
    assert store.verify(path) == [
        f"{path}: file 's-0/more' is not in its manifest",
        f"{path}: file 's-0/pooled/c/0/0' is missing",
        f"{path}: file 's-0/tokens/c/0/0' has 79 bytes, its manifest says 80",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not readable as JSON"),
        ('{"attributes": {"manifest": {"ver', "not readable as JSON"),
        ("[]", "not the manifest of a store"),
        ('{"attributes": {}}', "the store is not finished"),
        ('{"attributes": {"manifest": {"version": 7}}}', "store version 7, this code reads 1"),
        ('{"attributes": {"manifest": {"version": 1, "files": {"a": "b"}}}}', "does not give every file with its size"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_one_fault(path: Path, text: str, fault: str) -> None:
    (path / "zarr.json").write_text(text)
    (found,) = store.verify(path)
    assert fault in found
    assert str(path) in found


def test_no_store_at_all_is_one_fault(tmp_path: Path) -> None:
    (found,) = store.verify(tmp_path / "f.zarr")
    assert "no such file; expected the manifest of a store" in found


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (lambda tree: tree.update(shape=[4, 4]), "array 'pooled' has 4 rows for 3 ids"),
        (
            lambda tree: tree.update(shape=[3, 1 << 40]),
            "does not describe an array of this kind of store (other chunks)",
        ),
        (lambda tree: tree.update(shape=[1 << 40, 4]), "shards, the manifest lists fewer files"),
        (lambda tree: tree.update(shape=[-3, 4]), "a shape that is none"),
        (lambda tree: tree.update(shape=[]), "no shape"),
        (lambda tree: tree.update(data_type="complex64"), "data type 'complex64'"),
        (lambda tree: tree.update(data_type="float64"), "chunk 0 lies outside of it"),
        (lambda tree: tree.update(codecs=[]), "does not describe an array of this kind of store"),
        (lambda tree: tree["codecs"][0]["configuration"].update(index_location="start"), "other codecs"),
        (lambda tree: tree.pop("chunk_grid"), "does not describe an array of this kind of store ('chunk_grid')"),
        (lambda tree: tree.update(node_type="group"), "does not describe an array"),
    ],
)
def test_metadata_that_claim_another_array_are_refused(path: Path, edit: Callable[[dict], None], fault: str) -> None:
    rewrite(path / "s-0/pooled/zarr.json", edit)
    relist(path)
    found = store.verify(path)
    assert any(fault in line for line in found), found


def remade(path: Path, ids: bytes = b"a\nb\nc", offsets: list | None = None, rows: int = 3) -> list[str]:
    """The faults of a store whose bytes are whole and whose values are not."""
    with store.create(path, {}) as writer:
        group = writer.group("s-0", IDS)
        group._create("x", (rows, 2), np.dtype(np.float32)).write(np.zeros((rows, 2), np.float32))
        group._create("tokens", (7, 2), np.dtype(np.float32)).write(np.zeros((7, 2), np.float32))
        values = np.array([0, 2, 2, 7] if offsets is None else offsets)
        group._create("tokens.offsets", values.shape, values.dtype).write(values)
        del group._group["ids"]
        text = np.frombuffer(ids, np.uint8)
        group._create("ids", text.shape, text.dtype).write(text)
    return [line.removeprefix(f"{path}: group 's-0': ") for line in store.verify(path)]


def test_values_are_over_sorted_ids(tmp_path: Path) -> None:
    path = tmp_path / "f.zarr"
    assert remade(path) == []
    assert remade(path, ids=b"a\nc\nb") == ["ids are not sorted and unique: 'b' is out of place"]
    assert remade(path, ids=b"a\na\nb") == ["ids are not sorted and unique: 'a' is out of place"]
    assert remade(path, ids=b"a\n\xff\nb") == ["'ids' is not UTF-8 text"]
    assert remade(path, rows=2) == ["array 'x' has 2 rows for 3 ids"]
    assert remade(path, ids=b"a\nb") == [
        "'tokens.offsets' has (4,) of int64, expected 3 offsets of int64",
        *(["array 'x' has 3 rows for 2 ids"]),
    ]


@pytest.mark.parametrize("offsets", [[0, 3, 2, 7], [1, 2, 2, 7], [0, 2, 2, 6], [0, 2, 2, 8]])
def test_offsets_rise_from_nothing_to_all_rows(tmp_path: Path, offsets: list[int]) -> None:
    assert remade(tmp_path / "f.zarr", offsets=offsets) == [
        "'tokens.offsets' does not rise from 0 to the 7 rows of its array"
    ]


def test_a_group_without_ids_or_metadata_is_said(path: Path) -> None:
    for file in (path / "t-0/ids").rglob("*"):
        if file.is_file():
            file.unlink()
    (path / "s-0/zarr.json").unlink()
    relist(path)
    assert store.verify(path) == [
        f"{path}: group 's-0' has no zarr.json",
        f"{path}: group 't-0': it has no array 'ids'",
    ]


def test_a_file_of_no_array_is_said_though_the_manifest_has_it(path: Path) -> None:
    (path / "s-0/pooled/c/1").mkdir()
    (path / "s-0/pooled/c/1/0").write_text("hidden")
    relist(path)
    assert store.verify(path) == [f"{path}: file 's-0/pooled/c/1/0' belongs to no array"]


def test_chunks_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """Else the index of a small file could promise more ids than memory holds, each with a checksum that fits."""
    path = tmp_path / "f.zarr"
    with store.create(path, {}) as writer:
        writer.group("all", [f"{number:05}" for number in range(600)]).put("pooled", np.zeros((600, 2), np.float32))
    file = path / "all/pooled/c/0/0"
    content = file.read_bytes()
    chunk_bytes = store.CHUNK_ROWS * 8 + 4
    num_chunks = (len(content) - 4) // (chunk_bytes + 16)
    assert num_chunks == 3
    entry = np.array([0, chunk_bytes], "<u8").tobytes()
    index = entry * num_chunks
    forged = content[:chunk_bytes] + index + google_crc32c.value(index).to_bytes(4, "little")
    file.write_bytes(forged)
    relist(path)
    assert store.verify(path) == [f"{path}: array 'all/pooled', shard 'c/0/0': chunk 1 shares bytes with others"]
