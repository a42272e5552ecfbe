import pytest
import yaml

from pipeline.core import tables
from pipeline.core.errors import ParamsError
from pipeline.core.schemas import PROMPTS
from pipeline.datasets import shared
from stages import prompt

ROW = {
    "dataset": "utd_mhad",
    "templates": ["a {name}"],
    "descriptions": "pipeline/datasets/classes/utd_mhad.csv",
    "sources": {"context": ["class_list"]},
}
CAPTIONS = {"max_attributes": 3, "max_matchings": 64}


def run(project, row):
    (project / "params.yaml").write_text(yaml.safe_dump({"prompt": {"captions": CAPTIONS, "rows": {"utd_mhad": row}}}))
    out = project / "prompt.parquet"
    prompt.main(row="utd_mhad", descriptions=shared.class_file("utd_mhad"), out=out, page=project / "page")
    assert (project / "page" / "page.json").is_file()
    return tables.read_table(out, PROMPTS).to_pylist()


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_row_of_the_params_becomes_a_table(project):
    assert run(project, ROW)[1]["text"] == "a swipe left"


def test_a_row_without_templates_is_refused(project):
    with pytest.raises(ParamsError, match="missing key 'templates'"):
        run(project, {key: value for key, value in ROW.items() if key != "templates"})
