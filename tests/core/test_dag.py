from pathlib import Path

import pytest

from pipeline.core import dag
from pipeline.core.errors import ParamsError

DVC_YAML = """
stages:
  embed:
    foreach: ${embed.rows}
    do:
      cmd: python -m stages.embed --row ${key} --out features/embed/${item.dataset}.zarr
      deps: ["data/prompt/${item.dataset}.parquet"]
      params: ["embed.rows.${key}"]
      outs: ["features/embed/${item.dataset}.zarr"]
  report:
    cmd: python -m stages.report --title ${report.title}
    metrics: [{reports/report/m.json: {cache: false}}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dvc.yaml"
    path.write_text(DVC_YAML)
    return path


def test_every_row_is_an_instance_with_its_paths_filled_in(file: Path) -> None:
    params = {"embed": {"rows": {"a": {"dataset": "x"}, "b": {"dataset": "y"}}}, "report": {"title": "t"}}
    first, second, report = dag.instances(file, params)
    assert (first.name, second.name, report.name) == ("embed@a", "embed@b", "report")
    assert first.cmd == "python -m stages.embed --row a --out features/embed/x.zarr"
    assert (second.deps, second.params, second.outs) == (
        ("data/prompt/y.parquet",),
        ("embed.rows.b",),
        ("features/embed/y.zarr",),
    )
    assert (report.cmd, report.outs) == ("python -m stages.report --title t", ("reports/report/m.json",))


def test_no_rows_are_no_instances(file: Path) -> None:
    assert [i.name for i in dag.instances(file, {"embed": {"rows": {}}, "report": {"title": "t"}})] == ["report"]


def test_a_value_that_params_lack_is_named(file: Path) -> None:
    with pytest.raises(ParamsError, match=r"asks for 'item.dataset', but 'dataset'"):
        dag.instances(file, {"embed": {"rows": {"a": {}}}})
