"""One step over so many simulated clips: `python -m tests.benchmarks.growing STEP CLIPS FOLDER` prints time and memory.

What the step reads is written by another process before (`prepare-STEP` in the place of STEP), so that the peak is that
of the step alone.

Rows and vectors are drawn; of a recording there is nothing to decode. What else a step does is done.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np

from pipeline.core import stamp, store
from pipeline.core.schemas import ClipRow
from pipeline.core.stamp import StampedFile
from pipeline.datasets import shared as datasets
from pipeline.datasets.shared import NamedFile
from pipeline.formats.shared import Skeleton
from pipeline.models.tasks import Inputs as TaskInputs
from pipeline.sources import listing
from pipeline.sources.listing import Listed
from tests import toy
from tests.core.table_rows import clip_row

NUM_CLASSES, DIM, NUM_SPLITS = 60, 512, 5
_NAMES = [f"class {number}" for number in range(NUM_CLASSES)]
_SPLITS = {
    f"s{number}": {
        "fit": [c for c in range(NUM_CLASSES) if c % 6 > 1],
        "val": [c for c in range(NUM_CLASSES) if c % 6 == 1],
        "unseen": [c for c in range(NUM_CLASSES) if c % 6 == 0],
    }
    for number in range(NUM_SPLITS)
}
_ROW = "toy-skeleton-stgcn-ridge"
_BATCH = 4096
Step = Callable[[], None]


def _clip(number: int, num_classes: int = NUM_CLASSES) -> tuple[str, int]:
    return f"toy/{number:08d}", number % num_classes


def ingest(folder: Path, num: int) -> Step:
    """UTD-MHAD's reader is replaced by one that gives the same recording, and its list of files by a drawn one."""
    from pipeline.steps import ingest as step

    (folder / "raw").mkdir()
    (folder / "raw" / "a1_s1_t1_skeleton.mat").write_bytes(b"")
    stamp.write(folder / "raw", stamp.scan(folder / "raw"))
    recording = Skeleton("kinect20", np.ones((1, 2, 20, 3), np.float32), (1,))
    dataset = replace(datasets.load("utd_mhad"), readers={"skeleton": lambda _: recording})
    clips = [
        Listed(StampedFile(f"{n:08d}.mat", 1, f"{n:064x}"), NamedFile("skeleton", f"{n:08d}", n % 27, 1, 1, 1, 1), {})
        for n in range(num)
    ]

    def run() -> None:
        with (
            mock.patch.object(datasets, "load", return_value=dataset),
            mock.patch.object(listing, "listed", return_value=clips),
            mock.patch.object(listing, "what_changed", return_value=None),
        ):
            checks = step.Checks(max_rejected=0.0)
            step.ingest(checks, dataset="utd_mhad", source=folder / "raw", out=folder / "clips.parquet")

    return run


def prepare_split(folder: Path, num: int) -> None:
    names = [known.name for known in datasets.classes("utd_mhad")]

    def rows() -> Iterator[ClipRow]:
        for number in range(num):
            clip_id, class_id = _clip(number, 27)
            replication = number // 27 // 8
            subject = number // 27 % 8 + 1
            yield clip_row(clip_id=clip_id, class_id=class_id, subject=subject, replication=replication)

    toy.write_clips(folder / "clips.parquet", rows(), names, "utd_mhad")


def split(folder: Path, num: int) -> Step:
    """Ten splits of UTD-MHAD's classes; half of the subjects train."""
    from pipeline.steps import split as step

    row = step.Row.model_validate(
        {
            "dataset": "utd_mhad",
            "name": "random",
            "modality": "skeleton",
            "protocol": "xsub",
            "num_unseen": 5,
            "val_classes": {"share": 0.2, "min": 3},
            "splits": [f"s{number}" for number in range(10)],
        }
    )
    return lambda: step.split(row, clips=folder / "clips.parquet", out=folder / "split.parquet")


def extract(folder: Path, num: int) -> Step:
    """The store alone: vectors are written a batch at a time, and read again by rows."""
    rng = np.random.default_rng(0)

    def run() -> None:
        ids = [_clip(number)[0] for number in range(num)]
        sizes = [min(_BATCH, num - start) for start in range(0, num, _BATCH)]
        with store.create(folder / "x.zarr", {}) as writer:
            group = writer.group("s0-0", ids)
            group.dense("pooled", (DIM,), np.float32).fill(rng.random((size, DIM), np.float32) for size in sizes)
        reader = store.Store(folder / "x.zarr", "extract").reader("s0-0", "pooled")
        for start, size in zip(range(0, num, _BATCH), sizes, strict=True):
            reader.read([(start, np.empty((size, DIM), np.float32))])

    return run


def prepare_align(folder: Path, num: int) -> None:
    """Features, texts, a split table of one split and clips."""
    classes = dict(_clip(number) for number in range(num))
    splits = {"s0": _SPLITS["s0"]}
    rows = (clip_row(clip_id=clip_id, class_id=class_id) for clip_id, class_id in classes.items())
    toy.write_clips(folder / "clips.parquet", rows, _NAMES)
    toy.write_split(folder / "split.parquet", toy.split_rows(classes, splits), splits, protocol="xsub")
    toy.write_prompts(folder / "prompts.parquet", _NAMES)
    rng = np.random.default_rng(0)
    toy.write_texts(folder / "t.zarr", {"label": rng.normal(size=(NUM_CLASSES, 64)).astype(np.float32)})
    about = {"dataset": "toy", "modality": "skeleton", "encoder": "stgcn", "recipe": "r"}
    group = {"split": "s0", "seed": 0, "training_classes": splits["s0"]["fit"]}
    with store.create(folder / "f.zarr", about) as writer:
        pooled = writer.group("s0-0", sorted(classes), group).dense("pooled", (DIM,), np.float32)
        sizes = [min(_BATCH, num - start) for start in range(0, num, _BATCH)]
        pooled.fill(rng.random((size, DIM), np.float32) for size in sizes)


def align(folder: Path, num: int) -> Step:
    """Ridge with one setting on one split and seed."""
    from pipeline.core import params
    from pipeline.models.methods import ridge
    from pipeline.steps import align as step
    from tests.faults.scored import ALIGN

    settings = params.parse(ridge.Params, {"text_type": "label", "centre": "none", "lambdas": [1.0]}, "align.methods")
    compute = step.Compute.model_validate({"num_threads": 2})
    inputs = TaskInputs(folder / "f.zarr", folder / "t.zarr", folder / "split.parquet")
    row = step.Row.model_validate(ALIGN)
    return lambda: step.align(_ROW, row, settings, compute, inputs, out=folder / "align" / _ROW, cache=folder / "cache")


def prepare_evaluate(folder: Path, num: int) -> None:
    """What align reads and leaves."""
    prepare_align(folder, num)
    align(folder, num)()


def evaluate(folder: Path, num: int) -> Step:
    """Of what align has left, with a thousand resamples."""
    from pipeline.steps import evaluate as step
    from tests.faults.scored import EVALUATE

    inputs = step.Inputs(
        scores=folder / "align" / _ROW,
        clips=folder / "clips.parquet",
        split=folder / "split.parquet",
        embeddings=folder / "t.zarr",
        prompts=folder / "prompts.parquet",
    )
    row = step.EvaluateRow.model_validate(EVALUATE)
    bootstrap = step.Bootstrap(num_resamples=1000, seed=0)
    outputs = {"out": folder / "e.json", "predictions": folder / "e.parquet", "shown": folder / "shown"}
    return lambda: step.evaluate(row, bootstrap, inputs, **outputs)


STEPS = {step.__name__: step for step in (ingest, split, extract, align, evaluate)}
PREPARE = {"split": prepare_split, "align": prepare_align, "evaluate": prepare_evaluate}


def main(name: str, num: int, folder: Path) -> None:
    """Prepare a step or run it; prints JSON."""
    if name.startswith("prepare-"):
        PREPARE.get(name.removeprefix("prepare-"), lambda *_: None)(folder, num)
        return
    run = STEPS[name](folder, num)
    start, used = time.perf_counter(), time.process_time()
    run()
    took = {"seconds": time.perf_counter() - start, "processor seconds": time.process_time() - used}
    took["peak MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # of Linux, KiB
    print(json.dumps({key: round(value, 1) for key, value in took.items()}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
