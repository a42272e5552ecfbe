"""The worker's own side: `python -m pipeline.serving.reading FOLDER SPLIT SEED`; a line of JSON in, one out.

It ends when its input does. What libraries print goes to the terminal, never among the answers.
"""

import contextlib
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.core.errors import UnseenError

MEMORY_BYTES = 4 << 30  # that one file may add
Answer = dict[str, Any]


def main() -> None:
    """Answer until the input ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    folder, split, seed = sys.argv[1:]
    opened: list[Callable[[Answer], Answer]] = []

    def open_it() -> Answer:
        from pipeline.serving.answers import Answers

        opened.append(Answers.load(Path(folder), split, int(seed), bounded).answer)
        return {"ready": True}

    _tell(answers, _guarded(open_it))
    for line in sys.stdin.buffer:
        _tell(answers, _guarded(partial(opened[0], json.loads(line))))


def _tell(answers: Any, answer: Answer) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _guarded(compute: Callable[[], Answer]) -> Answer:
    """An answer, or the line to refuse with."""
    try:
        return compute()
    except UnseenError as error:
        return {"error": str(error), "status": 400}
    except MemoryError:
        return {"error": f"needs more than {MEMORY_BYTES >> 30} GiB to be read; give a shorter clip", "status": 400}
    except Exception as error:
        traceback.print_exc()
        line = f"a fault of ours, {type(error).__name__}; the terminal of `unseen serve` has more"
        return {"error": line, "status": 500}


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Refuse memory beyond the bound, as a MemoryError; only Linux says what is held already and keeps to the bound."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    held = int(statm.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


if __name__ == "__main__":
    main()
