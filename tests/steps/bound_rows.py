"""Rows of bind in small: a world of clips of which every sense has a noisy view, and `retrieve` in one go."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import bound, store, tables
from pipeline.core.prepared import put
from pipeline.core.schemas import SPLIT
from pipeline.core.seeds import generator
from pipeline.steps.retrieve import Bootstrap, Inputs, Row, retrieve
from tests import toy
from tests.core.table_rows import clip_row, split_row

DIM, SUBJECTS, CLASSES, CAMERAS = 24, 8, 4, 2
UNSEEN = 3  # the class that nobody trains on
BOOTSTRAP = Bootstrap(num_resamples=100, seed=0)
ROW = Row(bound="toy", dataset="toy", split_table="films", roles=["unseen_test", "seen_test"], examples=2)
# Modality, recipe, layout and shape of every sense's arrays.
SENSES: dict[str, tuple[str, str, str, tuple[int, ...]]] = {
    "hub": ("video", "clip", "rgb", (3, 4, 12, 16)),
    "skeleton": ("skeleton", "dvta50", "ntu25", (3, 6, 25, 2)),
    "depth": ("depth", "metric", "depth_mm", (1, 5, 12, 16)),
}
EVERYBODY = sorted(
    f"toy/S{subject}A{class_id}C{camera}"
    for subject, class_id, camera in product(range(SUBJECTS), range(CLASSES), range(1, CAMERAS + 1))
)


def _parts(clip_id: str) -> tuple[int, int, int]:
    return int(clip_id[5]), int(clip_id[7]), int(clip_id[9])


def role(clip_id: str, split: str) -> str:
    """Half of the subjects train, other ones in every split."""
    subject, class_id, _ = _parts(clip_id)
    trains = subject % 2 == (split == "s1")
    if class_id == UNSEEN:
        return "unused" if trains else "unseen_test"
    return "fit" if trains else "seen_test"


def write_tables(root: Path, splits: tuple[str, ...] = ("s0",)) -> None:
    """The table of clips, where every performance is seen by two cameras, and that of roles."""
    clips = []
    for clip_id in EVERYBODY:
        subject, class_id, camera = _parts(clip_id)
        event = {"class_id": class_id, "subject": subject, "camera": camera, "replication": 1, "setup": 1}
        clips += [clip_row(clip_id=clip_id, modality=kind, **event) for kind in ("depth", "skeleton", "video")]
    toy.write_clips(root / "clips.parquet", clips, [f"action {class_id}" for class_id in range(CLASSES)])
    rows = [
        split_row(split=split, clip_id=clip_id, role=role(clip_id, split)) for split in splits for clip_id in EVERYBODY
    ]
    tables.write(root / "films.parquet", SPLIT, rows)


def write_arrays(root: Path) -> None:
    """Prepared arrays of noise."""
    for modality, recipe, layout, shape in SENSES.values():
        path = root / "preprocess" / f"{modality}-{recipe}.zarr"
        with store.create(path, {"modality": modality, "recipe": recipe, "layout": layout}) as writer:
            random = generator(0, modality)
            clips = (random.normal(size=shape).astype(np.float32) for _ in EVERYBODY)
            put(writer.group("all", EVERYBODY), shape, [shape[1]] * len(EVERYBODY), clips)


def vectors(sense: str, split: str, seed: int, noise: float):
    """What a clip is, seen through a sense's noise; both cameras see the same performance, each a little otherwise."""
    found = []
    for clip_id in EVERYBODY:
        shown_D = generator(0, clip_id[:-2]).normal(size=DIM) + 0.5 * generator(0, clip_id).normal(size=DIM)
        found.append(shown_D + noise * generator(seed, split, sense, clip_id).normal(size=DIM))
    x_ND = np.stack(found)
    return (x_ND / np.linalg.norm(x_ND, axis=1, keepdims=True)).astype(np.float32)


def write_sense(
    root: Path,
    sense: str,
    runs=(("s0", 0),),
    noise: float = 1.2,
    ids=EVERYBODY,
    vectors_of=vectors,
    about: dict[str, Any] | None = None,
    **attrs: str,
) -> None:
    """The store of one sense, whose groups also say `about`; the hub's weights belong to no split."""
    modality, recipe, _, _ = SENSES[sense]
    told = {"dataset": "toy", "modality": modality, "encoder": "toy", "recipe": recipe, "senses": [sense]}
    told |= {} if sense == bound.HUB else {"split_table": "films"}
    rows = [EVERYBODY.index(clip_id) for clip_id in ids]
    groups = sorted({f"all-{seed}" for _, seed in runs}) if sense == bound.HUB else [f"{s}-{n}" for s, n in runs]
    with store.create(bound.vectors(root / "bind" / "toy", sense), told | attrs) as writer:
        for name in groups:
            split, seed = name.rsplit("-", 1)
            said: dict[str, Any] = {"seed": int(seed)} | ({} if split == "all" else {"split": split}) | (about or {})
            writer.group(name, list(ids), said).put("pooled", vectors_of(sense, split, int(seed), noise)[rows])


def written(root: Path, runs=(("s0", 0),)) -> Path:
    """All that the step reads."""
    write_tables(root, tuple(dict.fromkeys(split for split, _ in runs)))
    write_arrays(root)
    for sense in SENSES:
        write_sense(root, sense, runs, noise=0.0 if sense == bound.HUB else 1.2)
    return root


def inputs(root: Path) -> Inputs:
    return Inputs(
        bound=root / "bind" / "toy",
        clips=root / "clips.parquet",
        split=root / "films.parquet",
        arrays=root / "preprocess",
    )


def retrieved(root: Path, row: Row = ROW, bootstrap: Bootstrap = BOOTSTRAP) -> None:
    retrieve("demo", row, bootstrap, inputs(root), out=root / "demo.json", page=root / "retrieve" / "demo")
