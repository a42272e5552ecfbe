"""What the page's requests are answered, from a clip's upload to its nearest clips, and what is refused."""

import base64
import hashlib
import io
import json
import re
import threading

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from pipeline.recognition import Recogniser
from tests.recognition.toy import NAMES, files
from tests.serving.conftest import ROW, asking, body, settings

CLIP = f"demo/{NAMES[0]}"


def contents(folder):
    return [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]


def sent(client, sense, named):
    return client.post("/api/clip", content=body(sense, named))


def asked(client, verb, **values):
    return client.post(f"/api/{verb}", content=json.dumps(values))


@pytest.mark.parametrize("sense", ["skeleton", "depth", "thermal", "hub"])
def test_a_clip_of_each_sense_has_the_vector_that_the_command_line_gives_it(client, place, sense):
    path = files(place, "video" if sense == "hub" else sense)[0]
    named = contents(path) if path.is_dir() else [(path.name, path.read_bytes())]
    told = sent(client, sense, named).json()
    expected = Recogniser.load(place / ROW).embed([path], sense)[0]
    np.testing.assert_allclose(told["vector"], expected, atol=1e-6)
    assert told["sense"] == sense
    assert told["shown"] == (f"{len(named)} frames" if path.is_dir() else path.name)
    strip = Image.open(io.BytesIO(base64.b64decode(told["motion"]["png"])))
    assert (strip.width + told["motion"]["gap"]) % told["motion"]["num_frames"] == 0
    assert told["motion"]["num_frames"] > 1


def test_labels_are_ranked_as_by_the_command_line_and_near_clips_found(client, place):
    path = files(place, "skeleton")[0]
    vector = sent(client, "skeleton", [("a.skeleton", path.read_bytes())]).json()["vector"]
    recogniser = Recogniser.load(place / ROW)
    [expected] = recogniser.classify(
        [path], {"drink": ["a person drinks", "drinking"], "wave": ["wave"]}, sense="skeleton"
    )
    ranked = asked(client, "rank", vector=vector, labels="drink: a person drinks | drinking\nwave\n").json()["ranked"]
    assert [one["label"] for one in ranked] == [one.label for one in expected]
    np.testing.assert_allclose([one["score"] for one in ranked], [one.score for one in expected], atol=1e-5)
    assert asked(client, "rank", vector=vector, labels="drink,wave").json()["ranked"][0].keys() == ranked[0].keys()
    found = asked(client, "search", vector=vector, among=["skeleton", "depth"], top=4).json()["found"]
    assert found[0]["clip"] == CLIP
    assert found[0]["cosine"] == pytest.approx(1, abs=1e-5)
    assert {one["sense"] for one in found} <= {"skeleton", "depth"}
    words = asked(client, "search", text=" drink ", among=[], top=50).json()["found"]
    expected = recogniser.search(recogniser.texts(["drink"])[0], top=50)
    assert [(one["clip"], one["sense"]) for one in words] == [(one.clip_id, one.sense) for one in expected]


def test_a_clip_of_the_pipeline_is_listed_and_taken_with_its_stored_vector(client, place):
    told = asked(client, "clips", sense="skeleton", part="a00").json()
    assert told == {"clips": [f"demo/{name}" for name in NAMES], "num_clips": 3}
    assert asked(client, "clips", sense="depth", part="A001 ").json()["clips"] == [CLIP]
    taken = asked(client, "pick", sense="skeleton", clip=CLIP).json()
    [stored] = Recogniser.load(place / ROW).stored(["skeleton"])
    np.testing.assert_array_equal(taken["vector"], stored.rows([0])[0])
    assert taken["motion"] is not None
    assert asked(client, "motion", sense="skeleton", clip=CLIP).json() == {"motion": taken["motion"]}
    other = asked(client, "motion", sense="skeleton", clip=f"demo/{NAMES[1]}").json()["motion"]
    assert other["png"] != taken["motion"]["png"]
    assert asked(client, "motion", sense="depth", clip=CLIP).json() == {"motion": None}  # depth was not prepared here


def test_what_the_page_asks_first(client):
    told = client.get("/api/about").json()
    assert (told["row"], told["split"], told["seed"], told["max_bytes"]) == ("demo-sgfa", "composed", 0, 2_000_000)
    assert [(one["name"], one["modality"]) for one in told["senses"]] == [
        ("depth", "depth"), ("skeleton", "skeleton"), ("thermal", "thermal"), ("hub", "video"),
    ]  # fmt: skip
    assert ".skeleton" in told["senses"][1]["endings"]
    assert ".png" in told["senses"][0]["endings"]


UNIT = [1.0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("verb", "values", "message"),
    [
        ("pick", {"sense": "skeleton", "clip": "demo/none"}, "'demo/none': no clip of skeleton has this id"),
        ("pick", {"sense": "sound", "clip": "a"}, "no sense 'sound', there are depth, skeleton"),
        ("clips", {"sense": "../..", "part": ""}, "no sense '../..'"),
        ("rank", {"vector": UNIT, "labels": " "}, "labels: no labels"),
        ("rank", {"vector": UNIT, "labels": "a,a"}, "'a' is given twice"),
        ("rank", {"vector": UNIT, "labels": "a:\nb"}, "labels, line 1: no prompts behind the colon"),
        ("rank", {"vector": [1.0], "labels": "a"}, "expected 6 finite numbers"),
        ("rank", {"vector": [0] * 6, "labels": "a"}, "expected 6 finite numbers, not all 0"),
        ("search", {"text": " ", "among": [], "top": 3}, "nothing to search for"),
        ("search", {"among": [], "top": 3}, "nothing to search for"),
        ("search", {"vector": [1.0, 2.0], "among": [], "top": 3}, "the query has 2"),
        ("search", {"text": "a", "among": ["sound"], "top": 3}, "no sense 'sound'"),
        ("search", {"text": "a", "among": [], "top": 0}, "top: "),
        ("search", {"text": "a", "among": [], "top": 3, "more": 1}, "more: "),
        ("search", {"text": "a" * 70_000, "among": [], "top": 3}, "text: "),
    ],
)
def test_a_request_that_cannot_be_answered_is_one_line(client, verb, values, message):
    told = asked(client, verb, **values)
    assert told.status_code == 400
    assert message in told.json()["error"]
    assert "\n" not in told.json()["error"]


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"vector": [NaN], "labels": "a"}', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_request_is_one_line(client, content):
    told = client.post("/api/rank", content=content)
    assert told.status_code == 400
    assert "\n" not in told.json()["error"]


def test_labels_that_name_a_file_open_none(client, place):
    (place / "labels.txt").write_text("secret: told\n")
    ranked = asked(client, "rank", vector=UNIT, labels=str(place / "labels.txt")).json()["ranked"]
    assert [one["label"] for one in ranked] == [str(place / "labels.txt")]


def test_errors_name_the_file_as_it_was_sent_and_no_path_of_ours(client):
    told = sent(client, "skeleton", [("my clip.skeleton", b"nothing")])
    assert told.status_code == 400
    assert "my clip.skeleton" in told.json()["error"]
    assert "unseen-serve" not in told.text


def array(shape=(8, 25, 3)):
    """Bytes of a body of a metre or two that moves."""
    file = io.BytesIO()
    np.save(file, np.random.default_rng(0).uniform(-0.8, 0.8, size=shape))
    return file.getvalue()


LAYOUT = b"joints: ntu25\nunit: m\naxes: T V C\n"


def test_an_array_is_read_by_the_layout_that_comes_with_it(client, place):
    told = sent(client, "skeleton", [("layout.yaml", LAYOUT), ("mine.npy", array())]).json()
    assert told["shown"] == "mine.npy"
    folder = place / "arrays"
    folder.mkdir()
    (folder / "layout.yaml").write_bytes(LAYOUT)
    (folder / "mine.npy").write_bytes(array())
    expected = Recogniser.load(place / ROW).embed([folder / "mine.npy"], "skeleton")[0]
    np.testing.assert_allclose(told["vector"], expected, atol=1e-6)
    bad = sent(client, "skeleton", [("mine.npy", array((8, 24, 3))), ("layout.yaml", LAYOUT)])
    assert "mine.npy" in bad.json()["error"]
    wrong = sent(client, "skeleton", [("mine.npy", array()), ("layout.yaml", b"joints: nobody")])
    assert wrong.json()["error"].startswith("layout.yaml: ")
    assert "unseen-serve" not in bad.text + wrong.text


def test_a_layout_outside_of_the_upload_is_not_read(place, tmp_path, monkeypatch):
    (tmp_path / "layout.yaml").write_bytes(LAYOUT)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    content = json.dumps(np.load(io.BytesIO(array())).tolist()).encode()
    with asking(place) as client:
        assert "arrays need a layout.yaml" in sent(client, "skeleton", [("a.json", content)]).json()["error"]
        assert sent(client, "skeleton", [("a.json", content), ("layout.yaml", LAYOUT)]).status_code == 200


def test_joints_that_are_mapped_are_told_of_each_time(client):
    file = io.BytesIO()
    savemat(file, {"d_skel": np.random.default_rng(0).normal(size=(20, 3, 12))})
    for _ in range(2):
        [note] = sent(client, "skeleton", [("a.mat", file.getvalue())]).json()["notes"]
        assert note.startswith("a.mat: 20 joints (kinect20) were mapped")


def test_unknown_places_and_methods_are_refused_in_json(client):
    for answer, status in (
        (client.get("/data"), 404),
        (client.get("/../../etc/passwd"), 404),
        (client.get("/api/rank"), 405),
        (client.post("/"), 405),
    ):
        assert answer.status_code == status
        assert answer.json()["error"].endswith("; open the page itself, at /")


def test_a_request_too_long_is_refused(client):
    told = client.post("/api/rank", content=b" " * (3 << 20))
    assert told.status_code == 413
    assert "type less" in told.json()["error"]


def test_more_requests_than_may_wait_are_refused_at_once(place):
    with asking(place, settings(max_waiting=0)) as client:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(client.get("/api/about"))) for _ in range(3)]
        for thread in threads:  # the first starts the worker, which takes a while
            thread.start()
        for thread in threads:
            thread.join()
        assert [answer.status_code for answer in answers] == [503, 503, 200]
        assert "busy" in answers[0].json()["error"]
        assert client.get("/api/about").status_code == 200


def test_the_page_is_whole_and_its_policy_allows_no_other_script(client):
    answer = client.get("/")
    [script] = re.findall(r"<script>(.*?)</script>", answer.text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.findall(r"""(?:src|href)=|\son\w+=|https?://""", answer.text)
    assert answer.headers["x-content-type-options"] == "nosniff"
