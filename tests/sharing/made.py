"""A small project of real stores, tables and weights, with the stages of ours in small.

Its stages run this file: `python -m tests.sharing.made STAGE`, in the folder of the project.
"""

import sys
from pathlib import Path

import numpy as np
import yaml

from pipeline.core import dag, schemas, store, tables
from pipeline.core.dvc_hash import content_hash, files_below
from pipeline.core.outputs import whole_folder, write_csv, write_json
from pipeline.models import checkpoint
from tests.core.table_rows import clip_row, split_row

NUM_CLIPS = 12
CLIPS = [f"demo/{number:02}" for number in range(NUM_CLIPS)]
CLASSES = [number % 3 for number in range(NUM_CLIPS)]  # the last is unseen
RIDGE = 0.5

CODE = "data/fingerprint/code.txt"
TABLES = ["data/ingest/demo.parquet", "data/split/demo-xs.parquet", "data/prompt/demo.parquet"]
ARRAYS, TEXTS = "features/preprocess/demo/skeleton-r.zarr", "features/embed/demo-t.zarr"
NET, STORE, SCORES = "features/pretrain/demo-net", "features/extract/demo-net.zarr", "features/align/demo-net"
NUMBERS = "reports/evaluate/demo-net.json"

ROWS = {
    "ingest": ("demo", ["data/raw/demo.stamp"], TABLES[:1]),
    "split": ("demo-xs", TABLES[:1], TABLES[1:2]),
    "prompt": ("demo", [], [TABLES[2], "data/prompt/pages/demo"]),
    "embed": ("demo-t", TABLES[2:], [TEXTS]),
    "preprocess": ("demo-skeleton-r", TABLES[:1], [ARRAYS]),
    "pretrain": ("demo-net", [ARRAYS, TABLES[1]], [NET]),
    "extract": ("demo-net", [ARRAYS, NET], [STORE]),
    "align": ("demo-net", [STORE, TEXTS, TABLES[1]], [SCORES]),
    "evaluate": ("demo-net", [SCORES, TEXTS, *TABLES], [NUMBERS]),
}
PARAMS = {stage: {"rows": {key: {"seed": 0}}} for stage, (key, _, _) in ROWS.items()}
PARAMS["align"]["rows"]["demo-net"] |= {"dataset": "demo", "split_table": "xs", "ridge": RIDGE}
COMMAND = f"{sys.executable} -m tests.sharing.made"


def stages() -> dict:
    """dvc.yaml as a tree."""
    made = {"fingerprint": {"cmd": f"{COMMAND} fingerprint", "outs": ["data/fingerprint"]}}
    for stage, (_, deps, outs) in ROWS.items():
        do = {"cmd": f"{COMMAND} {stage}", "deps": [CODE, *deps], "params": [f"{stage}.rows.${{key}}"], "outs": outs}
        made[stage] = {"foreach": f"${{{stage}.rows}}", "do": do}
    return {"stages": made}


def write(stage: str) -> None:
    """Write the outputs of a stage below the working folder."""
    globals()[f"_{stage}"]()


def _fingerprint() -> None:
    with whole_folder(Path("data/fingerprint")) as folder:
        (folder / "code.txt").write_text("the code\n")


def _ingest() -> None:
    rows = [clip_row(clip_id=clip, class_id=class_id) for clip, class_id in zip(CLIPS, CLASSES, strict=True)]
    tables.write(Path(TABLES[0]), schemas.CLIPS, rows, {"dataset": "demo", "class_names": ["a", "b", "c"]})


def _split() -> None:
    roles = ["unseen_test" if class_id == 2 else "fit" for class_id in CLASSES]
    rows = [
        split_row(split="s", clip_id=clip, role=role, class_id=None if role == "unseen_test" else class_id)
        for clip, role, class_id in zip(CLIPS, roles, CLASSES, strict=True)
    ]
    meta = {"dataset": "demo", "split_table": "xs", "splits": {"s": {"fit": [0, 1], "val": [], "unseen": [2]}}}
    tables.write(Path(TABLES[1]), schemas.SPLIT, rows, meta)


def _prompt() -> None:
    rows = [schemas.PromptRow(number, name, "label", 0, name, "name") for number, name in enumerate("abc")]
    tables.write(Path(TABLES[2]), schemas.PROMPTS, rows)
    Path("data/prompt/pages/demo").mkdir(parents=True, exist_ok=True)  # a folder that stays empty


def _embed() -> None:
    with store.create(Path(TEXTS), {"encoder": "t"}) as writer:
        writer.group("label", ["0", "1", "2"]).put("pooled", np.eye(3, dtype=np.float32))


def _preprocess() -> None:
    rng = np.random.default_rng(0)
    with store.create(Path(ARRAYS), {"dataset": "demo", "layout": "ntu25"}) as writer:
        group = writer.group("clips", CLIPS)
        group.put_ragged("array", [rng.normal(size=(5, 3)).astype(np.float32) for _ in CLIPS])


def _pretrain() -> None:
    meta = {"dataset": "demo", "split_table": "xs", "split": "s", "seed": 0, "encoder": "net", "epoch": 2}
    meta |= {"training_classes": [0, 1], "training_names": ["a", "b"], "unseen_classes": [2]}
    meta |= {"history": [{"epoch": 1}, {"epoch": 2}], "num_held_out_clips": 4}
    with whole_folder(Path(NET)) as folder:
        checkpoint.write(folder / "s-0.safetensors", {"map": np.eye(3, dtype=np.float32)}, meta)
        write_csv(folder / "history.csv", ["epoch", "loss"], [[1, 0.5], [2, 0.25]])


def _extract() -> None:
    rows = [np.eye(3)[class_id] + 0.01 * number for number, class_id in enumerate(CLASSES)]
    with store.create(Path(STORE), {"dataset": "demo", "encoder": "net"}) as writer:
        group = writer.group("s-0", CLIPS, {"split": "s", "seed": 0, "training_classes": [0, 1]})
        group.put("pooled", np.array(rows, np.float32))


def _align() -> None:
    texts, features = (store.Store(Path(path), "x") for path in (TEXTS, STORE))
    with whole_folder(Path(SCORES)) as folder, store.create(folder / "scores.zarr", {}) as writer:
        scores = features.read("s-0", "pooled") @ texts.read("label", "pooled").T
        writer.group("s-0-all", features.ids("s-0")).put("scores", scores)


def _evaluate() -> None:
    scores = store.Store(Path(SCORES) / "scores.zarr", "align")
    best = scores.read("s-0-all", "scores").argmax(axis=1)
    truth = {row.clip_id: row.class_id for row in tables.read(Path(TABLES[0]), schemas.CLIPS)}
    correct = [truth[clip] == answer for clip, answer in zip(scores.ids("s-0-all"), best.tolist(), strict=True)]
    write_json(Path(NUMBERS), {"top1": sum(correct) / len(correct)})


def lock(folder: Path) -> None:
    """Write dvc.lock as DVC would, without its time."""

    def tracked(path: str) -> dict:
        file = folder / path
        files = files_below(file) if file.is_dir() else [file]
        entry = {"path": path, "hash": "md5", "md5": content_hash(file), "size": sum(f.stat().st_size for f in files)}
        return entry | ({"nfiles": len(files)} if file.is_dir() else {})

    entries = {}
    for row in dag.instances(folder / "dvc.yaml", PARAMS):
        settings = {path: dag.look_up(PARAMS, path, "") for path in row.params}
        entries[row.name] = {"cmd": row.cmd, "deps": [tracked(dep) for dep in row.deps]}
        entries[row.name] |= {"params": {"params.yaml": settings}} if settings else {}
        entries[row.name] |= {"outs": [tracked(out) for out in row.outs]}
    (folder / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": entries}, sort_keys=False))


def empty(folder: Path) -> None:
    """What git would give: settings, no outputs."""
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n    no_scm = true\n")
    (folder / "dvc.yaml").write_text(yaml.safe_dump(stages(), sort_keys=False))
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS, sort_keys=False))
    (folder / "data/raw").mkdir(parents=True)
    (folder / "data/raw/demo.stamp").write_text("# the recordings\n")
    (folder / ".gitignore").write_text(
        "/data/*\n!/data/raw\n/features\n/reports\n/.cache\n/.site\n/.dvc/tmp\n/.dvc/cache\n"
    )


if __name__ == "__main__":
    write(sys.argv[1])
