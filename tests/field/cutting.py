"""A profile at full scale cut down by rule, to be run in seconds: nothing in it is said anew, only less is asked.

The rule: of the first split table the first split; one seed, one epoch, eight frames, one process; of the methods the
first and the last, with what their rows come from and the context for texts; of the tables what is then left. Every
split table stays as it is.
"""

from collections.abc import Mapping
from typing import Any

Tree = dict[str, Any]

FRAMES = 8
INLINE = {"engine": "inline", "num_workers": 1}
QUICK = {"num_epochs": 1, "patience": 1, "num_threads": 1, "batch_size": 16}
SHORT = {"epochs": 1, "keep_every": 1, "warmup_epochs": 0}  # of methods that are trained in epochs
STORES = ("features", "refit_features")


def cut(tree: Tree) -> Tree:
    """The same profile, less of it. Every value that is not named here is the profile's own."""
    kept = rows(tree)
    split = next(iter(kept["align"].values()))["splits"][0]
    tables = {key: left(table, set(kept["evaluate"]), split) for key, table in tree["report"]["tables"].items()}
    less = {stage: section | ({"rows": kept[stage]} if stage in kept else {}) for stage, section in tree.items()}
    less["report"] = tree["report"] | {"tables": {key: table for key, table in tables.items() if table}}
    less["align"]["methods"] = {method: shortened(of) for method, of in tree["align"]["methods"].items()}
    less["extract"]["batches"] = {"batch_size": 32, "num_threads": 1}
    less["preprocess"]["compute"] = less["pretrain"]["compute"] = less["extract"]["compute"] = INLINE
    less["pretrain"]["running"] = tree["pretrain"]["running"] | {"num_workers": 0}
    for stage in ("align", "embed"):
        less[stage]["compute"] = {"num_threads": 1}
    return less


def rows(tree: Tree) -> dict[str, Tree]:
    """By stage the rows that are left."""
    first = next(iter(tree["split"]["rows"].values()))
    of_table = [key for key, row in tree["align"]["rows"].items() if row["split_table"] == first["name"]]
    asked = {"splits": first["splits"][:1], "seeds": [0]}
    align = {key: tree["align"]["rows"][key] | asked for key in (of_table[0], of_table[-1])}
    stores = {row[key].removeprefix("extract/").partition(".zarr")[0] for row in align.values() for key in STORES}
    extract = chosen(tree["extract"]["rows"], stores)
    prepared = {f"{row['dataset']}-{row['modality']}-{row['recipe']}" for row in extract.values()}
    texts = tree["prompt"]["rows"]
    return {
        "prompt": {key: row | {"sources": {"context": row["sources"]["context"]}} for key, row in texts.items()},
        "preprocess": {
            key: row | {"options": row["options"] | {"num_frames": FRAMES}}
            for key, row in chosen(tree["preprocess"]["rows"], prepared).items()
        },
        "pretrain": {
            key: row | asked | {"training": row["training"] | QUICK}
            for key, row in chosen(tree["pretrain"]["rows"], stores).items()
        },
        "extract": extract,
        "align": align,
        "evaluate": chosen(tree["evaluate"]["rows"], set(align)),
    }


def chosen(found: Mapping[str, Tree], keys: set[str]) -> dict[str, Tree]:
    return {key: row for key, row in found.items() if key in keys}


def shortened(variants: Mapping[str, Tree]) -> Tree:
    """Of every variant fewer epochs, where it has such."""
    return {name: said | {key: SHORT[key] for key in SHORT if key in said} for name, said in variants.items()}


def left(table: Tree, evaluated: set[str], split: str) -> Tree | None:
    """A table without the cells of other rows and splits; None where nothing of ours is left in it."""
    ours = {key: column["splits"] for key, column in table["columns"].items() if "splits" in column}
    mine = {key for key, splits in ours.items() if splits in (None, [split])}
    lines = [
        line | {"cells": {key: row for key, row in line["cells"].items() if key in mine and row in evaluated}}
        for line in table["rows"]
    ]
    filled = {key for line in lines for key in line["cells"]}
    columns = {key: column for key, column in table["columns"].items() if key not in ours or key in filled}
    lines = [line for line in lines if line["cells"] or line["published"]]
    return table | {"columns": columns, "rows": lines} if filled else None
