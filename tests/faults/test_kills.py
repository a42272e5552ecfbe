"""A stage that is killed and run again leaves what an undisturbed run leaves. `make faults` does it many times."""

import shutil
from pathlib import Path

import pytest

from tests.faults import kills, world
from tests.faults.world import STAGES


@pytest.fixture
def project(undisturbed, tmp_path) -> Path:
    shutil.copytree(undisturbed, tmp_path / "project")
    return (tmp_path / "project").resolve()


@pytest.mark.parametrize(
    ("name", "engine", "way", "once"),
    [
        ("preprocess", "inline", "group", ".cache/samples/*"),
        ("preprocess", "processes", "parent", ".cache/samples/*"),
        ("extract", "inline", "group", "features/extract/*.partial"),
    ],
)
def test_a_killed_stage_goes_on(name, engine, way, once, project, undisturbed):
    stage = STAGES[name]
    world.use(project, engine, 2)
    world.forget(project, stage)
    assert kills.survive(project, stage, way, kills.once_there(project, once))
    assert world.digest(project / stage.out) == world.digest(undisturbed / stage.out)
