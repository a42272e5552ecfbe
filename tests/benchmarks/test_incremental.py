"""What new clips cost: shares of a cold run, measured in one run on one machine; the figures stand in BENCHMARKS.md."""

import shutil
import time
from pathlib import Path

import numpy as np
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from pipeline.compute.shared import Compute
from pipeline.core.hashing import folder_digest
from pipeline.core.params import parse
from pipeline.modalities import skeleton
from pipeline.models import checkpoint
from pipeline.steps import extract
from pipeline.training.encoding import Batches
from tests import toy

NUM_CLIPS, NUM_NEW = 4000, 40
OPTIONS = {"graph": "paper", "plan": "reduced", "dropout": 0.5}
WHOSE = {"dataset": "toy", "split_table": "random", "modality": "skeleton", "recipe": "dvta50", "encoder": "stgcn"}
ROW = {**WHOSE, "weights": "w", "options": {}, "tokens": False, "masked": None, "regions": False}
INLINE = Compute(engine="inline", num_workers=1)


def write_clips(folder: Path, num_clips: int) -> None:
    """Skeletons of 50 frames; of every five clips four have one body."""
    x = np.random.default_rng(0).normal(size=(NUM_CLIPS, 3, 50, 20, 2)).astype(np.float32)
    x[np.arange(NUM_CLIPS) % 5 > 0, ..., 1] = 0
    shutil.rmtree(folder / "x.zarr", ignore_errors=True)
    toy.write_arrays(folder / "x.zarr", [f"toy/{clip:05d}" for clip in range(num_clips)], x[:num_clips])


def run(folder: Path, cache: str = "cache") -> tuple[float, dict[str, int]]:
    """Processor seconds of `extract`, and what it says."""
    row, batches = parse(extract.Row, ROW, "row"), Batches(batch_size=32, num_threads=1)
    where = {"arrays": folder / "x.zarr", "weights": folder / "w", "out": folder / "f.zarr", "cache": folder / cache}
    start = time.process_time()
    facts = extract.extract(row, batches, INLINE, key="k", **where)
    return time.process_time() - start, facts


def test_extract_cold_warm_and_with_one_percent_of_new_clips(tmp_path: Path, benchmark: BenchmarkFixture) -> None:
    """Goal: a warm run with 1 % new clips takes at most 5 % of a cold one, and writes the same bytes."""
    torch.manual_seed(0)
    about = {**WHOSE, "options": OPTIONS, "layout": "kinect20", "split": "s0", "seed": 0, "training_classes": [0]}
    about |= {"training_names": ["jump"], "unseen_classes": [3], "training_clips": "clips of fit"}
    checkpoint.save(tmp_path / "w/s0-0.safetensors", skeleton.build("stgcn", OPTIONS, "kinect20", ""), about)
    write_clips(tmp_path, NUM_CLIPS - NUM_NEW)
    run(tmp_path)
    nothing_new, facts = run(tmp_path)
    assert facts["encoded"] == 0
    write_clips(tmp_path, NUM_CLIPS)
    some_new, facts = run(tmp_path)
    assert facts["encoded"] == NUM_NEW
    warm = folder_digest(tmp_path / "f.zarr")
    cold, facts = run(tmp_path, cache="none")
    assert facts["encoded"] == NUM_CLIPS
    assert folder_digest(tmp_path / "f.zarr") == warm
    benchmark.extra_info |= {
        "cold_ms_a_clip": round(1000 * cold / NUM_CLIPS, 2),
        "nothing_new_percent_of_cold": round(100 * nothing_new / cold, 2),
        "one_percent_new_percent_of_cold": round(100 * some_new / cold, 2),
    }
    benchmark.pedantic(run, (tmp_path,), rounds=1)
    assert some_new < 0.05 * cold
