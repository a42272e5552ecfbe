"""make faults: stages killed at random moments; FAULTS_RUNS, FAULTS_ENGINE, FAULTS_SEED, FAULTS_STAGE.

A moment is drawn from each of as many equal parts of the time that an undisturbed run takes as there are runs. Every
other run the stage and its workers are killed together, else the stage alone. Each time the stage is then run again: it
must end well, its output must be that of the undisturbed run to the byte, and nothing else may be left.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from pipeline.core import members
from tests.faults import kills, world
from tests.faults.world import STAGES, Stage

ENGINES = tuple(members.names("pipeline.compute"))
_NUM_CLIPS, _NUM_ENCODERS = 256, 2
_NUM_WORKERS = 2


def hunt(folder: Path, engine: str, stage: Stage, num_runs: int, seed: int) -> int:
    """Kill one stage so many times; returns how many of the runs went wrong, and says which."""
    world.use(folder, engine, _NUM_WORKERS)
    world.forget(folder, stage)
    seconds = kills.finish(folder, stage)
    expected = world.digest(folder / stage.out)
    rng = np.random.default_rng(seed)
    num_killed, wrong, began = 0, 0, time.monotonic()
    for run in range(num_runs):
        moment = seconds * (run + float(rng.random())) / num_runs
        way = kills.WAYS[run % len(kills.WAYS)]
        world.forget(folder, stage)
        shared = kills.shared()
        num_killed += kills.kill(folder, stage, way, kills.after(moment))
        try:
            kills.survive(folder, stage, shared)
            assert world.digest(folder / stage.out) == expected, "other bytes than those of the undisturbed run"
        except AssertionError as error:
            wrong += 1
            print(f"FOUND {engine} {stage.name}, {way} killed after {moment:.2f} s: {error}", flush=True)
    took = time.monotonic() - began
    print(
        f"{engine} {stage.name}: {seconds:.1f} s undisturbed, {num_runs} runs, {num_killed} killed before they ended, "
        f"{wrong} went wrong, {took:.0f} s",
        flush=True,
    )
    return wrong


def main() -> int:
    """Kill every stage with every engine, or with one."""
    num_runs, seed = int(os.environ.get("FAULTS_RUNS") or 20), int(os.environ.get("FAULTS_SEED") or 0)
    chosen: dict[str, list[str]] = {}
    for variable, known in (("FAULTS_ENGINE", ENGINES), ("FAULTS_STAGE", tuple(STAGES))):
        only = os.environ.get(variable)
        if only and only not in known:
            print(f"{variable}={only}: expected one of {', '.join(known)}")
            return 1
        chosen[variable] = [only] if only else list(known)
    with tempfile.TemporaryDirectory(prefix="faults") as made:
        folder = Path(made).resolve()
        world.make(folder, _NUM_CLIPS, _NUM_ENCODERS)
        world.use(folder, "inline", 1)
        kills.finish(folder, STAGES["preprocess"])  # whose arrays extract reads
        wrong = sum(
            hunt(folder, engine, STAGES[name], num_runs, seed)
            for engine in chosen["FAULTS_ENGINE"]
            for name in chosen["FAULTS_STAGE"]
        )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
