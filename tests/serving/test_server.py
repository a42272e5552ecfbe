"""`unseen serve` as it is typed: it says where, starts without torch, ends cleanly, and says what is wrong."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.core.errors import DataError
from tests.recognition.toy import files
from tests.serving.conftest import CODE, body, served


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=120) as answer:
        return json.loads(answer.read())


def test_ctrl_c_ends_it_with_its_worker_and_its_folder(place):
    with served(place) as (process, address):
        assert address.startswith("http://127.0.0.1:")
        assert get(f"{address}/api/about")["row"] == "demo-sgfa"
        [worker] = psutil.Process(process.pid).children()
        [folder] = place.glob("unseen-serve-*")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert not worker.is_running()
        assert not folder.exists()
        assert "Traceback" not in process.stderr.read()


def test_a_worker_whose_server_is_killed_ends_too(place):
    with served(place) as (process, address):
        get(f"{address}/api/about")
        [worker] = psutil.Process(process.pid).children()
        process.kill()
        process.wait()
        worker.wait(timeout=60)
    for left in place.glob("unseen-serve-*"):
        left.rmdir()


def test_an_upload_that_is_refused_or_broken_off_leaves_no_file(place):
    with served(place, "--max-mb", "1") as (_, address):
        request = urllib.request.Request(
            f"{address}/api/clip", body("skeleton", [("a.skeleton", b"x" * 1_500_000)]), {"Origin": address}
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=60)
        with caught.value as refused:
            assert refused.code == 413
            assert "larger than 1 MB" in json.loads(refused.read())["error"]
        port = int(address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            sent = body("skeleton", [("a.skeleton", b"x" * 1000)])[:-1]
            told = ["POST /api/clip HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Origin: {address}", "Content-Length: 9999"]
            connection.sendall("\r\n".join([*told, "", ""]).encode() + sent)
            [folder] = place.glob("unseen-serve-*")
            deadline = time.monotonic() + 30
            while not list(folder.iterdir()):
                assert time.monotonic() < deadline
        while list(folder.iterdir()):
            assert time.monotonic() < deadline
        content = files(place, "skeleton")[0].read_bytes()
        whole = urllib.request.Request(
            f"{address}/api/clip", body("skeleton", [("a.skeleton", content)]), {"Origin": address}
        )
        with urllib.request.urlopen(whole, timeout=120) as answer:
            assert len(json.loads(answer.read())["vector"]) == 6
        assert list(folder.iterdir()) == []


def test_one_that_listens_elsewhere_says_so(place):
    with served(place, "--host", "0.0.0.0") as (process, address):
        assert address.startswith("http://0.0.0.0:")
        assert "can be reached from other machines" in process.stderr.readline()
        with urllib.request.urlopen(address.replace("0.0.0.0", "127.0.0.1"), timeout=60) as answer:
            assert answer.status == 200


def test_the_time_of_an_answer_is_an_option(place):
    with served(place, "--max-seconds", "1") as (_, address):
        asked = {"text": "words that were never met", "among": [], "top": 1}  # loads CLIP, which takes longer
        request = urllib.request.Request(f"{address}/api/search", json.dumps(asked).encode(), {"Origin": address})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=120)
        with caught.value as late:
            assert "no answer within 1 s" in json.loads(late.read())["error"]


def test_the_server_starts_and_shows_its_page_without_torch(place):
    code = """
import sys
from pathlib import Path
from starlette.testclient import TestClient
from pipeline.commands import serve
from pipeline.serving import server
from pipeline.serving.app import app
with TestClient(app(serve.training(None, None, None), serve.settings(1, 1)), "http://localhost") as client:
    heavy = [name for name in ("torch", "zarr", "open_clip", "matplotlib") if name in sys.modules]
    print(client.get("/").status_code, heavy)
"""
    env = {**os.environ, "PYTHONPATH": str(CODE)}
    done = subprocess.run([sys.executable, "-c", code], cwd=place, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == ["200", "[]\n"]


def failed(*options):
    return CliRunner().invoke(app, ["serve", "--no-open", *options]).exception


def test_what_is_wrong_is_said_before_anything_is_served(place, monkeypatch):
    monkeypatch.chdir(place)
    assert "no weights of bind there" in str(failed("--bound", "features/bind/none"))
    assert "no such training" in str(failed("--seed", "9"))
    assert "no such training" in str(failed("--split", "none"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        error = failed("--port", str(taken.getsockname()[1]))
    assert isinstance(error, DataError)
    assert "already in use; give another, --port 0 takes a free one" in str(error)
    assert "--host 203.0.113.7" in str(failed("--host", "203.0.113.7", "--port", "0"))
    assert failed("--port", "70000").code == 2


def test_the_page_is_opened_where_there_is_a_screen(place, monkeypatch):
    from pipeline.serving import server

    opened = []
    monkeypatch.setattr(server.webbrowser, "open", opened.append)
    monkeypatch.setattr(server.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    server._opened("http://a/")
    assert opened == []
    monkeypatch.setenv("DISPLAY", ":0")
    server._opened("http://a/")
    assert opened == ["http://a/"]
