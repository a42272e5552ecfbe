import numpy as np
import pytest
import torch

from pipeline.core import store
from pipeline.core.errors import DataError, FormatError, LeakError
from pipeline.core.hashing import file_digest
from pipeline.core.params import parse
from pipeline.modalities import skeleton
from pipeline.steps.extract import Batches, Row, extract
from pipeline.training import checkpoint

OPTIONS = {"plan": "reduced", "dropout": 0.5}
ROW = {"dataset": "toy", "protocol": "random", "modality": "skeleton", "recipe": "dvta50", "encoder": "stgcn"}
ABOUT = {
    **ROW,
    "options": OPTIONS,
    "layout": "kinect20",
    "split": "s0",
    "seed": 0,
    "training_classes": [0, 1],
    "unseen_classes": [3],
}
IDS = [f"toy/{clip}" for clip in range(5)]


@pytest.fixture
def world(tmp_path):
    x = np.random.default_rng(0).normal(size=(5, 3, 4, 20, 2)).astype(np.float32)
    x[1, ..., 1] = 0
    prepare(tmp_path, x)
    weights(tmp_path)
    return tmp_path


def prepare(world, x):
    attrs = {"dataset": "toy", "modality": "skeleton", "recipe": "dvta50", "layout": "kinect20", "rejected": []}
    with store.create(world / "x.zarr", attrs) as writer:
        writer.group("all", IDS).put("x", x)


def weights(world, name="s0-0", without=(), **changes):
    torch.manual_seed(0)
    encoder = skeleton.build("stgcn", OPTIONS, "kinect20", "here")
    about = {key: value for key, value in {**ABOUT, **changes}.items() if key not in without}
    checkpoint.save(world / "w" / f"{name}.safetensors", encoder, about)


def run(world, batch_size=2, **changes):
    out = world / "f.zarr"
    row, batches = parse(Row, {**ROW, **changes}, "row"), Batches(batch_size=batch_size, num_threads=1)
    facts = extract(row, batches, key="k", arrays=world / "x.zarr", weights=world / "w", out=out)
    return facts, store.Store(out, "extract")


def test_every_clip_gets_the_frozen_encoders_vector(world):
    facts, found = run(world)
    assert facts == {"clips": 5, "encoders": 1}
    encoder = skeleton.build("stgcn", OPTIONS, "kinect20", "here")
    checkpoint.restore(encoder, checkpoint.load(world / "w/s0-0.safetensors")[0], world)
    expected = encoder(torch.from_numpy(store.Store(world / "x.zarr", "").read("all", "x")))
    assert found.ids("s0-0") == IDS
    assert np.allclose(found.read("s0-0", "pooled"), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_the_store_says_whose_vectors_they_are(world):
    weights(world, name="s1-2", split="s1", seed=2)
    found = run(world)[1]
    assert found.groups() == ["s0-0", "s1-2"]
    assert found.attrs == {"dataset": "toy", "modality": "skeleton", "encoder": "stgcn", "recipe": "dvta50"}
    assert found.group_attrs("s1-2") == {
        "split": "s1",
        "seed": 2,
        "training_classes": [0, 1],
        "encoder": "stgcn",
        "modality": "skeleton",
        "weights_hash": file_digest(world / "w/s1-2.safetensors"),
    }


def test_the_batch_size_does_not_matter(world):
    features = [run(world, batch_size=size)[1].read("s0-0", "pooled") for size in (1, 3, 5)]
    assert np.allclose(features[0], features[1], rtol=1e-5, atol=1e-6)
    assert np.allclose(features[0], features[2], rtol=1e-5, atol=1e-6)


def test_an_encoder_that_saw_an_unseen_class_is_refused(world):
    weights(world, training_classes=[0, 3])
    with pytest.raises(LeakError, match=r"s0-0\.safetensors: trained on classes \[3\], which split 's0' calls unseen"):
        run(world)
    assert not (world / "f.zarr").exists()


@pytest.mark.parametrize("changes", [{"split": "s1"}, {"seed": 1}])
def test_an_encoder_of_another_split_or_seed_is_refused(changes, world):
    weights(world, **changes)
    with pytest.raises(LeakError, match="another split's encoder has seen other classes"):
        run(world)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "other"}, "'dataset': 'other'"),
        ({"protocol": "xview"}, "'protocol': 'xview'"),
        ({"recipe": "raw"}, "'recipe': 'raw'"),
        ({"layout": "ntu25"}, "'layout': 'ntu25'"),
        ({"encoder": "x"}, "'encoder': 'x'"),
    ],
)
def test_an_encoder_of_other_data_is_refused(changes, message, world):
    weights(world, **changes)
    with pytest.raises(DataError, match=message):
        run(world)


def test_weights_that_do_not_say_what_they_saw_are_refused(world):
    weights(world, without=["training_classes"])
    with pytest.raises(FormatError, match=r"metadata 'training_classes': Field required; run `dvc repro pretrain`"):
        run(world)


def test_weights_that_say_it_in_other_words_are_refused(world):
    weights(world, training_classes="all but 3")
    with pytest.raises(FormatError, match=r"metadata 'training_classes': Input should be a valid list"):
        run(world)


def test_a_clip_without_a_body_is_refused_by_name(world):
    x = np.ones((5, 3, 4, 20, 2), np.float32)
    x[3] = 0
    prepare(world, x)
    with pytest.raises(DataError, match="toy/3: empty: no body to encode"):
        run(world)


def test_a_folder_without_weights_is_refused(world):
    (world / "w/s0-0.safetensors").unlink()
    with pytest.raises(DataError, match="no weights there; run `dvc repro pretrain@k`"):
        run(world)
