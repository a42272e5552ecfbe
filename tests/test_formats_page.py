"""docs/formats.md stays true: its endings, its known layouts and its example are those of the code."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.core import joints
from pipeline.formats import clip_manifest, skeleton_layout, skeletons
from pipeline.formats.skeleton_layout import SkeletonLayout
from pipeline.recognition import files

PAGE = (Path(__file__).parents[1] / "docs/formats.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize("body", joints.LAYOUTS.values(), ids=joints.LAYOUTS)
def test_a_known_layout_stands_on_the_page_joint_by_joint(body: joints.JointLayout) -> None:
    near = dict(body.edges)
    told = [
        f"{place} {name}" + (f" > {body.names[near[place]]}" if place in near else "")
        for place, name in enumerate(body.names)
    ]
    space = "picture" if body.planar else "space"
    assert [f"`{body.name}`", str(body.num_joints), space, body.names[body.centre], ", ".join(told)] in ROWS


@pytest.mark.parametrize("sense", files.FORMS)
def test_every_ending_that_is_read_stands_in_the_row_of_its_sense(sense: str) -> None:
    told = {ending for row in ROWS if row[0] == sense for ending in re.findall(r"`(\.\w+)", row[1])}
    assert told == set(files.FORMS[sense].files)


def test_the_formats_of_skeletons_are_named_as_messages_name_them() -> None:
    for ending, formats in skeletons.FORMATS.items():
        cells = [" ".join(row) for row in ROWS if row[0] == "skeleton" and f"`{ending}`" in row[1]]
        for known in formats:
            name = "layout.yaml" if "layout.yaml" in known.name else known.name
            assert any(name in cell for cell in cells), (ending, known.name)
    assert clip_manifest.RECORDINGS["skeleton"].search("a/b.npy")


def test_every_key_of_a_layout_stands_on_the_page() -> None:
    assert {row[0].strip("`") for row in ROWS} >= SkeletonLayout.model_fields.keys()


def test_the_layout_on_the_page_reads_an_array(tmp_path: Path) -> None:
    (example,) = re.findall(r"```text\n(joints:.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / skeleton_layout.FILE).write_text(example)
    np.save(tmp_path / "a.npy", np.random.default_rng(0).uniform(0, 1700, (4, 9, 3)))
    assert skeletons.read(tmp_path / "a.npy").xyz_MTV3.shape == (1, 4, 9, 3)
