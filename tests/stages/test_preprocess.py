import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.io import savemat

from pipeline.core import stamp
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.store import Store
from pipeline.steps.ingest import Checks, ingest
from stages import preprocess

OUT = Path("features/preprocess/utd_mhad/skeleton-dvta50.zarr")
SOURCE = Path("data/raw/utd_mhad")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout with two UTD-MHAD recordings, ingested."""
    monkeypatch.chdir(tmp_path)
    SOURCE.mkdir(parents=True)
    for name, seed in (("a1_s1_t1", 0), ("a2_s1_t1", 1)):
        xyz = np.random.default_rng(seed).normal(size=(20, 3, 6))
        savemat(SOURCE / f"{name}_skeleton.mat", {"d_skel": xyz})
    stamp.write(SOURCE, stamp.scan(SOURCE))
    ingest(Checks(max_rejected=0.0), dataset="utd_mhad", source=SOURCE, out=Path("data/ingest/utd_mhad.parquet"))


def run(**changes):
    row = {"dataset": "utd_mhad", "source": str(SOURCE), "modality": "skeleton", "recipe": "dvta50", "boxes": False}
    row["options"] = {"num_frames": 4, "num_bodies": 1}
    compute = {"engine": "inline", "num_workers": 1}
    tree = {"preprocess": {"checks": {"max_rejected": 0.0}, "compute": compute, "rows": {"k": {**row, **changes}}}}
    Path("params.yaml").write_text(yaml.safe_dump(tree))
    preprocess.main(row="k", clips=Path("data/ingest/utd_mhad.parquet"), source=SOURCE, out=OUT)
    return Store(OUT, "preprocess")


def test_clips_become_one_array(project):
    found = run()
    assert found.read("all", "x").shape == (2, 3, 4, 20, 1)
    assert found.ids("all") == ["utd_mhad/a1_s1_t1", "utd_mhad/a2_s1_t1"]
    assert '"clips": 2' in Path(".cache/runs/preprocess.jsonl").read_text()


def test_the_recipe_of_the_row_decides(project):
    assert run(options={"num_frames": 7, "num_bodies": 2}).read("all", "x").shape == (2, 3, 7, 20, 2)
    with pytest.raises(ParamsError, match="no 'none' in pipeline/modalities/skeleton/recipes"):
        run(recipe="none")


def test_a_recording_that_is_not_the_ingested_one_is_refused(project):
    shutil.copy(SOURCE / "a1_s1_t1_skeleton.mat", SOURCE / "a2_s1_t1_skeleton.mat")
    with pytest.raises(DataError, match="run `unseen raw scan utd_mhad`"):
        run()
