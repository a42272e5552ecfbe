"""A stage that is killed and run again leaves what an undisturbed run leaves. `make faults` does it many times."""

import shutil
from pathlib import Path

import pytest

from pipeline.steps.preprocess import BLOCK_CLIPS
from tests.faults import kills, workers, world
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
    shared = kills.shared()
    assert kills.kill(project, stage, way, kills.once_there(project, once))
    kills.survive(project, stage, shared)
    assert world.digest(project / stage.out) == world.digest(undisturbed / stage.out)


def test_a_killed_worker_costs_its_block_alone(project, undisturbed):
    """Of dask; where it is one of a pool of processes, the others' blocks too: `make faults`."""
    stage = STAGES["preprocess"]
    world.use(project, "dask", 2)
    world.forget(project, stage)
    assert 0 < workers.kill_one(project, stage) <= BLOCK_CLIPS
    assert world.digest(project / stage.out) == world.digest(undisturbed / stage.out)
