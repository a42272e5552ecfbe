"""Rows of tables, of which a test says only the columns that matter to it."""

from typing import Any

from pipeline.core.schemas import ClipRow, PredictionRow, SplitRow

_CLIP = {
    "clip_id": "d/a",
    "modality": "skeleton",
    "class_id": 0,
    **dict.fromkeys(("subject", "camera", "setup", "replication", "train_lists", "test_lists", "reason")),
    "path": "a",
    "num_frames": 1,
    "num_bytes": 1,
    "content_hash": "",
}
_SPLIT = {"split": "s0", "clip_id": "d/a", "role": "fit", "class_id": None, "held_out": False}
_PREDICTION = {
    "split": "s0",
    "seed": 0,
    "selection": "validation",
    "label_space": "unseen",
    "clip_id": "d/a",
    "subject": None,
    "class_id": 0,
    "predicted": 0,
    "rank": 1,
    "margin": 0.5,
}


def clip_row(**columns: Any) -> ClipRow:
    return ClipRow(**(_CLIP | columns))


def split_row(**columns: Any) -> SplitRow:
    return SplitRow(**(_SPLIT | columns))


def prediction_row(**columns: Any) -> PredictionRow:
    return PredictionRow(**(_PREDICTION | columns))
