"""What every test may use. Real data is found through UNSEEN_REAL_DATA; without it its tests skip, with a reason."""

import os
from pathlib import Path

import pytest

# One thread a process: the suite runs in several, and results must not depend on the machine's cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("UNSEEN_REAL_DATA")
    if not folder:
        pytest.skip("UNSEEN_REAL_DATA is not set: no real recordings on this machine")
    return Path(folder)
