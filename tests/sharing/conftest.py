"""A small project under git and DVC with all its outputs, and what people do with two clones of it."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.core.dvc_hash import content_hash
from tests.conftest import ROOT
from tests.sharing import made

_NAME = ("-c", "user.name=t", "-c", "user.email=t@example.org")


class Clone:
    """A clone, and the commands that its user types."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *command: str, code: int = 0, **variables: str) -> str:
        """The output of a command; `dvc` and `git` are found as on a user's PATH."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **variables}
        env |= {"DVC_SITE_CACHE_DIR": str(self.folder / ".site")}
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=300)
        output = done.stdout + done.stderr
        assert done.returncode == code, output[-4000:]
        return output

    def commit(self, text: str) -> None:
        self.run("git", "add", "-A")
        self.run("git", *_NAME, "commit", "-qm", text)

    def cloned(self, name: str) -> "Clone":
        """What `git clone` gives."""
        self.run("git", "clone", "-q", ".", f"../{name}")
        return Clone(self.folder.parent / name)


@pytest.fixture(scope="session")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clone = Clone(tmp_path_factory.mktemp("shared") / "first")
    made.empty(clone.folder)
    (clone.folder / ".dvc/config").write_text("[core]\n    analytics = false\n")
    with contextlib.chdir(clone.folder):
        for stage in ["fingerprint", *made.ROWS]:
            made.write(stage)
    made.lock(clone.folder)
    clone.run("git", "init", "-q")
    clone.run("dvc", "commit", "-q")
    clone.commit("start")
    return clone.folder


@pytest.fixture
def first(committed: Path, tmp_path: Path) -> Clone:
    """The clone in which all was computed, its outputs in its cache."""
    shutil.copytree(committed, tmp_path / "first")
    return Clone(tmp_path / "first")


def check_second_clone(first: Clone, *, settings: Callable[[Clone], None] = lambda clone: None) -> None:
    """Push, clone, pull: the second clone has every byte, and `dvc repro` has nothing to do.

    `settings` are what each user says of the remote for oneself, passwords and keys.
    """
    settings(first)
    assert re.search(r"\d+ files? pushed", first.run("dvc", "push"))
    assert "Everything is up to date" in first.run("dvc", "push")
    first.commit("name the remote")
    second = first.cloned("second")
    assert not (second.folder / made.STORE).exists()
    settings(second)
    second.run("dvc", "pull")
    outs = [out for _, _, outs in made.ROWS.values() for out in outs]
    assert {out: content_hash(second.folder / out) for out in outs} == {
        out: content_hash(first.folder / out) for out in outs
    }
    assert "Data and pipelines are up to date" in second.run("dvc", "repro")
    assert second.run("git", "status", "--porcelain") == ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until a server listens; a failure that shows its log where it does not."""
    for _ in range(300):
        with socket.socket() as probe:
            if process.poll() is None and probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
        if process.poll() is not None:
            break
    pytest.fail(f"the server does not listen: {log.read_text()[-2000:]}")
