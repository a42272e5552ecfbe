"""Worker processes read the bytes that the loop itself would, in order, and say what they stumble over."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pipeline.core import shared_arrays
from pipeline.core.errors import DataError, FormatError
from pipeline.core.readers import Readers


@dataclass(frozen=True)
class Drawn:
    """Rows with noise from the seed; some rows are faulty."""

    fault: str = ""

    def steps(self, seed, epoch):
        return [np.arange(start, start + 4) for start in range(0, 40, 4)]

    def read(self, rows, seed):
        if 21 in rows and self.fault == "format":
            raise FormatError("clip.avi: not a film")
        if 21 in rows and self.fault == "bug":
            raise KeyError("x")
        if 21 in rows and self.fault == "killed":
            os._exit(9)
        if self.fault == "slow":
            time.sleep(0.2)
        return {"x": rows[:, None] + np.random.default_rng(seed).random((len(rows), 3)), "row": rows}

    def names(self, rows):
        return [f"clip-{row}" for row in rows]


def read(num_workers, source, queue_length=2):
    requests = [(rows, 100 + number) for number, rows in enumerate(source.steps(0, 0))]
    with Readers((Drawn(), source), num_workers, queue_length) as readers:
        return list(readers.stream(1, requests))


@pytest.mark.parametrize("num_workers", [1, 2])
def test_the_number_of_workers_changes_no_byte(num_workers):
    here, there = read(0, Drawn()), read(num_workers, Drawn())
    assert [batch["row"].tolist() for batch in there] == [rows.tolist() for rows in Drawn().steps(0, 0)]
    for first, second in zip(here, there, strict=True):
        assert first["x"].tobytes() == second["x"].tobytes()


@pytest.mark.parametrize("min_bytes", [0, 1 << 30], ids=["shared memory", "pipe"])
def test_arrays_are_handed_over_as_they_are(min_bytes, monkeypatch):
    """Of several types and shapes, one of them without rows; and nothing stays in shared memory."""
    monkeypatch.setattr(shared_arrays, "_MIN_BYTES", min_bytes)
    arrays = {"x": np.arange(12.0).reshape(3, 4)[:, ::2], "is": np.array([True, False]), "none": np.zeros((0, 2))}
    given = shared_arrays.put(arrays)
    assert isinstance(given, dict) == (min_bytes > 0)
    found = shared_arrays.take(given)
    assert [array.dtype for array in found.values()] == [array.dtype for array in arrays.values()]
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())
    if min_bytes == 0:
        with pytest.raises(FileNotFoundError):
            shared_arrays.take(given)


def test_without_room_in_shared_memory_arrays_go_through_the_pipe(monkeypatch, tmp_path):
    monkeypatch.setattr(shared_arrays, "_ROOM", tmp_path / "none")
    arrays = {"x": np.zeros(1 << 20)}
    assert shared_arrays.put(arrays) is arrays


@pytest.mark.parametrize("num_workers", [0, 1])
@pytest.mark.parametrize(
    ("fault", "kind", "told"),
    [("format", FormatError, r"clip\.avi: not a film"), ("bug", DataError, "KeyError: 'x'")],
)
def test_what_a_source_stumbles_over_comes_with_the_names_of_the_rows(num_workers, fault, kind, told):
    with pytest.raises(kind, match=f"^reading clip-20, clip-21, clip-22, clip-23: {told}$"):
        read(num_workers, Drawn(fault))


def test_a_killed_reader_is_one_line():
    with pytest.raises(DataError, match=r"a process that reads batches was killed .*fewer num_workers"):
        read(1, Drawn("killed"))


def test_readers_end_with_a_killed_parent():
    """Else they would wait for it for good."""
    code = "import multiprocessing, sys, time; from tests.core.test_readers import *\n"
    code += "if __name__ == '__main__':\n    readers = Readers((Drawn(),), 1, 2)\n"
    code += "    next(readers.stream(0, [(np.arange(4), 0)]))\n"
    code += "    print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n    time.sleep(60)\n"
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True) as parent:
        worker = int(parent.stdout.readline())
        parent.kill()
    end = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and "Z" not in Path(f"/proc/{worker}/stat").read_text().split()[2]:
        assert time.monotonic() < end, "the worker still runs"
        time.sleep(0.05)


def test_no_more_is_read_than_may_lie_ready():
    asked = []

    def requests():
        for number, rows in enumerate(Drawn().steps(0, 0)):
            asked.append(number)
            yield rows, number

    with Readers((Drawn(),), 1, 2) as readers:
        stream = readers.stream(0, requests())
        assert asked == []
        next(stream)
        assert len(asked) == 1 + 1 + 2  # taken, in the worker's hands, ready
        stream.close()


def test_the_time_waited_is_told():
    with Readers((Drawn("slow"),), 0, 1) as readers:
        next(readers.stream(0, [(np.arange(4), 0)]))
        assert 0.2 <= readers.seconds_waited < 5
