"""From films and class names to representations: what is learnt from, what is written, and what happens on the way."""

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.core import pages, tables
from pipeline.core.hashing import file_digest
from pipeline.core.params import parse
from pipeline.core.roles import UNKNOWN_CLIPS, clips_digest
from pipeline.core.schemas import SPLIT
from pipeline.core.store import Store
from pipeline.formats import video
from pipeline.models import checkpoint
from pipeline.models.rest import frames
from pipeline.models.rest.inputs import ModelSizes
from pipeline.models.rest.model import Rest
from pipeline.models.rest.tokens import Vocabulary
from pipeline.sources.video_clips import Place, Window, clips_at
from pipeline.steps import rest
from pipeline.training import loop, representing, unfinished
from tests.steps import resting
from tests.steps.resting import E2E, ROW, STORED, changed, group, run

PICTURES = [f"attention-0-{number}.png" for number in (1, 2, 3, 4)]  # of clips that were held out


@pytest.fixture
def world(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that a test may change, which is the working directory."""
    return resting.copied(films, tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def left(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one undisturbed run of ROW leaves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rest, "Code", resting.AnyCode)
        folder = tmp_path_factory.mktemp("left")
        shutil.copytree(films, folder, dirs_exist_ok=True)
        patch.chdir(folder)
        return run(folder)


def same(one: Path, other: Path) -> bool:
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(other) for path in other.rglob("*") if path.is_file())
    return all((one / file).read_bytes() == (other / file).read_bytes() for file in files)


def test_a_row_leaves_weights_a_store_for_each_dataset_and_its_history(left: Path) -> None:
    assert sorted(path.name for path in left.iterdir()) == [
        "all-0.safetensors",
        *PICTURES,
        "demo.zarr",
        "demo_gym.zarr",
        "history.csv",
        "page.json",
    ]
    for dataset in resting.NAMES:
        found = Store(left / f"{dataset}.zarr", "rest")
        assert (found.groups(), found.ids("all-0")) == (["all-0"], resting.ids(dataset))
        assert {
            "dataset": dataset,
            "modality": "video",
            "encoder": "rest",
            "source": "demo",
        }.items() <= found.attrs.items()
        assert found.attrs.get("split_table") == ("films" if dataset == "demo" else None)
        pooled_ND = found.read("all-0", "pooled")
        assert (pooled_ND.shape[1], pooled_ND.dtype) == (8, np.float32)
        assert (np.linalg.norm(pooled_ND, axis=1) <= 1 + 1e-6).all()
    macs = {Store(left / f"{dataset}.zarr", "rest").attrs["macs"] for dataset in resting.NAMES}
    assert len(macs) == 1  # the network's, whoever's clips it sees
    assert macs.pop() > 10_000
    rows = list(csv.DictReader((left / "history.csv").read_text().splitlines()))
    assert [(row["training"], row["epoch"]) for row in rows] == [("warm-up", "1"), ("joint", "1"), ("joint", "2")]
    assert (rows[0]["word_accuracy"], rows[0]["cosine"]) == ("", "")
    assert 0 <= float(rows[2]["held_out_word_accuracy"]) <= 1


def test_a_group_tells_what_its_weights_were_taught(left: Path) -> None:
    """Class 2 is a target's by its name and class 4, of role val, is not taught."""
    told = {
        "source": "demo",
        "training_names": ["bow", "clap hands", "wave left hand"],
        "removed": [["jump", "jump", 0.0, "names"]],
        "kept_overlap": [],
        "pretrained": None,
        "weights_hash": file_digest(left / "all-0.safetensors"),
        "seed": 0,
    }
    for dataset, classes, clips in (("demo", [0, 1, 3], UNKNOWN_CLIPS), ("demo_gym", [], None)):
        attrs = group(left, dataset)[1]
        attrs["removed"] = [[*one[:2], round(one[2], 6), one[3]] for one in attrs["removed"]]
        assert attrs == {**told, "training_classes": classes, "training_clips": clips}
    about = checkpoint.load(left / "all-0.safetensors")[1]
    assert about["class_names"] == ["wave left hand", "clap hands", "bow"]
    assert about["vocabulary"]["words"] == ["bow", "clap", "hand", "hands", "left", "wave"]


def test_a_clip_is_the_mean_of_the_unit_representations_of_its_windows(left: Path, films: Path) -> None:
    """Against the network built by hand from the weights' file, and windows cut here."""
    state, about = checkpoint.load(left / "all-0.safetensors")
    sizes = ModelSizes(36, 2, False, 3, len(Vocabulary.from_json(about["vocabulary"])), 3)
    chosen = parse(rest.Row, ROW, "row")
    encoder = frames.build(chosen.frames, channels_last=False, checkpoint_gradients=False)
    module = Rest(chosen.model, encoder, sizes)
    module.load_state_dict(state)
    window = parse(Window, ROW["input"]["window"], "window")
    footage = video.footage(films / "films" / "demo_gym" / "103.avi")
    x_NTCHW = clips_at(footage, window, [Place(0, 0.5, 0.5), Place(2, 0.5, 0.5)])
    with torch.inference_mode():
        visual_ND = module.eval().represent({"x": torch.from_numpy(x_NTCHW)})
    expected_D = (visual_ND / visual_ND.norm(dim=1, keepdim=True)).mean(dim=0)
    assert np.allclose(group(left, "demo_gym")[0][3], expected_D, atol=1e-5)


def test_the_page_names_the_classes_left_out_and_what_the_network_costs(left: Path) -> None:
    page = pages.read(left / "page.json")
    assert "Trained on 3 classes of demo (split s0 of films); its first weights were drawn at random." in page.text[0]
    tables = {table.title.split(";")[0]: table.rows for table in page.tables}
    (overlap,) = tables["Classes of the source that are a target's"]
    assert overlap[:5] == ["left out", "jump", "jump", "demo_gym", "names"]
    assert page.text[1].startswith("Left out of training, for they are a target's: 1 (jump). No class that is taught")
    (network,) = tables["Networks"]
    assert network[1] == "small, transformer"
    assert (network[4], network[5]) == (9, 6)
    assert network[2] == num_weights(left)
    assert [row[:4] for row in tables["Clips"]] == [["demo", "source", 36, 0], ["demo_gym", "target", 6, 0]]
    assert len(page.lines) == 3


def num_weights(folder: Path) -> int:
    """Numbers of a state but for what normalisation has counted."""
    state = checkpoint.load(folder / "all-0.safetensors")[0]
    return sum(value.numel() for name, value in state.items() if "running_" not in name and "num_batches" not in name)


def test_a_second_run_trains_and_encodes_nothing(left: Path, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(world, out="first")
    assert same(first, left)
    for module, name in ((loop, "fit"), (representing, "represented")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("it was all there"))
    assert same(run(world, out="second"), left)


def test_weights_tell_the_split_that_they_are_asked_for(world: Path) -> None:
    """The same clips of a split of another name are learnt anew, for the file of the weights says whose they are."""
    run(world)
    path = world / "split/demo-films.parquet"
    lines, meta = tables.read_table(path, SPLIT).to_pylist(), tables.read_meta(path, SPLIT)
    meta["splits"] = {"s1": meta["splits"]["s0"]}
    tables.write(path, SPLIT, [{**line, "split": "s1"} for line in lines], meta)
    row = changed(source__split="s1")
    again = run(world, row, out="again")
    shutil.rmtree(".cache")
    assert same(again, run(world, row, out="afresh"))


def test_the_same_clips_with_other_labels_are_learnt_anew(world: Path) -> None:
    first = run(world)
    path = world / "split/demo-films.parquet"
    lines, meta = tables.read_table(path, SPLIT).to_pylist(), tables.read_meta(path, SPLIT)
    one, other = sorted({line["class_id"] for line in lines if line["role"] == "fit"})[:2]
    exchanged = {one: other, other: one}
    for line in lines:
        line["class_id"] = exchanged.get(line["class_id"], line["class_id"])
    tables.write(path, SPLIT, lines, meta)
    again = run(world, out="again")
    assert (again / "all-0.safetensors").read_bytes() != (first / "all-0.safetensors").read_bytes()


def test_a_further_seed_keeps_what_is_finished(left: Path, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(world)
    asked, fit = [], loop.fit
    monkeypatch.setattr(loop, "fit", lambda *args, **told: asked.append(told["what"]) or fit(*args, **told))
    both = run(world, changed(seeds=[0, 1]), out="both")
    assert asked == ["k all-1 warm-up", "k all-1 joint"]
    assert (both / "all-0.safetensors").read_bytes() == (left / "all-0.safetensors").read_bytes()
    assert Store(both / "demo.zarr", "rest").groups() == ["all-0", "all-1"]
    assert not np.allclose(group(both, "demo")[0], group(both, "demo", seed=1)[0])


@pytest.mark.parametrize("step", [1, 3, 5])
def test_a_killed_run_goes_on_to_the_same_bytes(
    step: int, left: Path, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warm-up takes two steps, the joint training two an epoch: killed within, between and in the second epoch."""
    taken: list[str] = []
    after_step = unfinished.ResumeFile.after_step

    def counted(kept: unfinished.ResumeFile) -> None:
        after_step(kept)
        taken.append("step")
        if len(taken) == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(unfinished.ResumeFile, "after_step", counted)
    with pytest.raises(KeyboardInterrupt):
        run(world, every=1)
    assert not (world / "out").exists()
    assert same(run(world, every=1), left)
    assert len(taken) == 6
    assert not list(Path(".cache").rglob("*.unfinished"))


def test_a_run_killed_while_encoding_goes_on_after_the_last_block(
    left: Path, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(representing, "BLOCK", 10)
    represented, asked = representing.represented, []

    def dying(module: Any, data: Any, *rest_: Any) -> Any:
        asked.append(data.ids[0])
        if len(asked) == 3:
            raise KeyboardInterrupt
        return represented(module, data, *rest_)

    monkeypatch.setattr(representing, "represented", dying)
    with pytest.raises(KeyboardInterrupt):
        run(world)
    assert same(run(world), left)
    assert asked == [f"demo/{number}" for number in (100, 110, 120, 120, 130)] + ["demo_gym/100"]
    assert not list(Path(".cache/parts").rglob("*.partial"))


CHANGES: dict[str, dict[str, Any]] = {
    "classes": {"classes": "seen", "overlap__remove": ["names"]},
    "kept overlap": {"overlap__remove": []},
    "stride": {"input__window__stride": 1},
    "crop": {"input__window__crop": 8},
    "no warm-up": {"warmup": None},
    "cross": {"model__attention": "cross"},
    "words alone": {"losses": {"cls": False, "mlm": 0.5, "mask_share": 0.15}, "model__represents": "mask"},
    "classes alone": {"losses__mlm": None},
    "frozen frames": {"frames__learns": False, "warmup": None},
    "lstm": {"model": {"kind": "lstm", "dim": 8, "num_layers": 1, "dropout": 0.0}},
    "e2e": E2E,
    "stored": STORED,
}


@pytest.mark.parametrize("changes", [pytest.param(each, id=name) for name, each in CHANGES.items()])
def test_what_a_row_says_changes_what_it_leaves(changes: dict[str, Any], left: Path, world: Path) -> None:
    found = group(run(world, changed(**changes)), "demo_gym")[0]
    before = group(left, "demo_gym")[0]
    assert np.isfinite(found).all()
    assert found.shape != before.shape or not np.allclose(found, before, atol=1e-5)


@pytest.mark.parametrize(("key", "value"), [("num_clips", 1), ("positions", "random"), ("crop", "random")])
def test_which_clips_stand_for_a_video_changes_vectors_and_no_weight(
    key: str, value: Any, left: Path, world: Path
) -> None:
    found = run(world, changed(**{f"test__{key}": value}))
    assert (found / "all-0.safetensors").read_bytes() == (left / "all-0.safetensors").read_bytes()
    assert not np.allclose(group(found, "demo")[0], group(left, "demo")[0])


def test_how_memory_is_spared_changes_no_more_than_last_bits(left: Path, world: Path) -> None:
    found = run(world, changed(channels_last=True, checkpoint_gradients=True))
    assert np.allclose(group(found, "demo")[0], group(left, "demo")[0], atol=1e-3)


def test_classes_that_are_kept_in_spite_of_the_target_are_named(world: Path) -> None:
    folder = run(world, changed(overlap__remove=["names"], classes="seen"))
    attrs = group(folder, "demo_gym")[1]
    assert [one[0] for one in attrs["removed"]] == ["jump"]
    assert attrs["kept_overlap"] == ["sitting down"]
    assert "sitting down" in attrs["training_names"]
    assert "are taught all the same: 1 (sitting down)" in pages.read(folder / "page.json").text[1]


def test_without_targets_a_row_is_of_one_dataset(world: Path) -> None:
    attrs = group(run(world, changed(targets={})), "demo")[1]
    assert (attrs["training_classes"], attrs["removed"]) == ([0, 1, 2, 3], [])
    rows = tables.read_table(world / "split/demo-films.parquet", SPLIT).to_pylist()
    assert attrs["training_clips"] == clips_digest(row["clip_id"] for row in rows if row["role"] == "fit")


def test_e2e_lies_in_the_space_of_the_texts(world: Path) -> None:
    """Its features may be compared with class texts, and with those of the same weights alone."""
    folder = run(world, changed(**E2E))
    pooled_ND, attrs = group(folder, "demo_gym")
    assert (pooled_ND.shape, attrs["weights_hash"]) == ((6, 6), "t" * 8)
    assert Store(folder / "demo_gym.zarr", "rest").attrs["encoder"] == "e2e"


@pytest.mark.parametrize(("array", "num_frames"), [("pooled", None), ("tokens", None), ("regions", 4)])
def test_stored_features_take_the_place_of_films(array: str, num_frames: int | None, world: Path) -> None:
    row = changed(changed(**STORED), input__array=array, input__num_frames=num_frames)
    shutil.rmtree("films")
    pooled_ND, attrs = group(run(world, row), "demo_gym")
    assert pooled_ND.shape == (6, 8)
    assert attrs["pretrained"] == "the web"


def test_weights_from_elsewhere_are_told(world: Path) -> None:
    chosen = parse(rest.Row, ROW, "row")
    torch.manual_seed(3)
    net = frames.build(chosen.frames, channels_last=False, checkpoint_gradients=False).net
    torch.save(net.state_dict(), world / "net.pt")
    folder = run(world, changed(frames__weights="net.pt", warmup=None))
    assert group(folder, "demo_gym")[1]["pretrained"] == "small from net.pt"
    assert "its first weights were those of small from net.pt" in pages.read(folder / "page.json").text[0]
