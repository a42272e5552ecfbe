import pickle
import tracemalloc

import google_crc32c
import numpy as np
import pytest

from pipeline.core import prepared, store
from pipeline.core.boxes import Boxes
from pipeline.core.errors import FormatError
from pipeline.core.sampling import num_nonempty_frames

SHAPE = (3, 9, 4, 2)


def clips(*lengths, seed=0):
    """Clips of one shape that are empty after so many frames; gaps of a frame lie inside."""
    x = np.random.default_rng(seed).normal(size=(len(lengths), *SHAPE)).astype(np.float32)
    for clip, length in zip(x, lengths, strict=True):
        clip[:, length:] = 0
        clip[:, 1] = 0
    return x


def written(path, x):
    held = [num_nonempty_frames(clip) for clip in x]
    attrs = {prepared.PADDED_TO: SHAPE[1]} if prepared.is_ragged(SHAPE[1], held) else {}
    with store.create(path, attrs) as writer:
        group = writer.group(prepared.GROUP, [f"c{number}" for number in range(len(x))])
        prepared.put(group, SHAPE, held, iter(x))
    return prepared.ClipArrays(path)


@pytest.mark.parametrize("lengths", [(9, 9, 9, 9), (9, 4, 0, 7), (2, 2, 2), (0, 0)])
def test_every_clip_is_read_as_it_was_written(tmp_path, lengths):
    x = clips(*lengths)
    found = written(tmp_path / "x.zarr", x)
    assert len(found) == len(x)
    np.testing.assert_array_equal(found[:], x)
    np.testing.assert_array_equal(found[1:3], x[1:3])
    np.testing.assert_array_equal(found[[1, 0, 1]], x[[1, 0, 1]])


def test_only_frames_that_hold_something_are_stored(tmp_path):
    full = written(tmp_path / "full.zarr", clips(9, 9, 9, 9))
    part = written(tmp_path / "part.zarr", clips(9, 3, 3, 3))
    assert full.store.read("all", "x").shape == (4, *SHAPE)
    assert part.store.read("all", "x").shape == (18, 3, 4, 2)
    assert part.store.read("all", "x.offsets").tolist() == [0, 9, 12, 15, 18]


def test_shards_are_filled_across_clips(tmp_path, monkeypatch):
    whole = written(tmp_path / "one.zarr", clips(9, 4, 0, 7))[:]
    monkeypatch.setattr(store, "CHUNK_ROWS", 4)
    monkeypatch.setattr(store, "SHARD_BYTES", 1)
    np.testing.assert_array_equal(written(tmp_path / "many.zarr", clips(9, 4, 0, 7))[:], whole)
    assert len(list((tmp_path / "many.zarr/all/x/c").iterdir())) == 5


def test_a_frame_that_is_no_number_is_not_empty():
    x = np.zeros(SHAPE, np.float32)
    x[1, 6, 2, 0] = np.nan
    assert num_nonempty_frames(x) == 7


def test_boxes_keep_their_labels_and_an_empty_clip_its_place(tmp_path):
    some = Boxes(np.array([0, 4]), np.array([[0, 0.25, 1, 0.5], [0.1, 0.2, 0.3, 0.4]], np.float32), ("cup", "arm"))
    none = Boxes(np.zeros(0, np.int64), np.zeros((0, 4), np.float32), ())
    with store.create(tmp_path / "x.zarr", {prepared.BOX_LABELS: ["arm", "cup"]}) as writer:
        prepared.put_boxes(writer.group("all", ["a", "b"]), [none, some], ["arm", "cup"])
    found = prepared.read_boxes(store.Store(tmp_path / "x.zarr", "preprocess"), "all")
    assert [boxes.labels for boxes in found] == [(), ("cup", "arm")]
    np.testing.assert_array_equal(found[1].frame_K, [0, 4])
    np.testing.assert_array_equal(found[1].corners_K4, some.corners_K4)


def test_a_store_without_boxes_says_so(tmp_path):
    found = written(tmp_path / "x.zarr", clips(9, 9))
    with pytest.raises(FormatError, match=r"no array 'boxes.offsets'; run `dvc repro preprocess`"):
        prepared.read_boxes(found.store, "all")


def read_shuffled(found, num_rows):
    """Bytes that were read, and the most that Python and NumPy held meanwhile."""
    order, num_bytes = np.random.default_rng(0).permutation(num_rows), 0
    tracemalloc.start()
    for start in range(0, num_rows, 32):
        num_bytes += found[order[start : start + 32]].nbytes
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return num_bytes, peak


@pytest.mark.parametrize("is_ragged", [False, True])
def test_an_epoch_over_a_store_holds_little_more_than_a_batch_and_a_chunk(tmp_path, is_ragged):
    num_rows, shape = 3000, (3, 16, 25, 2)
    held = [16, *[12] * (num_rows - 1)] if is_ragged else [16] * num_rows
    attrs = {prepared.PADDED_TO: 16} if is_ragged else {}
    with store.create(tmp_path / "x.zarr", attrs) as writer:
        group = writer.group(prepared.GROUP, [f"c{number:04}" for number in range(num_rows)])
        prepared.put(group, shape, held, (np.full(shape, row, np.float32) for row in range(num_rows)))
    found = prepared.ClipArrays(tmp_path / "x.zarr")
    num_bytes, peak = read_shuffled(found, num_rows)
    assert num_bytes == num_rows * 9600
    assert peak < 0.2 * num_bytes  # a chunk of 256 rows is a twelfth


def test_clips_can_be_sent_to_another_process(tmp_path):
    x = clips(9, 4, 0, 7)
    found = written(tmp_path / "x.zarr", x)
    assert np.array_equal(found[[2]], x[[2]])  # a file is open
    again = pickle.loads(pickle.dumps(found))
    assert again.ids == found.ids
    np.testing.assert_array_equal(again[[3, 1]], x[[3, 1]])


@pytest.mark.parametrize("held", [(9, 4, 0, 7), (9, 9, 9, 9)])
def test_some_of_the_clips_are_as_among_all(tmp_path, held):
    x = clips(*held)
    found = written(tmp_path / "x.zarr", x)
    some = found.only({found.ids[3], found.ids[1], "no such clip"})
    assert (some.ids, len(some), len(found)) == ([found.ids[1], found.ids[3]], 2, 4)
    np.testing.assert_array_equal(some[:], x[[1, 3]])
    np.testing.assert_array_equal(some[[1, 0]], x[[3, 1]])
    np.testing.assert_array_equal(some.only({found.ids[3]})[:5], x[[3]])
    assert some.only(set())[:3].shape == (0, *x.shape[1:])
    np.testing.assert_array_equal(found[:], x)


@pytest.mark.parametrize("damage", ["flipped", "cut", "index", "gone"])
def test_a_damaged_shard_is_noticed_where_it_is_read(tmp_path, damage):
    found = written(tmp_path / "x.zarr", clips(9, 9, 9, 9))
    (shard,) = (path for path in (tmp_path / "x.zarr/all/x/c").rglob("*") if path.is_file())
    data = shard.read_bytes()
    damaged = {"flipped": data[:7] + bytes([data[7] ^ 1]) + data[8:], "cut": data[:40], "index": data[:-1] + b"?"}
    if damage == "gone":
        shard.unlink()
    else:
        shard.write_bytes(damaged[damage])
    with pytest.raises(FormatError, match=r"x\.zarr/all/x: .*; run `dvc repro preprocess`"):
        found[[0]]


def test_a_chunk_outside_its_shard_is_refused(tmp_path):
    found = written(tmp_path / "x.zarr", clips(9, 9))
    (shard,) = (path for path in (tmp_path / "x.zarr/all/x/c").rglob("*") if path.is_file())
    data = shard.read_bytes()
    index = (1 << 40).to_bytes(8, "little") + data[-12:-4]
    shard.write_bytes(data[:-20] + index + google_crc32c.value(index).to_bytes(4, "little"))
    with pytest.raises(FormatError, match="a chunk lies outside its shard"):
        found[[0]]
