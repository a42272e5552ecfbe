"""Uploads keep their bounds, and no name that was sent becomes a path."""

import asyncio
import json

import pytest

from pipeline.serving import uploads
from pipeline.serving.errors import RequestError
from pipeline.serving.uploads import Limits
from tests.serving.conftest import body, in_a_thread

LIMITS = Limits(1000, 5, 10)


async def pieces(content, size=7, seconds=0.0):
    for start in range(0, len(content), size):
        if seconds:
            await asyncio.sleep(seconds)
        yield content[start : start + size]


def received(folder, content, limits=LIMITS, **slow):
    return in_a_thread(uploads.received(pieces(content, **slow), folder, limits))


@pytest.mark.parametrize(
    "name",
    [
        "a.skeleton", "../../a.skeleton", "/etc/a.skeleton", "..\\a.SKELETON", "a\0.skeleton", "a\n.skeleton",
        "~/.skeleton.skeleton", "a" * 900 + ".skeleton", "clip.skeleton/../../b.skeleton",
    ],
)  # fmt: skip
def test_a_single_file_keeps_nothing_of_its_name_but_the_ending(tmp_path, name):
    upload = received(tmp_path, body("skeleton", [(name, b"content")]))
    assert upload.path == tmp_path / "clip.skeleton"
    assert upload.path.read_bytes() == b"content"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [upload.path]
    assert "/" not in upload.shown


def test_frames_lie_in_a_folder_by_form_and_number(tmp_path):
    named = [(f"Depth-{number:08d}.png", bytes([number])) for number in (2, 1, 3)]
    upload = received(tmp_path, body("depth", named))
    assert upload.path == tmp_path / "clip"
    assert {path.name: path.read_bytes() for path in upload.path.iterdir()} == dict(named)
    assert (upload.sense, upload.shown) == ("depth", "3 frames")


@pytest.mark.parametrize("names", [("a.npy", "layout.yaml"), ("layout.yaml", "../a.NPY")])
def test_an_array_lies_beside_the_layout_that_came_with_it(tmp_path, names):
    upload = received(tmp_path, body("skeleton", [(name, name.encode()) for name in names]))
    assert upload.path == tmp_path / "clip.npy"
    assert (tmp_path / "layout.yaml").read_bytes() == b"layout.yaml"
    assert upload.shown.lower() == "a.npy"


def head(files, **more):
    return json.dumps({"sense": "depth", "files": files, **more}).encode() + b"\n"


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (b"", 400, "no files"),
        (b"{}", 400, "no files"),
        (b"{}\n", 400, "sense: "),
        (head([]), 400, "files: "),
        (head([["a.skeleton", -1]]), 400, "files.0.1: "),
        (head([["a.skeleton", 1e300]]), 400, "files.0.1: "),
        (head([["a.skeleton", 1]], path="/etc"), 400, "path: "),
        (head([["a.skeleton", 5]]) + b"1234", 400, "1 bytes are missing"),
        (head([["a.skeleton", 3]]) + b"1234", 400, "more bytes than its files"),
        (head([["a.exe", 3]]) + b"123", 400, "'a.exe': a clip ends in .csv, .json, .mat"),
        (head([["a.npy", 3]]) + b"123", 400, "'a.npy': an array of joints; give its layout.yaml with it"),
        (head([["layout.yaml", 3]]) + b"123", 400, "'layout.yaml': a clip ends in .csv"),
        (head([["layout.yaml", 1], ["layout.yaml", 1]]) + b"12", 400, "an array comes with its layout.yaml alone"),
        (head([["a.mat", 1], ["layout.yaml", 1]]) + b"12", 400, "'a.mat': a clip beside layout.yaml ends in .npy"),
        (head([["a", 0]]), 400, "'a': a clip ends in"),
        (head([["a.skeleton", 1], ["b.skeleton", 1]]) + b"12", 400, "'a.skeleton': of several files each is a frame"),
        (head([["Depth-00000001.png", 1], ["../Depth-00000002.png", 1]]) + b"12", 400, "each is a frame"),
        (head([["Depth-00000001.png", 1], ["Depth-٠٠٠٠٠٠٠٢.png", 1]]) + b"12", 400, "each is a frame"),
        (head([["Depth-00000001.png", 1]] * 2) + b"12", 400, "sent twice"),
        (head([["a.skeleton", 1001]]), 413, "larger than 0.001 MB"),
        (head([["a.skeleton", 10**18]]), 413, "larger than"),
        (head([[f"Depth-{n:08d}.png", 0] for n in range(6)]), 413, "6 files, at most 5"),
        (b" " * (2 << 20), 413, "the head of an upload"),
    ],
)
def test_what_is_no_upload_or_beyond_the_bounds_is_refused(tmp_path, content, status, message):
    with pytest.raises(RequestError) as caught:
        received(tmp_path, content, size=1 << 16)
    assert caught.value.status == status
    assert message in str(caught.value)


def test_a_slow_upload_is_broken_off(tmp_path):
    limits = Limits(1000, 5, 0.2)
    with pytest.raises(RequestError, match=r"took more than 0\.2 s") as caught:
        received(tmp_path, body("skeleton", [("a.skeleton", b"x" * 900)]), limits, size=1, seconds=0.01)
    assert caught.value.status == 408
