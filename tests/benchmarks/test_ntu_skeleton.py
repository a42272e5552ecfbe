"""The `.skeleton` reader against two plain ones, bit-equal (goals: 4.5 x per-joint readline, 1.6 x per-joint split)."""

import time
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pipeline.core.joints import NTU25
from pipeline.formats import ntu_skeleton
from pipeline.formats.shared import Skeleton

NUM_FRAMES = 100
KINDS = {"camera": "xyz", "depth": "xy", "color": "xy", "orientation": "wxyz"}
FIELDS = [*(f"{kind}_{axis}" for kind, axes in KINDS.items() for axis in axes), "state"]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """One body in 100 frames, every joint with twelve real numbers, as the sensor's own files have them."""
    rng = np.random.default_rng(0)
    xyz_MTV3 = rng.normal(size=(1, NUM_FRAMES, 25, 3)).astype(np.float32)
    depth_xy_MTV2, color_xy_MTV2 = rng.uniform(0, 400, (2, 1, NUM_FRAMES, 25, 2)).astype(np.float32)
    path = tmp_path / "S001C001P001R001A001.skeleton"
    ntu_skeleton.write(path, Skeleton(NTU25.name, xyz_MTV3, (2**56,)), depth_xy_MTV2, color_xy_MTV2)
    text = path.read_text().replace(" 0 0 0 0 2\n", " -0.2059419 0.05349901 0.9692109 -0.1239193 2\n")
    path.write_text(text)
    return path


def readline_per_joint(path: Path) -> np.ndarray:
    """A line, a dict and twelve conversions a joint."""
    frames = []
    with path.open() as file:
        for _ in range(int(file.readline())):
            for _ in range(int(file.readline())):
                file.readline()
                num_joints = int(file.readline())
                values = (map(float, file.readline().split()) for _ in range(num_joints))
                frames.append([dict(zip(FIELDS, joint, strict=True)) for joint in values])
    return np.array([[[joint[f"camera_{axis}"] for axis in "xyz"] for joint in frame] for frame in frames]).astype(
        np.float32
    )


def split_per_joint(path: Path) -> np.ndarray:
    """All lines at once, then a split and three conversions a joint."""
    lines = path.read_text().splitlines()
    xyz_TV3 = np.full((int(lines[0]), 25, 3), np.nan, np.float32)
    at = 1
    for frame in range(len(xyz_TV3)):
        num_bodies, at = int(lines[at]), at + 1
        for _ in range(num_bodies):
            at += 2
            for joint in range(25):
                values = lines[at].split()
                xyz_TV3[frame, joint] = float(values[0]), float(values[1]), float(values[2])
                at += 1
    return xyz_TV3


def test_the_reader_is_faster_than_plain_ones_and_bit_equal(benchmark: BenchmarkFixture, recording: Path) -> None:
    found = benchmark(ntu_skeleton.read, recording)
    readers = {"readline": readline_per_joint, "split": split_per_joint, "ours": ntu_skeleton.read}
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(40):  # by turns, so that a busy machine is busy for all
        for name, reader in readers.items():
            start = time.perf_counter()
            reader(recording)
            seconds[name].append(time.perf_counter() - start)
    for name in ("readline", "split"):
        assert readers[name](recording).tobytes() == found.xyz_MTV3.tobytes()
        ratio = float(np.median(np.array(seconds[name]) / np.array(seconds["ours"])))
        benchmark.extra_info[f"times a per-joint {name} parser"] = round(ratio, 2)
        print(f"{ratio:.2f} times a per-joint {name} parser")
