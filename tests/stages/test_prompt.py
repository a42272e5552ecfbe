import pytest
import yaml

from pipeline.core import tables
from pipeline.core.errors import ParamsError
from pipeline.core.schemas import PROMPTS
from pipeline.datasets import shared
from stages import prompt

ROW = {"dataset": "utd_mhad", "template": "a {name}", "descriptions": "pipeline/datasets/classes/utd_mhad.csv"}


def run(project, row):
    (project / "params.yaml").write_text(yaml.safe_dump({"prompt": {"rows": {"utd_mhad": row}}}))
    out = project / "prompt.parquet"
    prompt.main(row="utd_mhad", descriptions=shared.class_file("utd_mhad"), out=out)
    return tables.read_rows(out, PROMPTS)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_row_of_the_params_becomes_a_table(project):
    assert run(project, ROW)[1]["text"] == "a swipe left"


def test_a_row_without_a_template_is_refused(project):
    with pytest.raises(ParamsError, match="missing key 'template'"):
        run(project, {key: value for key, value in ROW.items() if key != "template"})
