import csv
import json

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from pipeline.compute.shared import Compute
from pipeline.core import pages
from pipeline.core.errors import LeakError, ParamsError
from pipeline.core.params import parse
from pipeline.core.resume import CACHE
from pipeline.core.roles import clips_digest
from pipeline.modalities import skeleton
from pipeline.models import checkpoint, encoder_cost
from pipeline.models.learning import Learner
from pipeline.steps import pretrain as step
from pipeline.training import loop
from tests import toy

ROW = {
    "dataset": "toy",
    "split_table": "random",
    "modality": "skeleton",
    "recipe": "dvta50",
    "encoder": "stgcn",
    "options": {"graph": "paper", "plan": "reduced", "dropout": 0.1},
    "classes": "fit",
    "splits": ["s0", "s1"],
    "seeds": [0],
    "label_smoothing": 0.1,
    "augment": None,
    "taught_by": "data/ingest/toy.parquet",
    "text": None,
    "training": {**toy.TRAINING, "optimizer": {"name": "adam", "lr": 0.005, "weight_decay": 0.0, "fused": False}},
}
RUNNING = loop.Running(num_workers=0, queue_length=2, checkpoint_every=1)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """An empty checkout with the toy arrays and splits."""
    monkeypatch.chdir(tmp_path)
    return make_world(tmp_path)


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """What one undisturbed run says and leaves."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("pretrain")
        patch.chdir(folder)
        return run(make_world(folder))


def make_world(tmp_path, rejected=()):
    """Ten clips of five classes: two fit, one val, two unseen (others in the second split)."""
    ids = [f"toy/{clip:02}" for clip in range(10)]
    x = np.random.default_rng(0).normal(size=(10, 3, 4, 20, 1)).astype(np.float32)
    toy.write_arrays(tmp_path / "x.zarr", ids, x, rejected=list(rejected))
    write_split(tmp_path)
    return tmp_path


def write_split(world, **changes):
    groups = {"s0": {"fit": [0, 1], "val": [2], "unseen": [3, 4]}, "s1": {"fit": [3, 4], "val": [2], "unseen": [0, 1]}}
    clips = {f"toy/{clip:02}": clip // 2 for clip in range(10)}
    held_out = [f"toy/{clip:02}" for clip in range(1, 10, 4)]
    rows = [
        replace(row, **changes.get(f"{row.split}_{int(row.clip_id[-2:])}", {}))
        for row in toy.split_rows(clips, groups, held_out=held_out)
    ]
    toy.write_split(world / "split.parquet", rows, groups, class_names=list("abcde"))


def run(world, out="w", engine="inline", running=RUNNING, **changes):
    row = parse(step.Row, {**ROW, **changes}, "row")
    compute = Compute(engine=engine, num_workers=2)
    inputs = step.Inputs(world / "x.zarr", world / "split.parquet", world / "texts.zarr")
    return step.pretrain(row, compute, running, inputs, key="k", out=world / out), world / out


def test_worker_processes_leave_the_same_bytes(left, world):
    folder = run(world, out="processes", engine="processes")[1]
    for file in left[1].iterdir():
        assert (folder / file.name).read_bytes() == file.read_bytes()


def test_one_encoder_a_split_and_seed_is_left_with_its_story(left):
    facts, folder = left
    assert facts == {"encoders": 2, "epochs": 4}
    assert sorted(p.name for p in folder.iterdir()) == [
        "history.csv",
        "page.json",
        "s0-0.safetensors",
        "s1-0.safetensors",
    ]
    about = checkpoint.load(folder / "s1-0.safetensors")[1]
    assert (about["split"], about["seed"], about["classes"]) == ("s1", 0, "fit")
    assert (about["training_classes"], about["unseen_classes"]) == ([3, 4], [0, 1])
    assert about["training_names"] == ["d", "e"]
    assert about["training_clips"] == clips_digest([f"toy/{clip:02}" for clip in (6, 7, 8, 9)])
    assert about["layout"] == "kinect20"
    assert about["options"] == ROW["options"]
    encoder = skeleton.build("stgcn", about["options"], "kinect20", "here")
    cost = encoder_cost.of(encoder, torch.ones(1, 3, 4, 20, 1))
    assert (about["num_params"], about["macs"]) == (cost.num_params, cost.macs)


def test_the_history_is_a_table_of_epochs(left):
    folder = left[1]
    with (folder / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["split"], row["seed"], row["epoch"]) for row in rows] == [
        ("s0", "0", "1"),
        ("s0", "0", "2"),
        ("s1", "0", "1"),
        ("s1", "0", "2"),
    ]
    assert all(0 <= float(row["held_out_accuracy"]) <= 1 for row in rows)
    page = pages.read(folder / "page.json")
    assert [series.name for series in page.lines[0].series] == ["s0-0", "s1-0"]
    assert len(page.tables[0].rows) == 2
    (network,) = page.tables[-1].rows
    about = checkpoint.load(folder / "s0-0.safetensors")[1]
    assert network[:3] + network[-2:] == ["toy", "skeleton", "stgcn", about["num_params"], about["macs"]]


def test_the_page_tells_what_could_not_be_prepared(left, tmp_path, monkeypatch):
    assert pages.read(left[1] / "page.json").text[1].endswith("take part in nothing: 0.")
    monkeypatch.chdir(tmp_path)
    rejected = [[f"toy/9{number}", f"blank: all {number}"] for number in range(7)] + [["toy/99", "no body"]]
    page = pages.read(run(make_world(tmp_path, rejected), splits=["s0"])[1] / "page.json")
    assert page.text[1].endswith("take part in nothing: 8.")
    rows = page.tables[1].rows
    assert [row[0] for row in rows] == [7] * 5 + [1]
    assert rows[-1] == [1, "toy/99", "no body"]


def test_seen_trains_on_the_validation_classes_too(world):
    folder = run(world, classes="seen", splits=["s0"])[1]
    assert checkpoint.load(folder / "s0-0.safetensors")[1]["training_classes"] == [0, 1, 2]


def test_two_runs_write_the_same_bytes_and_another_seed_others(left, world):
    first, second = left[1], run(world, out="again")[1]
    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes()
    other = run(world, out="other", seeds=[1], splits=["s0"])[1]
    weights, others = (checkpoint.load(f)[0] for f in (first / "s0-0.safetensors", other / "s0-1.safetensors"))
    assert not any(np.array_equal(weights[name], others[name]) for name in weights if name.endswith("weight_KOC"))


def test_worker_processes_that_read_leave_the_same_bytes(left, world):
    running = loop.Running(num_workers=2, queue_length=1, checkpoint_every=None)
    folder = run(world, out="read", splits=["s0"], running=running)[1]
    assert (folder / "s0-0.safetensors").read_bytes() == (left[1] / "s0-0.safetensors").read_bytes()


def test_several_devices_need_the_inline_engine(world):
    with pytest.raises(ParamsError, match=r"k: devices: 2 need pretrain\.compute\.engine: inline, not 'processes'"):
        run(world, engine="processes", training={**ROW["training"], "devices": 2})


def test_the_run_log_tells_how_long_the_loop_waited_for_data(world):
    run(world, splits=["s0"])
    (line,) = (CACHE / "runs" / "training.jsonl").read_text().splitlines()
    facts = json.loads(line)
    assert (facts["row"], facts["state"], facts["device"], facts["devices"]) == ("k s0-0", "finished", "cpu", 1)
    assert 0 < facts["waiting_for_data"] < 1
    assert facts["rows_per_second"] > 0


def killed_in_the_second(monkeypatch):
    """Interrupt the second training from now on, once; returns the list of those that were begun, which grows."""
    trained = []

    def train(folder, **told):
        trained.append(told["pair"].file)
        if len(trained) == 2:
            raise KeyboardInterrupt
        original(folder, **told)

    original = step._train
    monkeypatch.setattr(step, "_train", train)
    return trained


def test_a_killed_run_goes_on_and_gives_the_weights_of_an_undisturbed_one(left, world, monkeypatch):
    undisturbed = left[1]
    trained = killed_in_the_second(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run(world, out="killed")
    assert not (world / "killed").exists()
    resumed = run(world, out="killed")[1]
    assert trained == ["s0-0.safetensors", "s1-0.safetensors", "s1-0.safetensors"]
    for file in undisturbed.iterdir():
        assert file.read_bytes() == (resumed / file.name).read_bytes()
    assert len(list((CACHE / "parts" / "pretrain" / "k").iterdir())) == 2


def test_a_run_killed_within_a_training_goes_on_there(left, world, monkeypatch):
    taken, original = [], Learner._step

    def step_once(self, *told):
        if len(taken) == 1:
            taken.append("killed")
            raise KeyboardInterrupt
        taken.append(self.epoch)
        original(self, *told)

    monkeypatch.setattr(Learner, "_step", step_once)
    with pytest.raises(KeyboardInterrupt):
        run(world, out="killed", splits=["s0"])
    resumed = run(world, out="killed", splits=["s0"])[1]
    assert taken == [0, "killed", 1]
    assert (resumed / "s0-0.safetensors").read_bytes() == (left[1] / "s0-0.safetensors").read_bytes()
    assert [path.suffix for path in (CACHE / "parts" / "pretrain" / "k").iterdir()] != [".unfinished"]


@pytest.mark.parametrize("changed", ["arrays", "split", "row"])
def test_what_a_killed_run_finished_is_done_again_where_its_inputs_have_changed(changed, world, monkeypatch):
    trained = killed_in_the_second(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run(world, out="killed")
    if changed == "arrays":
        make_world(world, rejected=[["toy/99", "no body: none"]])
    elif changed == "split":
        write_split(world, s0_0={"held_out": True})
    run(world, out="killed", **({"label_smoothing": 0.2} if changed == "row" else {}))
    assert trained == ["s0-0.safetensors", "s1-0.safetensors", "s0-0.safetensors", "s1-0.safetensors"]


def test_a_row_that_gains_a_split_or_seed_trains_only_that(world, monkeypatch):
    trained = killed_in_the_second(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run(world, out="killed", splits=["s0", "s1"])
    write_split(world, s1_0={"role": "unused"})  # the table has other bytes, and of s0 the same rows
    run(world, out="killed", splits=["s0", "s1"], seeds=[0, 1])
    assert trained[2:] == ["s0-1.safetensors", "s1-0.safetensors", "s1-1.safetensors"]


def test_a_finished_row_that_gains_a_seed_trains_only_that(world, monkeypatch):
    trained, original = [], step._train

    def train(folder, **told):
        trained.append(told["pair"].file)
        original(folder, **told)

    monkeypatch.setattr(step, "_train", train)
    run(world, splits=["s0"])
    run(world, splits=["s0"], seeds=[0, 1])
    assert trained == ["s0-0.safetensors", "s0-1.safetensors"]


def test_finished_weights_rest_on_the_code_that_trains_them(world, monkeypatch):
    digests = iter(["first", "edited"])
    monkeypatch.setattr(step.Code, "digest", lambda self, *modules: asked.append(modules) or next(digests))
    asked, trained = [], killed_in_the_second(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run(world, out="killed")
    run(world, out="killed")
    assert trained[2:] == ["s0-0.safetensors", "s1-0.safetensors"]
    assert set(asked) == {("pipeline.training.encoders", "pipeline.modalities.skeleton.stgcn")}


TEXT = {"text_type": "label", "centre": "none", "scale": 5.0, "label_weight": 0.0, "loss": "classes", "keep_map": False}
TOLD = {"text": TEXT, "taught_by": "features/embed/toy.zarr"}
AUGMENT = {"yaw_degrees": 30.0, "scale": 0.1, "time_warp": 0.3, "noise": 0.01}


def write_texts(world, seed=0, unseen=(), hash_="texts"):
    """Vectors of five classes and two types; those of `unseen` classes have other ones."""
    vectors = {kind: np.random.default_rng(seed).normal(size=(5, 6)).astype(np.float32) for kind in ("label", "other")}
    vectors["other"] = vectors["other"][::-1].copy()
    for of_kind in vectors.values():
        of_kind[list(unseen)] += 1
    toy.write_texts(world / "texts.zarr", vectors, weights_hash=hash_)


def weights_of(folder):
    return checkpoint.load(folder / "s0-0.safetensors")[0]


def differ(first, second):
    return any(not np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    "change",
    [{"text_type": "other"}, {"text_type": "label+other"}, {"centre": "seen"}, {"scale": 9.0}, {"label_weight": 0.5}],
)
def test_texts_teach_and_every_option_of_theirs_changes_the_weights(change, left, world):
    write_texts(world)
    told = run(world, out="told", splits=["s0"], **TOLD)[1]
    assert differ(weights_of(told), weights_of(left[1]))
    changed = run(world, out="changed", splits=["s0"], **{**TOLD, "text": {**TEXT, **change}})[1]
    assert differ(weights_of(told), weights_of(changed))
    about = checkpoint.load(changed / "s0-0.safetensors")[1]
    assert about["text"] == {**TEXT, **change}
    assert "by their texts of type" in pages.read(changed / "page.json").text[0]


def test_no_text_of_an_unseen_class_changes_a_byte_and_one_of_a_seen_class_does(world):
    """Nor is what is finished taken again for other texts."""
    centred = {**TOLD, "text": {**TEXT, "centre": "seen"}}
    found = []
    for out, unseen in (("first", ()), ("second", (2, 3, 4)), ("third", (1,))):
        write_texts(world, unseen=unseen)
        found.append((run(world, out=out, splits=["s0"], **centred)[1] / "s0-0.safetensors").read_bytes())
    assert found[0] == found[1]
    assert found[0] != found[2]


@pytest.mark.parametrize("name", [None, *AUGMENT])
def test_variants_change_the_weights_and_so_does_every_option_of_theirs(name, left, world):
    first = weights_of(run(world, splits=["s0"], augment=AUGMENT)[1]) if name else weights_of(left[1])
    options = {**AUGMENT, **({name: 0.0} if name else {})}
    folder = run(world, out="varied", splits=["s0"], augment=options)[1]
    assert differ(first, weights_of(folder))
    assert "from variants of the clips (noise" in pages.read(folder / "page.json").text[0]


def test_worker_processes_read_the_same_variants(world):
    running = loop.Running(num_workers=2, queue_length=1, checkpoint_every=None)
    folders = [
        run(world, out=out, splits=["s0"], augment=AUGMENT, running=how)[1]
        for out, how in (("here", RUNNING), ("there", running))
    ]
    first, second = ((folder / "s0-0.safetensors").read_bytes() for folder in folders)
    assert first == second


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"text": TEXT}, "taught_by: with text expected a store of class texts, features/embed/<row>.zarr"),
        ({"taught_by": "features/embed/toy.zarr"}, r"without text the classes are named by data/ingest/toy\.parquet"),
        ({"taught_by": "data/ingest/other.parquet"}, r"are named by data/ingest/toy\.parquet"),
        ({"text": {**TEXT, "text_type": "a++b"}, "taught_by": TOLD["taught_by"]}, "text.text_type"),
        ({"augment": {"yaw_degrees": 3.0}}, r"pretrain\.rows\.k\.augment.*missing"),
        (
            {"modality": "depth", "encoder": "r2plus1d", "augment": AUGMENT},
            r"pretrain\.rows\.k\.augment: there are no variants of depth to learn from; set it to null",
        ),
        ({"encoder": "kinematics", "options": {}}, r"pretrain\.rows\.k: kinematics has no weights to learn"),
    ],
)
def test_what_cannot_teach_is_refused(changes, fault, world):
    with pytest.raises(ParamsError, match=fault):
        run(world, **changes)


def test_a_clip_of_an_unseen_class_stops_training(world):
    write_split(world, s0_9={"role": "fit", "class_id": 4})
    with pytest.raises(LeakError, match="gives clip toy/09 of class 4 the role 'fit'"):
        run(world)
    assert not (world / "w").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"options": {"graph": "paper", "plan": "reduced", "dropout": 0.6}},
        {"options": {"graph": "released", "plan": "reduced", "dropout": 0.1}},
        {"label_smoothing": 0.0},
        {"training": {**ROW["training"], "batch_size": 2}},
        {"training": {**ROW["training"], "warmup_epochs": 1}},
        {"training": {**ROW["training"], "accumulate": 2}},
        {"training": {**ROW["training"], "clip_norm": 0.1}},
        {"training": {**ROW["training"], "ema": 0.5}},
    ],
)
def test_every_option_changes_the_weights(change, left, world):
    plain, changed = left[1], run(world, splits=["s0"], **change)[1]
    first, second = (checkpoint.load(folder / "s0-0.safetensors")[0] for folder in (plain, changed))
    assert any(not np.array_equal(first[name], second[name]) for name in first)
