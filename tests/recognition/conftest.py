"""A recogniser over the toy checkout, and a copy of it to spoil."""

import shutil
from pathlib import Path

import pytest

from pipeline.recognition import Recogniser

ROW = "features/bind/demo-sgfa"


@pytest.fixture
def recogniser(toy):
    return Recogniser.load(toy / ROW)


@pytest.fixture
def copy(toy, tmp_path):
    return Path(shutil.copytree(toy, tmp_path / "copy"))
