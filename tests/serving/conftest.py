"""The page over the toy checkout: asked within the test's process, or served as a user would."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipeline import modalities
from pipeline.core import prepared, store
from pipeline.serving.app import Settings, app
from pipeline.serving.uploads import Limits
from pipeline.serving.worker import Training
from tests.recognition.toy import NAMES, SENSES, files

CODE = Path(__file__).parents[2]
ROW = "features/bind/demo-sgfa"
ORIGIN = "http://127.0.0.1"
LIMITS = Limits(2_000_000, 20, 30)


def settings(limits=LIMITS, seconds=120, max_waiting=8, names=()):
    return Settings(limits, seconds, max_waiting, names)


def training(checkout):
    return Training(Path(checkout) / ROW, "composed", 0)


def write_arrays(checkout):
    """What preprocess leaves of the skeletons."""
    recipe, options, *_ = SENSES["skeleton"]
    sense = modalities.sense("skeleton")
    read, prepare = sense.read("demo"), sense.prepare(recipe, options, "here")
    clips = [prepare(read(path)) for path in files(checkout, "skeleton")]
    path = checkout / f"features/preprocess/demo/skeleton-{recipe}.zarr"
    with store.create(path, {"layout": "ntu25"}) as writer:
        group = writer.group(prepared.GROUP, [f"demo/{name}" for name in NAMES])
        prepared.put(group, clips[0].shape, [clips[0].shape[1]] * len(clips), clips)


@contextmanager
def asking(checkout, chosen=None):
    with TestClient(app(training(checkout), chosen or settings()), ORIGIN, raise_server_exceptions=False) as client:
        client.headers["Origin"] = ORIGIN
        yield client


def body(sense, named):
    """An upload: [(name, bytes), ...]."""
    head = json.dumps({"sense": sense, "files": [[name, len(content)] for name, content in named]})
    return head.encode() + b"\n" + b"".join(content for _, content in named)


def in_a_thread(work):
    """Run a coroutine where no browser has left an event loop."""
    told = []

    def run():
        try:
            told.append((asyncio.run(work), None))
        except BaseException as error:
            told.append((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    [(value, error)] = told
    if error:
        raise error
    return value


@pytest.fixture(scope="module")
def place(toy, tmp_path_factory) -> Path:
    """The toy checkout with prepared skeletons; all tests of a module share it."""
    folder = Path(shutil.copytree(toy, tmp_path_factory.mktemp("served") / "copy"))
    write_arrays(folder)
    return folder


@pytest.fixture(scope="module")
def client(place) -> Iterator[TestClient]:
    with asking(place) as opened:
        yield opened


@contextmanager
def served(checkout, *options):
    """`unseen serve` as typed: its process, and the address that it prints."""
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "serve", "--no-open", "--port", "0"]
    env = {**os.environ, "PYTHONPATH": str(CODE), "TMPDIR": str(checkout)}
    process = subprocess.Popen([*command, *options], cwd=checkout, env=env, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stderr.readline()
        yield process, re.search(r"http://\S+", line)[0].rstrip("/")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def address(place) -> Iterator[str]:
    with served(place) as (_, at):
        yield at
