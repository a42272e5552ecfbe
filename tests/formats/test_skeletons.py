"""Skeleton files by their ending; what fits none says what was tried."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.errors import FormatError
from pipeline.formats import skeletons

LAYOUT = "{joints: [a, b], parents: {b: a}, shoulders: [a, b], unit: m, axes: T V C}"


def test_a_file_of_another_ending_is_told_the_formats_and_what_it_looks_like(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    (tmp_path / "a.npy").rename(tmp_path / "a.pose")
    with pytest.raises(FormatError, match=r"the file is there, but '.pose' is the ending of no skeleton") as error:
        skeletons.read(tmp_path / "a.pose")
    assert "it begins as .npy files do: rename it" in str(error.value)
    assert all(f"{ending} (" in str(error.value) for ending in skeletons.FORMATS)


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    for name in ("a.pose", "a.json", "a.npy"):
        with pytest.raises(FormatError, match="no such file"):
            skeletons.read(tmp_path / name)


def test_json_is_an_array_or_of_kinetics_or_told_why_it_is_neither(tmp_path: Path) -> None:
    person = {"pose": [0.5] * 36, "score": [0.5] * 18}
    kinetics = {"data": [{"frame_index": 0, "skeleton": [person]}], "label": "x", "label_index": 0}
    (tmp_path / "k.json").write_text(json.dumps(kinetics))
    (tmp_path / "a.json").write_text("[[[0.1, 0.2, 0.3], [1, 1, null]]]")
    assert skeletons.read(tmp_path / "k.json").layout == "openpose18"
    with pytest.raises(FormatError) as error:
        skeletons.read(tmp_path / "a.json")
    told = str(error.value)
    assert "an array with a layout.yaml (arrays need a layout.yaml" in told
    assert "Kinetics-Skeleton (not a Kinetics-Skeleton file" in told
    assert told.count(str(tmp_path)) == 1
    (tmp_path / "layout.yaml").write_text(LAYOUT)
    assert skeletons.read(tmp_path / "a.json").xyz_MTV3.shape == (1, 1, 2, 3)
    assert skeletons.read(tmp_path / "k.json").layout == "openpose18"
