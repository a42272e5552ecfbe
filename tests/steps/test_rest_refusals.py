"""What a row of rest refuses: each is one line that says what, where and what to do."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from pipeline.core import store, tables
from pipeline.core.errors import DataError, FormatError, LeakError, ParamsError
from pipeline.core.params import parse
from pipeline.core.schemas import SPLIT
from pipeline.models import checkpoint
from pipeline.steps import rest
from tests import toy
from tests.steps import resting
from tests.steps.resting import E2E, ROW, STORED, changed, clip_rows, run, write_clips


@pytest.fixture
def world(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that a test may change, which is the working directory."""
    return resting.copied(films, tmp_path, monkeypatch)


def refused(world: Path, row: dict[str, Any], kind: type[Exception] = DataError) -> str:
    """The one line that a run ends with."""
    with pytest.raises(kind) as told:
        run(world, row)
    assert not (world / "out").exists()
    (line,) = str(told.value).splitlines()
    return line


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"seeds": [0, 0]}, "seeds: expected each once"),
        ({"targets": {"demo": ROW["targets"]["demo_gym"]}}, "the source not among the targets"),
        ({"frames": None, "warmup": None}, "videos need a frame encoder"),
        (STORED | {"frames": ROW["frames"]}, "stored features have had their frame encoder"),
        ({"frames": {**ROW["frames"], "name": "vgg16", "widths": None}}, "vgg16 takes pictures of 32 pixels at least"),
        ({"frames__widths": [4, 0]}, "greater than or equal to 1"),
        (STORED | {"channels_last": True}, "channels_last of any"),
        (STORED | {"checkpoint_gradients": True}, "checkpoint_gradients is of a frame encoder that learns"),
        ({"frames__learns": False, "warmup": None, "checkpoint_gradients": True}, "of a frame encoder that learns"),
        ({"model__attention": "cross", "losses__mlm": None}, "cross needs losses.mlm"),
        (STORED | {"test__positions": "random"}, "of stored features there is one clip"),
        (STORED | {"test__crop": "random"}, "of stored features there is one clip"),
        ({"source__files": None}, "files: expected the folder"),
        ({"losses": None}, "losses belong to every model but e2e"),
        ({"losses__cls": False}, "represents: cls needs losses.cls"),
        ({"model__represents": "mask", "losses__mlm": None}, "represents: mask needs losses.mlm"),
        ({"frames__learns": False}, "warmup is of a frame encoder that learns"),
        ({"warmup__devices": 2}, "one number of devices"),
        (E2E | {"losses": ROW["losses"]}, "losses belong to every model but e2e"),
        (
            {"frames": {**ROW["frames"], "name": "r2plus1d", "widths": None, "group": 4}},
            "num_frames: expected a multiple of frames.group",
        ),
        (STORED | {"test__num_clips": 2}, "of stored features there is one clip"),
        (STORED | {"input__num_frames": 4}, "num_frames belongs to regions"),
        (STORED | {"input__features": {"demo": "extract/demo.zarr"}}, "expected a store of each of"),
        ({"overlap__remove": ["spelling"]}, "overlap.remove"),
    ],
)
def test_params_that_do_not_fit_each_other_are_refused(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(ParamsError, match=fault):
        parse(rest.Row, changed(**changes), "rest.rows.k")


def test_a_video_shorter_than_a_clip_names_its_frames_and_those_needed(world: Path) -> None:
    told = refused(world, changed(input__window__short="reject", input__window__stride=6))
    assert told.startswith("demo, video: 36 of 36 items rejected, at most 0% may be")
    assert "demo/100: too short: 6 frames, where 2 frames at stride 6 need 7" in told


def test_short_videos_of_targets_alone_are_left_out_where_that_is_allowed(world: Path) -> None:
    rows = clip_rows(world, "demo_gym")
    rows[2] = replace(rows[2], num_frames=2)
    write_clips(world, "demo_gym", rows)
    folder = run(world, changed(input__window__short="reject", max_rejected=0.2))
    assert store.Store(folder / "demo_gym.zarr", "rest").ids("all-0") == [
        f"demo_gym/{number}" for number in (100, 101, 103, 104, 105)
    ]
    page = json.loads((folder / "page.json").read_text())
    assert "demo_gym/102: too short: 2 frames" in json.dumps(page["tables"])


def test_a_class_without_videos_is_named(world: Path) -> None:
    rows = [row for row in clip_rows(world, "demo") if row.class_id != 3]
    write_clips(world, "demo", rows)
    told = refused(world, changed(max_rejected=0.5))
    assert "class 3 'bow' has no video; bring videos of it" in told
    assert "such as without_3" in told


def test_clips_that_are_not_there_are_counted(world: Path) -> None:
    write_clips(world, "demo", clip_rows(world, "demo")[1:])
    told = refused(world, ROW)
    assert "1 of 15 items rejected" in told
    assert "demo/100: not there: no video or features of it" in told


@pytest.mark.parametrize("name", ["...", "(not a jump)"])
def test_a_label_without_words_is_named(name: str, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name if each == "clap hands" else each for each in resting.NAMES["demo"]]
    monkeypatch.setitem(resting.NAMES, "demo", names)
    write_clips(world, "demo", clip_rows(world, "demo"))
    assert f"class '{name}': no word in its name" in refused(world, changed(overlap__remove=[]))


def test_weights_of_another_architecture_are_refused(world: Path) -> None:
    run(world)
    (world / "out").rename(world / "before")
    told = refused(world, changed(frames__weights="before/all-0.safetensors", warmup=None), Exception)
    assert "before/all-0.safetensors" in told
    assert "is it of this architecture?" in told


@pytest.mark.parametrize(("file", "fault"), [("none.pt", "no such file"), ("films", "a folder")])
def test_weights_that_are_no_file_are_refused(file: str, fault: str, world: Path) -> None:
    assert f"{file}: {fault}" in refused(world, changed(frames__weights=file, warmup=None), FormatError)


def test_finished_weights_of_another_size_are_refused(world: Path) -> None:
    run(world)
    shutil.rmtree(world / "out")
    (part,) = (world / ".cache/parts/rest/k").glob("weights-0-*")
    state, about = checkpoint.load(part / "all-0.safetensors")
    state["cls"] = state.pop(next(iter(state)))
    checkpoint.write(part / "all-0.safetensors", state, about)
    assert "weights of another size than the row asks for" in refused(world, ROW)


def test_a_loss_that_is_no_number_names_the_clips(world: Path) -> None:
    wild = {**ROW["training"], "optimizer": {**resting.SGD, "lr": 1e30}}
    told = refused(world, changed(training=wild, warmup=None))
    assert told.startswith("k all-0 joint: the loss is not finite in epoch ")
    listed = json.loads(Path(told.split(" listed in ")[1]).read_text())
    assert set(listed["rows"]) <= set(resting.ids("demo"))


def test_a_film_that_has_changed_is_refused(world: Path) -> None:
    (world / "films/demo/101.avi").write_bytes((world / "films/demo/102.avi").read_bytes())
    assert "101.avi: the file has changed since it was scanned; run `unseen raw scan demo`" in refused(world, ROW)


def test_a_split_that_is_not_there_is_refused(world: Path) -> None:
    told = refused(world, changed(source__split="s1"))
    assert "no split 's1', found ['s0']; mend the row in params.yaml" in told


def test_of_a_class_that_the_split_does_not_give_to_training_no_clip_is_learnt_from(world: Path) -> None:
    path = world / "split/demo-films.parquet"
    lines, meta = tables.read_table(path, SPLIT).to_pylist(), tables.read_meta(path, SPLIT)
    meta["splits"]["s0"]["fit"] = [0, 1, 2]
    tables.write(path, SPLIT, lines, meta)
    folder = run(world)
    assert resting.group(folder, "demo")[1]["training_classes"] == [0, 1]
    page = json.loads((folder / "page.json").read_text())
    assert page["tables"][0]["rows"][0][4] == 6


def texts(world: Path, **about: Any) -> None:
    """The texts of the target, by another encoder or of other classes."""
    told = {"dataset": "demo_gym", "encoder": "tiny", "weights_hash": "t" * 8, **about}
    label_KT = np.random.default_rng(0).normal(size=(3, 6))
    toy.write_texts(world / "embed/demo_gym-t.zarr", {"label": label_KT}, **told)


@pytest.mark.parametrize(
    ("about", "fault"),
    [
        ({"weights_hash": "u" * 8}, "embed both with the same"),
        ({"encoder": "other"}, "texts by other, those of demo"),
        ({"dataset": "demo_home"}, "texts of 'demo_home', not of 'demo_gym'"),
    ],
)
def test_texts_that_cannot_be_compared_are_refused(about: dict[str, Any], fault: str, world: Path) -> None:
    texts(world, **about)
    assert fault in refused(world, ROW)


def test_too_few_classes_that_are_left_are_refused(world: Path) -> None:
    assert "0 of 4 classes are left to learn" in refused(world, changed(overlap__threshold=2.0))


@pytest.mark.parametrize(
    ("changes", "fault", "kind"),
    [
        ({"input__features__demo": "bind/k/demo.zarr"}, "expected a store that extract makes", ParamsError),
        ({"input__features__demo_gym": "extract/demo.zarr"}, "features of 'demo', not of 'demo_gym'", DataError),
        (
            {"input__array": "regions", "input__num_frames": 3},
            "region in frame 3, from 0",
            DataError,
        ),
    ],
)
def test_stored_features_that_do_not_fit_are_refused(
    changes: dict[str, Any], fault: str, kind: type[Exception], world: Path
) -> None:
    assert fault in refused(world, changed(changed(**STORED), **changes), kind)


def stored(world: Path, **about: Any) -> None:
    told = {"training_classes": [], "weights_hash": "f" * 8, **about}
    with store.create(world / "extract/demo_gym.zarr", {"dataset": "demo_gym"}) as writer:
        told = {name: value for name, value in told.items() if value is not None}
        writer.group("all", resting.ids("demo_gym"), told).put("tokens", np.zeros((6, 4, 3), np.float32))


def test_stored_features_of_two_encoders_are_refused(world: Path) -> None:
    stored(world, weights_hash="g" * 8)
    assert "features of another encoder than" in refused(world, changed(**STORED))


def test_stored_features_that_do_not_say_what_their_encoder_saw_are_refused(world: Path) -> None:
    stored(world, training_classes=None)
    assert "does not say what its encoder was trained on" in refused(world, changed(**STORED), LeakError)


def test_what_a_stored_encoder_was_taught_is_told(world: Path) -> None:
    stored(world, training_names=["juggle"])
    assert "juggle" in resting.group(run(world, changed(**STORED)), "demo_gym")[1]["training_names"]
