"""A small project with all its outputs, and one that a clone of it would be."""

import contextlib
import shutil
from pathlib import Path

import pytest

from tests.sharing import made


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sharing") / "finished"
    made.empty(folder)
    with contextlib.chdir(folder):
        for stage in ["fingerprint", *made.ROWS]:
            made.write(stage)
    made.lock(folder)
    return folder


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(finished_once, tmp_path / "finished")
    monkeypatch.chdir(tmp_path / "finished")
    return tmp_path / "finished"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "clone"
    made.empty(folder)
    (folder / "data/raw/demo.stamp").unlink()  # it has no recordings
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    return folder
