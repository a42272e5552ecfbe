"""What new clips cost: shares of a cold run, measured in one run on one machine; the figures stand in BENCHMARKS.md."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from scipy.io import savemat

from pipeline.compute.shared import Compute
from pipeline.core import tables
from pipeline.core.hashing import file_digest, folder_digest
from pipeline.core.params import parse
from pipeline.core.schemas import CLIPS
from pipeline.modalities import skeleton
from pipeline.models import checkpoint
from pipeline.sources import decoding
from pipeline.steps import extract, preprocess
from pipeline.training.encoding import Batches
from tests.core.table_rows import clip_row

NUM_CLIPS, NUM_NEW = 4000, 40
OPTIONS = {"graph": "paper", "plan": "reduced", "dropout": 0.5}
ARRAYS = {"dataset": "utd_mhad", "modality": "skeleton", "recipe": "dvta50"}
DECODED = {**ARRAYS, "source": "raw", "options": {"num_frames": 50, "num_bodies": 2}, "boxes": False}
WHOSE = {**ARRAYS, "split_table": "random", "encoder": "stgcn"}
ENCODED: dict[str, Any] = {**WHOSE, "weights": "w", "options": {}, "tokens": False, "masked": None, "regions": False}
INLINE = Compute(engine="inline", num_workers=1)


def record(folder: Path) -> list[Any]:
    """Skeletons of one body and 60 frames; their rows in the table of clips."""
    xyz = np.random.default_rng(0).normal(size=(NUM_CLIPS, 20, 3, 60))
    rows = []
    for clip in range(NUM_CLIPS):
        file = folder / f"raw/a1_s1_t{clip:05d}_skeleton.mat"
        file.parent.mkdir(exist_ok=True)
        savemat(file, {"d_skel": xyz[clip]})
        told = {"path": file.name, "num_bytes": file.stat().st_size, "content_hash": file_digest(file)}
        rows.append(clip_row(clip_id=f"utd_mhad/{clip:05d}", **told))
    return rows


def run(folder: Path, rows: list[Any], cache: str = "cache") -> tuple[float, float, int]:
    """Processor seconds of `preprocess` and of `extract`, and how many clips were encoded."""
    tables.write(folder / "clips.parquet", CLIPS, rows)
    arrays, row = folder / "x.zarr", parse(decoding.Row, DECODED, "row")
    where = {"clips": folder / "clips.parquet", "source": folder / "raw", "out": arrays, "cache": folder / cache / "a"}
    start = time.process_time()
    preprocess.preprocess(row, preprocess.Checks(max_rejected=0), INLINE, key="k", **where)
    middle, batches = time.process_time(), Batches(batch_size=32, num_threads=1)
    where = {"arrays": arrays, "weights": folder / "w", "out": folder / "f.zarr", "cache": folder / cache / "b"}
    facts = extract.extract(parse(extract.Row, ENCODED, "row"), batches, INLINE, key="k", **where)
    return middle - start, time.process_time() - middle, facts["encoded"]


def shares(found: tuple[float, ...], cold: tuple[float, ...]) -> dict[str, float]:
    """Percent of a cold run."""
    parts = {"preprocess": found[0] / cold[0], "extract": found[1] / cold[1], "both": sum(found[:2]) / sum(cold[:2])}
    return {name: round(100 * part, 2) for name, part in parts.items()}


def test_clips_that_are_added_cost_their_own_work(tmp_path: Path, benchmark: BenchmarkFixture) -> None:
    """Goal: with 1 % new clips both steps take at most 5 % of a cold run, and write the same bytes."""
    torch.manual_seed(0)
    about = {**WHOSE, "options": OPTIONS, "layout": "kinect20", "split": "s0", "seed": 0, "training_classes": [0]}
    about |= {"training_names": ["jump"], "unseen_classes": [3], "training_clips": "clips of fit"}
    checkpoint.save(tmp_path / "w/s0-0.safetensors", skeleton.build("stgcn", OPTIONS, "kinect20", ""), about)
    rows = record(tmp_path)
    run(tmp_path, rows[NUM_NEW:])
    nothing_new, some_new = run(tmp_path, rows[NUM_NEW:]), run(tmp_path, rows)
    assert (nothing_new[2], some_new[2]) == (0, NUM_NEW)
    warm = folder_digest(tmp_path / "f.zarr")
    cold = run(tmp_path, rows, cache="none")
    assert cold[2] == NUM_CLIPS
    assert folder_digest(tmp_path / "f.zarr") == warm
    benchmark.extra_info |= {
        "cold_ms_a_clip": [round(1000 * seconds / NUM_CLIPS, 2) for seconds in cold[:2]],
        "nothing_new_percent_of_cold": shares(nothing_new, cold),
        "one_percent_new_percent_of_cold": shares(some_new, cold),
    }
    benchmark.pedantic(run, (tmp_path, rows), rounds=1)
    assert sum(some_new[:2]) < 0.05 * sum(cold[:2])
