"""What bind refuses, in one line each, before it trains anything."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import DataError, FormatError, LeakError, ParamsError
from pipeline.core.params import parse
from pipeline.core.store import Store
from pipeline.modalities.depth import r2plus1d
from pipeline.models import clip as clips
from pipeline.steps import bind as step
from pipeline.training import bound_encoders
from tests import toy
from tests.steps import binding
from tests.steps.binding import DEPTH, IDS, LABELS, ONE, ROW, SKELETON, changed, run


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(step.Code, "digest", lambda *modules: "code")
    monkeypatch.setattr(bound_encoders.binding, "train", lambda *told: pytest.fail("it has trained"))
    return binding.made(tmp_path)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"pairs__of": "all", "pairs__same_class": "skip"}, "same_class: skip reads the labels .* pairs test clips"),
        (
            {"pairs__same_class": "skip", "pairs__further": [{"dataset": "other", "split_table": None}]},
            "same_class: skip reads the labels .* name the split table of other",
        ),
        ({"pairs__of": "seen"}, "key 'pairs.of'"),
        ({"pairs__further": [{"dataset": "b", "split_table": None}] * 2}, "further: expected each dataset once"),
        ({"pairs__further": [{"dataset": "toy", "split_table": None}]}, "toy is the row's own dataset"),
        ({"senses": {}}, "key 'senses'"),
        ({"senses": {"hub": SKELETON}}, r"senses\.hub: the name stands for what bind leaves"),
        ({"senses": {"fused-x": SKELETON}}, r"senses\.fused-x: the name stands for"),
        ({"senses": {"../x": SKELETON}}, "'../x': expected a name of small letters"),
        ({"fused": {"f": ["skeleton"]}}, r"fused\.f: expected two or more"),
        ({"fused": {"f": ["skeleton", "skeleton"]}}, r"fused\.f: expected two or more"),
        (
            {"fused": {"f": ["skeleton", "thermal"]}},
            r"fused\.f: expected two or more of \['hub', 'skeleton', 'depth'\]",
        ),
        ({"splits": ["s0", "s0"]}, "expected each value once"),
        ({"seeds": []}, "key 'seeds'"),
        ({"senses__depth__training__batch_size": 1}, r"senses\.depth\.training: a clip alone in its batch"),
        ({"senses__depth__training__accumulate": 4}, r"senses\.depth\.training: a clip alone in its batch"),
        ({"senses__depth__temperature": {"kind": "learned", "start": 0.001}}, "start'"),
        ({"senses__depth__temperature": {"kind": "fixed", "value": 0.0}}, "value'"),
        ({"hub__learns": True, "senses__depth__training__num_epochs": 3}, "all senses train together"),
        ({"senses__depth__training__devices": 2}, r"expected one number of training\.devices"),
    ],
)
def test_rows_that_contradict_themselves(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(ParamsError, match=fault):
        parse(step.Row, changed(ROW, **changes), "bind.rows.k")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"senses__skeleton__recipe": "unknown"}, r"toy/skeleton-unknown\.zarr: no readable store .* `dvc repro prep"),
        ({"hub__modality": "thermal", "hub__encoder": "r2plus1d"}, r"toy/thermal-clip\.zarr: no readable store"),
        ({"senses__skeleton__encoder": "gru"}, "no 'gru' in pipeline/modalities/skeleton"),
        ({"senses__skeleton__options": {"plan": "huge"}}, r"bind\.rows\.k\.senses\.skeleton\.options"),
        ({"hub__weights": "features/finetune/none"}, "features/finetune/none"),
        ({"hub__options": {}}, r"bind\.rows\.k\.hub: options"),
        ({"hub__recipe": "small"}, "toy/video-small.zarr"),
        ({"splits": ["s7"]}, r"toy-random\.parquet: no split 's7', found \['s0', 's1'\]"),
        ({"seeds": [5]}, r"tiny: no weights for split 's0', seed 5, only \['all-0', 'all-1'\]"),
        ({"senses__skeleton__start": "features/extract/x"}, r"skeleton\.start: expected null, 'hub' or 'features/pret"),
        ({"senses__skeleton__start": "features/pretrain/../x"}, r"skeleton\.start: expected null"),
        ({"senses__skeleton__start": "features/pretrain/none"}, r"none/s0-0\.safetensors: no such weights, only \[\]"),
        ({"senses__skeleton__start": "hub"}, r"skeleton\.start: stgcn cannot start from a picture tower"),
    ],
)
def test_rows_that_name_what_is_not_there(changes: dict[str, Any], fault: str, world: Path) -> None:
    with pytest.raises((ParamsError, DataError, FormatError), match=fault):
        run(world, changed(ONE, **changes))
    assert not (world / "out").exists()


def test_pairs_of_no_common_clip(world: Path) -> None:
    binding.write_arrays(world, "video-clip", [f"toy/x{number}" for number in range(4)])
    with pytest.raises(DataError, match=r"split 's0': no clip .* has all of \['hub', 'skeleton'\]: pairs are clips"):
        run(world, ONE)


def test_a_further_dataset_whose_sense_has_no_hub(world: Path) -> None:
    binding.made(world, "other")
    shutil.rmtree(world / "features/preprocess/other/video-clip.zarr")
    with pytest.raises(FormatError, match=r"other/video-clip\.zarr: no readable store there"):
        run(world, changed(ONE, pairs__further=[{"dataset": "other", "split_table": None}]))


NAMES = [*(f"other {label}" for label in range(6)), "other six", "seven others"]


@pytest.mark.parametrize(
    ("of", "name", "fault"),
    [
        ("fit", "Class  6", r"`of: fit` pairs clips of the unseen classes \[6\]"),
        ("fit", "class_4", r"`of: fit` pairs clips of the val classes \[4\]"),
        ("fit_and_val", "the 7 classes", r"`of: fit_and_val` pairs clips of the unseen classes \[7\]"),
    ],
)
def test_a_further_dataset_that_shows_classes_kept_back_by_name(of: str, name: str, fault: str, world: Path) -> None:
    binding.made(world, "other")
    binding.write_clips(world, LABELS, "other", [*NAMES[:7], name])
    with pytest.raises(LeakError, match=f"k\\.pairs: split 's0': {fault}, by number or, in another dataset, by name"):
        run(world, changed(ONE, pairs__of=of, pairs__further=[{"dataset": "other", "split_table": None}]))
    assert not (world / "out").exists()


@pytest.mark.parametrize("changes", [{"layout": "ntu25"}, {}])
def test_datasets_of_another_layout_or_shape(changes: dict[str, Any], world: Path, monkeypatch) -> None:
    if not changes:
        monkeypatch.setitem(binding.SENSES, "skeleton-dvta50", ("kinect20", (3, 5, 20, 1)))
    ids = [clip_id.replace("toy", "other") for clip_id in IDS]
    for name in binding.SENSES:
        binding.write_arrays(world, name, ids, 0, "other", **(changes if "skeleton" in name else {}))
    with pytest.raises(DataError, match="k: 'skeleton': one encoder sees clips of one layout and shape, found"):
        run(world, changed(ONE, pairs__further=[{"dataset": "other", "split_table": None}]))


@pytest.mark.parametrize("paired", [["c0-p0", "c0-p1"], ["c0-p0", "c1-p0"]])
def test_too_few_pairs(paired: list[str], world: Path) -> None:
    """One performance to learn from, or none that is held out."""
    ids = [clip_id for clip_id in IDS if any(name in clip_id for name in paired)]
    binding.write_arrays(world, "video-clip", ids)
    with pytest.raises(DataError, match=r"pairs of [12] performances to learn from and [02] held out"):
        run(world, ONE)


@pytest.mark.parametrize(
    ("name", "changes", "fault"),
    [
        ("s0-0", {"split": "s1"}, "holds the encoder of split 's1', seed 0: another split's encoder"),
        ("s0-0", {"seed": 1}, "holds the encoder of split 's0', seed 1"),
        ("s1-0", {"split": "s1"}, r"s0-0\.safetensors: no such weights, only \['s1-0'\]: .* of its own split and seed"),
        ("s0-0", {"training_classes": [0, 6]}, r"trained on classes \[6\], which split 's0' calls unseen"),
        ("s0-0", {"dataset": "other"}, r"is of .*'other'.* mend bind\.rows\.k\.senses\.skeleton"),
        ("s0-0", {"split_table": "drawn"}, "is of .*'drawn'"),
        ("s0-0", {"layout": "ntu25"}, "is of .*'ntu25'"),
        (
            "s0-0",
            {"options": {"graph": "paper", "plan": "reduced", "dropout": 0.3}},
            "has the options dropout 0.3, the row asks for dropout 0.1",
        ),
        (
            "s0-0",
            {"text_space": {"dim": 6, "weights_hash": "t", "text_type": "label", "centre": "none"}},
            r"keeps a map to texts \(text.keep_map\), and a sense starts from an encoder alone",
        ),
    ],
)
def test_starts_of_another_encoder_or_that_saw_too_much(
    name: str, changes: dict[str, Any], fault: str, world: Path
) -> None:
    binding.write_pretrained(world, name, **changes)
    with pytest.raises((DataError, LeakError), match=fault):
        run(world, changed(ONE, senses__skeleton__start="features/pretrain/supervised"))


def test_a_hub_whose_texts_were_not_audited(world: Path) -> None:
    binding.write_clip(world, 0, named={"other": [1]})
    with pytest.raises(LeakError, match=r"0\.safetensors: does not say which classes of 'toy' its training texts name"):
        run(world, ONE)


def test_a_hub_whose_texts_name_unseen_classes(world: Path) -> None:
    binding.write_clip(world, 0, named={"toy": [0, 6]})
    with pytest.raises(
        LeakError, match=r"k\.hub: features/finetune/tiny was taught classes \[6\], which split 's0' calls"
    ):
        run(world, ONE)


HUB_OF_SPLITS = {
    "modality": "skeleton",
    "recipe": "dvta50",
    "encoder": "stgcn",
    "options": {},
    "weights": "features/pretrain/supervised",
    "learns": False,
}


def test_a_hub_of_splits_that_should_learn_or_lacks_the_split(world: Path) -> None:
    binding.write_pretrained(world)
    row = {**ROW, "hub": HUB_OF_SPLITS, "senses": {"depth": DEPTH}}
    with pytest.raises(ParamsError, match=r"bind\.rows\.k\.hub: learns: the weights of stgcn are of splits"):
        run(world, changed(row, hub__learns=True))
    with pytest.raises(DataError, match=r"supervised: no weights for split 's1', seed 0, only \['s0-0'\]"):
        run(world, {**row, "splits": ["s1"]})
    with pytest.raises(ParamsError, match=r"hub: options: the weights of stgcn bring their own"):
        run(world, changed(row, hub__options={"plan": "reduced"}))


def test_a_start_from_a_hub_that_is_no_clip(world: Path, monkeypatch) -> None:
    monkeypatch.setattr(r2plus1d, "start_from", lambda encoder, visual: None, raising=False)
    binding.write_pretrained(world)
    row = {**ROW, "hub": HUB_OF_SPLITS, "senses": {"depth": {**DEPTH, "start": "hub"}}}
    with pytest.raises(ParamsError, match=r"senses\.depth\.start: the hub is no CLIP: it has no picture tower"):
        run(world, row)


def test_an_empty_clip_is_named(world: Path) -> None:
    path = world / "features/preprocess/toy/skeleton-dvta50.zarr"
    x = Store(path, "").read("all", "x")
    x[9] = 0
    toy.write_arrays(path, IDS, x, options={})
    with pytest.raises(DataError, match=f"{IDS[9]}: empty"):
        run(world, ONE)


def test_labels_are_not_needed_to_be_those_of_the_split(world: Path) -> None:
    """A split table that names a class for no clip is enough to pair by."""
    binding.write_split(world, dict.fromkeys(LABELS))  # type: ignore[arg-type]
    with pytest.raises(pytest.fail.Exception, match="it has trained"):
        run(world, ONE)


def test_weights_of_another_size_are_refused(world: Path) -> None:
    architecture = {**binding.ARCHITECTURE, "embed_dim": 6}
    (world / "wide.json").write_text(json.dumps({"architecture": architecture, "pretrained": None, "checkpoint": None}))
    wide = clips.start(world / "wide.json", 0)
    wide.architecture = binding.ARCHITECTURE
    clips.save(world / "features/finetune/tiny/0.safetensors", wide, {"named_classes": {"toy": []}})
    with pytest.raises(FormatError, match=r"0\.safetensors: weights do not fit the network"):
        run(world, ONE)


def test_vectors_without_a_direction_are_refused(world: Path, monkeypatch) -> None:
    monkeypatch.setattr(
        "pipeline.training.encoding.encode", lambda encoder, clips, batches: np.zeros((len(clips), 4), np.float32)
    )
    with pytest.raises(DataError, match=r"video-clip\.zarr: a clip has a vector without a direction"):
        run(world, ONE)
