"""Damaged files of every format: a sound answer or one clear line, and a good file is read after them."""

import shutil

import pytest

from tests.fuzz import cases
from tests.recognition.toy import files
from tests.serving.test_app import sent

CASES = 20
SENSE_OF = {
    "annotations_pickle": "skeleton", "kinetics_json": "skeleton", "mat": "skeleton", "ntu_skeleton": "skeleton",
    "pkummd": "skeleton", "mat.depth": "depth", "depth_png": "depth", "thermal_png": "thermal", "video": "hub",
}  # fmt: skip


def damaged(target, folder):
    """What a browser would send of each case."""
    whole = cases.sample(target, folder / "sample")
    for case in range(CASES):
        cases.write(target, whole, 0, case, folder / "case")
        there = folder / "case" if (folder / "case").is_dir() else folder
        named = [(path.name, path.read_bytes()) for path in sorted(there.rglob("*")) if path.is_file()]
        yield named if target.endswith("_png") else named[:1]
        shutil.rmtree(folder / "case")


@pytest.mark.parametrize("target", SENSE_OF)
def test_damage_is_answered_in_one_line(client, place, tmp_path, target):
    for named in damaged(target, tmp_path):
        told = sent(client, SENSE_OF[target], named)
        assert told.status_code in (200, 400), told.text
        if told.status_code == 400:
            assert told.json()["error"].isprintable()
            assert "unseen-serve-" not in told.text
    good = files(place, "skeleton")[0]
    assert sent(client, "skeleton", [(good.name, good.read_bytes())]).status_code == 200
