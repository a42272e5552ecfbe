from pathlib import Path

import pytest

from tests.faults import kills, world
from tests.faults.world import STAGES


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Path:
    """A checkout in which preprocess (three blocks) and extract have run; copy it before changing it."""
    folder = tmp_path_factory.mktemp("undisturbed").resolve()
    world.make(folder, num_clips=96, num_encoders=1)
    world.use(folder, "inline", 1)
    for stage in STAGES.values():
        kills.finish(folder, stage)
    return folder
