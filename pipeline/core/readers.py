"""Reading ahead: batches of sources, read by worker processes while the loop computes, in order and bounded.

Processes, not threads: decoding pictures and cropping are Python for a good part and would hold the interpreter's lock
against the loop. What a batch holds is a function of its rows and seed, so the number of workers changes no byte.
"""

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from itertools import islice
from typing import Self

from pipeline.core import orphans
from pipeline.core.batches import Arrays, Rows, Source
from pipeline.core.errors import DataError, UnseenError
from pipeline.core.shared_arrays import Shared, put, take

Request = tuple[Rows, int]  # rows, and the seed of what is drawn for them

_MAX_NAMES = 5
_sources: list[Source] = []  # of a worker process


class Readers:
    """Worker processes that read from a few sources; without any the caller reads. Leaving the context ends them."""

    def __init__(self, sources: Sequence[Source], num_workers: int, queue_length: int) -> None:
        self.seconds_waited = 0.0  # of the caller, for batches that were not there yet
        self._sources = sources
        self._at_once = num_workers + queue_length
        self._pool: ProcessPoolExecutor | None = None
        if num_workers:
            fresh = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(num_workers, fresh, initializer=_begin, initargs=(list(sources),))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def stream(self, which: int, requests: Iterable[Request]) -> Generator[Arrays]:
        """The batches of one source in the order asked for; at most `queue_length` lie ready.

        Raises DataError, naming the rows, for any error of a source.
        """
        waiting = iter(requests)
        batches = self._inline(which, waiting) if self._pool is None else self._ahead(self._pool, which, waiting)
        with closing(batches):
            while True:
                start = time.perf_counter()
                arrays = next(batches, None)
                self.seconds_waited += time.perf_counter() - start
                if arrays is None:
                    return
                yield arrays

    def _inline(self, which: int, requests: Iterator[Request]) -> Generator[Arrays]:
        for rows, seed in requests:
            yield _read(self._sources[which], rows, seed)

    def _ahead(self, pool: ProcessPoolExecutor, which: int, requests: Iterator[Request]) -> Generator[Arrays]:
        reading: deque[Future[Arrays | Shared]] = deque()
        try:
            reading.extend(pool.submit(_read_there, which, *request) for request in islice(requests, self._at_once))
            while reading:
                arrays = take(reading.popleft().result())
                reading.extend(pool.submit(_read_there, which, *request) for request in islice(requests, 1))
                yield arrays
        except BrokenProcessPool:
            raise DataError(
                "a process that reads batches was killed (out of memory?): run the stage again, with fewer num_workers "
                "or a smaller queue_length in params.yaml"
            ) from None
        finally:
            for request in reading:
                if not request.cancel() and request.exception() is None:
                    take(request.result())


def _begin(sources: list[Source]) -> None:
    _sources[:] = sources
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller, who ends the workers
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        orphans.end_with(parent.pid)


def _read_there(which: int, rows: Rows, seed: int) -> Arrays | Shared:
    return put(_read(_sources[which], rows, seed))


def _read(source: Source, rows: Rows, seed: int) -> Arrays:
    try:
        return source.read(rows, seed)
    except Exception as error:
        names = source.names(rows[:_MAX_NAMES])
        more = f" and {len(rows) - _MAX_NAMES} more" if len(rows) > _MAX_NAMES else ""
        fault = str(error) if isinstance(error, UnseenError) else f"{type(error).__name__}: {error}"
        kind = type(error) if isinstance(error, UnseenError) else DataError
        raise kind(f"reading {', '.join(names)}{more}: {fault}") from error
