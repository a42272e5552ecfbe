import hashlib
import os
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core import stamp
from pipeline.core.errors import DataError, FormatError
from pipeline.core.stamp import StampedFile


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "raw" / "set"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "two words.txt").write_bytes(b"2")
    (folder / "b.txt").write_bytes(b"")
    (folder / "a.txt").write_bytes(b"one")
    return folder


def digest(content):
    return hashlib.sha256(content).hexdigest()


def stamped(folder):
    stamp.write(folder, stamp.scan(folder))
    return stamp.read(folder)


def test_a_stamp_lists_every_file_with_size_and_digest_by_path(folder):
    assert stamped(folder) == [
        StampedFile("a.txt", 3, digest(b"one")),
        StampedFile("b.txt", 0, digest(b"")),
        StampedFile("b/two words.txt", 1, digest(b"2")),
    ]


def test_a_stamp_stands_beside_its_folder_and_leaves_it_as_it_was(folder):
    before = sorted(folder.rglob("*"))
    assert stamp.write(folder, stamp.scan(folder)) == 3
    assert sorted(folder.rglob("*")) == before
    assert stamp.stamp_path(folder) == folder.parent / "set.stamp"
    assert sorted(path.name for path in folder.parent.iterdir()) == ["set", "set.stamp"]


def test_two_scans_write_the_same_bytes_and_a_changed_byte_other_ones(folder):
    stamp.write(folder, stamp.scan(folder))
    first = stamp.stamp_path(folder).read_bytes()
    stamp.write(folder, reversed(list(stamp.scan(folder))))
    assert stamp.stamp_path(folder).read_bytes() == first
    (folder / "a.txt").write_bytes(b"onE")
    stamp.write(folder, stamp.scan(folder))
    assert stamp.stamp_path(folder).read_bytes() != first


def test_the_folder_itself_may_be_a_link_to_a_read_only_folder(folder, tmp_path):
    link = tmp_path / "linked"
    link.symlink_to(folder)
    for path in chain([folder], folder.rglob("*")):
        path.chmod(0o555)
    try:
        assert stamped(link) == list(stamp.scan(folder))
        assert stamp.stamp_path(link).is_file()
    finally:
        for path in chain([folder], folder.rglob("*")):
            path.chmod(0o755)


def test_a_link_to_a_file_inside_is_that_file(folder):
    (folder / "c.txt").symlink_to(folder / "a.txt")
    assert stamped(folder)[-1] == StampedFile("c.txt", 3, digest(b"one"))


def test_a_link_to_a_file_outside_is_refused(folder, tmp_path):
    (tmp_path / "secret").write_text("s")
    (folder / "c.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(DataError, match=r"c\.txt: leads out of .*put the file itself there"):
        list(stamp.scan(folder))


@pytest.mark.parametrize("target", ["..", "b", "."])
def test_a_link_to_a_folder_is_told(folder, target):
    (folder / "c").symlink_to(target)
    with pytest.raises(DataError, match=r"c: a link to a folder; only .*set itself may be a link"):
        list(stamp.scan(folder))


def test_a_link_to_nothing_is_told(folder):
    (folder / "c.txt").symlink_to(folder / "gone")
    with pytest.raises(DataError, match=r"c\.txt: neither a file nor a folder"):
        list(stamp.scan(folder))


@pytest.mark.parametrize("name", ["line\nbreak", "back\\slash", "not\udcffunicode", "next\x85line"])
def test_a_name_that_no_stamp_can_hold_is_told_in_one_line(folder, name):
    (folder / name).write_text("x")
    with pytest.raises(DataError, match="rename the file") as refused:
        list(stamp.scan(folder))
    str(refused.value).encode()
    assert "\n" not in str(refused.value)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match="no such folder; link or copy the dataset there"):
        stamp.files(tmp_path / "gone")
    (tmp_path / "broken").symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match="no such folder"):
        stamp.files(tmp_path / "broken")


def test_a_folder_without_a_stamp_says_how_to_make_one(folder):
    with pytest.raises(DataError, match=r"set\.stamp: no stamp; run `unseen raw scan set`"):
        stamp.read(folder)


HEADER = "# unseen stamp, version 1: sha256, bytes, path\n"
GOOD = f"{'0' * 64} 5 a/b.txt\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "first line should be"),
        ("# unseen stamp, version 2: sha256, bytes, path\n", "first line should be"),
        (HEADER + "hello\n", "line 2: expected 'sha256 bytes path'"),
        (HEADER + GOOD + "\n", "line 3"),
        (HEADER + GOOD.replace("5", "-5"), "line 2"),
        (HEADER + GOOD.replace("5", "five"), "line 2"),
        (HEADER + GOOD.replace("0" * 64, "z" * 64), "line 2"),
        (HEADER + GOOD.replace("a/b", "../b"), "line 2"),
        (HEADER + GOOD.replace("a/b", "/b"), "line 2"),
        (HEADER + GOOD.replace("a/b", "a/../../b"), "line 2"),
        (HEADER + GOOD.replace("a/b", "a\\b"), "line 2"),
        (HEADER + GOOD + GOOD, "sorted and unique"),
        (HEADER + GOOD + GOOD.replace("a/b", "a/a"), "sorted and unique"),
    ],
)
def test_a_damaged_stamp_is_refused(folder, text, message):
    stamp.stamp_path(folder).write_text(text)
    with pytest.raises(FormatError, match=message):
        stamp.read(folder)


def test_a_stamp_that_is_no_text_is_refused(folder):
    stamp.stamp_path(folder).write_bytes(b"\xff\xfe")
    with pytest.raises(FormatError, match="first line should be"):
        stamp.read(folder)


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths=st.lists(names, unique=True, max_size=6))
def test_what_is_written_is_read_or_the_name_was_refused(tmp_path, paths):
    folder = Path(tmp_path / "set")
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    usable = [name for name in paths if "/" not in name and "\0" not in name and name not in (".", "..")]
    for name in usable:
        (folder / name).write_text(name)
    if all(name.isprintable() and "\\" not in name for name in usable):
        assert [file.path for file in stamped(folder)] == sorted(usable)
    else:
        with pytest.raises(DataError, match="rename the file"):
            stamped(folder)


@pytest.mark.parametrize("num_bytes", ["1" * 5000, "\u0663", "-1", "1_0"])
def test_a_size_that_is_no_number_of_bytes_is_refused(folder, num_bytes):
    stamp.write(folder, stamp.scan(folder))
    path = stamp.stamp_path(folder)
    path.write_text(path.read_text().replace(" 3 a.txt", f" {num_bytes} a.txt"))
    with pytest.raises(FormatError, match="line 2: expected 'sha256 bytes path'"):
        stamp.read(folder)


def test_a_link_to_itself_and_a_pipe_are_refused(folder):
    (folder / "loop").symlink_to("loop")
    with pytest.raises(DataError, match="loop: neither a file nor a folder"):
        stamp.files(folder)
    (folder / "loop").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(DataError, match="pipe: neither a file nor a folder"):
        stamp.files(folder)


def test_the_digest_of_a_stamp_changes_with_the_files_and_wants_a_stamp(folder):
    with pytest.raises(DataError, match="no stamp; run `unseen raw scan"):
        stamp.digest(folder)
    stamp.write(folder, stamp.scan(folder))
    before = stamp.digest(folder)
    stamp.write(folder, stamp.scan(folder))
    assert stamp.digest(folder) == before
    (folder / "new").touch()
    stamp.write(folder, stamp.scan(folder))
    assert stamp.digest(folder) != before


def test_a_folder_that_was_never_scanned_says_so_where_dvc_cannot(folder):
    stamp.expect(folder)
    assert not stamp.is_scanned(folder)
    for reading in (stamp.read, stamp.digest):
        with pytest.raises(DataError, match=r"set\.stamp: no stamp; run `unseen raw scan set`"):
            reading(folder)
    assert len(stamped(folder)) == 3
    kept = stamp.stamp_path(folder).read_bytes()
    stamp.expect(folder)
    assert stamp.stamp_path(folder).read_bytes() == kept
    assert stamp.is_scanned(folder)


def test_a_folder_that_is_not_there_is_told_where_it_was_expected(tmp_path):
    stamp.expect(tmp_path / "set")
    with pytest.raises(DataError, match=r"set: no such folder; link or copy .*, and run `unseen raw scan set`"):
        stamp.read(tmp_path / "set")
    (tmp_path / "set").symlink_to("gone")
    with pytest.raises(DataError, match="it is a link to gone, which is not there"):
        stamp.read(tmp_path / "set")


def test_what_a_stage_has_made_is_made_again_not_scanned(tmp_path):
    with pytest.raises(DataError, match="no stamp; run `dvc repro synthesize@demo`"):
        stamp.read(tmp_path / "synthesize" / "demo")


def test_a_folder_differs_from_its_stamp_by_files_that_are_named(folder):
    before = stamped(folder)
    assert stamp.what_changed(folder, before) is None
    (folder / "a.txt").write_bytes(b"longer")
    (folder / "b.txt").unlink()
    for number in range(4):
        (folder / f"c{number}").touch()
    assert stamp.what_changed(folder, before) == (
        "since its scan 1 file changed (a.txt), 4 files appeared (c0, c1, c2, ...), 1 file vanished (b.txt); "
        "run `unseen raw scan set`"
    )
