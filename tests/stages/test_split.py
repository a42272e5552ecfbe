import pytest
import yaml

from pipeline.core import tables
from pipeline.core.errors import ParamsError
from pipeline.core.schemas import SPLIT
from stages import split
from tests import toy
from tests.core.table_rows import clip_row

ROW = {"dataset": "utd_mhad", "name": "develop", "protocol": "xsub"}
ROW |= {"modality": "skeleton", "num_unseen": 5, "splits": ["s100", "s101"]}
ROW |= {"val_classes": {"share": 0.2, "min": 3}}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout whose clips table has every class of UTD-MHAD by two training subjects and one other."""
    monkeypatch.chdir(tmp_path)
    rows = [
        clip_row(clip_id=f"utd_mhad/a{c}_s{s}", class_id=c, subject=s, replication=1)
        for c in range(27)
        for s in (1, 2, 3)
    ]
    toy.write_clips(tmp_path / "clips.parquet", rows, [f"class {c}" for c in range(27)], "utd_mhad")
    return tmp_path


def run(project, row):
    (project / "params.yaml").write_text(yaml.safe_dump({"split": {"rows": {"utd_mhad-develop": row}}}))
    split.main(row="utd_mhad-develop", clips=project / "clips.parquet", out=project / "split.parquet")
    return tables.read_meta(project / "split.parquet", SPLIT)


def test_a_row_of_the_params_becomes_a_table(project):
    meta = run(project, ROW)
    assert meta["split_table"] == "develop"
    assert set(meta["splits"]) == {"s100", "s101"}


def test_a_row_without_its_protocol_is_refused(project):
    with pytest.raises(ParamsError, match="missing key 'protocol'"):
        run(project, {key: value for key, value in ROW.items() if key != "protocol"})
