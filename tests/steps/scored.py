"""A tiny case of scores with known answers: two seen classes, two unseen, subjects 1 (training) and 2 (test)."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import scores as scores_format
from pipeline.core import store, tables
from pipeline.core.schemas import CLIPS, PROMPTS, SPLIT
from pipeline.core.scores import Provenance, Scores
from pipeline.steps.evaluate import Bootstrap, EvaluateRow, Inputs, evaluate

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
        blank = dict.fromkeys(("camera", "setup", "replication", "reason"))
        rest = {"modality": "skeleton", "path": "x", "num_frames": 9, "num_bytes": 9}
        told = changes or {}
        rows = [
            {"clip_id": i, "class_id": c, "subject": s, "content_hash": i, **blank, **rest, **told.get(i, {})}
            for i, c, s in self.clips
        ]
        tables.write(self.inputs.clips, CLIPS, rows, {"class_names": NAMES})

    def write_split(self, parts: dict[str, list[int]], forged: dict[str, Any] | None = None, **changes: Any) -> None:
        forged = forged or {}
        meta = {"dataset": "tiny", "split_table": "random", "protocol": "xsub", "splits": {"s0": parts}, **changes}
        rows = [
            {"split": "s0", "clip_id": i, "role": role, "class_id": c if role in ("fit", "val") else None}
            | {"held_out": False}
            | forged.get(i, {})
            for i, c, s in self.clips
            for role in [ROLES[c, s]]
        ]
        tables.write(self.inputs.split, SPLIT, rows, meta)

    def write_texts(self, vectors: np.ndarray) -> None:
        with store.create(self.inputs.embeddings, {"dataset": "tiny"}) as texts:
            texts.group("label", [f"{c:04d}-00" for c in range(len(vectors))]).put("pooled", vectors)

    def write_prompts(self, names: list[str]) -> None:
        rows = [
            {
                "class_id": c,
                "class_name": n,
                "type": "label",
                "index": 0,
                "origin": "template",
                "text": n,
            }
            for c, n in enumerate(names)
        ]
        tables.write(self.inputs.prompts, PROMPTS, rows)

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
