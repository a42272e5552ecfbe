"""Scores with what explains them, made up: clips near the texts of their classes, and an attention that strays."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import scores as scores_format
from pipeline.core import store
from pipeline.core.scores import Provenance, Scores
from pipeline.reporting.explained_arrays import LabelledScores

NAMES = {0: "sit", 1: "stand", 2: "wave", 3: "clap", 4: "bow", 5: "jump <up>"}
UNSEEN = [2, 3, 5]
MOVEMENTS = ["arm", "leg", "both", "up"]
METHOD = {"dataset": "toy", "modality": "skeleton", "method": "dvta", "encoder": "stgcn"}
MODULES = ("direct", "augmented")


@dataclass
class Made:
    """The folder of a row's scores, a store of texts, and what evaluate tells of them."""

    scores: Path
    texts: Path
    told: list[LabelledScores]

    def behind(self, split: str, name: str) -> Any:
        """An array that explains the scores of a split."""
        return next(one.scored.explained[name] for one in self.told if one.scored.provenance.split == split)


def make(
    root: Path,
    *,
    splits: tuple[str, ...] = ("s0", "s1"),
    num_clips: int = 24,
    dim: int = 4,
    noise: float = 0.6,
    arrays: tuple[str, ...] = (*MODULES, "attention", "vectors", "text_vectors"),
    movements: bool = True,
) -> Made:
    """Two trainings by default; `arrays` names what the method explains itself by."""
    told = []
    with store.create(root / "align/row" / scores_format.STORE, METHOD) as out:
        for number, split in enumerate(splits):
            told.append(_training(out, np.random.default_rng(number), split, num_clips, dim, noise, arrays))
    with store.create(root / "texts.zarr", {"dataset": "toy"}) as texts:
        ids = [f"{class_id:04d}-00" for class_id in NAMES]
        texts.group("label", ids).put("pooled", np.eye(len(NAMES), dtype=np.float32))
        if movements:
            vectors = np.random.default_rng(9).normal(size=(len(NAMES), len(MOVEMENTS))).astype(np.float32)
            texts.group("movement", ids, {"names": MOVEMENTS}).put("pooled", vectors)
    return Made(root / "align/row", root / "texts.zarr", told)


def _training(
    out: store.StoreWriter, random: Any, split: str, num_clips: int, dim: int, noise: float, arrays: tuple[str, ...]
) -> LabelledScores:
    truth = random.integers(0, len(UNSEEN), num_clips)
    text_vectors = np.eye(len(UNSEEN), dim)
    vectors = text_vectors[truth] + noise * random.normal(size=(num_clips, dim))
    direct, augmented = vectors @ text_vectors.T, random.normal(size=(num_clips, len(UNSEEN)))
    label = 0.5 + 0.01 * random.normal(size=(num_clips, len(UNSEEN)))
    left = {
        "direct": direct,
        "augmented": augmented,
        "attention": np.stack([label, 1 - label], axis=-1),
        "vectors": vectors,
    }
    ids = [f"toy/{number:03d}" for number in range(num_clips)]
    values = np.stack([augmented, direct + 0.1 * augmented], axis=1).astype(np.float32)
    behind = {name: rows.astype(np.float32) for name, rows in left.items() if name in arrays}
    ids = [f"toy/{number:03d}" for number in range(num_clips)]
    scored = Scores(about(split), ids, values, explained=behind)
    scores_format.write(out, scored)
    if "text_vectors" in arrays:
        scores_format.write_texts(out, about(split), text_vectors.astype(np.float32))
    return LabelledScores(scored, [UNSEEN[column] for column in truth])


def about(split: str) -> Provenance:
    """Of scores whose second of two settings was chosen."""
    return Provenance(
        split=split,
        seed=0,
        label_space="unseen",
        inference="inductive",
        selection="validation",
        refit="seen",
        settings=["1", "9"],
        selected=1,
        class_ids=UNSEEN,
        training_classes=[0, 1],
        pairs=None,
        paired_classes=[],
        pretrained=None,
        source=None,
        source_classes=[],
        kept_overlap=[],
        training_clips=None,
        calibration=None,
    )
