"""A skeleton encoder that one dataset has taught, scored on a user's own recordings of the same joints."""

# Shapes: N clips, C channels, T frames, V joints, M bodies.
import json

import numpy as np
import pytest

from pipeline.compute.shared import Compute
from pipeline.core import store
from pipeline.core.errors import LeakError
from pipeline.core.params import parse
from pipeline.models.tasks import Inputs
from pipeline.reporting.transfer import PageParams
from pipeline.steps import cross, evaluate, extract, pretrain, split
from pipeline.training import encoding, loop
from pipeline.training.method_rows import Compute as Threads
from pipeline.training.selection import method
from pipeline.transfer.params import Folds
from tests import toy
from tests.core.table_rows import clip_row

TAUGHT = ["hop", "walk", "bow", "kick", "wave", "clap", "sit", "turn"]
OWN = ["nod", "greet", "waving", "spin"]  # "waving" is what the source calls "wave"
JOINTS = {"hop": 0, "walk": 2, "bow": 4, "kick": 6, "wave": 8, "clap": 10, "sit": 12, "turn": 14}
JOINTS |= {"nod": 5, "greet": 9, "waving": 8, "spin": 15}  # which joint moves most
SGD = {"name": "sgd", "lr": 0.05, "weight_decay": 0.0, "momentum": 0.9}
TRAINING = {**toy.TRAINING, "optimizer": SGD, "batch_size": 16}
WHOSE = {"modality": "skeleton", "recipe": "dvta50", "encoder": "stgcn"}


class Data:
    """A dataset's prepared arrays, clips, texts and roles, below a folder."""

    def __init__(self, root, name, names):
        self.root, self.name, self.names = root / name, name, names
        self.root.mkdir()
        self.clips, self.split = self.root / "clips.parquet", self.root / "split.parquet"
        self.texts, self.prompts = self.root / "texts.zarr", self.root / "prompts.parquet"
        ids = [f"{name}/{c}-{s}-{n}" for c in range(len(names)) for s in (1, 2) for n in (1, 2)]
        self.write_arrays(ids)
        rows = []
        for clip_id in ids:
            class_id, subject, replication = map(int, clip_id.partition("/")[2].split("-"))
            rows.append(clip_row(clip_id=clip_id, class_id=class_id, subject=subject, replication=replication))
        toy.write_clips(self.clips, rows, names, name)
        toy.write_prompts(self.prompts, names, name)
        angle_K = np.array([JOINTS[n] + 0.1 * (n in OWN) for n in names]) / 10
        label_KT = np.stack([np.cos(angle_K), np.sin(angle_K)], axis=1)
        toy.write_texts(self.texts, {"label": label_KT}, dataset=name, encoder="arc", weights_hash="t")

    def write_arrays(self, ids):
        random = np.random.default_rng(len(ids))
        x_NCTVM = random.normal(0, 0.05, (len(ids), 3, 8, 20, 1)).astype(np.float32)
        for row, clip_id in enumerate(ids):
            name = self.names[int(clip_id.partition("/")[2].split("-")[0])]
            x_NCTVM[row, :, :, JOINTS[name], 0] += np.linspace(0, 2, 8)
        toy.write_arrays(self.root / "x.zarr", ids, x_NCTVM, dataset=self.name)

    def write_split(self, **row):
        val_classes = {"share": 0.2, "min": 3} if row["protocol"] else None
        whole = {"dataset": self.name, "name": "t", "modality": "skeleton", "num_unseen": None, **row}
        whole["val_classes"] = val_classes
        split.split(parse(split.Row, whole, "test"), clips=self.clips, out=self.split)

    def extract(self, weights, split_table, out="f.zarr"):
        """With the encoders of a folder."""
        row = {"dataset": self.name, "split_table": split_table, **WHOSE, "weights": "w", "options": {}}
        row |= {"tokens": False, "masked": None, "regions": False}
        batches = encoding.Batches(batch_size=16, num_threads=1)
        asked = parse(extract.Row, row, "test")
        where = {"arrays": self.root / "x.zarr", "weights": weights, "out": self.root / out}
        extract.extract(asked, batches, Compute(engine="inline", num_workers=1), key="k", **where)

    @property
    def where(self):
        return cross.DatasetPaths(Inputs(self.root / "f.zarr", self.texts, self.split), self.prompts)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Weights of the splits `source` and `without_4`, and the features of both datasets."""
    monkeypatch.chdir(tmp_path)
    demo, own = Data(tmp_path, "demo", TAUGHT), Data(tmp_path, "manifest", OWN)
    demo.write_split(protocol="xsub", splits=["source", "without_4"])
    own.write_split(protocol=None, splits=["half_0", "full"])
    row = {
        "dataset": "demo",
        "split_table": "t",
        **WHOSE,
        "options": {"graph": "paper", "plan": "reduced", "dropout": 0.0},
    }
    row |= {"classes": "fit", "splits": ["source", "without_4"], "seeds": [0], "label_smoothing": 0.0}
    row |= {"augment": None, "taught_by": "data/ingest/demo.parquet", "text": None}
    running = loop.Running(num_workers=0, queue_length=2, checkpoint_every=None)
    pretrain.pretrain(
        parse(pretrain.Row, row | {"training": TRAINING}, "test"),
        Compute(engine="inline", num_workers=1),
        running,
        pretrain.Inputs(demo.root / "x.zarr", demo.split, demo.root / "clips.parquet"),
        key="k",
        out=tmp_path / "w",
    )
    demo.extract(tmp_path / "w", "t")
    own.extract(tmp_path / "w", "demo/t")
    return demo, own


def run(demo, own, out, name="without_4", keep=False):
    side = {"split_table": "t", "features": "extract/x.zarr", "embeddings": "arc"}
    row = {
        "source": {"dataset": "demo", "split": name, **side},
        "target": {"dataset": "manifest", **side},
        "splits": ["half_0", "full"],
        "seeds": [0],
        "overlap": {"keep": keep, "threshold": 0.0, "text_type": "label"},
        "max_missing": 0.0,
        "refit": "seen",
        "how": {"method": "ridge", "variant": "label"},
    }
    ridge = parse(method("ridge").Params, {"text_type": "label", "centre": "none", "lambdas": [1.0]}, "test")
    settings = cross.Settings(
        ridge, Threads(num_threads=1), Folds(num_folds=2, seed=0), PageParams(num_clips=4, num_graphs=0)
    )
    cross.cross(
        "k", parse(cross.Row, row, "test"), settings, demo.where, own.where, out=out, cache=out.parent / "cache"
    )


def evaluated(own, folder):
    row = evaluate.EvaluateRow(
        dataset="manifest", split_table="t", scores="cross/k", embeddings="arc", oracle_selection=False
    )
    inputs = evaluate.Inputs(folder, own.clips, own.split, own.texts, own.prompts)
    out = folder.parent / "e.json"
    left = {"out": out, "predictions": out.with_suffix(".p"), "shown": out.with_suffix("")}
    evaluate.evaluate(row, evaluate.Bootstrap(num_resamples=20, seed=0), inputs, **left)
    return json.loads(out.read_text())


def test_an_encoder_is_scored_on_recordings_of_another_dataset(world, tmp_path):
    demo, own = world
    told = store.Store(own.root / "f.zarr", "extract").group_attrs("without_4-0")
    assert (told["source"], told["training_classes"]) == ("demo", [])
    assert set(told["training_names"]) < {*TAUGHT} - {"wave"}
    run(demo, own, tmp_path / "out")
    found = evaluated(own, tmp_path / "out")
    assert [(row["split"], row["num_clips"], row["source"]) for row in found["rows"]] == [
        ("full", 16, "demo"),
        ("half_0", 8, "demo"),
    ]
    assert found["rows"][0]["num_source_classes"] == len(TAUGHT) - 1
    assert found["headline"]["num_splits"] == 1


def test_an_encoder_that_was_taught_a_class_of_the_target_is_refused_or_flagged(world, tmp_path):
    demo, own = world
    names = store.Store(own.root / "f.zarr", "extract").group_attrs("source-0")["training_names"]
    if "wave" not in names:
        pytest.fail(f"the split's fit classes are {names}; the test needs 'wave' among them")
    with pytest.raises(LeakError, match=r"'wave' .there 'waving', by words.; train it on the split 'without_4'"):
        run(demo, own, tmp_path / "out", "source")
    run(demo, own, tmp_path / "out", "source", keep=True)
    found = evaluated(own, tmp_path / "out")
    assert {row["num_kept_overlap"] for row in found["rows"]} == {1}
    assert found["headline"] == {}
