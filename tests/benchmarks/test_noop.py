"""A `dvc repro` that has nothing to do, at the demo's instances: what DVC itself costs, and what this project adds.

The baseline has as many stages, with as many outputs and inputs from outside, each a trivial command in a plain
dvc.yaml. UNSEEN_DEMO names a checkout in which `dvc repro` of the demo has run.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from pytest_benchmark.fixture import BenchmarkFixture

DVC = Path(sys.executable).with_name("dvc")


@pytest.fixture
def demo() -> Path:
    folder = os.environ.get("UNSEEN_DEMO")
    if not folder:
        pytest.skip("UNSEEN_DEMO is not set: name a checkout whose demo has run")
    return Path(folder)


def repro(folder: Path) -> str:
    env = {**os.environ, "DVC_NO_ANALYTICS": "1", "PYTHONPATH": str(folder)}
    return subprocess.run([DVC, "repro"], cwd=folder, env=env, capture_output=True, text=True, check=True).stdout


def plain(demo: Path, folder: Path) -> int:
    """A project of plain stages with the numbers of inputs and outputs of the demo's lock; how many stages it has."""
    lock = yaml.safe_load((demo / "dvc.lock").read_text())["stages"]
    written = {out["path"] for stage in lock.values() for out in stage.get("outs", [])}
    stages = {}
    for number, (name, stage) in enumerate(lock.items()):
        outs = [f"out/{number}-{place}" for place in range(len(stage.get("outs", [])))]
        read = [dep["path"] for dep in stage.get("deps", []) if dep["path"] not in written]
        for path in read:
            (folder / "in" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "in" / path).with_suffix(".in").write_text(path)
        deps = sorted({str((Path("in") / path).with_suffix(".in")) for path in read})
        command = "; ".join(["mkdir -p out", *(f"echo {out} > {out}" for out in outs)])
        stages[name.replace("@", "-")] = {"cmd": command, "deps": deps, "outs": outs}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    subprocess.run([DVC, "init", "--no-scm", "-q"], cwd=folder, check=True)
    repro(folder)
    return len(stages)


def test_a_repro_with_nothing_to_do_against_plain_stages(
    benchmark: BenchmarkFixture, demo: Path, tmp_path: Path
) -> None:
    num_stages = plain(demo, tmp_path)

    def baseline() -> float:
        start = time.perf_counter()
        assert "up to date" in repro(tmp_path)
        return time.perf_counter() - start

    output = benchmark.pedantic(repro, (demo,), rounds=3, warmup_rounds=1)
    assert "up to date" in output
    benchmark.extra_info |= {"stages": num_stages, "baseline seconds": round(min(baseline() for _ in range(3)), 2)}
