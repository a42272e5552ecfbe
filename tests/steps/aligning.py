"""A small world in which unseen classes can be told apart by a linear map, for tests of the align step."""

# Shapes: D feature size, T text size.
import csv
from dataclasses import replace

import numpy as np

from pipeline.core import scores, store, tables
from pipeline.core.schemas import SPLIT
from pipeline.models.methods import ridge
from pipeline.models.methods.shared import unit
from pipeline.models.tasks import Inputs
from pipeline.steps import align
from pipeline.training import method_rows
from tests import toy
from tests.core.table_rows import split_row

FIT, VAL, UNSEEN = list(range(12)), [12, 13, 14], [15, 16, 17]
CLASSES = {"fit": FIT, "val": VAL, "unseen": UNSEEN}
COMPUTE = method_rows.Compute(num_threads=1)
ROW = align.Row(
    dataset="toy",
    split_table="random",
    features="extract/toy.zarr",
    embeddings="toy-minilm",
    method="ridge",
    variant="label",
    splits=["s0"],
    seeds=[0],
    refit="seen",
    max_missing=0.0,
    spaces=["unseen", "all"],
    explained=False,
    selection="val",
    num_folds=None,
    refit_features="extract/toy.zarr/zarr.json",
)
RIDGE = ridge.Params(text_type="label", centre="none", lambdas=[0.01, 1.0, 1000.0])
DEVISE = {
    "margin": 0.1,
    "text_type": "label",
    "centre": "none",
    "lr": 0.01,
    "weight_decay": 0.0,
    "batch_size": 16,
    "epochs": 4,
    "keep_every": 2,
}


def written(folder):
    """The inputs of a row."""
    random = np.random.default_rng(0)
    label_KT, context_KT = (unit(random.normal(size=(18, 6)).astype(np.float32)) for _ in range(2))
    map_TD = random.normal(size=(6, 8))
    ids = [f"toy/{c:02d}-{n}" for c in range(18) for n in range(4)]
    features_ND = np.repeat(label_KT @ map_TD, 4, axis=0) + 0.2 * random.normal(size=(72, 8))
    group = {"split": "s0", "seed": 0, "training_classes": FIT}
    toy.write_features(folder / "f.zarr", ids, features_ND, {"s0-0": group})
    toy.write_texts(folder / "t.zarr", {"label": label_KT, "context": context_KT})
    held_out = [id_ for id_ in ids if id_.endswith("-3")]
    rows = toy.split_rows({id_: int(id_[4:6]) for id_ in ids}, {"s0": CLASSES}, held_out=held_out)
    toy.write_split(folder / "s.parquet", rows, {"s0": CLASSES})
    return Inputs(features=folder / "f.zarr", embeddings=folder / "t.zarr", split=folder / "s.parquet")


SEEN_TEST = ["toy/00-x", "toy/03-x", "toy/13-x"]


def generalised(inputs, folder):
    """The same with clips of seen classes that test."""
    features = store.Store(inputs.features, "extract")
    ids = [*features.ids("s0-0"), *SEEN_TEST]
    beside = features.rows("s0-0", "pooled", [id_.replace("x", "0") for id_ in SEEN_TEST])
    vectors = dict(zip(ids, [*features.read("s0-0", "pooled"), *(beside + 0.05)], strict=True))
    with store.create(folder / "f.zarr", features.attrs) as writer:
        group = writer.group("s0-0", sorted(ids), features.group_attrs("s0-0"))
        group.put("pooled", np.stack([vectors[id_] for id_ in sorted(ids)]))
    rows = [*tables.read(inputs.split, SPLIT), *(split_row(clip_id=id_, role="seen_test") for id_ in SEEN_TEST)]
    tables.write(folder / "s.parquet", SPLIT, rows, tables.read_meta(inputs.split, SPLIT))
    return replace(inputs, features=folder / "f.zarr", split=folder / "s.parquet")


def aligned(inputs, tmp_path, name="out", settings=RIDGE, **changed):
    row = ROW.model_copy(update=changed)
    align.align("toy-ridge", row, settings, COMPUTE, inputs, out=tmp_path / name, cache=tmp_path / f".cache-{name}")
    return tmp_path / name


def by_space(folder):
    return {scored.provenance.label_space: scored for scored in scores.read(folder, "align")}


def history(folder):
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


def top1(scored):
    truth = np.array([int(id_[4:6]) for id_ in scored.clip_ids])
    guesses = np.array(scored.provenance.class_ids)[scored.values[:, scored.provenance.selected].argmax(axis=1)]
    return np.mean(guesses == truth)
