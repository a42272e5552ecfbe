"""Clips and texts through the encoders of a row of bind, against the vectors that the pipeline keeps of them."""

import importlib
import json
import subprocess
import sys

import numpy as np
import pytest
from scipy.io import savemat

from pipeline.core import bound, joint_mapping, store
from pipeline.core.errors import DataError, FormatError
from pipeline.formats import depth_png, mat, ntu_skeleton, video
from pipeline.formats.shared import Skeleton
from pipeline.models import checkpoint, clip
from pipeline.recognition import Recogniser, labels
from pipeline.recognition import files as forms
from pipeline.recognition.texts import softmax
from pipeline.training import bound as weights
from tests.recognition.toy import NAMES, edited, files

ROW = "features/bind/demo-sgfa"


@pytest.mark.parametrize(("modality", "kept"), [("skeleton",) * 2, ("depth",) * 2, ("thermal",) * 2, ("video", "hub")])
def test_a_file_alone_is_the_same_clip_in_the_pipeline(toy, recogniser, modality, kept):
    group = "all-0" if kept == "hub" else "composed-0"
    there = store.Store(bound.vectors(toy / ROW, kept), "bind").read(group, "pooled")
    for path, vector_D in zip(files(toy, modality), there, strict=True):
        alone_D = recogniser.embed([path], modality)[0]
        np.testing.assert_allclose(alone_D, vector_D, rtol=1e-5, atol=1e-6)
        assert np.linalg.norm(alone_D) == pytest.approx(1, abs=1e-6)


def test_a_vector_does_not_depend_on_its_company(toy, recogniser):
    paths = files(toy, "depth")
    together = recogniser.embed(paths, "depth")
    assert [v.tobytes() for v in together] == [recogniser.embed([path], "depth")[0].tobytes() for path in paths]
    assert recogniser.embed([], "depth").shape == (0, 6)


def test_scores_are_the_softmax_of_the_hubs_scale_times_the_cosine(toy, recogniser):
    labels = ["wave a hand", "drink water", "sit down"]
    [ranked, _] = recogniser.classify(files(toy, "skeleton")[:2], labels, sense="skeleton")
    vector_D = recogniser.embed(files(toy, "skeleton")[:1], "skeleton")[0].astype(np.float64)
    tower = clip.start(toy / "features/finetune/toy", 0)
    cosine = dict(zip(labels, tower.text_vectors(labels).astype(np.float64) @ vector_D, strict=True))
    weight = {label: np.exp(float(tower.scale.detach()) * value) for label, value in cosine.items()}
    assert [one.label for one in ranked] == sorted(labels, key=cosine.get, reverse=True)
    for label, score, value in ranked:
        assert value == pytest.approx(cosine[label], abs=1e-6)
        assert score == pytest.approx(weight[label] / sum(weight.values()), abs=1e-5)
    assert sum(one.score for one in ranked) == pytest.approx(1)
    assert float(tower.scale.detach()) == pytest.approx(20)


def test_a_softmax_does_not_overflow():
    assert softmax(np.array([[1.0, -1.0, 1.0]]), 1e4).tolist() == [[0.5, 0.0, 0.5]]


def test_the_scale_of_a_start_file_and_of_weights(toy):
    assert clip.scale(toy / "features/finetune/toy", 0) == pytest.approx(20)
    assert clip.scale(toy / "start.json") == pytest.approx(float(clip.start(toy / "start.json").scale.detach()))


def test_prompts_of_a_label_are_averaged(recogniser):
    a, b, both = recogniser.texts({"a": ["a cup"], "b": ["a hat"], "both": ["a cup", "a hat"]})
    np.testing.assert_allclose(both, (a + b) / np.linalg.norm(a + b), atol=1e-6)


def test_texts_are_kept_and_read_again(copy, monkeypatch):
    first = Recogniser.load(copy / ROW).texts(["a cup"])
    assert any((copy / ".cache/texts").rglob("*"))
    monkeypatch.setattr(clip, "start", lambda *_: pytest.fail("built again"))
    assert Recogniser.load(copy / ROW).texts(["a cup"]).tobytes() == first.tobytes()


@pytest.mark.parametrize("name", ["hub", "video"])
def test_the_hub_has_its_own_encoder(toy, recogniser, name):
    assert recogniser.sense(name).name == "hub"


def test_clips_are_found_by_a_clip_and_by_a_text(toy, recogniser):
    query_D = recogniser.embed(files(toy, "depth")[1:2], "depth")[0]
    found = recogniser.search(query_D, top=4)
    assert (found[0].clip_id, found[0].sense) == (f"demo/{NAMES[1]}", "depth")
    assert found[0].cosine == pytest.approx(1, abs=1e-5)
    assert len(found) == 4
    assert [one.cosine for one in found] == sorted((one.cosine for one in found), reverse=True)
    every = recogniser.search(query_D, top=99)
    assert len(every) == 12
    assert {one.sense for one in recogniser.search(query_D, ["thermal", "video"], top=99)} == {"thermal", "hub"}
    text_D = recogniser.texts(["drink water"])[0]
    vectors = store.Store(bound.vectors(toy / ROW, "thermal"), "bind").read("composed-0", "pooled")
    best = recogniser.search(text_D, ["thermal"], top=1)[0]
    assert best.cosine == pytest.approx((vectors @ text_D).max(), abs=1e-6)


def test_of_equal_clips_the_first_ids_are_kept(toy, recogniser):
    query_D = recogniser.texts(["drink water"])[0]
    assert recogniser.search(query_D, top=5) == recogniser.search(query_D, top=99)[:5]
    assert [one.clip_id for one in recogniser.search(0 * query_D, ["depth"], top=2)] == [
        f"demo/{name}" for name in NAMES[:2]
    ]


def test_one_clip_that_is_no_list_is_refused(toy, recogniser):
    """A text is a list of letters."""
    for one in (files(toy, "skeleton")[0], str(files(toy, "skeleton")[0])):
        with pytest.raises(DataError, match=r"A001\.skeleton: one clip, expected a list of clips; put it in brackets"):
            recogniser.classify(one, ["a"], sense="skeleton")


def test_weights_of_an_encoder_that_has_learnt_new_options_name_the_stage_to_run(copy):
    file = bound.weights(copy / ROW, "depth", "composed", 0)
    _, told = weights.load(file)
    state, _ = checkpoint.load(file)
    checkpoint.write(file, state, {**told.model_dump(), "options": {"widths": [4, 8]}})
    with pytest.raises(
        FormatError, match=r"composed-0\.safetensors: not of this version's encoder: .*missing key"
    ) as e:
        Recogniser.load(copy / ROW).sense("depth")
    assert "params.yaml" not in str(e.value)
    assert str(e.value).endswith("run `dvc repro bind`")


def test_joints_of_another_sensor_are_mapped_and_that_is_said_once(toy, tmp_path, recogniser, capsys):
    xyz_V3T = np.random.default_rng(1).normal(size=(20, 3, 9))
    for name in ("a.mat", "b.mat"):
        savemat(tmp_path / name, {"d_skel": xyz_V3T})
    found = recogniser.embed([tmp_path / "a.mat", tmp_path / "b.mat"], "skeleton")
    said = capsys.readouterr().err
    assert said.count("20 joints (kinect20) were mapped to the encoder's 25 (ntu25)") == 1
    recording = mat.read_skeleton(tmp_path / "a.mat")
    xyz = joint_mapping.mapped(recording.xyz_MTV3, "kinect20", "ntu25")
    ntu_skeleton.write(tmp_path / "a.skeleton", Skeleton("ntu25", xyz, (1,)), xyz[..., :2], xyz[..., :2])
    np.testing.assert_allclose(found[0], recogniser.embed([tmp_path / "a.skeleton"], "skeleton")[0], atol=1e-5)
    assert capsys.readouterr().err == ""


def test_a_folder_is_its_clips_and_a_folder_of_frames_is_one(toy, recogniser):
    first, second, third = files(toy, "depth")
    assert recogniser.clips([first.parent], "depth") == [first, second, third]
    assert recogniser.clips([second, first.parent], "depth") == [second, first, third]
    assert recogniser.clips([toy / "data"], "skeleton") == files(toy, "skeleton")
    with pytest.raises(DataError, match=r"_ir: no clip of skeleton in this folder; one is \.csv, \.json, \.mat"):
        recogniser.clips([files(toy, "thermal")[0].parent], "skeleton")


def test_a_modality_without_forms_of_its_own_is_read_as_its_dataset_is(toy, recogniser, monkeypatch):
    paths = files(toy, "thermal")
    expected = recogniser.embed(paths, "thermal")
    monkeypatch.delitem(forms.FORMS, "thermal")
    assert recogniser.embed(paths, "thermal").tobytes() == expected.tobytes()
    assert recogniser.clips([paths[0].parent], "thermal") == paths


def blank(folder):
    video.write(folder / "blank.mkv", np.full((4, 16, 16), 7, np.uint8), frames_per_second=9, codec="ffv1")
    return folder / "blank.mkv"


def deep(folder):
    frames = np.random.default_rng(0).integers(0, 9999, (4, 16, 16)).astype(np.uint16)
    video.write(folder / "deep.mkv", frames, frames_per_second=9, codec="ffv1")
    return folder / "deep.mkv"


def nobody(folder):
    xyz = np.full((1, 4, 25, 3), np.nan, np.float32)
    ntu_skeleton.write(folder / "nobody.skeleton", Skeleton("ntu25", xyz, (1,)), xyz[..., :2], xyz[..., :2])
    return folder / "nobody.skeleton"


def written(name, content):
    def write(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return write


def no_readings(folder):
    depth_png.write(folder / "zeros", np.zeros((3, 9, 9), np.uint16))
    return folder / "zeros"


def in_the_picture(folder):
    person = {"pose": [0.5] * 36, "score": [1.0] * 18}
    told = {"data": [{"frame_index": 1, "skeleton": [person]}], "label": "sit", "label_index": 0}
    (folder / "people.json").write_text(json.dumps(told))
    return folder / "people.json"


def depth_of_a_joint_file(folder):
    savemat(folder / "joints.mat", {"d_skel": np.ones((20, 3, 3))})
    return folder / "joints.mat"


@pytest.mark.parametrize(
    ("sense", "make", "message"),
    [
        ("skeleton", written("a.png", b"\x89PNG"), "ends in '.png'; a clip of skeleton is one of .csv, .json, .mat"),
        ("skeleton", written("b.skeleton", b"\x89PNG\r\n"), "b.skeleton"),
        ("skeleton", written("empty.skeleton", b""), "empty.skeleton"),
        ("skeleton", in_the_picture, "people.json: joints of openpose18, the encoder of 'skeleton' knows ntu25"),
        ("skeleton", nobody, "nobody.skeleton"),
        ("skeleton", lambda folder: folder / "gone.skeleton", "gone.skeleton: no such file or folder"),
        ("depth", depth_of_a_joint_file, "joints.mat: expected one variable 'd_depth', found 0"),
        ("depth", no_readings, "zeros: no reading: every depth pixel is 0"),
        ("depth", written("a.skeleton", b"1"), "a clip of depth is one of .mat, a folder of its PNG frames"),
        ("thermal", blank, "blank.mkv: blank: every pixel has the same brightness"),
        ("thermal", deep, "deep.mkv: pixels are grey16, the encoder of 'thermal' knows grey8"),
        ("depth", lambda folder: folder, ": 0 files 'Depth-%08d.png', a clip needs at least 2 frames"),
        ("video", written("a.mp4", b"no video"), "a.mp4"),
        ("video", lambda folder: folder, ": a folder; a clip of video is one of .avi"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_in_one_line(tmp_path, recogniser, sense, make, message):
    path = make(tmp_path)
    with pytest.raises((DataError, FormatError)) as caught:
        recogniser.embed([path], sense)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_clip_that_its_recipe_leaves_empty_is_refused(copy, recogniser, monkeypatch):
    sense = recogniser.sense("depth")
    object.__setattr__(sense, "prepare", lambda _: np.zeros((1, 4, 12, 16), np.float32))
    with pytest.raises(DataError, match="A001: empty: nobody and nothing is in it"):
        recogniser.embed(files(copy, "depth")[:1], "depth")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "labels: no labels"),
        (["", " "], "labels: no labels"),
        (["a", ""], "an empty label among 2"),
        (["Sit down", "sit  DOWN"], "the label 'sit  DOWN' is given twice"),
        ({"a": []}, "label 'a': expected a list of prompts"),
        ({"a": ["b", " "]}, "label 'a': expected a list of prompts"),
        ({"a": "b"}, "label 'a': expected a list of prompts"),
        ("drink", "one text, expected a list of labels"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(recogniser, labels, message):
    with pytest.raises(DataError, match=message):
        recogniser.texts(labels)


def test_an_unknown_sense_is_refused_with_those_there_are(recogniser):
    with pytest.raises(
        DataError, match=r"demo-sgfa: no sense 'sound', there are depth, skeleton, thermal, hub \(video\)"
    ):
        recogniser.sense("sound")
    with pytest.raises(DataError, match=r"no sense 'sound'"):
        recogniser.search(np.ones(6, np.float32), ["sound"])


def test_a_sense_that_needs_the_skeleton_of_its_clip_says_so(copy):
    edited(copy / ROW / "depth/composed-0.safetensors", lambda told: told["recipe_options"].update(crop="skeleton"))
    recogniser = Recogniser.load(copy / ROW)
    with pytest.raises(DataError, match="A001: 'depth' sees depth cropped to the skeleton of the same clip"):
        recogniser.embed(files(copy, "depth"), "depth")
    assert recogniser.embed(files(copy, "video"), "video").shape == (3, 6)


def test_the_package_offers_it_and_stays_light():
    told = "import sys, pipeline; print('torch' in sys.modules, 'pipeline.recognition' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    assert importlib.import_module("pipeline").Recogniser is Recogniser
    with pytest.raises(AttributeError, match="no attribute 'Other'"):
        _ = importlib.import_module("pipeline").Other


def test_a_recording_of_utd_mhad_is_classified_by_an_encoder_of_ntu(recogniser, real_data, capsys):
    file = real_data / "utd-mhad/Skeleton/a1_s1_t1_skeleton.mat"
    [ranked] = recogniser.classify([file], ["wave", "sit"], sense="skeleton")
    assert sorted(one.label for one in ranked) == ["sit", "wave"]
    assert "20 joints (kinect20) were mapped" in capsys.readouterr().err
    assert json.dumps([one._asdict() for one in ranked])


def test_depth_of_utd_mhad_goes_through_an_encoder_of_depth(recogniser, real_data):
    file = real_data / "utd-mhad/Depth/a10_s1_t1_depth.mat"
    assert np.linalg.norm(recogniser.embed([file], "depth")) == pytest.approx(1, abs=1e-6)


def test_labels_that_are_typed_stand_between_commas_or_in_lines_and_are_never_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.txt").write_text("secret")
    assert labels.typed(" drink ,wave") == {"drink": ["drink"], "wave": ["wave"]}
    assert labels.typed("drink: a, b | c\n\nwave") == {"drink": ["a, b", "c"], "wave": ["wave"]}
    assert labels.typed("labels.txt\n") == {"labels.txt": ["labels.txt"]}
    with pytest.raises(DataError, match="labels, line 2: no prompts behind the colon"):
        labels.typed("a\nb:")


def test_it_says_its_senses_and_where_their_prepared_clips_are(copy):
    recogniser = Recogniser.load(copy / ROW)
    assert recogniser.modalities() == {"depth": "depth", "skeleton": "skeleton", "thermal": "thermal", "hub": "video"}
    folder = copy / "features/preprocess/demo"
    assert recogniser.arrays("skeleton") == folder / "skeleton-dvta50.zarr"
    assert recogniser.arrays("video") == folder / "video-clip.zarr"


def test_what_an_encoder_sees_of_a_clip_gives_its_vector(copy, recogniser):
    path = files(copy, "depth")[0]
    sense = recogniser.sense("depth")
    x_CT = sense.prepared(path)
    assert x_CT.shape == (1, 4, 12, 16)
    np.testing.assert_array_equal(sense.encoded(x_CT), sense.vector(path))


def test_the_stored_vectors_of_a_sense_are_those_of_its_clips(copy, recogniser):
    [stored] = recogniser.stored(["depth"])
    assert stored.ids == [f"demo/{name}" for name in NAMES]
    np.testing.assert_allclose(stored.rows([1])[0], recogniser.embed(files(copy, "depth")[1:2], "depth")[0], atol=1e-6)
