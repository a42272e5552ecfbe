from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.io import savemat

from pipeline.core import stamp, tables
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.schemas import CLIPS
from stages import ingest


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout with one UTD-MHAD recording and one that is none."""
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "data/raw/utd_mhad"
    source.mkdir(parents=True)
    savemat(source / "a1_s1_t1_skeleton.mat", {"d_skel": np.random.default_rng(0).normal(size=(20, 3, 4))})
    (source / "a1_s1_t2_skeleton.mat").write_text("no MATLAB file")
    stamp.write(source, stamp.scan(source))
    return tmp_path


def run(project, *, max_rejected, rows=None):
    rows = rows or {"utd_mhad": {"source": "data/raw/utd_mhad"}}
    tree = {"ingest": {"checks": {"max_rejected": max_rejected}, "rows": rows}}
    (project / "params.yaml").write_text(yaml.safe_dump(tree))
    out = Path("data/ingest/utd_mhad.parquet")
    ingest.main(dataset="utd_mhad", source=Path("data/raw/utd_mhad"), out=out)
    return tables.read_table(out, CLIPS).to_pylist()


def test_a_source_becomes_a_table_and_a_line_in_the_run_log(project):
    rows = run(project, max_rejected=0.5)
    assert [row["reason"] for row in rows] == [None, "unreadable: not a MATLAB 5 file"]
    assert '"rejected": {"unreadable": 1}' in (project / ".cache/runs/ingest.jsonl").read_text()


def test_the_threshold_of_the_params_decides(project):
    with pytest.raises(DataError, match="1 of 2 items rejected, at most 0% may be"):
        run(project, max_rejected=0.0)


def test_a_row_with_an_unknown_key_is_refused(project):
    with pytest.raises(ParamsError, match="unknown key 'sauce'"):
        run(project, max_rejected=0.5, rows={"utd_mhad": {"source": "x", "sauce": "y"}})


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_threshold_that_is_no_share_is_refused(project, share):
    with pytest.raises(ParamsError, match="max_rejected"):
        run(project, max_rejected=share)
