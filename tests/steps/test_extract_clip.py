"""extract with weights that belong to no split, and recognition by text from them, end to end."""

import json

import numpy as np
import pytest
import torch

from pipeline.compute.shared import Compute
from pipeline.core import pages, scores, store, tables
from pipeline.core.errors import DataError, LeakError, ParamsError
from pipeline.core.params import parse
from pipeline.core.schemas import PROMPTS
from pipeline.models import clip, open_clips
from pipeline.models.methods import cosine
from pipeline.models.tasks import Inputs
from pipeline.steps import align, embed
from pipeline.steps.extract import Row, extract
from pipeline.training import method_rows
from pipeline.training.encoding import Batches
from tests import toy

VISION = {"image_size": 16, "patch_size": 8, "layers": 1, "width": 16, "head_width": 8}
TEXT = {"context_length": 77, "vocab_size": 49408, "layers": 1, "width": 8, "heads": 2}
SMALL = {"embed_dim": 4, "vision_cfg": VISION, "text_cfg": TEXT}
IDS = [f"toy/{c}-{n}" for c in range(4) for n in range(2)]
ROW = {
    "dataset": "toy",
    "split_table": None,
    "modality": "video",
    "recipe": "clip",
    "encoder": "clip",
    "weights": "w",
    "options": {"pooling": "mean_unit"},
    "tokens": False,
    "masked": None,
    "regions": False,
}
BATCHES = Batches(batch_size=3, num_threads=1)


@pytest.fixture
def world(tmp_path):
    x = np.random.default_rng(0).normal(size=(8, 3, 2, 16, 16)).astype(np.float32)
    toy.write_arrays(tmp_path / "x.zarr", IDS, x, modality="video", recipe="clip", layout="rgb")
    (tmp_path / "start.json").write_text(json.dumps({"architecture": SMALL, "pretrained": None, "checkpoint": None}))
    for seed in (0, 5):
        train(tmp_path, seed)
    return tmp_path


def train(world, seed, named_classes=None, pretrained=None):
    model = clip.start(world / "start.json", seed)
    model.pretrained = pretrained
    named = {"toy": [seed % 2, 0]} if named_classes is None else named_classes
    clip.save(world / f"row/{seed}.safetensors", model, {"named_classes": named})


def run(world, weights="row", **changes):
    row, out = parse(Row, {**ROW, **changes}, "row"), world / "f.zarr"
    where = {"arrays": world / "x.zarr", "weights": world / weights, "out": out, "cache": world / "cache"}
    facts = extract(row, BATCHES, Compute(engine="inline", num_workers=1), key="k", **where)
    return facts, store.Store(out, "extract")


@pytest.mark.parametrize("pooling", ["mean_unit", "central"])
def test_every_seed_of_a_row_gives_a_group(world, pooling):
    facts, found = run(world, options={"pooling": pooling})
    assert facts == {"clips": 8, "encoders": 2, "encoded": 16}
    assert found.groups() == ["all-0", "all-5"]
    assert "split_table" not in found.attrs
    for seed, named in ((0, [0]), (5, [0, 1])):
        attrs = found.group_attrs(f"all-{seed}")
        assert attrs == {
            "seed": seed,
            "training_classes": named,
            "training_clips": None,
            "encoder": "clip",
            "modality": "video",
            "options": {"pooling": pooling},
            "weights_hash": open_clips.identity(world / "row", seed),
        }
        x_NTCHW = torch.from_numpy(store.Store(world / "x.zarr", "").read("all", "x")).movedim(1, 2)
        with torch.inference_mode():
            expected_ND = clip.load(world / "row", seed)[0].clips(x_NTCHW, pooling)
        np.testing.assert_allclose(found.read(f"all-{seed}", "pooled"), expected_ND, atol=1e-5)


def test_a_start_file_has_seen_none_of_our_texts(world):
    _, found = run(world, "start.json", tokens=True)
    assert found.groups() == ["all"]
    assert found.group_attrs("all")["training_classes"] == []
    assert found.group_attrs("all")["weights_hash"] == open_clips.identity(world / "start.json")
    assert found.read("all", "tokens").shape == (8, 2, 4)


def test_weights_of_the_web_say_so(world):
    train(world, 0, pretrained="laion2b_s34b_b79k")
    _, found = run(world)
    assert found.group_attrs("all-0")["pretrained"] == "laion2b_s34b_b79k"
    assert "pretrained" not in found.group_attrs("all-5")


@pytest.mark.parametrize("named", [{}, {"other": [1]}, {"toy": None}])
def test_weights_whose_texts_were_not_audited_for_the_dataset_are_refused(world, named):
    train(world, 5, named_classes=named)
    with pytest.raises(LeakError, match=r"5\.safetensors: does not say which classes of 'toy' .* add 'toy' to the aud"):
        run(world)
    assert not (world / "f.zarr").exists()


def test_weights_that_are_not_there_name_the_stage(world):
    (world / "demo-gn").mkdir()
    with pytest.raises(DataError, match="no weights there; run `dvc repro finetune@demo-gn`"):
        run(world, "demo-gn")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": "framecnn"}, "framecnn is trained on a split; name the table of its splits"),
        ({"recipe": "small"}, "as the recipe 'clip' leaves them, not 'small'"),
        ({"options": {"pooling": "last"}}, "pooling"),
        ({"options": {}}, "pooling"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(world, changes, message):
    with pytest.raises(ParamsError, match=message):
        run(world, **changes)


NAMES = {class_id: f"a person {word}" for class_id, word in enumerate(("claps", "waves", "sits", "jumps"))}


def recognise(world, weights):
    """Features of the row, compared with texts of some weights."""
    lines = [
        {"class_id": class_id, "class_name": text, "type": "label", "index": 0, "text": text, "origin": "ours"}
        for class_id, text in NAMES.items()
    ]
    tables.write(world / "p.parquet", PROMPTS, lines)
    texts = embed.Row(dataset="toy", encoder="clip", weights=str(world / weights), model={}, means={}, movement=[])
    compute = embed.Compute(num_threads=1)
    embed.embed(texts, compute, prompts=world / "p.parquet", out=world / "t.zarr", cache=world / "cache")
    splits = {"s0": {"fit": [0], "val": [1], "unseen": [2, 3]}}
    toy.write_split(world / "s.parquet", toy.split_rows({id_: int(id_[4]) for id_ in IDS}, splits), splits)
    row = align.Row(
        dataset="toy",
        split_table="random",
        features="f",
        embeddings="t",
        method="cosine",
        variant="label",
        splits=["s0"],
        seeds=[0, 5],
        refit="none",
        max_missing=0.0,
        spaces=["unseen", "all"],
        explained=False,
        selection="val",
        num_folds=None,
        refit_features="f/zarr.json",
    )
    inputs = Inputs(features=world / "f.zarr", embeddings=world / "t.zarr", split=world / "s.parquet")
    settings = cosine.Params(text_type="label", fusion=None)
    align.align(
        "k", row, settings, method_rows.Compute(num_threads=1), inputs, out=world / "out", cache=world / "cache"
    )


def test_a_clip_is_recognised_by_text_with_the_weights_of_its_seed(world):
    """Features and texts of two seeds, joined by seed: every score is the cosine of the wrapper's own vectors."""
    for seed in (0, 5):
        train(world, seed, named_classes={"toy": [0]}, pretrained="laion2b_s34b_b79k" if seed else None)
    run(world)
    recognise(world, "row")
    (text,) = pages.read(world / "out" / pages.FILE).text
    assert "which trains nothing" in text
    assert "The features' encoder began as laion2b_s34b_b79k, weights of the web" in text
    found = [each for each in scores.read(world / "out", "align") if each.provenance.label_space == "unseen"]
    assert [each.provenance.seed for each in found] == [0, 5]
    x_NTCHW = torch.from_numpy(store.Store(world / "x.zarr", "").rows("all", "x", IDS[4:])).movedim(1, 2)
    for each in found:
        model = clip.load(world / "row", each.provenance.seed)[0]
        with torch.inference_mode():
            clip_ND = model.clips(x_NTCHW, "mean_unit").numpy()
        clip_ND /= np.linalg.norm(clip_ND, axis=1, keepdims=True)
        np.testing.assert_allclose(each.values[:, 0], clip_ND @ model.text_vectors([NAMES[2], NAMES[3]]).T, atol=1e-5)


def test_features_and_texts_of_different_weights_are_not_compared(world):
    for seed in (0, 5):
        train(world, seed, named_classes={"toy": [0]})
    run(world)
    with pytest.raises(DataError, match=r"cosine compares features with texts, but those of f and t .* \(s0-0, s0-5\)"):
        recognise(world, "start.json")
