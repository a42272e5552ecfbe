"""What a person waits for: help, and a repro with nothing to do (goals: 0.5 s, and 1.2 s at up to 30 instances)."""

import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def run(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_help_answers_at_once(benchmark: BenchmarkFixture) -> None:
    output = benchmark.pedantic(run, (str(BIN / "unseen"), "--help"), rounds=7, warmup_rounds=1)
    assert "profile" in output


def test_a_repro_with_nothing_to_do(benchmark: BenchmarkFixture) -> None:
    if "up to date" not in run(str(BIN / "dvc"), "repro", "--dry"):
        pytest.skip("the checkout has work to do; run `dvc repro` first")
    output = benchmark.pedantic(run, (str(BIN / "dvc"), "repro"), rounds=7, warmup_rounds=1)
    assert "up to date" in output
