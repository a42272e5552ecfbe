import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from scipy.io import savemat

from pipeline.core.errors import FormatError
from pipeline.formats import mat


def written(path, depth, name="d_depth"):
    savemat(path, {name: depth}, do_compression=True)
    return mat.depth_footage(path)


@pytest.fixture
def depth() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4000, (240, 320, 5)).astype(np.float64)


def test_millimetres_come_frame_by_frame(tmp_path, depth):
    footage = written(tmp_path / "a.mat", depth)
    assert (footage.layout, footage.num_frames) == ("depth_mm", 5)
    found = footage.frames(np.array([1, 1, 4]))
    assert found.dtype == np.uint16
    assert np.array_equal(found, depth.transpose(2, 0, 1)[[1, 1, 4]])


def element(kind, body):
    return struct.pack("<II", kind, len(body)) + body + bytes(-len(body) % 8)


def test_memory_is_bounded_by_what_the_file_stores_not_by_what_it_calls_it(tmp_path, monkeypatch):
    """Bytes that are called doubles, as MATLAB writes small numbers; some kilobytes of file."""
    num_frames = 100
    size = 240 * 320 * num_frames
    about = [struct.pack("<II", 6, 0), struct.pack("<iii", 240, 320, num_frames), b"d_depth"]
    parts = [*zip((6, 5, 1), about, strict=True), (2, bytes(size))]
    packed = zlib.compress(element(14, b"".join(element(kind, body) for kind, body in parts)))
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x100) + b"IM"
    (tmp_path / "a.mat").write_bytes(header + struct.pack("<II", 15, len(packed)) + packed)
    monkeypatch.setattr(mat, "MAX_DEPTH_BYTES", size + 1000)  # so much is set aside to read any file
    tracemalloc.start()
    assert mat.depth_footage(tmp_path / "a.mat").num_frames == num_frames
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * size


@pytest.mark.parametrize("value", [0.5, -1.0, 70000.0, np.nan])
def test_what_is_no_whole_millimetre_is_refused(tmp_path, depth, value):
    depth[3, 4, 2] = value
    with pytest.raises(FormatError, match="whole millimetres"):
        _ = written(tmp_path / "a.mat", depth).num_frames


@pytest.mark.parametrize("shape", [(240, 320, 1), (240, 320), (120, 320, 5)])
def test_another_shape_is_refused(tmp_path, shape):
    with pytest.raises(FormatError, match=r"a\.mat: ('d_depth' should be|1 frames)"):
        _ = written(tmp_path / "a.mat", np.ones(shape)).num_frames


def test_another_variable_is_refused(tmp_path, depth):
    with pytest.raises(FormatError, match="expected one variable 'd_depth', found 0"):
        _ = written(tmp_path / "a.mat", depth, name="d_skel").num_frames
