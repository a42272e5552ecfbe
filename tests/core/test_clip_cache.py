import numpy as np
import pytest

from pipeline.core.clip_cache import ClipCache

KEY, OTHER = "ab" + "0" * 62, "ab" + "1" * 62


def test_what_was_kept_comes_back(tmp_path):
    array = np.random.default_rng(0).random((3, 4)).astype(np.float32)
    ClipCache(tmp_path).keep(KEY, {"layout": "rgb"}, array)
    about, found = ClipCache(tmp_path).load(KEY)
    assert about == {"layout": "rgb", "shape": [3, 4]}
    assert np.array_equal(found, array)
    assert ClipCache(tmp_path).load(OTHER) is None


def test_two_writers_see_each_other(tmp_path):
    one, two = ClipCache(tmp_path), ClipCache(tmp_path)
    one.keep(KEY, {}, np.ones(3, np.float32))
    two.keep(OTHER, {}, np.zeros(2, np.float32))
    assert one.load(OTHER)[1].tolist() == [0, 0]
    assert two.load(KEY)[1].tolist() == [1, 1, 1]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_what_a_killed_writer_left_is_overwritten(tmp_path, cut):
    ClipCache(tmp_path).keep(KEY, {}, np.ones(3, np.float32))
    ClipCache(tmp_path).keep(OTHER, {}, np.zeros(2, np.float32))
    path = tmp_path / "ab.pack"
    path.write_bytes(path.read_bytes()[:-cut])
    assert ClipCache(tmp_path).load(OTHER) is None
    ClipCache(tmp_path).keep(OTHER, {}, np.full(4, 5, np.float32))
    assert ClipCache(tmp_path).load(KEY)[1].tolist() == [1, 1, 1]
    assert ClipCache(tmp_path).load(OTHER)[1].tolist() == [5, 5, 5, 5]


def test_a_flipped_byte_is_as_if_never_kept(tmp_path):
    ClipCache(tmp_path).keep(KEY, {}, np.ones(3, np.float32))
    path = tmp_path / "ab.pack"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    assert ClipCache(tmp_path).load(KEY) is None
    ClipCache(tmp_path).keep(KEY, {}, np.ones(3, np.float32))
    assert ClipCache(tmp_path).load(KEY)[1].tolist() == [1, 1, 1]
