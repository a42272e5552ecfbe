"""The process that reads files and computes, seen from the server: started when needed, ended when it fails.

It takes a line of JSON and gives one, nothing else, so that a file that breaks it cannot reach the server. One request
is computed at a time; so many more may wait, and others are refused at once.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pipeline
from pipeline.serving.errors import RequestError

_MAX_LINE = 64 << 20  # bytes of an answer
_START_SECONDS = 300.0  # to import torch on a busy machine
_CODE = Path(pipeline.__file__).parents[1]


@dataclass(frozen=True)
class Training:
    """The training of bind that answers, as the worker is told it."""

    folder: Path
    split: str
    seed: int


class Worker:
    """At most one process, and a bounded queue before it."""

    def __init__(self, training: Training, *, seconds: float, max_waiting: int) -> None:
        self._training, self._seconds, self._max_waiting = training, seconds, max_waiting
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self._num_inside = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the queue, to be held from an upload's first byte to its answer. RequestError if all are taken."""
        if self._num_inside > self._max_waiting:
            raise RequestError(503, f"busy: {self._num_inside} requests are waiting; try again in a moment")
        self._num_inside += 1
        try:
            yield
        finally:
            self._num_inside -= 1

    async def ask(self, verb: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The worker's answer. RequestError for what it refuses, and where it broke or took too long."""
        async with self._lock:
            process = await self._running()
            try:
                async with asyncio.timeout(self._seconds):
                    answer = await _exchanged(process, {"verb": verb, **values})
            except TimeoutError:
                await self.stop()
                line = (
                    f"no answer within {self._seconds:g} s; give a shorter clip, or start with a higher --max-seconds"
                )
                raise RequestError(504, line) from None
            except BaseException:
                await self.stop()  # whose next line would answer the wrong request
                raise
            if answer is None:
                await self.stop()
                raise RequestError(500, "the file broke its reader, which starts anew; is it what its name says?")
        return _checked(answer)

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            await self.stop()
            self._process = await self._started()
        return self._process

    async def _started(self) -> asyncio.subprocess.Process:
        told = self._training
        path = os.pathsep.join([str(_CODE), *filter(None, [os.environ.get("PYTHONPATH")])])
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "pipeline.serving.reading", str(told.folder), told.split, str(told.seed)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            limit=_MAX_LINE,
            start_new_session=True,  # Ctrl-C reaches the server alone, which ends it
        )
        try:
            async with asyncio.timeout(_START_SECONDS):
                ready = await _answer(process)
            if ready is None:
                raise RequestError(500, "the encoders could not be loaded; the terminal of `unseen serve` says why")
            _checked(ready)
        except BaseException:
            self._process = process
            await self.stop()
            raise
        return process

    async def stop(self) -> None:
        """End the process, if there is one; the next request starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()  # closes the pipes and collects the process


async def _exchanged(process: asyncio.subprocess.Process, question: Mapping[str, Any]) -> dict[str, Any] | None:
    """The answer to a question, None if the process ended or says what is no answer."""
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(question).encode() + b"\n")
        await process.stdin.drain()
    except ConnectionError:
        return None
    return await _answer(process)


async def _answer(process: asyncio.subprocess.Process) -> dict[str, Any] | None:
    assert process.stdout is not None
    try:
        answer = json.loads(await process.stdout.readline())
    except ValueError:  # a line cut off, or too long
        return None
    return answer if isinstance(answer, dict) else None


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer that is no refusal."""
    if "error" in answer:
        raise RequestError(int(answer["status"]), str(answer["error"]))
    return answer
