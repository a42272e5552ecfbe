from pathlib import Path

import pytest

from tests.sources import demo_pairs


@pytest.fixture(scope="session")
def root(tmp_path_factory) -> Path:
    """Tables and shards as demo_pairs makes them; copy them before changing anything."""
    return demo_pairs.made(tmp_path_factory.mktemp("pairs"))
