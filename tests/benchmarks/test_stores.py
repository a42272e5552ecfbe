"""What a large store costs to write, to check, and to share through a DVC remote that is a folder of this machine.

100,000 clips of 512-d features, and 20,000 clips of skeletons of any length.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pipeline.core import prepared, store

DVC = Path(sys.executable).with_name("dvc")
BATCH = 4096


def features(path: Path) -> None:
    num = 100_000
    rng = np.random.default_rng(0)
    with store.create(path, {"dataset": "toy"}) as writer:
        pooled = writer.group("s0-0", ids(num)).dense("pooled", (512,), np.float32)
        pooled.fill(rng.random((min(BATCH, num - start), 512), np.float32) for start in range(0, num, BATCH))


def skeletons(path: Path) -> None:
    """A body of 25 joints in 20 to 120 of 300 frames."""
    num, shape = 20_000, (3, 300, 25, 1)
    rng = np.random.default_rng(0)
    held = rng.integers(20, 120, num).tolist()
    x_CT = rng.random(shape, np.float32)
    with store.create(path, {"dataset": "toy", prepared.PADDED_TO: shape[1]}) as writer:
        prepared.put(writer.group(prepared.GROUP, ids(num)), shape, held, (x_CT for _ in held))


def ids(num: int) -> list[str]:
    return [f"toy/{number:08d}" for number in range(num)]


def read_all(path: Path) -> None:
    """Every chunk with its checksum, as `store.verify` does, or by reading where the store is written."""
    found = store.Store(path, "extract")
    for group in found.groups():
        for name in found.arrays(group):
            found.read(group, name)


def dvc(folder: Path, *options: str) -> None:
    env = {**os.environ, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(folder / ".site")}
    subprocess.run([DVC, *options], cwd=folder, env=env, capture_output=True, check=True)


@pytest.mark.parametrize("make", [features, skeletons], ids=lambda make: make.__name__)
def test_a_large_store_is_written_checked_pushed_and_pulled(
    benchmark: BenchmarkFixture, make: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "x.zarr"
    dvc(tmp_path, "init", "--no-scm", "-q")
    dvc(tmp_path, "remote", "add", "-d", "there", str(tmp_path / "remote"))
    seconds: dict[str, float] = {}

    def timed(what: str, do: Callable[[], None]) -> None:
        start = time.perf_counter()
        do()
        seconds[what] = round(time.perf_counter() - start, 1)

    def forget() -> None:
        shutil.rmtree(path)
        shutil.rmtree(tmp_path / ".dvc" / "cache")

    def all_of_it() -> None:
        timed("write", lambda: make(path))
        timed("read with checksums", lambda: read_all(path))
        timed("dvc add", lambda: dvc(tmp_path, "add", "-q", path.name))
        timed("dvc push", lambda: dvc(tmp_path, "push", "-q"))
        forget()
        timed("dvc pull", lambda: dvc(tmp_path, "pull", "-q"))

    benchmark.pedantic(all_of_it)
    files = [file for file in path.rglob("*") if file.is_file()]
    benchmark.extra_info |= seconds
    benchmark.extra_info |= {"files": len(files), "MiB": sum(file.stat().st_size for file in files) >> 20}
    read_all(path)
