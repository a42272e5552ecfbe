"""The loop itself: what a step costs beside the network, rates and memory of a store that streams, time waited."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import nn

from pipeline.core import prepared, store
from pipeline.core.batches import Memory, order
from pipeline.core.readers import Readers
from pipeline.models.learning import Learner, LocalEngine, TrainingPlan

ROOT = Path(__file__).parents[2]
NUM_CLIPS = int(os.environ.get("NUM_CLIPS", "20000"))  # 114,000 are NTU RGB+D 120's
SHAPE = (3, 64, 25, 2)
# Prints the peak of a process that reads an epoch in shuffled batches of 64, and its clips a second.
EPOCH = r"""
import re, sys, time
from pathlib import Path
from pipeline.core.batches import order
from pipeline.core.prepared import ClipArrays
def resident(what):
    return int(re.search(what + r":\s*(\d+) kB", Path("/proc/self/status").read_text())[1])
before = resident("VmRSS")
clips, start = ClipArrays(Path(sys.argv[1])), time.perf_counter()
for rows in order(len(clips), 64, 0, 0):
    clips[rows]
print((resident("VmHWM") - before) / 1024, len(clips) / (time.perf_counter() - start))
"""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store like NTU RGB+D at 64 frames, 38 kB a clip."""
    path, random = tmp_path_factory.mktemp("clips") / "x.zarr", np.random.default_rng(0)
    some = random.random((64, *SHAPE), dtype=np.float32)
    with store.create(path, {}) as writer:
        group = writer.group(prepared.GROUP, [f"c{row:06}" for row in range(NUM_CLIPS)])
        prepared.put(group, SHAPE, [SHAPE[1]] * NUM_CLIPS, (some[row % 64] for row in range(NUM_CLIPS)))
    return path


def test_memory_and_rate_of_an_epoch_over_a_store(clips: Path, benchmark: BenchmarkFixture) -> None:
    """Goal: memory that does not grow with the store."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    def epoch() -> list[float]:
        done = subprocess.run(
            [sys.executable, "-c", EPOCH, str(clips)], env=environment, capture_output=True, text=True
        )
        return [float(number) for number in done.stdout.split()]

    grown_mb, rate = benchmark.pedantic(epoch, rounds=1)
    store_mb = sum(file.stat().st_size for file in clips.rglob("*") if file.is_file()) / 2**20
    benchmark.extra_info |= {
        "store_mb": round(store_mb),
        "memory_grown_mb": round(grown_mb, 1),
        "clips_per_second": round(rate),
    }


@pytest.mark.parametrize("dim", [8, 256])
def test_a_step_of_the_loop_against_a_bare_one(dim: int, benchmark: BenchmarkFixture) -> None:
    """Goal: 10 % at most beside what a method learns (256 features, batches of 128)."""
    x = torch.randn(512, dim)
    batch_size, num_epochs = (128, 50) if dim > 8 else (16, 20)

    def bare() -> None:
        module = nn.Linear(dim, dim)
        optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3)
        for epoch in range(num_epochs):
            for rows in order(512, batch_size, 0, epoch):
                loss = module(x[rows]).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                loss.item()

    def looped() -> None:
        module = nn.Linear(dim, dim)
        optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3)
        course = TrainingPlan(num_epochs, lambda step, steps: 1e-3, 1, None, None, refuse=pytest.fail)  # type: ignore[arg-type]
        data = Memory({"rows": np.arange(512)}, batch_size)
        learner = Learner(module, optimizer, lambda m, b: (m(x[b["rows"]]).square().mean(), {}), course, LocalEngine())
        list(learner.epochs(data, lambda requests: (data.read(*each) for each in requests), 0))

    torch.set_num_threads(1)
    steps = num_epochs * -(-512 // batch_size)
    times: dict[Callable[[], None], list[float]] = {bare: [], looped: []}
    for _ in range(9):  # by turns: other load on the machine meets both
        for run, found in times.items():
            start = time.process_time()
            run()
            found.append((time.process_time() - start) / steps)
    plain, ours = (min(found) for found in times.values())
    benchmark.extra_info |= {"bare_us": round(plain * 1e6), "more": f"{ours / plain - 1:.0%}"}
    benchmark.pedantic(looped, rounds=1)


class Decoded:
    """Pictures that take a while: 20 ms of Python a batch."""

    def steps(self, seed: int, epoch: int) -> list[np.ndarray]:
        return order(64 * 40, 64, seed, epoch)

    def read(self, rows: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass
        return {"x": np.zeros((len(rows), 3, 224, 224), np.uint8)}

    def names(self, rows: np.ndarray) -> list[str]:
        return [str(row) for row in rows]


@pytest.mark.parametrize("num_workers", [0, 1])
def test_the_share_of_time_in_which_the_loop_waits(num_workers: int, benchmark: BenchmarkFixture) -> None:
    """Batches of 64 pictures (9.6 MB) that take 20 ms to read, steps that take 30 (as on a GPU: nobody computes)."""

    def epoch() -> float:
        data = Decoded()
        with Readers((data,), num_workers, 4) as readers:
            stream = readers.stream(0, ((rows, 0) for rows in data.steps(0, 0)))
            next(stream)  # processes have started
            start, before = time.perf_counter(), readers.seconds_waited
            for _ in stream:
                time.sleep(0.03)
            return (readers.seconds_waited - before) / (time.perf_counter() - start)

    benchmark.extra_info["waiting"] = f"{benchmark.pedantic(epoch, rounds=1):.0%}"
