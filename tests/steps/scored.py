"""A tiny case of scores with known answers: two seen classes, two unseen, subjects 1 (training) and 2 (test)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from pipeline.core import scores as scores_format
from pipeline.core import store
from pipeline.core.scores import Provenance, Scores
from pipeline.steps.evaluate import Bootstrap, EvaluateRow, Inputs, evaluate
from tests import toy
from tests.core.table_rows import clip_row

NAMES = ["sit", "stand", "wave", "clap"]
METHOD = {
    "dataset": "tiny",
    "split_table": "random",
    "modality": "skeleton",
    "encoder": "stgcn",
    "method": "ridge",
    "variant": "plain",
    "embeddings": "tiny-minilm",
}
ROW = EvaluateRow(
    dataset="tiny", split_table="random", scores="align/x", embeddings="tiny-minilm", oracle_selection=False
)
ORACLE = ROW.model_copy(update={"oracle_selection": True})
BOOTSTRAP = Bootstrap(num_resamples=50, seed=0)
PARTS = {"fit": [0], "val": [1], "unseen": [2, 3]}
# class, subject -> role
ROLES = {(0, 1): "fit", (1, 1): "val", (0, 2): "seen_test", (2, 2): "unseen_test", (3, 2): "unseen_test"}


class World:
    """The inputs of one evaluation, each of which a test may replace."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.inputs = Inputs(
            root / "align",
            root / "clips.parquet",
            root / "split.parquet",
            root / "texts.zarr",
            root / "prompts.parquet",
        )
        self.clips = [(f"tiny/c{c}s{s}r{r}", c, s) for c, s in ROLES for r in range(2)]
        self.write_clips()
        self.write_split(PARTS)
        self.write_texts(np.eye(4, dtype=np.float32))
        self.write_prompts(NAMES)
        self.write_scores()

    def write_clips(self, changes: dict[str, Any] | None = None) -> None:
        told = changes or {}
        rows = [
            clip_row(**({"clip_id": i, "class_id": c, "subject": s, "content_hash": i} | told.get(i, {})))
            for i, c, s in self.clips
        ]
        toy.write_clips(self.inputs.clips, rows, NAMES, "tiny")

    def write_split(self, parts: dict[str, list[int]], forged: dict[str, Any] | None = None, **changes: Any) -> None:
        forged = forged or {}
        roles = {i: ROLES[c, s] for i, c, s in self.clips}
        rows = toy.split_rows({i: c for i, c, _ in self.clips}, {"s0": PARTS}, roles=roles)
        rows = [replace(row, **forged.get(row.clip_id, {})) for row in rows]
        meta = {"dataset": "tiny", "protocol": "xsub", **changes}
        toy.write_split(self.inputs.split, rows, {"s0": parts}, **meta)

    def write_texts(self, vectors: np.ndarray) -> None:
        toy.write_texts(self.inputs.embeddings, {"label": vectors}, dataset="tiny")

    def write_prompts(self, names: list[str]) -> None:
        toy.write_prompts(self.inputs.prompts, names, "tiny")

    def write_scores(self, values: Any = None, method: dict[str, str] = METHOD, **changes: Any) -> None:
        """Two settings: the first is right on clip 0 and 3, the second on all but clip 3."""
        known = [[[1, 0], [1, 0]], [[0, 1], [1, 0]], [[1, 0], [0, 1]], [[0, 1], [1, 0]]]
        about = {
            "split": "s0",
            "seed": 0,
            "label_space": "unseen",
            "inference": "inductive",
            "selection": "validation",
            "refit": "seen",
            "settings": ["1", "2"],
            "selected": 0,
            "class_ids": [2, 3],
            "training_classes": [0, 1],
            "pairs": None,
            "paired_classes": [],
            "pretrained": None,
            "source": None,
            "source_classes": [],
            "kept_overlap": [],
            "training_clips": None,
            "calibration": None,
        }
        gate = changes.pop("gate", None)
        clip_ids = changes.pop("clip_ids", ["tiny/c2s2r0", "tiny/c2s2r1", "tiny/c3s2r0", "tiny/c3s2r1"])
        with store.create(self.inputs.scores / scores_format.STORE, method) as out:
            array = np.array(known if values is None else values, dtype=np.float32)
            scores_format.write(out, Scores(Provenance(**(about | changes)), clip_ids, array, gate))

    def run(self, row: EvaluateRow = ROW) -> dict[str, Any]:
        left = {"out": self.root / "out.json", "predictions": self.root / "out.parquet"}
        evaluate(row, BOOTSTRAP, self.inputs, **left, shown=self.root / "pages/out")
        found: dict[str, Any] = json.loads((self.root / "out.json").read_text())
        return found
