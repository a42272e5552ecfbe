from pathlib import Path

import pytest

from pipeline.steps import finetune
from pipeline.steps.synthesize import synthesize
from tests.steps import finetuning
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


@pytest.fixture(scope="session")
def genomes(tmp_path_factory) -> Path:
    """All that a row of finetune reads, for those who link it."""
    return finetuning.made(tmp_path_factory.mktemp("inputs"))


@pytest.fixture
def tuning(genomes, tmp_path, monkeypatch) -> Path:
    """A checkout of its own to fine-tune in, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    return finetuning.linked(genomes, tmp_path)


@pytest.fixture(scope="session")
def tuned_row(genomes, tmp_path_factory) -> Path:
    """What one undisturbed run of finetuning.ROW leaves."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("left")
        patch.chdir(folder)
        patch.setattr(finetune, "Code", finetuning.NoCode)
        finetuning.linked(genomes, folder)
        return folder / finetuning.run()
