"""What align, evaluate and report read, in small, and how each of them is started."""

from pathlib import Path

import numpy as np
import yaml

from tests import toy
from tests.core.table_rows import clip_row
from tests.faults.world import Stage

ROW = "toy-skeleton-stgcn-ridge"
_NAMES = ["drink", "wave", "sit", "fall"]
_SMALL = Path(__file__).parents[1] / "reporting"
ALIGN = {
    "dataset": "toy",
    "split_table": "random",
    "features": "extract/toy.zarr",
    "embeddings": "toy-minilm",
    "method": "ridge",
    "variant": "label",
    "splits": ["s0"],
    "seeds": [0],
    "refit": "seen",
    "max_missing": 0.0,
    "spaces": ["unseen", "all"],
    "explained": False,
    "selection": "val",
    "num_folds": None,
    "refit_features": "extract/toy.zarr/zarr.json",
}
EVALUATE = {
    "dataset": "toy",
    "split_table": "random",
    "scores": f"align/{ROW}",
    "embeddings": "toy-minilm",
    "oracle_selection": False,
}
_PARAMS = {
    "align": {
        "compute": {"num_threads": 1},
        "methods": {"ridge": {"label": {"text_type": "label", "centre": "none", "lambdas": [1.0]}}},
        "rows": {ROW: ALIGN},
    },
    "evaluate": {"bootstrap": {"num_resamples": 20, "seed": 0}, "rows": {ROW: EVALUATE}},
}


def _options(row: str | None, **paths: str) -> tuple[str, ...]:
    given = [] if row is None else ["--row", row]
    return (*given, *(word for name, path in paths.items() for word in (f"--{name.replace('_', '-')}", path)))


STAGES = {
    "align": Stage(
        "align",
        _options(
            ROW,
            features="in/f.zarr",
            refit_features="in/f.zarr/zarr.json",
            embeddings="in/t.zarr",
            split="in/s.parquet",
            out=f"align/{ROW}",
        ),
        Path("align") / ROW,
    ),
    "evaluate": Stage(
        "evaluate",
        _options(
            ROW,
            scores=f"align/{ROW}",
            clips="in/c.parquet",
            split="in/s.parquet",
            embeddings="in/t.zarr",
            prompts="in/p.parquet",
            out="evaluate/x.json",
            predictions="evaluate/x.parquet",
            shown="evaluate/x",
        ),
        Path("evaluate/x.json"),
    ),
    "report": Stage(
        "report",
        _options(
            None,
            evaluate="none",
            pages="none",
            clips="none",
            arrays="none",
            params=str(_SMALL / "small_params.yaml"),
            stages=str(_SMALL / "small_dag.yaml"),
            dag="in/dag.svg",
            out="report/site",
        ),
        Path("report/site"),
    ),
}


def make(folder: Path, num_clips: int) -> None:
    """Write four classes of clips with features, texts, a split and names."""
    inputs = folder / "in"
    inputs.mkdir()
    classes = {f"toy/{number % 4}-{number // 4:07d}": number % 4 for number in range(num_clips)}
    rows = [clip_row(clip_id=clip_id, class_id=class_id) for clip_id, class_id in classes.items()]
    splits = {"s0": {"fit": [0, 1], "val": [2], "unseen": [3]}}
    toy.write_clips(inputs / "c.parquet", rows, _NAMES)
    toy.write_split(inputs / "s.parquet", toy.split_rows(classes, splits), splits, protocol="xsub")
    toy.write_prompts(inputs / "p.parquet", _NAMES)
    toy.write_texts(inputs / "t.zarr", {"label": np.eye(4, dtype=np.float32)})
    group = {"split": "s0", "seed": 0, "training_classes": [0, 1]}
    vectors_ND = np.random.default_rng(0).normal(size=(num_clips, 3))
    toy.write_features(inputs / "f.zarr", sorted(classes), vectors_ND, {"s0-0": group})
    (inputs / "dag.svg").write_text("<svg/>")
    (folder / "params.yaml").write_text(yaml.safe_dump(_PARAMS))
