import numpy as np
import pytest

from pipeline.core.errors import FormatError
from pipeline.formats import boxes

HEADER = "frame,label,x,y,width,height"


def read(tmp_path, text):
    path = tmp_path / "a_boxes.csv"
    path.write_text(text)
    return boxes.read(path)


def test_a_box_is_two_corners(tmp_path):
    found = read(tmp_path, f"{HEADER}\n3,coffee cup,10,20.5,4,8\n0,person,-2,0,50,90\n")
    assert found.frame_K.tolist() == [3, 0]
    assert found.corners_K4.tolist() == [[10, 20.5, 14, 28.5], [-2, 0, 48, 90]]
    assert found.labels == ("coffee cup", "person")


def test_what_a_detector_says_beside_is_let_be(tmp_path):
    found = read(tmp_path, f"score,{HEADER}\n0.97,3,cup,10,20,4,8\n")
    assert found.corners_K4.tolist() == [[10, 20, 14, 28]]


def test_nothing_found_is_no_fault(tmp_path):
    found = read(tmp_path, HEADER)
    assert found.labels == ()
    assert found.corners_K4.shape == (0, 4)


def test_what_is_written_is_read(tmp_path):
    corners = np.array([[0, 1, 2, 3], [95, 0.5, 96, 72]], np.float32)
    boxes.write(tmp_path / "new" / "a.csv", boxes.Boxes(np.array([0, 15]), corners, ("a, b", "stick")))
    found = boxes.read(tmp_path / "new" / "a.csv")
    assert found.frame_K.tolist() == [0, 15]
    assert found.labels == ("a, b", "stick")
    np.testing.assert_array_equal(found.corners_K4, corners)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("-1,cup,0,0,4,8", "frame '-1' is no number of a frame"),
        ("1.5,cup,0,0,4,8", "frame '1.5' is no number"),
        ("99999999,cup,0,0,4,8", "frame '99999999' is no number"),
        ("10000000,cup,0,0,4,8", "frame '10000000' is no number"),
        ("1,,0,0,4,8", "label '' names nothing"),
        ("1,cup,0,left,4,8", "x, y, width and height should be numbers"),
        ("1,cup,0,0,0,8", "a box of 0 x 8 pixels at 0, 0"),
        ("1,cup,0,0,4,-8", "a box of 4 x -8 pixels"),
        ("1,cup,nan,0,4,8", "a box of 4 x 8 pixels at nan, 0"),
        ("1,cup,0,0,inf,8", "a box of inf x 8 pixels"),
        ("1,cup,1e39,0,4,8", "a box of 4 x 8 pixels at 1e"),
        ("1,cup,-2000000,0,4,8", "a box of 4 x 8 pixels at -2e"),
        ("1,cup,0,0,4", "5 columns, the first line names 6"),
    ],
)
def test_a_row_that_is_no_box_is_named_with_its_line(tmp_path, row, fault):
    with pytest.raises(FormatError, match=rf"a_boxes.csv: line 3: {fault}"):
        read(tmp_path, f"{HEADER}\n0,cup,1,1,2,2\n{row}\n")


def test_empty_lines_count_as_lines(tmp_path):
    with pytest.raises(FormatError, match=r"line 5: label '' names nothing"):
        read(tmp_path, f"{HEADER}\n\n0,cup,1,1,2,2\n\n1,,0,0,4,8\n")


def test_another_table_is_refused(tmp_path):
    with pytest.raises(FormatError, match="column"):
        read(tmp_path, "frame,label,x0,y0,x1,y1\n")


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("value", ["nan", "-nan", "inf", "1e999"])
def test_a_number_that_is_not_finite_is_refused_wherever_it_stands(tmp_path, place, value):
    numbers = ["1", "2", "3", "4"]
    numbers[place] = value
    with pytest.raises(FormatError, match="line 2: a box of"):
        read(tmp_path, f"{HEADER}\n0,person,{','.join(numbers)}\n")
