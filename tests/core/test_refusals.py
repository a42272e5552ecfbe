"""What is behind an error: a refusal of the disk is one line. Libraries on a full disk: tests/faults/test_disks.py."""

import errno
import sqlite3

import pytest

from pipeline.core import outputs, runs
from pipeline.core.refusals import line

ROOM = "No space left on device; make room there and run it again: what is finished is kept"


def write_half(path):
    with outputs.whole(path) as scratch:
        scratch.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_database_that_cannot_be_written_is_said(tmp_path):
    sqlite3.connect(tmp_path / "a").execute("CREATE TABLE a (b)")
    file = sqlite3.connect(f"file:{tmp_path / 'a'}?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError) as caught:
        file.execute("INSERT INTO a VALUES (1)")
    assert line(caught.value) == "the disk: Read-only file system; give another path, or mend this one"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "Input/output error"),
        RuntimeError("size mismatch"),
        ValueError("[Errno 28] No space left on device"),
        sqlite3.OperationalError("no such table: a"),
    ],
)
def test_other_errors_keep_their_traceback(error):
    assert line(error) is None


def test_an_error_that_names_no_file_names_the_output(tmp_path):
    with pytest.raises(OSError, match="No space left") as caught:
        write_half(tmp_path / "out")
    assert line(caught.value) == f"{tmp_path / 'out'}: {ROOM}"
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_cannot_be_written_fails_no_stage(tmp_path, capsys):
    (tmp_path / "runs").write_text("in the way")
    with runs.recorded("align", "a", tmp_path):
        pass
    assert "this run is not in the log" in capsys.readouterr().err
