"""bind from prepared clips to weights and vectors, on 32 clips."""

import csv
import filecmp
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.core import bound as places
from pipeline.core import pages, store
from pipeline.modalities import depth
from pipeline.modalities.depth import vit
from pipeline.models import checkpoint, open_clips
from pipeline.models import clip as clips
from pipeline.models.bound import BoundEncoder
from pipeline.models.learning import Learner
from pipeline.steps import bind as step
from pipeline.training import bound, bound_encoders, encoding
from tests.steps import binding
from tests.steps.binding import HELD_OUT, IDS, LABELS, ONE, ROW, changed, run


class NoCode:
    """Digests of code, which take longer than the trainings."""

    def digest(self, *modules: str) -> str:
        return "code"


@pytest.fixture(autouse=True)
def _no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "Code", NoCode)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return binding.made(tmp_path)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one undisturbed run of two senses leaves."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("bind")
        patch.chdir(folder)
        patch.setattr(step, "Code", NoCode)
        return run(binding.made(folder), {**ROW, "fused": {"both": ["hub", "skeleton", "depth"]}})


def weights(folder: Path, sense: str = "skeleton", name: str = "s0-0") -> dict[str, torch.Tensor]:
    return checkpoint.load(folder / sense / f"{name}.safetensors")[0]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_every_sense_is_left_with_weights_and_vectors(left: Path) -> None:
    assert sorted(path.name for path in left.iterdir()) == [
        "depth",
        "depth.zarr",
        "fused-both.zarr",
        "history.csv",
        "hub.zarr",
        "page.json",
        "skeleton",
        "skeleton.zarr",
    ]
    module, about = bound.load(places.weights(left, "depth", "s0", 0))
    assert (about.sense, about.encoder, about.dim, about.layout) == ("depth", "r2plus1d", 4, "depth_mm")
    assert about.recipe_options == {"size": 1}
    assert (about.pairs, about.paired) == ("fit", {"toy": [0, 1, 2, 3]})
    assert (about.training_classes, about.unseen_classes) == ([0, 2], [6, 7])
    assert (about.hub.encoder, about.hub.seed, about.hub.learned) == ("clip", 0, False)
    assert about.hub.weights_hash == open_clips.identity(left.parent / "features/finetune/tiny", 0)
    found = store.Store(places.vectors(left, "depth"), "bind")
    x = store.Store(left.parent / "features/preprocess/toy/depth-metric.zarr", "").read("all", "x")
    expected = torch.nn.functional.normalize(module(torch.from_numpy(x)), dim=1)
    assert found.ids("s0-0") == IDS
    np.testing.assert_allclose(found.read("s0-0", "pooled"), expected.numpy(), atol=1e-5)


def test_the_stores_say_whose_vectors_they_are(left: Path) -> None:
    found = store.Store(places.vectors(left, "skeleton"), "bind")
    whose = {"dataset": "toy", "split_table": "random", "senses": ["skeleton"], "modality": "skeleton"}
    assert found.attrs == {**whose, "encoder": "stgcn", "recipe": "dvta50"}
    assert found.group_attrs("s0-0") == {
        "split": "s0",
        "seed": 0,
        "training_classes": [0, 2],
        "training_clips": None,
        "paired_classes": [0, 1, 2, 3],
        "pairs": "fit",
        "weights_hash": open_clips.identity(left.parent / "features/finetune/tiny", 0),
        "pretrained": None,
    }


def test_the_hubs_vectors_are_those_of_its_own_weights(left: Path) -> None:
    found = store.Store(places.vectors(left, "hub"), "bind")
    assert found.groups() == ["all-0"]
    assert found.group_attrs("all-0")["paired_classes"] == []
    x = store.Store(left.parent / "features/preprocess/toy/video-clip.zarr", "").read("all", "x")
    with torch.inference_mode():
        vector = clips.load(left.parent / "features/finetune/tiny", 0)[0].clips(
            torch.from_numpy(x).movedim(1, 2), "mean_unit"
        )
    expected = torch.nn.functional.normalize(vector, dim=1).numpy()
    np.testing.assert_allclose(found.read("all-0", "pooled"), expected, atol=1e-5)


def test_fused_vectors_stand_end_to_end_and_remember_all_that_was_seen(left: Path) -> None:
    found = store.Store(places.fused(left, "both"), "bind")
    parts = [
        store.Store(places.vectors(left, name), "bind").read(group, "pooled")
        for name, group in (("hub", "all-0"), ("skeleton", "s0-0"), ("depth", "s0-0"))
    ]
    np.testing.assert_array_equal(found.read("s0-0", "pooled"), np.concatenate(parts, axis=1))
    assert found.attrs["senses"] == ["hub", "skeleton", "depth"]
    assert found.attrs["modality"] == "video+skeleton+depth"
    attrs = found.group_attrs("s0-0")
    assert (attrs["split"], attrs["seed"], attrs["paired_classes"]) == ("s0", 0, [0, 1, 2, 3])


def test_fused_are_the_clips_that_all_senses_have(world: Path) -> None:
    binding.write_arrays(world, "depth-metric", IDS[4:])
    found = store.Store(places.fused(run(world, {**ROW, "fused": {"f": ["depth", "skeleton"]}}), "f"), "bind")
    assert found.ids("s0-0") == IDS[4:]


def test_history_and_page_tell_how_it_went(left: Path) -> None:
    with (left / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["sense"], row["epoch"]) for row in rows] == [(s, e) for s in ("skeleton", "depth") for e in "12"]
    assert {row["temperature"] for row in rows if row["sense"] == "skeleton"} == {"0.200000"}
    learned = [float(row["temperature"]) for row in rows if row["sense"] == "depth"]
    assert learned[0] != learned[1]
    # Four held-out clips, two performances of two views: each clip has itself and the two of the other performance.
    assert {row["held_out_chance"] for row in rows} == {"0.333333"}
    page = pages.read(left / "page.json")
    assert page.tables[1].rows == [["skeleton", "s0", 0, 12, 4, 0], ["depth", "s0", 0, 12, 4, 0]]
    assert page.tables[2].rows == [["toy", 4, 0, "class 0; class 1; class 2; class 3"]]
    assert "stays as it is" in page.text[0]
    assert "(role fit)" in page.text[0]
    assert "the best of all epochs" in page.text[1]  # a maximum over epochs is no estimate
    assert page.tables[0].title == "Senses, on the held-out pairs that chose the epoch"


def test_two_runs_leave_the_same_bytes_and_another_seed_other_weights(left: Path, world: Path) -> None:
    again = run(world, {**ROW, "fused": {"both": ["hub", "skeleton", "depth"]}})
    files = sorted(path.relative_to(left) for path in left.rglob("*") if path.is_file())
    assert filecmp.cmpfiles(left, again, files, shallow=False) == (files, [], [])
    other = run(world, {**ONE, "seeds": [1]}, out="other")
    assert not same(weights(left), weights(other, name="s0-1"))


def test_a_frozen_hubs_senses_do_not_know_each_other(left: Path, world: Path) -> None:
    alone = run(world, ONE)
    assert (alone / "skeleton/s0-0.safetensors").read_bytes() == (left / "skeleton/s0-0.safetensors").read_bytes()


def test_a_hubs_vectors_are_computed_once_for_all_senses_and_splits(world: Path, monkeypatch) -> None:
    encoded, encode = [], encoding.encode
    monkeypatch.setattr(encoding, "encode", lambda *of: encoded.append(isinstance(of[0], BoundEncoder)) or encode(*of))
    run(world, {**ROW, "splits": ["s0", "s1"]})
    assert encoded.count(False) == 1
    assert len(encoded) == 5


def test_another_seed_has_the_hub_of_its_seed(world: Path) -> None:
    found = store.Store(places.vectors(run(world, {**ONE, "seeds": [0, 1]}), "hub"), "bind")
    assert found.groups() == ["all-0", "all-1"]
    assert not np.array_equal(found.read("all-0", "pooled"), found.read("all-1", "pooled"))


def test_a_start_file_serves_every_seed(world: Path) -> None:
    folder = run(world, changed(ONE, hub__weights="start.json", seeds=[0, 3]))
    assert store.Store(places.vectors(folder, "hub"), "bind").groups() == ["all"]
    about = bound.load(places.weights(folder, "skeleton", "s0", 3))[1]
    assert (about.training_classes, about.hub.seed, about.hub.weights) == ([], None, "start.json")


@pytest.mark.parametrize("of", ["fit", "fit_and_val", "all"])
def test_who_is_paired_is_told(of: str, world: Path) -> None:
    about = bound.load(places.weights(run(world, changed(ONE, pairs__of=of)), "skeleton", "s0", 0))[1]
    paired = {"fit": [0, 1, 2, 3], "fit_and_val": [0, 1, 2, 3, 4, 5], "all": list(range(8))}
    assert (about.pairs, about.paired) == (of, {"toy": paired[of]})


def test_a_row_that_leaves_out_clips_of_one_class_says_that_it_has_read_labels(left: Path, world: Path) -> None:
    folder = run(world, changed(ONE, pairs__same_class="skip", pairs__of="fit_and_val"))
    about = bound.load(places.weights(folder, "skeleton", "s0", 0))[1]
    assert about.training_classes == [0, 1, 2, 3, 4, 5]
    assert "labels are, for clips of one class" in pages.read(folder / "page.json").text[0]
    assert "no label is read" in pages.read(left / "page.json").text[0]


def test_with_all_pairs_no_labels_change_a_byte(world: Path) -> None:
    row = changed(ONE, pairs__of="all")
    first = (run(world, row) / "skeleton/s0-0.safetensors").read_bytes()
    permuted = {clip_id: (label * 3 + 5) % 8 for clip_id, label in LABELS.items()}
    binding.write_clips(world, permuted)
    shuffled = dict(zip(IDS, np.random.default_rng(0).permutation(list(LABELS.values())).tolist(), strict=True))
    binding.write_split(world, shuffled)
    trained = retrain(world)
    assert (run(trained, row) / "skeleton/s0-0.safetensors").read_bytes() == first


def test_with_fit_pairs_other_labels_of_the_fit_classes_change_no_byte(world: Path) -> None:
    first = (run(world, ONE) / "skeleton/s0-0.safetensors").read_bytes()
    swapped = {clip_id: {0: 3, 1: 0, 2: 1, 3: 2}.get(label, label) for clip_id, label in LABELS.items()}
    binding.write_clips(world, swapped)
    binding.write_split(world, swapped)
    assert (run(retrain(world), ONE) / "skeleton/s0-0.safetensors").read_bytes() == first


def retrain(world: Path) -> Path:
    """Forget what earlier runs have finished."""
    step.Parts("bind", "k").keep_only([])
    return world


@pytest.mark.parametrize(
    "change",
    [
        {"pairs__other_views": "negative"},
        {"pairs__same_class": "skip"},
        {"pairs__of": "fit_and_val"},
        {"senses__skeleton__temperature": {"kind": "fixed", "value": 0.5}},
        {"senses__skeleton__temperature": {"kind": "learned", "start": 0.2}},
        {"senses__skeleton__options__dropout": 0.4},
        {"senses__skeleton__training__batch_size": 6},
        {"hub__options__pooling": "central"},
    ],
)
def test_every_option_changes_the_weights(change: dict, left: Path, world: Path) -> None:
    assert not same(weights(left), weights(run(world, changed(ONE, **change))))


def test_a_sense_starts_from_supervised_weights_and_says_which_classes_they_saw(left: Path, world: Path) -> None:
    binding.write_pretrained(world)
    row = changed(ONE, senses__skeleton__start="features/pretrain/supervised")
    row = changed(row, senses__skeleton__training__optimizer__lr=1e-9)
    folder = run(world, row)
    begun = checkpoint.load(world / "features/pretrain/supervised/s0-0.safetensors")[0]
    found = weights(folder)
    learnt = [name for name in begun if name.endswith("weight_KOC")]
    assert learnt
    for name in learnt:
        torch.testing.assert_close(found[f"encoder.{name}"], begun[name], atol=1e-6, rtol=0)
        assert not torch.equal(found[f"encoder.{name}"], begun[name])
    about = bound.load(places.weights(folder, "skeleton", "s0", 0))[1]
    assert about.training_classes == [0, 1, 2, 3]


VIT = {
    "num_frames": 4,
    "height": 8,
    "width": 8,
    "sees": "pictures",
    "patch_frames": 2,
    "patch_height": 4,
    "patch_width": 4,
    "dim": 16,
    "num_blocks": 1,
    "num_heads": 2,
    "activation": "gelu",
    "first_norm": "tokens",
    "pooling": "class",
    "drop_path": 0.0,
}


def test_a_sense_starts_from_the_hubs_picture_tower(world: Path) -> None:
    row = changed({**ROW, "senses": {"depth": {**binding.DEPTH, "encoder": "vit", "options": VIT, "start": "hub"}}})
    row["senses"]["depth"]["training"]["optimizer"]["lr"] = 1e-9
    begun = depth.build("vit", VIT, "depth_mm", "here")
    visual = clips.load(world / "features/finetune/tiny", 0)[0].model.visual
    weight_ED = vit.start_from(begun, visual)
    found = weights(run(world, row), "depth")
    assert not torch.equal(found["encoder.stem.weight"], begun.state_dict()["stem.weight"])
    for name, value in begun.state_dict().items():
        torch.testing.assert_close(found[f"encoder.{name}"], value, atol=1e-6, rtol=0)
    torch.testing.assert_close(found["projection.weight"], weight_ED, atol=1e-6, rtol=0)


def test_a_hub_that_learns_is_left_beside_the_senses(left: Path, world: Path) -> None:
    folder = run(world, changed({**ROW, "fused": {"f": ["hub", "depth"]}}, hub__learns=True))
    assert sorted(path.name for path in folder.glob("*/s0-0.safetensors")) == ["s0-0.safetensors"] * 3
    module, about = bound.load(places.weights(folder, "hub", "s0", 0))
    assert (about.sense, about.hub.learned, about.options["pooling"]) == ("hub", True, "mean_unit")
    found = store.Store(places.vectors(folder, "hub"), "bind")
    assert found.group_attrs("s0-0")["paired_classes"] == [0, 1, 2, 3]
    x = store.Store(world / "features/preprocess/toy/video-clip.zarr", "").read("all", "x")
    expected = torch.nn.functional.normalize(module(torch.from_numpy(x)), dim=1).numpy()
    np.testing.assert_allclose(found.read("s0-0", "pooled"), expected, atol=1e-5)
    before = checkpoint.load(world / "features/finetune/tiny/0.safetensors")[0]
    after = {name.removeprefix("encoder.clip."): value for name, value in weights(folder, "hub").items()}
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all(name.startswith("model.visual.") for name in moved)
    assert not same(weights(left), weights(folder))
    assert len((folder / "history.csv").read_text().splitlines()) == 5
    assert "learns along, away from its texts" in pages.read(folder / "page.json").text[0]


def test_further_datasets_give_pairs_and_are_not_encoded(left: Path, world: Path) -> None:
    binding.made(world, "other")
    for table, paired in (("random", [0, 1, 2, 3]), (None, list(range(8)))):
        further = [{"dataset": "other", "split_table": table}]
        folder = run(world, changed(ONE, pairs__further=further), out=f"with {table}")
        about = bound.load(places.weights(folder, "skeleton", "s0", 0))[1]
        assert about.paired == {"toy": [0, 1, 2, 3], "other": paired}
        assert store.Store(places.vectors(folder, "skeleton"), "bind").ids("s0-0") == IDS
        assert not same(weights(left), weights(folder))


def test_clips_without_hub_or_sense_are_counted_and_left_out(world: Path) -> None:
    binding.write_arrays(world, "video-clip", [clip_id for clip_id in IDS if "c1-" not in clip_id], 2)
    folder = run(world, ONE)
    assert pages.read(folder / "page.json").tables[1].rows == [["skeleton", "s0", 0, 8, 4, 4]]
    assert bound.load(places.weights(folder, "skeleton", "s0", 0))[1].paired == {"toy": [0, 2, 3]}
    assert store.Store(places.vectors(folder, "skeleton"), "bind").ids("s0-0") == IDS


def test_vectors_do_not_depend_on_the_batch_that_they_are_computed_in(world: Path) -> None:
    found = [
        store.Store(places.vectors(run(world, ONE, out=f"o{size}", batch_size=size), "skeleton"), "bind")
        for size in (1, 7)
    ]
    np.testing.assert_allclose(*(each.read("s0-0", "pooled") for each in found), atol=1e-6)


def test_a_run_killed_within_a_training_goes_on_there(left: Path, world: Path, monkeypatch) -> None:
    taken, original = [], Learner._step

    def step_once(self, *told):
        if len(taken) == 4:
            taken.append("killed")
            raise KeyboardInterrupt
        taken.append(self.epoch)
        original(self, *told)

    monkeypatch.setattr(Learner, "_step", step_once)
    with pytest.raises(KeyboardInterrupt):
        run(world, ONE, checkpoint_every=1)
    assert not (world / "out").exists()
    folder = run(world, ONE, checkpoint_every=1)
    assert taken == [0, 0, 0, 1, "killed", 1, 1]
    assert (folder / "skeleton/s0-0.safetensors").read_bytes() == (left / "skeleton/s0-0.safetensors").read_bytes()
    assert [path for path in step.Parts("bind", "k").folder.iterdir() if path.suffix == ".unfinished"] == []


def test_a_row_that_gains_a_sense_or_a_split_trains_only_that(world: Path, monkeypatch) -> None:
    trained, original = [], bound_encoders.train

    def train(training, *told):
        trained.append(training.name)
        original(training, *told)

    monkeypatch.setattr(bound_encoders, "train", train)
    run(world, ONE)
    run(world, ROW)
    run(world, {**ROW, "splits": ["s0", "s1"], "fused": {"f": ["hub", "depth"]}})
    assert trained == ["skeleton-s0-0", "depth-s0-0", "skeleton-s1-0", "depth-s1-0"]


def test_what_is_held_out_is_not_learnt_from(world: Path) -> None:
    """Other recordings of held-out and of test clips leave the last epoch's weights as they are."""
    row = changed(ONE, senses__skeleton__training__num_epochs=1)
    first = weights(run(world, row))
    ids = [clip_id for clip_id in IDS if LABELS[clip_id] > 3 or clip_id in HELD_OUT]
    x = {clip_id: np.random.default_rng([0, *clip_id.encode()]).normal(size=(3, 4, 20, 1)) for clip_id in IDS}
    about = {"dataset": "toy", "modality": "skeleton", "recipe": "dvta50", "options": {"size": 1}}
    with store.create(
        world / "features/preprocess/toy/skeleton-dvta50.zarr", {**about, "layout": "kinect20", "rejected": []}
    ) as writer:
        changed_x = [x[clip_id] * (2 if clip_id in ids else 1) for clip_id in IDS]
        writer.group("all", IDS).put("x", np.stack(changed_x).astype(np.float32))
    assert same(first, weights(run(world, row)))


def test_a_rank_that_does_not_lead_computes_along_and_writes_nothing(world: Path, monkeypatch) -> None:
    monkeypatch.setattr("pipeline.training.ranks.leads", lambda: False)
    trained, original = [], bound_encoders.train

    def train(training, folder, *told):
        original(training, folder, *told)
        trained.append((folder / "skeleton/s0-0.safetensors").is_file())

    monkeypatch.setattr(bound_encoders, "train", train)
    run(world, ONE)
    assert trained == [True]
    assert not (world / "out").exists()
    assert not step.Parts("bind", "k").folder.exists()
