from pathlib import Path

import pytest

from pipeline.steps.synthesize import synthesize
from tests.steps.genomes import AG, AG_ROW, INLINE, VG, run, vg_row


@pytest.fixture(scope="module")
def worlds(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("worlds")
    synthesize(VG, INLINE, row="vg", out=root / "vg", page=root / "pages" / "vg")
    synthesize(AG, INLINE, row="ag", out=root / "ag", page=root / "pages" / "ag")
    return root


@pytest.fixture(scope="module", params=["vg", "ag"])
def done(request, worlds, tmp_path_factory) -> tuple[str, Path, Path]:
    root = tmp_path_factory.mktemp(request.param)
    run(root, vg_row() if request.param == "vg" else AG_ROW, worlds / request.param)
    return request.param, root, worlds / request.param
