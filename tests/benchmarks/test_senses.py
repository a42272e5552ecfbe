"""Ratios measured in one run on one machine; the figures stand in BENCHMARKS.md."""

import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pipeline.core import prepared, store
from pipeline.core.sampling import Sampling, frame_indices
from pipeline.formats import video


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Processor time, the best of a few runs: other load on the machine can only add."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def by_seeking(path: Path, indices: np.ndarray) -> np.ndarray:
    """Frame by frame: back to the start and forward to the frame, the only seeking that is exact on avi."""
    frames = []
    for index in indices:
        with av.open(str(path)) as container:
            for number, frame in enumerate(container.decode(container.streams.video[0])):
                if number == index:
                    frames.append(frame.to_ndarray(format="rgb24"))
                    break
    return np.stack(frames)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mpeg4")])
def test_sixteen_frames_in_one_pass_against_seeking(
    tmp_path: Path, name: str, codec: str, benchmark: BenchmarkFixture
) -> None:
    """Goal: 6 x, with the frames of sequential decoding."""
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 256, (200, 300, 3)).astype(np.uint8)
    frames = np.stack([texture[t % 60 : t % 60 + 120, t % 90 : t % 90 + 160] for t in range(400)])
    video.write(tmp_path / name, frames, frames_per_second=30, codec=codec)
    indices = frame_indices(400, Sampling(num_frames=16, stride=0, position=0.5))
    assert np.array_equal(video.read(tmp_path / name, indices), by_seeking(tmp_path / name, indices))
    fast, slow = (
        seconds(lambda: video.read(tmp_path / name, indices)),
        seconds(lambda: by_seeking(tmp_path / name, indices)),
    )
    benchmark.extra_info["times_seeking"] = round(slow / fast, 1)
    benchmark.pedantic(video.read, (tmp_path / name, indices), rounds=3)


def test_clips_without_their_padding_against_padded_ones(tmp_path: Path, benchmark: BenchmarkFixture) -> None:
    """Clips as long as those of UTD-MHAD at the 300 frames of `stgcn300`, opened and read in batches of 32."""
    lengths = np.random.default_rng(0).integers(41, 126, 512)
    shape = (3, 300, 20, 2)
    x = np.zeros((len(lengths), *shape), np.float32)
    for clip, length in zip(x, lengths, strict=True):
        clip[:, :length] = np.random.default_rng(length).random((3, length, 20, 2))
    for name, held in (("padded", [300] * len(x)), ("ragged", lengths.tolist())):
        attrs = {prepared.PADDED_TO: 300} if prepared.is_ragged(300, held) else {}
        with store.create(tmp_path / f"{name}.zarr", attrs) as writer:
            prepared.put(writer.group("all", [f"c{i:05d}" for i in range(len(x))]), shape, held, iter(x))

    def epoch(name: str) -> float:
        clips = prepared.ClipArrays(tmp_path / f"{name}.zarr")
        return sum(float(clips[start : start + 32].sum()) for start in range(0, len(clips), 32))

    sizes = {
        name: sum(file.stat().st_size for file in (tmp_path / f"{name}.zarr").rglob("*") if file.is_file())
        for name in ("padded", "ragged")
    }
    assert epoch("ragged") == pytest.approx(epoch("padded"))
    benchmark.extra_info |= {
        "less_room": round(sizes["padded"] / sizes["ragged"], 1),
        "of_padded_rate": round(seconds(lambda: epoch("padded")) / seconds(lambda: epoch("ragged")), 2),
    }
    benchmark.pedantic(epoch, ("ragged",), rounds=3)
