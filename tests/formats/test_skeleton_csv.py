"""Tables of joints: a line a frame or a line a joint, and the line of what is wrong."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.core.errors import FormatError
from pipeline.formats import skeletons

LAYOUT = "{joints: [Hip, Neck], parents: {Neck: Hip}, shoulders: [Hip, Neck], unit: m}"
WIDE = "Hip_x,Hip_y,Hip_z,Neck_x,Neck_y,Neck_z"
LONG = "frame,joint,x,y,z"


def read(folder: Path, *lines: str) -> np.ndarray:
    (folder / "layout.yaml").write_text(LAYOUT)
    (folder / "a.csv").write_text("\n".join(lines))
    return skeletons.read(folder / "a.csv").xyz_MTV3


def test_a_line_a_frame(tmp_path: Path) -> None:
    found = read(tmp_path, f"note,{WIDE}", "a,1,2,3,1,3,3", "", "b,4,5,6,,,")
    np.testing.assert_array_equal(found, [[[[1, 2, 3], [1, 3, 3]], [[4, 5, 6], [np.nan] * 3]]])


def test_frames_and_people_are_placed_by_their_columns(tmp_path: Path) -> None:
    lines = ["7,b,1,2,3,1,3,3", "5,a,4,5,6,4,6,6", "7,a,7,8,9,7,9,9"]
    found = read(tmp_path, f"frame,person,{WIDE}", *lines)
    assert found.shape == (2, 3, 2, 3)
    assert np.isnan(found).all(axis=(2, 3)).tolist() == [[True, True, False], [False, True, False]]
    assert found[:, 2, 0].tolist() == [[1, 2, 3], [7, 8, 9]]


def test_a_line_a_joint_by_name_or_place_in_any_order(tmp_path: Path) -> None:
    found = read(tmp_path, LONG, "3,Neck,1,3,3", "3,0,1,2,3", "4,Hip,4,5,6", "4,1,4,6,6")
    np.testing.assert_array_equal(found, [[[[1, 2, 3], [1, 3, 3]], [[4, 5, 6], [4, 6, 6]]]])


def test_without_names_a_line_is_all_joints_numbers(tmp_path: Path) -> None:
    found = read(tmp_path, "1,2,3,1,3,3", "4,5,6,4,6,6")
    np.testing.assert_array_equal(found, [[[[1, 2, 3], [1, 3, 3]], [[4, 5, 6], [4, 6, 6]]]])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([""], "an empty file"),
        ([WIDE], "no frame in it"),
        ([WIDE.replace("Neck", "neck")], r"line 1: no column 'Neck_x' \(3 of 6 are missing\)"),
        ([f"{WIDE},Hip_x"], "line 1: two columns are called 'Hip_x'"),
        ([WIDE, "1,2,3,1,3"], "line 2: 5 columns, the first line names 6"),
        ([WIDE, "1,2,3,1,3,x"], "line 2: 'x' is no number"),
        ([f"frame,{WIDE}", "1,1,2,3,1,3,3", "1,1,2,3,1,3,3"], "a frame stands there twice; .* column 'person'"),
        ([f"frame,{WIDE}", "1.5,1,2,3,1,3,3"], "line 2: frame '1.5' is no whole number"),
        ([f"frame,{WIDE}", "0,1,2,3,1,3,3", "999999999,1,2,3,1,3,3"], "are more than one clip"),
        ([LONG, "1,Head,1,2,3"], "line 2: joint 'Head' is none of"),
        ([LONG, "1,Hip,1,2,3", "1,0,1,2,3"], "line 3: joint '0' stands in this frame already"),
        (["frame,joint,x,y"], "line 1: no column 'z'"),
        (["1,2,3,1,3,3", "1,2,3"], r"line 2: expected 6 numbers \(2 joints x 3, .*found 3 cells"),
        ([WIDE, '"1,2'], "not CSV"),
        (["1," * 100_000], "a line of 200000 characters"),
    ],
)
def test_what_does_not_fit_is_told_with_its_line(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(FormatError, match=message) as error:
        read(tmp_path, *lines)
    assert "a.csv: " in str(error.value)
