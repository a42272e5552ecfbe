"""A small world to encode: clips, weights, a cache, and how often a network and an engine were run."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from pipeline.compute import shared as compute_engines
from pipeline.compute.shared import Compute
from pipeline.core import store
from pipeline.core.hashing import folder_digest
from pipeline.core.params import parse
from pipeline.modalities import skeleton
from pipeline.modalities.skeleton import stgcn
from pipeline.models import checkpoint
from pipeline.steps.extract import Row, extract
from pipeline.training.encoding import Batches
from tests import toy

OPTIONS = {"graph": "paper", "plan": "reduced", "dropout": 0.5}
WHOSE = {"dataset": "toy", "split_table": "random", "modality": "skeleton", "recipe": "dvta50", "encoder": "stgcn"}
ROW = {**WHOSE, "weights": "w", "options": {}, "tokens": False, "masked": None, "regions": False}
MASKED = {"part": "joints", "moving": 0.0, "share": 0.3, "num_variants": 3, "seed": 0}
ALL = {"tokens": True, "masked": MASKED}
INLINE = Compute(engine="inline", num_workers=1)
Floats = npt.NDArray[np.float32]


class World:
    """Clips, encoders, a cache, and how often networks and engines were run."""

    def __init__(self, root: Path) -> None:
        self.root, self.num_runs, self.num_starts = root, 0, 0
        self.x = np.random.default_rng(0).normal(size=(12, 3, 4, 20, 2)).astype(np.float32)
        self.x[[1, 2, 5, 8], ..., 1] = 0  # one body

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def write(self, rows: list[int]) -> None:
        shutil.rmtree(self.root / "x.zarr", ignore_errors=True)
        toy.write_arrays(self.root / "x.zarr", [f"toy/{row:02d}" for row in rows], self.x[rows])

    def teach(self, seed: int = 0, split: str = "s0", **changes: Any) -> None:
        torch.manual_seed(seed)
        about = {**WHOSE, "options": OPTIONS, "layout": "kinect20", "split": split, "seed": 0, "training_classes": [0]}
        about |= {"training_names": ["jump"], "unseen_classes": [3], "training_clips": "clips of fit", **changes}
        weights = skeleton.build("stgcn", OPTIONS, "kinect20", "")
        checkpoint.save(self.root / f"w/{split}-0.safetensors", weights, about)

    def run(
        self, batch_size: int = 4, compute: Compute = INLINE, cache: str = "cache", **changes: Any
    ) -> dict[str, int]:
        """What extract says, and how often the network was run; `num_starts` tells it of the engine."""
        self.num_runs = self.num_starts = 0
        row, batches = parse(Row, {**ROW, **changes}, "row"), Batches(batch_size=batch_size, num_threads=1)
        where = {"arrays": self.root / "x.zarr", "weights": self.root / "w", "out": self.root / "f.zarr"}
        facts = extract(row, batches, compute, key="k", **where, cache=self.root / cache)
        return {**facts, "runs": self.num_runs}

    @property
    def digest(self) -> str:
        return folder_digest(self.root / "f.zarr")

    def cold(self, **changes: Any) -> str:
        """The digest of a store that no cache has helped to write."""
        shutil.rmtree(self.root / "none", ignore_errors=True)
        self.run(cache="none", **changes)
        return self.digest

    def array(self, name: str = "pooled", group: str = "s0-0") -> Floats:
        found: Floats = store.Store(self.root / "f.zarr", "extract").read(group, name)
        return found


def made(root: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world of ten clips and the weights of one split."""
    world = World(root)
    world.write(list(range(10)))
    world.teach()
    maps, start = stgcn.Encoder.maps, compute_engines.run

    def counted(self: Any, x_PCTV: torch.Tensor) -> torch.Tensor:
        world.num_runs += 1
        found: torch.Tensor = maps(self, x_PCTV)
        return found

    def counted_start(*args: Any) -> Any:
        world.num_starts += 1
        return start(*args)

    monkeypatch.setattr(stgcn.Encoder, "maps", counted)
    monkeypatch.setattr(compute_engines, "run", counted_start)
    return world
