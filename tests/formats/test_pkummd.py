import numpy as np
import pytest

from pipeline.core.errors import FormatError
from pipeline.formats import pkummd


@pytest.fixture
def recording(tmp_path):
    joints = np.random.default_rng(0).normal(size=(6, 2, 25, 3)).round(4)
    joints[4, 1] = 0
    lines = [" ".join(f"{value:.4f}" for value in row.ravel()) for row in joints]
    (tmp_path / "0002-L.txt").write_text("\n".join(lines) + "\n")
    return tmp_path / "0002-L.txt", joints


def test_joints_come_back_in_metres_and_order(recording):
    path, joints = recording
    skeleton = pkummd.read_skeleton(path)
    expected = joints.swapaxes(0, 1).copy()
    expected[1, 4] = np.nan  # zeros stand for a body that is not there
    assert (skeleton.layout, skeleton.body_ids) == ("ntu25", (0, 1))
    assert np.allclose(skeleton.xyz_MTV3, expected, atol=1e-6, equal_nan=True)
    assert pkummd.num_frames(path) == 6


def test_a_range_of_frames_is_the_same_as_cutting_later(recording):
    path, _ = recording
    part, whole = pkummd.read_skeleton(path, range(2, 5)), pkummd.read_skeleton(path)
    assert np.array_equal(part.xyz_MTV3, whole.xyz_MTV3[:, 2:5], equal_nan=True)


@pytest.mark.parametrize("line", ["1 2 3", "x " * 150, "nan " * 150, "1e9 " * 150])
def test_a_bad_line_is_named(recording, line):
    path, _ = recording
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(FormatError, match="line 7"):
        pkummd.read_skeleton(path)


def test_a_range_outside_the_recording_is_refused(recording):
    with pytest.raises(FormatError, match="the recording has 6"):
        pkummd.read_skeleton(recording[0], range(6, 9))


def test_labels_count_classes_and_frames_from_zero(tmp_path):
    (tmp_path / "l.txt").write_text("1,5,9,2\n51,20,20,1\n")
    assert pkummd.read_labels(tmp_path / "l.txt") == [
        pkummd.LabelledPart(0, 4, 9, 2),
        pkummd.LabelledPart(50, 19, 20, 1),
    ]


@pytest.mark.parametrize(
    "line", ["0,5,9,2", "52,5,9,2", "1,9,5,2", "1,0,5,2", "1,5,9", "a,b,c,d", "1,5,1" + "0" * 400 + ",2"]
)
def test_a_label_that_cannot_be_is_refused(tmp_path, line):
    (tmp_path / "l.txt").write_text(line + "\n")
    with pytest.raises(FormatError, match="line 1"):
        pkummd.read_labels(tmp_path / "l.txt")


def test_a_file_larger_than_any_recording_is_refused_unread(tmp_path):
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(FormatError, match="larger than 64 MiB, not a PKU-MMD file"):
        pkummd.read_skeleton(tmp_path / "a.txt")


def test_a_protocol_names_training_and_validation(tmp_path):
    (tmp_path / "p.txt").write_text("Training videos:\n0003-L, 0002-M,\nValidation videos:\n0005-R\n")
    assert pkummd.read_protocol(tmp_path / "p.txt") == (["0002-M", "0003-L"], ["0005-R"])


def test_a_recording_in_both_lists_is_refused(tmp_path):
    (tmp_path / "p.txt").write_text("h\n0003-L\nh\n0003-L\n")
    with pytest.raises(FormatError, match="'0003-L' is in both lists"):
        pkummd.read_protocol(tmp_path / "p.txt")


def test_a_part_is_read_by_its_path_and_must_lie_inside(recording):
    path, _ = recording
    part = pkummd.read_part(path.with_name(f"{path.name}#frames=2-6"))
    assert np.array_equal(part.xyz_MTV3, pkummd.read_skeleton(path, range(2, 6)).xyz_MTV3, equal_nan=True)
    assert pkummd.read_part(path).num_frames == 6
    with pytest.raises(FormatError, match="part 2-7 lies outside the 6 frames"):
        pkummd.read_part(path.with_name(f"{path.name}#frames=2-7"))


@pytest.mark.parametrize("line", ["1_0,5,9,2", "1" * 5000 + ",5,9,2", "1,5,9", "1,-5,9,2", "1,5,9,2,3"])
def test_a_label_of_other_than_four_whole_numbers_is_refused(tmp_path, line):
    (tmp_path / "a.txt").write_text(line)
    with pytest.raises(FormatError, match=r"line 1: expected 'class,first,last,confidence'"):
        pkummd.read_labels(tmp_path / "a.txt")


def test_a_line_longer_than_any_frame_is_refused_unsplit(tmp_path):
    (tmp_path / "a.txt").write_text("0 " * (1 << 20))
    with pytest.raises(FormatError, match="a line of 2097152 characters"):
        pkummd.read_skeleton(tmp_path / "a.txt")
