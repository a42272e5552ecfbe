import numpy as np
import pytest
import torch

from pipeline.compute.shared import Compute
from pipeline.core import store
from pipeline.core.errors import DataError, FormatError, LeakError, ParamsError
from pipeline.core.hashing import file_digest
from pipeline.core.measures import MEASURES
from pipeline.core.params import parse
from pipeline.modalities import skeleton
from pipeline.models import checkpoint
from pipeline.models.clip_vectors import POOLED, encoded
from pipeline.models.mapped import MappedEncoder
from pipeline.steps.extract import Row, extract
from pipeline.training.encoding import Batches, Masked, hidden
from tests import toy
from tests.core.table_rows import split_row

OPTIONS = {"graph": "paper", "plan": "reduced", "dropout": 0.5}
WHOSE = {"dataset": "toy", "split_table": "random", "modality": "skeleton", "recipe": "dvta50", "encoder": "stgcn"}
ROW = {**WHOSE, "weights": "w", "options": {}, "tokens": False, "masked": None, "regions": False}
MASKED = {"part": "joints", "moving": 0.0, "share": 0.3, "num_variants": 3, "seed": 0}
ABOUT = {
    **WHOSE,
    "options": OPTIONS,
    "layout": "kinect20",
    "split": "s0",
    "seed": 0,
    "training_classes": [0, 1],
    "training_names": ["jump", "run"],
    "unseen_classes": [3],
    "training_clips": "clips of fit",
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
    toy.write_arrays(world / "x.zarr", IDS, x)


def weights(world, name="s0-0", without=(), **changes):
    torch.manual_seed(0)
    encoder = skeleton.build("stgcn", OPTIONS, "kinect20", "here")
    about = {key: value for key, value in {**ABOUT, **changes}.items() if key not in without}
    checkpoint.save(world / "w" / f"{name}.safetensors", encoder, about)


def run(world, batch_size=2, **changes):
    out = world / "f.zarr"
    row, batches = parse(Row, {**ROW, **changes}, "row"), Batches(batch_size=batch_size, num_threads=1)
    where = {"arrays": world / "x.zarr", "weights": world / "w", "out": out, "cache": world / "cache"}
    facts = extract(row, batches, Compute(engine="inline", num_workers=1), key="k", **where)
    return facts, store.Store(out, "extract")


def test_every_clip_gets_the_frozen_encoders_vector(world):
    facts, found = run(world)
    assert facts == {"clips": 5, "encoders": 1, "encoded": 5}
    encoder = skeleton.build("stgcn", OPTIONS, "kinect20", "here")
    checkpoint.restore(encoder, checkpoint.load(world / "w/s0-0.safetensors")[0], world)
    expected = encoder(torch.from_numpy(store.Store(world / "x.zarr", "").read("all", "x")))
    assert found.ids("s0-0") == IDS
    assert np.allclose(found.read("s0-0", "pooled"), expected.numpy(), rtol=1e-5, atol=1e-6)


SPACE = {"dim": 7, "weights_hash": "texts", "text_type": "context", "centre": "seen"}


def write_mapped(world, **changes):
    """Weights of the same encoder with a map behind it."""
    torch.manual_seed(0)
    encoder = MappedEncoder(skeleton.build("stgcn", OPTIONS, "kinect20", "here"), 7)
    checkpoint.save(world / "w/s0-0.safetensors", encoder, {**ABOUT, "text_space": {**SPACE, **changes}})
    return {name: np.asarray(value, np.float64) for name, value in encoder.map.state_dict().items()}


@pytest.mark.parametrize("tokens", [False, True])
def test_an_encoder_that_keeps_its_map_gives_vectors_in_the_space_of_the_texts(world, tokens):
    plain = run(world, tokens=tokens)[1]
    names = ["pooled", *(["tokens"] if tokens else [])]
    before = {name: plain.read("s0-0", name).astype(np.float64) for name in names}
    kept = write_mapped(world)
    found = run(world, tokens=tokens)[1]
    assert found.group_attrs("s0-0")["text_space"] == SPACE
    for name, vectors in before.items():
        expected = vectors @ kept["weight"].T + kept["bias"]
        np.testing.assert_allclose(found.read("s0-0", name), expected, rtol=1e-5, atol=1e-5)
    if tokens:
        mean_ND = found.read("s0-0", "tokens").reshape(len(IDS), -1, 7).mean(axis=1)
        np.testing.assert_allclose(mean_ND, found.read("s0-0", "pooled"), rtol=1e-5, atol=1e-5)


def test_weights_without_the_map_that_they_declare_are_refused(world):
    weights(world, text_space=SPACE)
    with pytest.raises(FormatError, match="weights do not fit the network"):
        run(world)
    write_mapped(world, dim=8)
    with pytest.raises(FormatError, match="weights do not fit the network"):
        run(world)
    write_mapped(world, dim="seven")
    with pytest.raises(FormatError, match=r"metadata 'text_space\.dim'"):
        run(world)


def test_the_store_says_whose_vectors_they_are(world):
    weights(world, name="s1-2", split="s1", seed=2)
    found = run(world)[1]
    assert found.groups() == ["s0-0", "s1-2"]
    attrs = {"dataset": "toy", "split_table": "random", "modality": "skeleton", "encoder": "stgcn", "recipe": "dvta50"}
    assert found.attrs == attrs
    assert found.group_attrs("s1-2") == {
        "split": "s1",
        "seed": 2,
        "training_classes": [0, 1],
        "training_clips": "clips of fit",
        "encoder": "stgcn",
        "modality": "skeleton",
        "weights_hash": file_digest(world / "w/s1-2.safetensors"),
    }


def test_an_encoder_of_another_dataset_tells_by_name_what_it_was_taught(world):
    weights(world, dataset="other")
    found = run(world, split_table="other/random")[1]
    assert "split_table" not in found.attrs
    told = found.group_attrs("s0-0")
    assert (told["source"], told["training_classes"], told["training_names"]) == ("other", [], ["jump", "run"])
    assert told["training_clips"] is None  # no label of this dataset was read
    assert found.read("s0-0", "pooled").tobytes() == run_own(world).read("s0-0", "pooled").tobytes()


OF_ALL = {"name": "all-0", "split": "all", "split_table": None, "unseen_classes": []}


class TestATrainingOnAllClasses:
    def test_it_serves_every_split_and_any_dataset(self, world):
        (world / "w/s0-0.safetensors").unlink()
        weights(world, **OF_ALL, adopted=True)
        found = run(world, split_table=None)[1]
        assert (found.groups(), "split_table" in found.attrs) == (["all-0"], False)
        about = found.group_attrs("all-0")
        assert (about["training_classes"], about["adopted"], "source" in about) == ([0, 1], True, False)
        weights(world, **OF_ALL, dataset="other")
        about = run(world, split_table=None)[1].group_attrs("all-0")
        assert (about["source"], about["training_names"], "adopted" in about) == ("other", ["jump", "run"], False)

    @pytest.mark.parametrize("table", ["random", None])
    def test_it_does_not_lie_beside_the_weights_of_splits(self, world, table):
        weights(world, **OF_ALL)
        with pytest.raises(DataError, match=r"is of .*'split_table': .* the row asks for"):
            run(world, split_table=table)

    def test_weights_of_splits_are_not_taken_for_it(self, world):
        with pytest.raises(ParamsError, match="stgcn is trained on a split; name the table of its splits"):
            run(world, split_table=None)


def run_own(world):
    weights(world)
    return run(world)[1]


@pytest.mark.parametrize("table", ["third/random", "other/xview", "other"])
def test_an_encoder_of_another_dataset_than_the_row_says_is_refused(world, table):
    weights(world, dataset="other")
    with pytest.raises(DataError, match=r"is of .*'other'.* the row asks for"):
        run(world, split_table=table)


def test_a_split_table_of_the_dataset_itself_is_named_alone(world):
    """Else what it leaves would fit other tables of the dataset, by whose test subjects it may have been taught."""
    weights(world)
    with pytest.raises(ParamsError, match=r"split_table: of \w+ itself name the table alone"):
        run(world, split_table=f"{run_own(world).attrs['dataset']}/random")


@pytest.mark.parametrize("table", ["other/", "/random", "a/b/c"])
def test_a_split_table_of_another_dataset_is_named_by_both(world, table):
    with pytest.raises(ParamsError, match="split_table"):
        run(world, split_table=table)


def test_the_batch_size_does_not_matter(world):
    features = [run(world, batch_size=size)[1].read("s0-0", "pooled") for size in (1, 3, 5)]
    assert np.allclose(features[0], features[1], rtol=1e-5, atol=1e-6)
    assert np.allclose(features[0], features[2], rtol=1e-5, atol=1e-6)


def masked(world, batch_size=2, **changes):
    return run(world, batch_size, masked={**MASKED, **changes})[1].read("s0-0", "masked")


def arrays(found):
    return sorted(path.name for path in (found.path / "s0-0").iterdir() if path.is_dir())


def test_tokens_and_masked_are_there_only_where_the_row_asks(world):
    assert arrays(run(world)[1]) == ["ids", "pooled"]
    assert arrays(run(world, tokens=True)[1]) == ["ids", "pooled", "tokens"]
    found = run(world, masked=MASKED)[1]
    assert arrays(found) == ["ids", "masked", "pooled"]
    assert found.group_attrs("s0-0")["masked"] == MASKED


def test_vectors_are_the_same_bytes_with_or_without_the_rest(world):
    alone = run(world)[1].read("s0-0", "pooled")
    assert run(world, tokens=True, masked=MASKED)[1].read("s0-0", "pooled").tobytes() == alone.tobytes()


def test_a_vector_is_the_mean_of_the_stored_tokens(world, monkeypatch):
    monkeypatch.setattr(store, "CHUNK_ROWS", 2)
    monkeypatch.setattr(store, "SHARD_BYTES", 1)  # three shards
    found = run(world, tokens=True)[1]
    tokens = found.read("s0-0", "tokens")
    assert tokens.shape == (5, 1, 20, 256)  # frames after the strides, joints
    assert np.allclose(tokens.mean(axis=(1, 2), dtype=np.float64), found.read("s0-0", "pooled"), rtol=1e-5, atol=1e-6)


def test_the_batch_size_matters_to_neither_tokens_nor_variants(world):
    tokens = [run(world, size, tokens=True)[1].read("s0-0", "tokens") for size in (1, 4)]
    variants = [masked(world, size) for size in (1, 4)]
    assert np.allclose(*tokens, rtol=1e-5, atol=1e-6)
    assert np.allclose(*variants, rtol=1e-5, atol=1e-6)


def test_variants_are_vectors_of_the_clip_with_joints_hidden(world):
    found = run(world, masked=MASKED)[1]
    variants, pooled = found.read("s0-0", "masked"), found.read("s0-0", "pooled")
    assert variants.shape == (5, 3, 256)
    for one, other in ((variants[:, 0], variants[:, 1]), (variants[:, 0], pooled), (variants[:, 1], variants[:, 2])):
        assert (np.abs(one - other).max(axis=1) > 1e-4).all()


@pytest.mark.parametrize("changes", [{"part": "frames"}, {"moving": 0.3}, {"share": 0.6}, {"seed": 1}])
def test_what_is_hidden_is_what_the_row_says(changes, world):
    assert not np.allclose(masked(world), masked(world, **changes), rtol=1e-3)


def test_the_variants_of_a_clip_do_not_depend_on_other_clips(world):
    x = store.Store(world / "x.zarr", "").read("all", "x")
    before = masked(world)
    x[:4] += 1
    prepare(world, x)
    after = masked(world)
    assert np.allclose(before[4], after[4], rtol=1e-5, atol=1e-6)
    assert not np.allclose(before[3], after[3], rtol=1e-3)


def test_more_variants_leave_the_first_ones_as_they_are(world):
    assert np.allclose(masked(world, num_variants=5)[:, :3], masked(world), rtol=1e-5, atol=1e-6)


def test_hidden_are_a_share_of_the_parts_that_hold_something_and_never_all():
    x = np.ones((3, 10, 20, 2), np.float32)
    x[:, 6:] = 0
    random = np.random.default_rng(0)
    for moving, share, left in ((0, 0.5, 3), (0, 0.2, 5), (0, 0.99, 1), (0.5, 0.34, 1), (0.99, 0.99, 1)):
        hiding = Masked(part="frames", moving=moving, share=share, num_variants=1, seed=0)
        assert hidden(x, 1, hiding, random).any(axis=(0, 2, 3)).sum() == left
    hiding = Masked(part="joints", moving=0, share=0.25, num_variants=1, seed=0)
    assert hidden(x, 2, hiding, random).any(axis=(0, 1, 3)).sum() == 15
    assert x[:, :6].all()


def test_what_moves_most_is_hidden_first():
    """By SMIE's rule: a frame's changes from the one before and to the one after, squared."""
    x = np.random.default_rng(3).normal(size=(3, 10, 20, 2)).astype(np.float32)
    x[:, 8:] = 0  # nobody is there: to end is no movement
    x[:, :, 4] *= 5
    by_frame = [
        sum(float(((x[:, at] - x[:, beside]) ** 2).sum()) for beside in (at - 1, at + 1) if 0 <= beside < 8)
        for at in range(8)
    ]
    hiding = Masked(part="frames", moving=0.25, share=0.25, num_variants=1, seed=0)
    gone = [~hidden(x, 1, hiding, np.random.default_rng(n)).any(axis=(0, 2, 3))[:8] for n in range(20)]
    assert all(frames.sum() == 4 and frames[np.argsort(by_frame)[-2:]].all() for frames in gone)
    assert np.any(gone, axis=0).all()  # the others are drawn
    left = hidden(
        x, 2, Masked(part="joints", moving=0.05, share=0.05, num_variants=1, seed=0), np.random.default_rng(0)
    )
    assert not left[:, :, 4].any()
    assert left.any(axis=(0, 1, 3)).sum() == 18


def test_a_part_that_the_modality_lacks_is_refused(world):
    with pytest.raises(ParamsError, match=r"stgcn knows no 'pixels' to hide, only \['frames', 'joints'\]"):
        masked(world, part="pixels")


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
        ({"split_table": "xview"}, "'split_table': 'xview'"),
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
    with pytest.raises(DataError, match="no weights there; run `dvc repro pretrain@w`"):
        run(world)


WITHOUT_WEIGHTS = {"encoder": "kinematics", "split_table": None, "weights": "requirements.txt"}


class TestAnEncoderWithoutWeights:
    def test_all_splits_share_its_vectors_which_knew_no_class(self, world):
        facts, found = run(world, **WITHOUT_WEIGHTS)
        assert (facts, found.groups()) == ({"clips": 5, "encoders": 1, "encoded": 5}, ["all"])
        about = found.group_attrs("all")
        told = {key: about[key] for key in ("training_classes", "training_clips", "measured", "encoder", "modality")}
        assert told == {
            "training_classes": [],
            "training_clips": None,
            "measured": list(MEASURES),
            "encoder": "kinematics",
            "modality": "skeleton",
        }
        encoder = skeleton.build("kinematics", {}, "kinect20", "here")
        x = torch.from_numpy(store.Store(world / "x.zarr", "").read("all", "x"))
        assert np.allclose(found.read("all", "pooled"), encoder(x).numpy(), rtol=1e-5, atol=1e-6)

    def test_its_clips_say_what_is_measured(self, world):
        found = run(world, **WITHOUT_WEIGHTS)[1]
        of_split = encoded(found, "s3", 7, {"fit": [0], "val": [1], "unseen": [2]})
        clips = of_split.clips([split_row(clip_id=IDS[2], class_id=1)], POOLED)
        assert (clips.measured, clips.class_ids, clips.features_ND.shape[0]) == (MEASURES, (1,), 1)
        assert of_split.history.training_classes == []

    def test_options_that_it_does_not_know_are_refused(self, world):
        with pytest.raises(ParamsError, match=r"extract\.rows: options.*unknown key 'size'"):
            run(world, **WITHOUT_WEIGHTS, options={"size": 3})

    def test_tokens_and_hidden_parts_are_kept_of_it_too(self, world):
        found = run(world, **WITHOUT_WEIGHTS, tokens=True, masked=MASKED)[1]
        assert np.allclose(found.read("all", "tokens").mean(axis=1), found.read("all", "pooled"), atol=1e-4)
        assert found.read("all", "masked").shape[:2] == (5, 3)
