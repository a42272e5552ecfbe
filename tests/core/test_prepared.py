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
    return prepared.Clips(path)


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
