from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core.errors import FormatError
from pipeline.core.joints import NTU25
from pipeline.formats import ntu_skeleton
from pipeline.formats.shared import Skeleton

BODY = "72057594037931101 0 1 1 1 1 0 0.02764709 0.05745083 2"
TAIL = "277.419 191.8218 1036.233 519.1677 -0.2059419 0.05349901 0.9692109 -0.1239193 2"


def joints(value: str = "0.2181153 0.1725972 3.785547") -> list[str]:
    return [f"{value} {TAIL}"] * 25


def text(*frames: list[list[str]]) -> str:
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for body in bodies:
            lines += body
    return "\n".join(lines) + "\n"


def body(line: str = BODY, value: str = "0.2181153 0.1725972 3.785547") -> list[str]:
    return [line, "25", *joints(value)]


GOOD = text([body()], [body()])


def read(tmp_path, content):
    path = tmp_path / "a.skeleton"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return ntu_skeleton.read(path)


def test_a_file_is_read_as_it_was_recorded(tmp_path):
    found = read(tmp_path, GOOD)
    assert (found.layout, found.num_frames, found.body_ids) == (NTU25.name, 2, (72057594037931101,))
    assert found.xyz_MTV3.shape == (1, 2, 25, 3)
    assert found.xyz_MTV3.dtype == np.float32
    expected = np.array([0.2181153, 0.1725972, 3.785547], np.float32)
    assert (found.xyz_MTV3 == expected).all()


def test_bodies_are_ordered_by_first_appearance_and_nan_where_absent(tmp_path):
    late, early = "5 0 0 0 0 0 0 0 0 2", "18446744073709551615 0 0 0 0 0 0 0 0 2"
    third = "72057594037931102 0 0 0 0 0 0 0 0 2"
    frames = [], [body(early, "1 2 3")], [body(late, "4 5 6"), body(early, "7 8 9"), body(third)]
    found = read(tmp_path, text(*frames))
    assert found.body_ids == (2**64 - 1, 5, 72057594037931102)
    assert np.array_equal(
        found.xyz_MTV3[:, :, 3, 0],
        [[np.nan, 1, 7], [np.nan, np.nan, 4], [np.nan, np.nan, np.float32(0.2181153)]],
        equal_nan=True,
    )


def test_ids_that_differ_in_the_last_bit_are_different_bodies(tmp_path):
    one, other = body("72057594037931101 0 0 0 0 0 0 0 0 2"), body("72057594037931102 0 0 0 0 0 0 0 0 2")
    assert len(read(tmp_path, text([one, other])).body_ids) == 2


def test_values_that_are_no_numbers_are_kept(tmp_path):
    found = read(tmp_path, text([body(value="NaN -inf 1e99")]))
    assert np.isnan(found.xyz_MTV3[0, 0, 0, 0])
    assert found.xyz_MTV3[0, 0, 0, 1] == -np.inf
    assert found.xyz_MTV3[0, 0, 0, 2] == np.inf


def test_a_recording_without_a_body_or_a_frame_is_read(tmp_path):
    assert read(tmp_path, text([], [])).xyz_MTV3.shape == (0, 2, 25, 3)
    assert read(tmp_path, "0\n").xyz_MTV3.shape == (0, 0, 25, 3)


@pytest.mark.parametrize(
    "other",
    [
        GOOD.replace("\n", "\r\n"),
        GOOD.rstrip("\n"),
        GOOD + "\n \n",
        GOOD.replace(" 0.1725972 ", "\t0.1725972  "),
        GOOD.replace("\n", " \n"),
    ],
    ids=["carriage returns", "no last line feed", "blank lines after", "tabs and double spaces", "trailing spaces"],
)
def test_white_space_does_not_change_what_is_read(tmp_path, other):
    assert np.array_equal(read(tmp_path, other).xyz_MTV3, read(tmp_path, GOOD).xyz_MTV3)


@given(
    st.lists(st.floats(width=64, allow_nan=False) | st.decimals(-10, 10, places=9).map(str), min_size=75, max_size=75)
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_are_rounded_as_python_rounds_them(tmp_path, values):
    lines = [" ".join(map(str, values[at : at + 3])) + f" {TAIL}" for at in range(0, 75, 3)]
    found = read(tmp_path, text([[BODY, "25", *lines]]))
    with np.errstate(over="ignore"):
        expected = np.array([float(value) for value in values]).astype(np.float32)
    assert found.xyz_MTV3.tobytes() == expected.tobytes()


LINES = GOOD.splitlines()


def changed(at: int, line: str) -> str:
    return "\n".join([*LINES[: at - 1], line, *LINES[at:]])


@pytest.mark.parametrize(
    ("content", "line", "expected"),
    [
        ("", 1, "the number of frames"),
        ("many\n", 1, "the number of frames"),
        ("-1\n", 1, "the number of frames"),
        ("99999999999999999999999\n", 1, "the number of frames"),
        (changed(1, "3"), 58, "the number of bodies"),
        (changed(1, "1"), 30, "the end of the file"),
        (changed(2, "1000000000"), 2, "the number of bodies"),
        (changed(2, "2"), 30, "a body"),
        (changed(3, "72057594037931101 0 0"), 3, "a body"),
        (changed(3, BODY.replace("72057594037931101", "7.2e16")), 3, "64-bit id"),
        (changed(3, BODY.replace("72057594037931101", str(2**64))), 3, "64-bit id"),
        (changed(4, "24"), 4, "25 joints"),
        (changed(4, "26"), 4, "the number of joints"),
        (changed(7, f"1 2 {TAIL}"), 7, "a joint: 12 numbers"),
        (changed(7, f"1 2 3 4 {TAIL}"), 7, "a joint: 12 numbers"),
        (changed(7, f"1 two 3 {TAIL}"), 7, "a joint: 12 numbers"),
        (changed(7, f"1 0x2 3 {TAIL}"), 7, "a joint: 12 numbers"),
        (changed(7, ""), 7, "a joint: 12 numbers"),
        ("\n".join(LINES[:40]), 41, "a joint"),
        ("\n".join(LINES[:29]), 30, "the number of bodies"),
        (GOOD + "more\n", 58, "the end of the file"),
        (text([body(), body()]), 56, "named twice"),
    ],
)
def test_a_faulty_file_is_refused_with_its_name_and_line(tmp_path, content, line, expected):
    with pytest.raises(FormatError, match=rf"a\.skeleton: line {line}: expected .*{expected}"):
        read(tmp_path, content)


@pytest.mark.parametrize("bad", [b"\xff\xfe", "café".encode(), b"\x89PNG"])
def test_bytes_that_are_not_ascii_are_refused(tmp_path, bad):
    with pytest.raises(FormatError, match=r"line 3: not text"):
        read(tmp_path, b"2\n1\n" + bad + GOOD.encode())


def test_a_file_that_asks_for_too_much_memory_is_refused(tmp_path, monkeypatch):
    ghosts = [[body(f"{ghost} 0 0 0 0 0 0 0 0 2")] for ghost in range(40)]
    monkeypatch.setattr(ntu_skeleton, "_MAX_ARRAY_BYTES", 40 * 40 * 300 - 1)
    with pytest.raises(FormatError, match="40 bodies in 40 frames"):
        read(tmp_path, text(*ghosts))
    monkeypatch.setattr(ntu_skeleton, "_MAX_FILE_BYTES", len(GOOD) - 1)
    with pytest.raises(FormatError, match=f"larger than {len(GOOD) - 1} bytes"):
        read(tmp_path, GOOD)


def mutated(data: st.DataObject) -> bytes:
    content = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        first = data.draw(st.integers(0, len(content)))
        last = data.draw(st.integers(first, min(len(content), first + 40)))
        pieces = st.binary(max_size=8) | st.sampled_from(
            [b"\n", b" ", b"\r", b"-", b"99999999999", b"nan", b"1e999", b"_"]
        )
        content[first:last] = data.draw(pieces)
    return bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])


@given(st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_mutated_file_is_read_or_refused(tmp_path, data):
    with suppress(FormatError):
        found = read(tmp_path, mutated(data))
        assert found.xyz_MTV3.shape == (len(found.body_ids), found.num_frames, 25, 3)


def recording(num_bodies=2, num_frames=6) -> tuple[Skeleton, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    xyz_MTV3 = rng.normal(size=(num_bodies, num_frames, 25, 3)).astype(np.float32)
    xyz_MTV3[:, 2] = np.nan  # a frame without a body
    xyz_MTV3[1, 4] = np.nan
    pixels = rng.uniform(0, 400, (2, num_bodies, num_frames, 25, 2)).astype(np.float32)
    return Skeleton(NTU25.name, xyz_MTV3, (7, 2**56 + 1)), *pixels


def test_what_is_written_is_read_back_bit_by_bit(tmp_path):
    skeleton, depth_xy_MTV2, color_xy_MTV2 = recording()
    ntu_skeleton.write(tmp_path / "a.skeleton", skeleton, depth_xy_MTV2, color_xy_MTV2)
    found = ntu_skeleton.read(tmp_path / "a.skeleton")
    assert (found.layout, found.body_ids) == (skeleton.layout, skeleton.body_ids)
    assert found.xyz_MTV3.tobytes() == skeleton.xyz_MTV3.tobytes()


def test_a_written_file_has_the_fields_of_the_format(tmp_path):
    skeleton, depth_xy_MTV2, color_xy_MTV2 = recording()
    ntu_skeleton.write(tmp_path / "a.skeleton", skeleton, depth_xy_MTV2, color_xy_MTV2)
    lines = (tmp_path / "a.skeleton").read_text().split("\n")
    assert lines[:2] == ["6", "2"]
    assert lines[2].split()[0] == "7"
    assert len(lines[2].split()) == 10
    assert lines[3] == "25"
    values = np.array(lines[4].split(), float)
    assert len(values) == 12
    np.testing.assert_allclose(values[3:5], depth_xy_MTV2[0, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(values[5:7], color_xy_MTV2[0, 0, 0], rtol=1e-6)
    assert lines[2 + 2 * 54 + 1] == "0"  # the third frame has no body


def test_an_empty_file_is_called_empty(tmp_path):
    """Its count is missing, not too great."""
    (tmp_path / "a.skeleton").touch()
    with pytest.raises(FormatError, match=r"expected the number of frames, a whole number; found an empty file$"):
        ntu_skeleton.read(tmp_path / "a.skeleton")


def test_a_million_frames_of_nobody_are_refused_at_once(tmp_path):
    with pytest.raises(FormatError, match="line 1: expected the number of frames, at most 894784"):
        read(tmp_path, b"1000000\n" + b"0\n" * 1_000_000)


def test_a_folder_or_nothing_in_place_of_the_file_is_said(tmp_path):
    for path, message in ((tmp_path, "a folder, expected"), (tmp_path / "a.skeleton", "no such file")):
        with pytest.raises(FormatError, match=message):
            ntu_skeleton.read(path)
