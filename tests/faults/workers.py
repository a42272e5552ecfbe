"""Kill one worker of a stage that decodes, and count the recordings that are decoded again."""

import os
import signal
import time
from collections import defaultdict
from pathlib import Path

from tests.faults import kills
from tests.faults.world import Stage

# Python runs a file of this name at its start; this one notes which process opens which recording.
_TRACER = """
import os, sys
def note(event, args):
    if event == "open" and isinstance(args[0], (str, os.PathLike)) and str(args[0]).endswith(".mat"):
        line = f"{os.getpid()} {os.path.basename(str(args[0]))}\\n".encode()
        descriptor = os.open(os.environ["OPENED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line)
        os.close(descriptor)
sys.addaudithook(note)
"""
_NUM_FIRST = 8  # recordings that the worker has opened when it is killed


def kill_one(folder: Path, stage: Stage) -> int:
    """Run a stage and kill the first worker amid its first block; how many recordings more than one process opened.

    Raises AssertionError where the stage does not go on to its end by itself.
    """
    code = folder / ".tracer"
    code.mkdir()
    (code / "sitecustomize.py").write_text(_TRACER)
    opened = folder / "opened.txt"
    opened.unlink(missing_ok=True)
    os.environ["OPENED"] = str(opened)
    try:
        run = kills.start(folder, stage, code)
    finally:
        del os.environ["OPENED"]
    victim = None
    while run.poll() is None:
        lines = opened.read_text().splitlines() if opened.is_file() else []
        if victim is None and len(lines) >= _NUM_FIRST:
            victim = int(lines[0].split()[0])
            os.kill(victim, signal.SIGKILL)
        time.sleep(0.001)
    assert run.returncode == 0, (folder / "said.txt").read_text()[-2000:]
    by_recording: dict[str, set[str]] = defaultdict(set)
    for line in opened.read_text().splitlines():
        process, name = line.split()
        by_recording[name].add(process)
    return sum(len(processes) > 1 for processes in by_recording.values())
