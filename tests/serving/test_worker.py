"""The process that reads: ended when it is slow, started anew when it broke, bounded in memory; and nothing is lost."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pipeline.serving.errors import RequestError
from pipeline.serving.worker import Training, Worker
from tests.serving.conftest import CODE, in_a_thread, training


async def ended(worker):
    """The pid of the worker's process, once it is gone."""
    pid = worker._process.pid if worker._process else None
    await worker.stop()
    return pid


def test_one_that_is_killed_is_started_anew(place):
    async def scenario():
        worker = Worker(training(place), seconds=60, max_waiting=0)
        first = await worker.ask("about", {})
        asked = asyncio.create_task(worker.ask("search", {"text": "never met", "vector": None, "among": [], "top": 1}))
        await asyncio.sleep(0.05)
        broken = worker._process.pid
        os.kill(broken, signal.SIGKILL)
        with pytest.raises(RequestError, match="broke its reader") as caught:
            await asked
        assert caught.value.status == 500
        assert await worker.ask("about", {}) == first
        pid = await ended(worker)
        assert pid != broken
        assert not psutil.pid_exists(pid)

    in_a_thread(scenario())


def test_one_that_is_slow_is_ended(place):
    async def scenario():
        worker = Worker(training(place), seconds=0.001, max_waiting=0)
        with pytest.raises(RequestError, match=r"no answer within 0\.001 s") as caught:
            await worker.ask("about", {})
        assert caught.value.status == 504
        assert worker._process is None
        worker._seconds = 60
        assert (await worker.ask("about", {}))["row"] == "demo-sgfa"
        await worker.stop()

    in_a_thread(scenario())


def test_a_request_that_is_given_up_does_not_leave_its_answer_to_the_next(place):
    async def scenario():
        worker = Worker(training(place), seconds=60, max_waiting=0)
        await worker.ask("about", {})
        asked = asyncio.create_task(worker.ask("clips", {"sense": "depth", "part": ""}))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert "senses" in await worker.ask("about", {})
        await worker.stop()

    in_a_thread(scenario())


def test_a_row_that_cannot_be_loaded_is_said_and_tried_again(place, tmp_path):
    async def scenario():
        worker = Worker(Training(tmp_path / "features/bind/none", "composed", 0), seconds=60, max_waiting=0)
        for _ in range(2):
            with pytest.raises(RequestError, match="no weights of bind there"):
                await worker.ask("about", {})
        assert worker._process is None

    in_a_thread(scenario())


def test_a_fault_of_ours_is_a_line_and_the_worker_lives(place, capfd):
    async def scenario():
        worker = Worker(training(place), seconds=60, max_waiting=0)
        with pytest.raises(RequestError, match="a fault of ours, KeyError") as caught:
            await worker.ask("nothing", {})
        assert caught.value.status == 500
        pid = worker._process.pid
        await worker.ask("about", {})
        assert worker._process.pid == pid
        await worker.stop()

    in_a_thread(scenario())
    assert "KeyError: 'nothing'" in capfd.readouterr().err


def test_as_many_wait_as_may():
    worker = Worker(Training(Path(), "", 0), seconds=1, max_waiting=1)
    with worker.place(), worker.place(), pytest.raises(RequestError) as caught, worker.place():
        pass
    assert caught.value.status == 503
    with worker.place():
        pass


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is bounded on Linux only")
def test_memory_is_bounded_while_a_file_is_read_and_only_then():
    code = """
from pipeline.serving import reading
reading.MEMORY_BYTES = 1 << 30
def read():
    with reading.bounded():
        return {"held": len(bytearray(2 << 30))}
print(reading._guarded(read))
print(len(bytearray(2 << 30)) >> 30)
"""
    told = subprocess.run([sys.executable, "-c", code], cwd=CODE, capture_output=True, text=True, check=True).stdout
    line, after = told.splitlines()
    assert "needs more than 1 GiB to be read" in line
    assert after == "2"
