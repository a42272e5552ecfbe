import io
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from pipeline.core.errors import FormatError
from pipeline.core.joints import KINECT20
from pipeline.formats import mat


def saved(path, **variables):
    savemat(path, variables, do_compression=True)
    return path


def skeleton(num_frames=7):
    return np.random.default_rng(0).normal(size=(20, 3, num_frames))


@pytest.mark.parametrize("compressed", [True, False])
def test_a_skeleton_is_one_body_with_frames_before_joints(tmp_path, compressed):
    xyz_V3T = skeleton()
    savemat(tmp_path / "a.mat", {"d_skel": xyz_V3T}, do_compression=compressed)
    read = mat.read_skeleton(tmp_path / "a.mat")
    assert (read.layout, read.num_frames, read.body_ids) == (KINECT20.name, 7, (0,))
    assert read.xyz_MTV3.shape == (1, 7, 20, 3)
    for frame, joint, axis in [(0, 0, 0), (6, 19, 2), (3, 4, 1)]:
        assert read.xyz_MTV3[0, frame, joint, axis] == np.float32(xyz_V3T[joint, axis, frame])


def test_whole_metres_that_matlab_packs_into_bytes_are_read_as_numbers(tmp_path):
    xyz_V3T = np.ones((20, 3, 2))
    content = io.BytesIO()
    savemat(content, {"d_skel": xyz_V3T})
    # MATLAB stores a double array of whole numbers as bytes (type 2) under the same class.
    plain = content.getvalue()
    head, values = plain[: -8 * 120 - 8], np.ones(120, np.uint8).tobytes()
    body = head + (2).to_bytes(4, "little") + (120).to_bytes(4, "little") + values
    body = body[:132] + (len(body) - 136).to_bytes(4, "little") + body[136:]
    (tmp_path / "a.mat").write_bytes(body)
    assert (mat.read_skeleton(tmp_path / "a.mat").xyz_MTV3 == 1).all()


def test_other_variables_do_not_disturb(tmp_path):
    path = saved(tmp_path / "a.mat", note="hello", d_skel=skeleton(3), other=np.zeros((2, 2)))
    assert mat.read_skeleton(path).num_frames == 3


def test_a_value_beyond_float32_stays_visible_as_infinite(tmp_path):
    xyz_V3T = skeleton()
    xyz_V3T[2, 1, 0] = 1e300
    assert np.isinf(mat.read_skeleton(saved(tmp_path / "a.mat", d_skel=xyz_V3T)).xyz_MTV3).sum() == 1


WRONG = {
    "no such variable": ({"d_depth": skeleton()}, "expected one variable 'd_skel', found 0; the file holds 'd_depth'$"),
    "two axes": ({"d_skel": np.zeros((20, 3))}, "should be double 20x3xT, found double 20x3"),
    "25 joints": ({"d_skel": np.zeros((25, 3, 4))}, "found double 25x3x4"),
    "integers": ({"d_skel": np.zeros((20, 3, 4), np.int16)}, "found int16 20x3x4"),
    "complex": ({"d_skel": np.zeros((20, 3, 4), complex)}, "found complex double 20x3x4"),
    "a cell array": ({"d_skel": np.full((2, 3), 1.0, object)}, "found cell 2x3"),
    "a structure": ({"d_skel": {"x": 1.0}}, "found struct 1x1"),
    "text": ({"d_skel": "20 joints"}, "found char"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_variable_that_is_no_skeleton_is_refused_in_one_line(tmp_path, case):
    variables, message = WRONG[case]
    with pytest.raises(FormatError, match=message) as refused:
        mat.read_skeleton(saved(tmp_path / "a.mat", **variables))
    assert "\n" not in str(refused.value)
    assert str(tmp_path / "a.mat") in str(refused.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a MATLAB 5 file"),
        (b"hello, this is text", "not a MATLAB 5 file"),
        (b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512), "MATLAB 7.3 .HDF5., expected MATLAB 5"),
        (b"\x89HDF\r\n\x1a\n".ljust(200), "not a MATLAB 5 file"),
        (b"MATLAB 5.0 MAT-file".ljust(126) + b"XX", "not a MATLAB 5 file"),
        (b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM", "expected one variable 'd_skel', found 0"),
    ],
)
def test_a_file_that_is_no_matlab_file_is_refused(tmp_path, content, message):
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(FormatError, match=message):
        mat.read_skeleton(tmp_path / "a.mat")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FormatError, match="no such file"):
        mat.read_skeleton(tmp_path / "a.mat")


def test_a_file_that_unpacks_to_too_much_is_refused_before_it_fills_the_memory(tmp_path):
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    packed = zlib.compress(bytes(mat.MAX_SKELETON_BYTES + 1), 1)
    element = (15).to_bytes(4, "little") + len(packed).to_bytes(4, "little") + packed
    (tmp_path / "a.mat").write_bytes(header + element)
    with pytest.raises(FormatError, match="unpacks to more than"):
        mat.read_skeleton(tmp_path / "a.mat")


def test_many_elements_share_one_limit(tmp_path):
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    packed = zlib.compress(bytes(mat.MAX_SKELETON_BYTES // 2 + 1), 1)
    element = (15).to_bytes(4, "little") + len(packed).to_bytes(4, "little") + packed
    (tmp_path / "a.mat").write_bytes(header + 2 * element)
    with pytest.raises(FormatError, match="unpacks to more than"):
        mat.read_skeleton(tmp_path / "a.mat")


def test_a_file_that_is_too_large_is_refused(tmp_path):
    with (tmp_path / "a.mat").open("wb") as file:
        file.write(b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM")
        file.truncate(mat.MAX_SKELETON_BYTES + 1)
    with pytest.raises(FormatError, match="larger than 16 MiB"):
        mat.read_skeleton(tmp_path / "a.mat")


def test_a_declared_length_that_the_numbers_do_not_fill_is_refused(tmp_path):
    content = io.BytesIO()
    savemat(content, {"d_skel": skeleton(7)})
    wrong = content.getvalue().replace((7).to_bytes(4, "little"), (2**31 - 1).to_bytes(4, "little"), 1)
    (tmp_path / "a.mat").write_bytes(wrong)
    with pytest.raises(FormatError, match="cannot be an array 20x3x2147483647"):
        mat.read_skeleton(tmp_path / "a.mat")


@pytest.mark.parametrize("compressed", [True, False])
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path, compressed):
    savemat(tmp_path / "a.mat", {"d_skel": skeleton(2)}, do_compression=compressed)
    content = (tmp_path / "a.mat").read_bytes()
    for end in range(0, len(content), 13):
        (tmp_path / "b.mat").write_bytes(content[:end])
        with pytest.raises(FormatError, match=r"truncated|not a MATLAB 5 file|found 0"):
            mat.read_skeleton(tmp_path / "b.mat")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), compressed=st.booleans())
def test_damaged_bytes_give_a_skeleton_or_one_clear_error(tmp_path, data, compressed):
    content = io.BytesIO()
    savemat(content, {"d_skel": skeleton(2)}, do_compression=compressed)
    damaged = bytearray(content.getvalue())
    places = st.one_of(st.integers(0, 200), st.integers(0, len(damaged) - 1))
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=4)):
        damaged[place] = byte
    (tmp_path / "a.mat").write_bytes(damaged)
    with suppress(FormatError):
        assert mat.read_skeleton(tmp_path / "a.mat").xyz_MTV3.shape[2:] == (20, 3)


KINDS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.float32, np.float64]


def variables():
    sizes = st.lists(st.integers(0, 5), min_size=2, max_size=4)
    return st.tuples(sizes, st.sampled_from(KINDS))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.tuples(*[st.integers(1, 5)] * 3), others=st.lists(variables(), max_size=3), compressed=st.booleans())
def test_an_array_is_what_scipy_reads(tmp_path, wanted, others, compressed):
    rng = np.random.default_rng(0)
    array = rng.integers(0, 2**16, wanted).astype(np.uint16)
    named = {f"other_{i}": np.zeros(size, kind) for i, (size, kind) in enumerate(others)}
    savemat(tmp_path / "a.mat", {**named, "d_depth": array}, do_compression=compressed)
    shape = tuple(None if axis == 2 else length for axis, length in enumerate(wanted))
    read = mat.read_array(tmp_path / "a.mat", "d_depth", "uint16", shape, max_bytes=1 << 20)
    expected = loadmat(tmp_path / "a.mat")["d_depth"]
    assert (read.dtype, read.shape) == (expected.dtype, expected.shape)
    assert (read == expected).all()


@pytest.mark.parametrize("stem", ["a1_s1_t1", "a10_s3_t2", "a26_s8_t4"])
def test_a_recorded_file_is_what_scipy_reads(real_data, stem):
    file = real_data / f"utd-mhad/Skeleton/{stem}_skeleton.mat"
    expected_V3T = loadmat(file)["d_skel"]
    assert (mat.read_skeleton(file).xyz_MTV3[0] == expected_V3T.transpose(2, 0, 1).astype(np.float32)).all()


def test_a_recorded_file_is_a_person_of_plausible_size(real_data):
    read = mat.read_skeleton(real_data / "utd-mhad/Skeleton/a1_s1_t1_skeleton.mat")
    head, foot = KINECT20.names.index("head"), KINECT20.names.index("foot_left")
    height_T = np.linalg.norm(read.xyz_MTV3[0, :, head] - read.xyz_MTV3[0, :, foot], axis=-1)
    assert 1.2 < np.median(height_T) < 2.2
    assert 41 <= read.num_frames <= 125


def test_a_file_of_a_million_empty_elements_is_refused_at_once(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM" + bytes(8 << 20))
    with pytest.raises(FormatError, match="more than 1000 variables"):
        mat.read_skeleton(tmp_path / "a.mat")
