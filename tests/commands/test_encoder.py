"""Released weights, from the file of others to features that the leak audit refuses, or lets be used."""

# Shapes: N clips, C channels, T frames, V joints, M bodies, K classes.
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands import encoder
from pipeline.compute.shared import Compute
from pipeline.core import members, scores, store
from pipeline.core.errors import DataError, FormatError, LeakError, ParamsError
from pipeline.core.hashing import file_digest
from pipeline.core.params import parse
from pipeline.datasets.shared import classes, published_splits
from pipeline.modalities import skeleton
from pipeline.models import checkpoint
from pipeline.models.clip_vectors import encoded
from pipeline.models.methods import ridge
from pipeline.models.tasks import Inputs
from pipeline.steps import align
from pipeline.steps.extract import Row, extract
from pipeline.training import encoders, method_rows
from pipeline.training.encoding import Batches
from tests import toy
from tests.modalities.skeleton import test_shift_gcn_released as shift_gcn
from tests.modalities.skeleton.test_stgcn_released import released_weights
from tests.steps.aligning import ROW

NAMES = [one.name for one in classes("ntu60")]
UNSEEN = published_splits("ntu60")["smie_1"]
SEEN = [class_id for class_id in range(60) if class_id not in UNSEEN]
PARTS = {"smie_1": {"fit": SEEN[3:], "val": SEEN[:3], "unseen": UNSEEN}}
REDUCED = ["--arch", "stgcn", "--options", "plan=reduced"]
OF_SPLIT = ["--split-table", "smie", "--split", "smie_1"]
IDS = [f"ntu60/{class_id:02d}-{number}" for class_id in range(60) for number in (0, 1)]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A checkout with a file of released weights of the reduced ST-GCN, and a split table."""
    monkeypatch.chdir(tmp_path)
    write(released_weights())
    rows = toy.split_rows({id_: int(id_[6:8]) for id_ in IDS}, PARTS)
    meta = {"dataset": "ntu60", "split_table": "smie", "class_names": NAMES}
    toy.write_split(tmp_path / "data/split/ntu60-smie.parquet", rows, PARTS, **meta)
    return tmp_path


def write(state):
    tensors = {name: torch.from_numpy(np.asarray(value)) for name, value in state.items()}
    torch.save({name: value if name.endswith("tracked") else value.float() for name, value in tensors.items()}, "w.pt")


def class_of(clip_id):
    return int(clip_id[6:8])


def role_of(clip_id):
    return next(role for role, ids in PARTS["smie_1"].items() if class_of(clip_id) in ids).replace(
        "unseen", "unseen_test"
    )


def known(clip_id):
    return None if class_of(clip_id) in UNSEEN else class_of(clip_id)


def imported(*options):
    """What the command printed: a row of extract, by its key."""
    result = CliRunner().invoke(app, ["encoder", "import", "w.pt", "--classes", "ntu60", *REDUCED, *options])
    if result.exception is not None:
        raise result.exception
    return yaml.safe_load(result.stdout)


def extracted(row, dataset="ntu60"):
    """The features that a printed row leaves."""
    (values,) = row.values()
    ids = [id_.replace("ntu60", dataset) for id_ in IDS]
    x_NCTVM = np.random.default_rng(0).normal(size=(len(ids), 3, 4, 25, 1)).astype(np.float32)
    toy.write_arrays(Path("x.zarr"), ids, x_NCTVM, dataset=dataset, recipe=values["recipe"], layout="ntu25")
    parsed = parse(Row, values | {"dataset": dataset}, "row")
    batches = Batches(batch_size=32, num_threads=1)
    where = {"arrays": Path("x.zarr"), "weights": Path(values["weights"]), "out": Path("f.zarr")}
    extract(parsed, batches, Compute(engine="inline", num_workers=1), key="k", **where)
    return store.Store(Path("f.zarr"), "extract")


def aligned(root, features):
    toy.write_texts(root / "t.zarr", {"label": np.random.default_rng(1).normal(size=(60, 8))}, dataset="ntu60")
    whose = {"dataset": "ntu60", "split_table": "smie", "features": "extract/f.zarr", "embeddings": "t"}
    whose |= {"splits": ["smie_1"], "spaces": ["unseen"], "refit_features": "extract/f.zarr/zarr.json"}
    row = align.Row(**ROW.model_dump() | whose)
    settings = ridge.Params(text_type="label", centre="none", lambdas=[1.0])
    inputs = Inputs(features.path, root / "t.zarr", root / "data/split/ntu60-smie.parquet")
    align.align("k", row, settings, method_rows.Compute(num_threads=1), inputs, out=root / "out", cache=root / ".cache")
    return scores.read(root / "out", "align")


class TestFromFileToScores:
    def test_who_was_taught_all_classes_scores_no_unseen_one(self, here):
        features = extracted(imported())
        assert features.groups() == ["all-0"]
        assert features.group_attrs("all-0")["training_classes"] == list(range(60))
        with pytest.raises(LeakError, match=r"'all-0' was trained on classes \[4, 19, 31, 47, 51\], which split"):
            aligned(here, features)

    @pytest.mark.parametrize("split", sorted(published_splits("ntu60")))
    def test_every_zero_shot_split_of_its_dataset_refuses_it(self, here, split):
        path = here / "f.zarr"
        taught = checkpoint_of(imported())["training_classes"]
        with store.create(path, {"dataset": "ntu60"}) as writer:
            writer.group("all-0", IDS[:1], {"training_classes": taught, "adopted": True}).put("pooled", np.ones((1, 2)))
        unseen = published_splits("ntu60")[split]
        with pytest.raises(LeakError, match="was trained on classes"):
            encoded(store.Store(path, "extract"), split, 0, {"fit": [], "val": [], "unseen": unseen})

    def test_the_seen_classes_of_its_dataset_may_be_learnt_of_it_for_another(self, here):
        """A source of cross-dataset transfer: in its split no class is unseen."""
        found = encoded(extracted(imported()), "source", 0, {"fit": SEEN, "val": UNSEEN, "unseen": []})
        assert (found.group, found.history.training_classes) == ("all-0", list(range(60)))

    def test_another_dataset_is_told_by_name_what_it_was_taught(self, here):
        features = extracted(imported(), dataset="pku_mmd")
        history = encoded(features, "s0", 0, {"fit": [], "val": [], "unseen": [0, 1]}).history
        assert (history.elsewhere.source, history.elsewhere.names) == ("ntu60", sorted(NAMES))
        assert (history.training_classes, history.training_clips) == ([], None)

    def test_who_was_taught_the_seen_classes_of_a_split_scores_its_unseen_ones(self, here):
        (scored,) = aligned(here, extracted(imported(*OF_SPLIT)))
        told = scored.provenance
        assert (told.training_classes, told.training_clips) == (SEEN, "unknown")
        assert told.selection == "validation_seen"  # its val classes were taught too
        assert np.isfinite(scored.values).all()


def checkpoint_of(row):
    (values,) = row.values()
    (file,) = Path(values["weights"]).iterdir()
    return checkpoint.load(file)[1]


def test_the_row_that_is_printed_takes_the_weights(here):
    (key,) = imported(*OF_SPLIT)
    assert key == "ntu60-skeleton-stgcn-released"
    (values,) = imported("--seed", "3", *OF_SPLIT).values()
    assert values == {
        "dataset": "ntu60",
        "split_table": "smie",
        "modality": "skeleton",
        "recipe": "stgcn300",
        "encoder": "stgcn",
        "weights": "data/raw/encoders/ntu60-stgcn",
        "options": {},
        "tokens": False,
        "masked": None,
        "regions": False,
    }
    names = [file.name for file in Path(values["weights"]).iterdir()]
    assert sorted(names) == [
        "smie_1-0.safetensors",
        "smie_1-3.safetensors",
    ]


def test_the_weights_say_all_that_pretrain_would(here):
    about = checkpoint_of(imported(*OF_SPLIT))
    training_set = SimpleNamespace(**dict.fromkeys(["split", "training_classes", "training_names", "unseen_classes"]))
    training_set.training_clips, training_set.rows, training_set.held_out_rows = "", [], []
    plan = encoders.Plan.model_construct(**dict.fromkeys(encoders.Plan.model_fields))
    fitted, prepared = SimpleNamespace(epoch=0, history=[]), SimpleNamespace(attrs={"layout": "ntu25"})
    assert set(about) - {"adopted", "released"} == set(encoders._metadata(plan, prepared, training_set, 0, fitted))
    assert about["options"] == {"graph": "released", "plan": "reduced", "dropout": 0.5}
    assert about["training_names"] == [NAMES[class_id] for class_id in SEEN]
    assert (about["unseen_classes"], about["training_clips"], about["classes"]) == (UNSEEN, "unknown", "seen")
    assert about["released"]["num_classes"] == [60]
    assert about["released"]["sha256"] == [file_digest(Path("w.pt"))]


@pytest.mark.parametrize("num_classes", [60, 55])
def test_the_classifier_of_a_split_knows_all_classes_or_the_seen_ones(here, num_classes):
    write({**released_weights(), "fcn.weight": np.ones((num_classes, 256, 1, 1)), "fcn.bias": np.ones(num_classes)})
    assert checkpoint_of(imported(*OF_SPLIT))["released"]["num_classes"] == [num_classes]


def test_without_a_classifier_it_is_said_that_nothing_was_checked(here):
    write({name: value for name, value in released_weights().items() if not name.startswith("fcn")})
    result = CliRunner().invoke(app, ["encoder", "import", "w.pt", "--classes", "ntu60", *REDUCED, *OF_SPLIT])
    assert "so that the number of their classes could not be checked" in result.stderr
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--arch", "st_gcn"], "--arch: no released weights of 'st_gcn' can be read; those of ctr_gcn, .* can$"),
        (["--arch", "kinematics"], "--arch: no released weights of 'kinematics'"),
        (["--recipe", "raw"], r"--recipe: .* one of \['agcn300', .*'stgcn300'"),
        (["--classes", "ntu61"], "--classes: no dataset 'ntu61': the datasets are .*ntu60"),
        (["--classes", "pku_mmd"], "w.pt: its classifier knows 60 classes, expected 51; mend --classes"),
        (["--classes", "manifest"], "ships no class list; name a split"),
        (["--layout", "kinect20"], r"w\.pt: its data_bn is of 1 x 25 joints with 3 coordinates, the layout has 20 "),
        (["--layout", "ntu26"], "no joint layout 'ntu26'; there are"),
        (["--options", "plan=full"], r"w\.pt: has, and the architecture has not, blocks\.9\.residual"),
        (["--options", "plan"], "--options: expected <key>=<value> such as plan=reduced, found 'plan'"),
        (["--options", "plan=[full"], "--options: expected <key>=<value>"),
        (["--options", "size=3"], "^stgcn: section '--options' does not fit Params: unknown key 'size'$"),
        (["--stream", "bones"], "^streams: section '--stream' does not fit Params: key 'streams.0'"),
        (["--stream", "joint", "--stream", "bone"], "--stream: expected one for each of the 1 files, found 2"),
        (["--split", "smie_1"], "--split and --split-table go together"),
        (["--split-table", "smie"], "--split and --split-table go together"),
        (["--split-table", "smie", "--split", "smie_2"], r"no split 'smie_2', found \['smie_1'\]; mend --split"),
        (["--split-table", "xview", "--split", "s0"], r"ntu60-xview\.parquet: .*dvc repro split"),
    ],
)
def test_what_does_not_fit_is_one_line(here, options, message):
    with pytest.raises((ParamsError, FormatError, DataError), match=message) as raised:
        imported(*options)
    assert len(str(raised.value).splitlines()) == 1
    assert not (here / "data/raw").exists()


def test_a_table_of_another_dataset_is_refused(here):
    Path("data/split/ntu60-smie.parquet").rename("data/split/ntu120-smie.parquet")
    with pytest.raises(DataError, match="splits of 'ntu60', not of 'ntu120'"):
        imported("--classes", "ntu120", *OF_SPLIT)


def test_weights_of_another_architecture_are_refused(here):
    write({"data_bn.weight": np.ones(75), "l1.gcn1.PA": np.ones((3, 25, 25)), "fc.weight": np.ones((60, 256))})
    with pytest.raises(FormatError, match=r"w\.pt: lacks blocks\.0\..*is it of this architecture\?"):
        imported()


def test_weights_of_an_architecture_of_two_bodies_are_not_told_as_of_other_joints(here):
    """Their first normalisation has twice the numbers that ST-GCN's has."""
    shift_gcn.released(width=8).save(here / "w.pt")
    with pytest.raises(FormatError, match=r"w\.pt: lacks blocks\.0\..*is it of this architecture\?"):
        imported()


class Evil:
    def __reduce__(self):
        return os.mkdir, ("owned",)


@pytest.mark.parametrize("value", [Evil(), {"fcn.weight": Evil()}], ids=["alone", "beside"])
def test_a_hostile_pickle_is_refused_and_not_run(here, value):
    torch.save(value, "w.pt")
    with pytest.raises(FormatError, match=r"w\.pt: a pickle that holds code"):
        imported()
    assert not (here / "owned").exists()


def test_nothing_is_overwritten(here):
    imported()
    before = (here / "data/raw/encoders/ntu60-stgcn/all-0.safetensors").read_bytes()
    with pytest.raises(DataError, match=r"all-0\.safetensors: there already; give another --out or --seed"):
        imported()
    assert (here / "data/raw/encoders/ntu60-stgcn/all-0.safetensors").read_bytes() == before


def test_a_folder_holds_the_weights_of_one_row(here):
    imported()
    with pytest.raises(DataError, match=r"all-0\.safetensors: is of split_table None, not smie; .* give another --out"):
        imported(*OF_SPLIT)
    imported(*OF_SPLIT, "--out", "elsewhere")
    assert (here / "elsewhere/smie_1-0.safetensors").is_file()


def test_two_runs_write_the_same_bytes(here):
    imported("--out", "a")
    imported("--out", "b")
    assert (here / "a/all-0.safetensors").read_bytes() == (here / "b/all-0.safetensors").read_bytes()


def test_architectures_are_listed_with_whose_names_they_know():
    result = CliRunner().invoke(app, ["encoder", "list"])
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert "yysijie/st-gcn" in lines["stgcn"]
    assert lines["stgcn"].endswith("not tried on a released file")
    assert "kinematics" not in lines


class TestStreams:
    def test_a_network_of_bones_sees_bones(self, here):
        alone, bones = imported(), imported("--stream", "bone")
        assert bones["ntu60-skeleton-streams-released"]["weights"] == "data/raw/encoders/ntu60-stgcn-bone"
        assert checkpoint_of(bones)["options"]["streams"] == ["bone"]
        one, other = (extracted(row).read("all-0", "pooled") for row in (alone, bones))
        assert one.shape == other.shape
        assert not np.allclose(one, other, rtol=1e-2)

    def test_several_files_are_streams_of_one_encoder_end_to_end(self, here):
        together = imported("w.pt", "--stream", "bone", "--stream", "joint")
        bones, alone = (extracted(row).read("all-0", "pooled") for row in (imported("--stream", "bone"), imported()))
        found = extracted(together).read("all-0", "pooled")
        assert np.allclose(found, np.concatenate([bones, alone], axis=1), rtol=1e-5, atol=1e-6)


def test_the_line_of_the_readme_reads_shift_gcn(here):
    shift_gcn.released(width=64).save(here / "w.pt")
    result = CliRunner().invoke(app, ["encoder", "import", "w.pt", "--arch", "shift_gcn", "--classes", "ntu60"])
    assert (result.exit_code, result.exception) == (0, None)
    about = checkpoint_of(yaml.safe_load(result.stdout))
    assert (about["recipe"], about["options"]["width"], len(about["training_classes"])) == ("agcn300", 64, 60)


@pytest.mark.parametrize("arch", ["ctr_gcn", "ms_g3d", "mst_gcn", "shift_gcn", "stgcn"])
def test_every_architecture_says_as_what_it_was_released(arch):
    released = encoder.architectures()[arch]
    assert skeleton.build(arch, released.options, "ntu25", "here").dim >= 256
    assert released.recipe in members.names("pipeline.modalities.skeleton.recipes")
