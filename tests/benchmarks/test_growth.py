"""Time and memory of steps as clips grow from 10^4 to 10^5; with GROWTH_CLIPS=1000000 to 10^6, which takes an hour.

Goal: 10^6 clips on one machine of 24 GB, and time that grows no faster than n log n.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.growing import STEPS

ROOT = Path(__file__).parents[2]
SIZES = [10**power for power in range(4, 7) if 10**power <= int(os.environ.get("GROWTH_CLIPS") or 10**5)]


def child(*options: str) -> str:
    command = [sys.executable, "-m", "tests.benchmarks.growing", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("num_clips", SIZES)
@pytest.mark.parametrize("step", STEPS)
def test_a_step_grows_with_its_clips(benchmark: BenchmarkFixture, step: str, num_clips: int, tmp_path: Path) -> None:
    child(f"prepare-{step}", str(num_clips), str(tmp_path))
    told = benchmark.pedantic(child, (step, str(num_clips), str(tmp_path)))
    benchmark.extra_info |= json.loads(told)
