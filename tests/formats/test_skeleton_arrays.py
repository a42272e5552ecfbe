"""Arrays of joints with a declared layout: whatever the order of their axes, their unit and their file."""

import csv
import itertools
import json
import struct
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core import joints
from pipeline.core.errors import FormatError
from pipeline.formats import mat, skeleton_arrays, skeletons
from pipeline.formats.shared import Skeleton

LABELS = ["Pelvis", "Neck", "LShoulder", "RShoulder", "right_wrist"]
PARENTS = {"Neck": "Pelvis", "LShoulder": "Neck", "RShoulder": "Neck", "right_wrist": "RShoulder"}
OWN = {"joints": LABELS, "parents": PARENTS, "unit": "m"}
ORDERS = [" ".join(order) for letters in ("TVC", "MTVC") for order in itertools.permutations(letters)]
FOLDED = ["T VC", "TVC", "M T VC", "MV T C", "C TV", "MVC T"]
METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, 0.5: 0.5}


def declare(folder: Path, **keys: object) -> None:
    (folder / "layout.yaml").write_text(yaml.safe_dump(keys))


def people(shape: tuple[int, ...], seed: int = 0) -> npt.NDArray[np.float64]:
    """Bodies of some 1.5 m, which no rounding changes: sixteenths of a metre."""
    return np.random.default_rng(seed).integers(8, 32, shape) / 16


def ordered(xyz_MTVC: npt.NDArray[np.float64], axes: str) -> npt.NDArray[np.float64]:
    """The array as a file with these axes has it."""
    letters = axes.replace(" ", "")
    array = xyz_MTVC if "M" in letters else xyz_MTVC[0]
    array = array.transpose([("MTVC" if "M" in letters else "TVC").index(letter) for letter in letters])
    lengths = iter(array.shape)
    return array.reshape([int(np.prod([next(lengths) for _ in token])) for token in axes.split()])


def saved(folder: Path, ending: str, array: npt.NDArray[np.float64], key: str = "clip") -> Path:
    path = folder / f"a{ending}"
    if ending == ".npy":
        np.save(path, array)
    elif ending == ".npz":
        arrays: dict[str, Any] = {key: array, "label": np.array(3)}
        np.savez_compressed(path, **arrays)
    else:
        path.write_text(json.dumps({key: array.tolist(), "label": [1, "x"]}))
    return path


@pytest.mark.parametrize("ending", [".npy", ".npz", ".json"])
@settings(max_examples=40, deadline=None)
@given(
    axes=st.sampled_from([*ORDERS, *FOLDED]),
    unit=st.sampled_from(list(METRES)),
    num_frames=st.integers(1, 7),
    num_people=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_an_array_is_read_as_it_was_meant(
    tmp_path_factory: pytest.TempPathFactory,
    ending: str,
    axes: str,
    unit: str | float,
    num_frames: int,
    num_people: int,
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("array")
    xyz = people((num_people if "M" in axes else 1, num_frames, len(LABELS), 3), seed)
    declare(folder, **OWN | {"unit": unit, "axes": axes, "key": "clip"})
    found = skeletons.read(saved(folder, ending, ordered(xyz, axes) / METRES[unit]))
    assert found.xyz_MTV3.shape == xyz.shape
    np.testing.assert_allclose(found.xyz_MTV3, xyz, rtol=1e-6)
    bones = "pelvis neck>pelvis shoulder_left>neck shoulder_right>neck wrist_right>shoulder_right"
    assert found.layout == f"space: {bones}; shoulder_right shoulder_left"


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8", "<i2", ">u4", "|i1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_may_be_stored_in_any_way(tmp_path: Path, dtype: str, order: Literal["C", "F"]) -> None:
    declare(tmp_path, **OWN | {"unit": "cm", "axes": "T V C"})
    array = np.random.default_rng(0).integers(0, 120, (4, 5, 3))
    np.save(tmp_path / "a.npy", np.asarray(array, dtype, order=order))
    np.testing.assert_allclose(skeletons.read(tmp_path / "a.npy").xyz_MTV3[0], array / 100, rtol=1e-6)


@pytest.mark.parametrize("up", ["x", "-x", "y", "-y", "z", "-z"])
@pytest.mark.parametrize("handed", ["right", "left"])
def test_the_axis_that_points_upwards_becomes_y(tmp_path: Path, up: str, handed: str) -> None:
    """A right-handed space is turned, a left-handed one is mirrored as well; against the determinant and the axis."""
    declare(tmp_path, **OWN | {"axes": "T V C", "up": up, "handed": handed})
    xyz = people((1, 3, 5, 3))
    np.save(tmp_path / "a.npy", xyz[0])
    found = skeletons.read(tmp_path / "a.npy").xyz_MTV3.astype(np.float64)
    sign = -1 if up.startswith("-") else 1
    np.testing.assert_array_equal(found[..., 1], sign * xyz[..., "xyz".index(up[-1])])
    matrix = np.linalg.lstsq(xyz.reshape(-1, 3), found.reshape(-1, 3), rcond=None)[0]
    assert np.linalg.det(matrix) == pytest.approx(-1 if handed == "left" else 1)


def test_a_confidence_is_left_out_in_space_and_is_the_score_in_a_picture(tmp_path: Path) -> None:
    xyz = people((1, 3, 5, 4))
    np.save(tmp_path / "a.npy", xyz[0])
    declare(tmp_path, **OWN | {"axes": "T V C", "confidence": True})
    np.testing.assert_array_equal(skeletons.read(tmp_path / "a.npy").xyz_MTV3, xyz[..., :3].astype(np.float32))
    np.save(tmp_path / "a.npy", xyz[0, ..., :3])
    declare(tmp_path, **OWN | {"axes": "T V C", "confidence": True, "unit": "normalised"})
    found = skeletons.read(tmp_path / "a.npy")
    np.testing.assert_array_equal(found.xyz_MTV3, xyz[..., :3].astype(np.float32))
    assert joints.find(found.layout).planar


def test_places_in_a_picture_without_a_score_are_certain(tmp_path: Path) -> None:
    declare(tmp_path, joints="coco17", unit="pixels", axes="T V C")
    xy = np.random.default_rng(0).uniform(100, 400, (3, 17, 2))
    np.save(tmp_path / "a.npy", xy)
    found = skeletons.read(tmp_path / "a.npy")
    assert (found.layout, (found.xyz_MTV3[..., 2] == 1).all()) == ("coco17", True)


def test_whoever_is_zero_or_nan_is_absent_from_a_frame(tmp_path: Path) -> None:
    declare(tmp_path, **OWN | {"axes": "M T V C"})
    xyz = people((2, 3, 5, 3))
    xyz[0, 1], xyz[1, 2] = 0, np.nan
    np.save(tmp_path / "a.npy", xyz)
    found = skeletons.read(tmp_path / "a.npy")
    assert np.isnan(found.xyz_MTV3).all(axis=(2, 3)).tolist() == [[False, True, False], [False, False, True]]
    assert found.fault() is None
    xyz[0, 0, 0] = np.nan
    np.save(tmp_path / "a.npy", xyz)
    assert (skeletons.read(tmp_path / "a.npy").fault() or "").startswith("non-finite: 1 of 3 frames")


def test_a_part_is_told_in_frames_or_with_a_rate_in_seconds(tmp_path: Path) -> None:
    declare(tmp_path, **OWN | {"axes": "T V C", "frame_rate": 10})
    xyz = people((1, 9, 5, 3))
    np.save(tmp_path / "a.npy", xyz[0])
    for part, frames in (("#frames=2-5", slice(2, 5)), ("#seconds=0.3-0.6", slice(3, 6))):
        np.testing.assert_array_equal(skeletons.read(tmp_path / f"a.npy{part}").xyz_MTV3, xyz[:, frames])
    declare(tmp_path, **OWN | {"axes": "T V C"})
    with pytest.raises(FormatError, match="states no frame rate"):
        skeletons.read(tmp_path / "a.npy#seconds=0.3-0.6")


@pytest.mark.parametrize(
    ("keys", "shape", "message"),
    [
        ({}, (4, 5, 3), r"an array of shape \(4, 5, 3\), and .*layout.yaml does not say its axes"),
        ({"axes": "V T C"}, (4, 5, 3), r"expected shape \(5, T, 3\).*found \(4, 5, 3\); axes 'T V C' would fit"),
        (
            {"axes": "T V C"},
            (4, 20, 3),
            r"expected shape \(T, 5, 3\).*found \(4, 20, 3\); it has as many joints as kinect20",
        ),
        ({"axes": "T V C"}, (4, 5, 2), r"expected shape \(T, 5, 3\).*found \(4, 5, 2\)$"),
        ({"axes": "T V C"}, (2, 4, 5, 3), r"found \(2, 4, 5, 3\)$"),
        ({"axes": "T VC"}, (4, 16), r"expected shape \(T, 5 x 3\) of axes 'T VC'.*found \(4, 16\)"),
        ({"axes": "T V C"}, (0, 5, 3), "no frame in it"),
        ({"axes": "M T V C"}, (101, 2, 5, 3), "101 people; expected 1 to 100"),
        ({"axes": "T V C", "unit": "mm"}, (4, 5, 3), r"a body of 0\.00\d+ m, if mm is its unit .*; set `unit: m`"),
        ({"axes": "T V C", "unit": 30}, (4, 5, 3), r"a body of \d\d.* m, if 30.0 is its unit .*; set `unit: m`"),
        ({"axes": "T V C", "unit": "pixels"}, (4, 5, 2), r"places up to .* are not pixels .*; set `unit: normalised`"),
    ],
)
def test_what_does_not_fit_is_one_line_with_both_sides(
    tmp_path: Path, keys: dict[str, object], shape: tuple[int, ...], message: str
) -> None:
    declare(tmp_path, **OWN | keys)
    np.save(tmp_path / "a.npy", people(shape))
    with pytest.raises(FormatError, match=message) as error:
        skeletons.read(tmp_path / "a.npy")
    assert str(tmp_path / "a.npy") in str(error.value)
    assert "\n" not in str(error.value)


def test_a_body_of_1700_metres_is_told_its_unit(tmp_path: Path) -> None:
    declare(tmp_path, **OWN | {"axes": "T V C"})
    xyz = people((4, 5, 3))
    xyz[:, :, 1] = np.linspace(0, 1700, 5)
    np.save(tmp_path / "a.npy", xyz)
    with pytest.raises(FormatError, match=r"a body of 1700 m, if m is its unit .*; set `unit: mm`"):
        skeletons.read(tmp_path / "a.npy")


def test_without_a_layout_an_array_says_what_it_needs(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", people((4, 5, 3)))
    with pytest.raises(FormatError, match=r"a.npy: arrays need a layout.yaml beside them"):
        skeleton_arrays.read(tmp_path / "a.npy")


def npy(shape: str, descr: str = "'<f8'") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(120)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy("(1000000000000, 5, 3)"), "does not fit its 120 bytes"),
        (npy("(1, 5, 3)", "'|O'"), "an array of object, expected one of numbers"),
        (npy("(-1, -5, 3)"), r"does not fit|no readable"),
        (b"\x80\x04K\x01.", "no readable .npy array"),
        (b"", "no readable .npy array"),
    ],
)
def test_a_header_is_not_believed(tmp_path: Path, content: bytes, message: str) -> None:
    declare(tmp_path, **OWN | {"axes": "T V C"})
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(FormatError, match=message):
        skeletons.read(tmp_path / "a.npy")


def test_an_archive_that_unpacks_to_more_than_a_clip_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(tmp_path, **OWN | {"axes": "T V C"})
    monkeypatch.setattr(skeleton_arrays, "MAX_ARRAY_BYTES", 1 << 20)
    np.savez_compressed(tmp_path / "a.npz", clip=np.zeros(1 << 18))
    assert (tmp_path / "a.npz").stat().st_size < 1 << 14
    with pytest.raises(FormatError, match="array 'clip' unpacks to more than 1 MiB"):
        skeletons.read(tmp_path / "a.npz")


def test_of_several_arrays_the_key_names_one(tmp_path: Path) -> None:
    path = saved(tmp_path, ".npz", people((4, 5, 3)))
    declare(tmp_path, **OWN | {"axes": "T V C"})
    with pytest.raises(FormatError, match=r"holds arrays \['clip', 'label'\], .* names no key; set `key`"):
        skeletons.read(path)
    declare(tmp_path, **OWN | {"axes": "T V C", "key": "pose"})
    with pytest.raises(FormatError, match="names key 'pose'; set `key` to one of them"):
        skeletons.read(path)


def wide(path: Path, xyz_TV3: npt.NDArray[np.float64], labels: tuple[str, ...], columns: str) -> None:
    names = [columns.format(joint=joint, axis=axis) for joint in labels for axis in "xyz"]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([names, *xyz_TV3.reshape(len(xyz_TV3), -1).tolist()])


def long(path: Path, xyz_MTV3: npt.NDArray[np.float64], labels: tuple[str, ...]) -> None:
    lines: list[list[object]] = [["frame", "person", "joint", "x", "y", "z", "note"]]
    for person, frame, joint in np.ndindex(*xyz_MTV3.shape[:3]):
        lines.append([frame + 7, f"p{person}", labels[joint], *xyz_MTV3[person, frame, joint].tolist(), "-"])
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)


@pytest.mark.parametrize("stem", ["a1_s1_t1", "a27_s8_t3"])
def test_a_recording_of_utd_mhad_is_the_same_in_every_form(real_data: Path, tmp_path: Path, stem: str) -> None:
    """Written as .npy, .npz, JSON and CSV of three shapes, it is what the reader of its .mat file gives."""
    file = real_data / f"utd-mhad/Skeleton/{stem}_skeleton.mat"
    recorded = mat.read_skeleton(file)
    xyz_V3T = mat.read_array(file, "d_skel", "double", (20, 3, None), max_bytes=1 << 24)
    xyz_TV3, names = xyz_V3T.transpose(2, 0, 1), joints.KINECT20.names
    forms: dict[str, Skeleton] = {}
    declare(tmp_path, joints="kinect20", unit="m", axes="V C T", key="clip", columns="{joint}.{axis}")
    for ending in (".npy", ".npz", ".json"):
        forms[ending] = skeletons.read(saved(tmp_path, ending, xyz_V3T))
    wide(tmp_path / "wide.csv", xyz_TV3, names, "{joint}.{axis}")
    long(tmp_path / "long.csv", xyz_TV3[None], names)
    bare = [",".join(map(repr, row)) for row in xyz_TV3.reshape(len(xyz_TV3), -1).tolist()]
    (tmp_path / "bare.csv").write_text("\n".join(bare))
    forms |= {name: skeletons.read(tmp_path / f"{name}.csv") for name in ("wide", "long", "bare")}
    for name, found in forms.items():
        assert found.layout == recorded.layout, name
        np.testing.assert_array_equal(found.xyz_MTV3, recorded.xyz_MTV3, err_msg=name)
