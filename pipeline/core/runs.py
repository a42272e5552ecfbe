"""The run log: one JSON line a stage run in .cache/runs/. Times and machines go here, never into outputs."""

import json
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.core.progress import say

CACHE = Path(".cache")  # what a checkout may lose: the run log, finished parts, vectors of texts


@contextmanager
def recorded(stage: str, row: str, root: Path = CACHE, *, writes: bool = True) -> Iterator[dict[str, object]]:
    """Time a block and append a line; what the block puts into the dict (counts, device, rates) is kept with it.

    Of several processes that do the block together one writes.
    """
    facts: dict[str, object] = {"stage": stage, "row": row, "started": datetime.now(UTC).isoformat(timespec="seconds")}
    start = time.perf_counter()
    try:
        yield facts
        facts["state"] = "finished"
    except BaseException as error:
        facts["state"] = f"failed: {type(error).__name__}"
        raise
    finally:
        facts["seconds"] = round(time.perf_counter() - start, 3)
        facts["machine"] = platform.machine()
        if writes:
            _append(root / "runs" / f"{stage}.jsonl", json.dumps(facts, sort_keys=True, default=str))


def _append(log: Path, line: str) -> None:
    """Add a line; where the disk refuses it, say so and go on, for the block has done what it was to do."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        say(f"{log}: {error.strerror}; this run is not in the log")
