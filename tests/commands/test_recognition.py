"""classify, embed and search as they are typed, in a tiny checkout."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.embed import VECTORS
from pipeline.core import tables
from pipeline.core.errors import DataError, FormatError, UnseenError
from pipeline.formats import depth_png
from pipeline.recognition import Recogniser
from tests.recognition.toy import NAMES

DEPTH = "data/synthesize/demo/nturgb+d_depth"
FILE, CLIPS = f"data/synthesize/demo/{NAMES[0]}.skeleton", [f"{DEPTH}/{name}" for name in NAMES]
SKELETON = ["--modality", "skeleton", "--labels", "drink water,wave hand"]


def run(*options):
    """What is printed, and the error that ended the command, if any."""
    result = CliRunner().invoke(app, [str(option) for option in options])
    assert result.exception is None or isinstance(result.exception, UnseenError | SystemExit), result.exception
    return result.stdout, result.stderr, result.exception


@pytest.fixture
def here(toy, tmp_path, monkeypatch):
    folder = Path(shutil.copytree(toy, tmp_path / "copy"))
    monkeypatch.chdir(folder)
    return folder


def test_labels_are_ranked_in_aligned_columns(here):
    output, _, error = run("classify", FILE, *SKELETON)
    assert error is None
    first, head, *rows = output.splitlines()
    assert first == FILE
    assert head.split() == ["label", "score", "cosine"]
    assert len({len(row) for row in [head, *rows]}) == 1
    scores = [float(row.split()[-2]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=2e-3)


def test_json_says_the_same_and_from_which_weights(here):
    output, _, _ = run("classify", FILE, *SKELETON, "--json", "--top", "1")
    told = json.loads(output)
    assert {key: told[key] for key in ("bound", "split", "seed", "sense", "modality")} == {
        "bound": "demo-sgfa", "split": "composed", "seed": 0, "sense": "skeleton", "modality": "skeleton",
    }  # fmt: skip
    [answer] = told["answers"]
    recogniser = Recogniser.load("features/bind/demo-sgfa")
    [ranked] = recogniser.classify([FILE], ["drink water", "wave hand"], sense="skeleton")
    assert answer == {"file": FILE, "labels": [ranked[0]._asdict()]}
    assert told["failures"] == []


def test_labels_of_a_file_may_have_prompts(here):
    Path("labels.txt").write_text("drink water: a person drinks | someone drinks water\n\nwave hand\n")
    one, two = "drink water: a person drinks", "drink water: someone drinks water"
    told = {}
    for name, text in {"both": None, "one": f"{one}\nwave hand\n", "two": f"{two}\nwave hand\n"}.items():
        if text is not None:
            Path("labels.txt").write_text(text)
        output, _, _ = run("classify", CLIPS[0], "--sense", "depth", "--labels", "labels.txt", "--json")
        told[name] = {one["label"]: one["cosine"] for one in json.loads(output)["answers"][0]["labels"]}
    assert len({round(each["drink water"], 6) for each in told.values()}) == 3
    assert len({each["wave hand"] for each in told.values()}) == 1


def test_the_order_of_labels_and_of_files_changes_no_figure(here):
    def cosines(files, labels):
        told = json.loads(run("classify", *files, "--sense", "depth", "--labels", labels, "--json")[0])
        return {(a["file"], one["label"]): one["cosine"] for a in told["answers"] for one in a["labels"]}

    assert cosines(CLIPS[:2], "x,y,z") == cosines(CLIPS[1::-1], "z,y,x")


def test_a_folder_gives_every_answer_there_is_and_names_the_rest_at_the_end(here):
    depth_png.write(Path(f"{DEPTH}/blank"), np.zeros((3, 9, 9), np.uint16))
    output, said, error = run("classify", DEPTH, "--sense", "depth", "--labels", "x,y")
    assert [line for line in output.splitlines() if line.startswith("data/")] == [
        *CLIPS
    ]  # fmt: skip
    assert f"no answer: {DEPTH}/blank: no reading: every depth pixel is 0" in said
    assert isinstance(error, DataError)
    assert str(error) == "clips without an answer: 1, see above; mend them or leave them out"
    told = json.loads(run("classify", DEPTH, "--sense", "depth", "--labels", "x,y", "--json")[0])
    assert [(one["file"], one["reason"]) for one in told["failures"]] == [
        (f"{DEPTH}/blank", f"{DEPTH}/blank: no reading: every depth pixel is 0")
    ]


def test_vectors_are_written_alike_with_what_made_them(here):
    written = []
    for order in (CLIPS, CLIPS[::-1]):
        _, said, error = run("embed", *order, "--modality", "depth", "--out", "v.parquet")
        assert (said, error) == ("3 vectors in v.parquet\n", None)
        written.append(Path("v.parquet").read_bytes())
    assert written[0] == written[1]
    rows = tables.read_table(Path("v.parquet"), VECTORS).to_pylist()
    assert [row["file"] for row in rows] == [*CLIPS]
    expected = Recogniser.load("features/bind/demo-sgfa").embed([row["file"] for row in rows], "depth")
    assert np.array_equal(np.array([row["vector"] for row in rows], np.float32), expected)
    told = tables.read_meta(Path("v.parquet"), VECTORS)
    assert (told["bound"], told["sense"], len(told["weights_hash"])) == ("demo-sgfa", "depth", 64)


def test_vectors_of_the_hub(here):
    _, said, _ = run("embed", "data/synthesize/demo/nturgb+d_rgb", "--sense", "video", "--out", "v.parquet")
    assert said == "3 vectors in v.parquet\n"
    assert tables.read_meta(Path("v.parquet"), VECTORS)["sense"] == "hub"


def test_nothing_is_written_where_no_clip_can_be_used(here):
    for name in "xy":
        Path(f"{name}.skeleton").write_text("?")
    _, said, error = run("embed", "x.skeleton", "y.skeleton", "--sense", "skeleton", "--out", "v.parquet")
    assert isinstance(error, DataError)
    assert said.count("no answer: ") == 2
    assert not Path("v.parquet").exists()


def test_a_search_by_text_and_by_file(here):
    output, _, error = run("search", "someone drinks water", "--top", "3")
    assert error is None
    head, *rows = output.splitlines()
    assert head.split() == ["clip", "sense", "cosine"]
    assert len(rows) == 3
    output, _, _ = run("search", CLIPS[2], "--modality", "depth", "--in", "depth", "--in", "hub", "--json")
    told = json.loads(output)
    assert told["query"] == CLIPS[2]
    assert (told["found"][0]["clip_id"], told["found"][0]["sense"]) == (f"demo/{NAMES[2]}", "depth")
    assert {one["sense"] for one in told["found"]} == {"depth", "hub"}
    assert len(told["found"]) == 6


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        (
            ["classify", FILE, "--sense", "skeleton", "--labels", ""],
            DataError,
            "--labels: no labels",
        ),
        (
            ["classify", FILE, "--sense", "skeleton", "--labels", "a,,b"],
            DataError,
            "an empty label",
        ),
        (
            ["classify", FILE, "--sense", "skeleton", "--labels", "a,A"],
            DataError,
            "'A' is given twice",
        ),
        (
            ["classify", FILE, "--sense", "skeleton", "--labels", "no.txt"],
            FormatError,
            "no.txt: no such file; expected a list of labels",
        ),
        (["classify", "gone.skeleton", *SKELETON], FormatError, "gone.skeleton: no such file or folder"),
        (
            ["classify", f"{CLIPS[0]}/Depth-00000001.png", *SKELETON],
            FormatError,
            "ends in '.png'; a clip of skeleton is",
        ),
        (
            ["classify", "data/synthesize/demo/nturgb+d_ir", *SKELETON],
            DataError,
            "nturgb+d_ir: no clip of skeleton in this folder",
        ),
        (
            ["classify", "x", "--sense", "sound", "--labels", "a"],
            DataError,
            "no sense 'sound', there are depth, skeleton",
        ),
        (["classify", "x", *SKELETON, "--bound", "features/bind/no"], DataError, "no weights of bind there"),
        (["classify", "x", *SKELETON, "--seed", "4"], DataError, "no such training"),
        (["embed", "x", "--sense", "depth", "--out", "v.npz"], DataError, "v.npz: vectors are written as parquet"),
        (["search", CLIPS[0]], DataError, "001: a file; say of which sense it is with --sense"),
        (["search", "drink", "--in", "sound"], DataError, "no sense 'sound'"),
        (["search", " "], DataError, "the query is empty; give words"),
        (["search", ""], DataError, "the query is empty; give words"),
        (["search", "gone.skeleton"], DataError, "gone.skeleton: no such file; give one that is there"),
        (["classify", "x", *SKELETON, "--bound", "features/bind"], DataError, "(rows in it and beside it: demo-sgfa)"),
    ],
)
def test_what_cannot_be_used_is_one_line(here, options, kind, message):
    output, _, error = run(*options)
    assert isinstance(error, kind)
    assert message in str(error)
    assert "\n" not in str(error)
    assert output == ""


def test_many_labels_and_long_texts_are_not_taken_for_names_of_files(here):
    """A name of a file may have 255 bytes; sixty labels have more."""
    labels = ",".join(f"action number {number}" for number in range(60))
    output, _, error = run("classify", FILE, "--sense", "skeleton", "--labels", labels, "--top", "60")
    assert error is None
    assert len(output.splitlines()) == 62
    output, _, error = run("search", "someone drinks water from a cup, " * 20, "--top", "1")
    assert error is None
    assert len(output.splitlines()) == 2


@pytest.mark.parametrize("where", ["/row", "features/bind/row"])
def test_a_row_outside_a_checkout_says_what_it_lacks(here, tmp_path, where):
    """Copied to where its paths lead nowhere, be it as deep as in a checkout or not."""
    away = tmp_path / "away" / where.strip("/")
    shutil.copytree(here / "features/bind/demo-sgfa", away)
    _, _, error = run("classify", FILE, *SKELETON, "--bound", away)
    assert isinstance(error, UnseenError)
    assert ("give it as features/bind/<row>" if where == "/row" else "features/finetune/toy: no such") in str(error)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "labels.txt: no labels"),
        ("drink\nsit:\n", "labels.txt, line 2: no prompts behind the colon"),
        (": a cup\n", "labels.txt: no labels"),
        ("sit\n: a cup\n", "labels.txt: an empty label among 2"),
        ("sit: a | \n", "label 'sit': expected a list of prompts"),
        ("sit: a\nSit: b\n", "labels.txt: the label 'Sit' is given twice"),
        (b"\xff\xfe\x00", "not UTF-8 text"),
    ],
)
def test_a_file_of_labels_that_cannot_be_used_is_one_line(here, lines, message):
    Path("labels.txt").write_bytes(lines if isinstance(lines, bytes) else lines.encode())
    _, _, error = run("classify", CLIPS[0], "--sense", "depth", "--labels", "labels.txt")
    assert message in str(error)


def test_an_answer_to_known_labels_needs_no_open_clip_and_a_failure_its_exit_code(here):
    labels = ["--sense", "skeleton", "--labels", "drink water,wave hand"]
    Recogniser.load("features/bind/demo-sgfa").texts(["drink water", "wave hand"])
    heavy = {"open_clip", "transformers", "pandas", "zarr"}
    code = "import sys; from pipeline.cli import main\ntry: main()\n"
    code += f"finally: print(sorted({heavy} & set(sys.modules)), file=sys.stderr)"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    Path("x.skeleton").write_text("?")
    command = [sys.executable, "-c", code, "classify", FILE, "x.skeleton", *labels]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{FILE}\n")
    first, *_, last = done.stderr.splitlines()
    assert first.startswith("no answer: x.skeleton: ")
    assert "error: clips without an answer: 1, see above; mend them or leave them out" in done.stderr
    assert last == "[]"
