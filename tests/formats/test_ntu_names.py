import pytest

from pipeline.core.errors import FormatError
from pipeline.formats import ntu_names

RECORDINGS = "S001C002P005R002A008\nS001C002P006R001A008\n"


@pytest.mark.parametrize("header", ["", "one\n", "These 2 samples lack\nS001C002 is a setup\n========\n", "\n\n"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_list_of_missing_skeletons_is_read_with_and_without_its_header(tmp_path, header, newline):
    file = tmp_path / "missing.txt"
    file.write_bytes((header + RECORDINGS).replace("\n", newline).encode())
    assert ntu_names.read_missing_skeletons(file, 2) == {"S001C002P005R002A008", "S001C002P006R001A008"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found 0 after 0 other lines"),
        (RECORDINGS[:21], "found 1 after 0"),
        (RECORDINGS + "S001C002P007R001A008\n", "found 3"),
        (RECORDINGS + "S001C002P007R001A008x", "found 'S001C002P007R001A008x' among them"),
        (RECORDINGS[:21] + RECORDINGS[:21], "found 1 after 0"),
        (RECORDINGS + "the end\n", "found 'the end' among them"),
        ("1\n2\n3\n4\n" + RECORDINGS, "found 2 after 4 other lines"),
    ],
)
def test_a_list_of_missing_skeletons_that_is_not_the_published_one_is_refused(tmp_path, text, message):
    (tmp_path / "missing.txt").write_text(text)
    with pytest.raises(FormatError, match=message):
        ntu_names.read_missing_skeletons(tmp_path / "missing.txt", 2)


def test_a_list_of_missing_skeletons_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "missing.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="not a readable text file"):
        ntu_names.read_missing_skeletons(tmp_path / "missing.txt", 2)
