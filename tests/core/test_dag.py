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
    expected = r"^mine.yaml: section 'embed.rows.a': key 'dataset' is missing"
    with pytest.raises(ParamsError, match=expected):
        dag.instances(file, {"embed": {"rows": {"a": {}}}}, Path("mine.yaml"))
    with pytest.raises(ParamsError, match=r"^params.yaml: key 'report.title' is missing"):
        dag.instances(file, {"embed": {"rows": {}}})


def instance(stage: str, key: str | None, **paths: tuple[str, ...]) -> dag.Instance:
    return dag.Instance(stage, key, "x", **{"deps": (), "params": (), "outs": ()} | paths)


EMBED = instance("embed", "a", params=("embed.compute",), outs=("features/embed/a.zarr", "reports/embed/pages/a"))


@pytest.mark.parametrize(
    "dep",
    [
        "features/embed/a.zarr", "features/embed/a.zarr/zarr.json", "reports/embed/pages", "features/rest",
        "data/raw/mine.stamp", "requirements.txt",
    ],
)  # fmt: skip
def test_a_row_may_read_what_is_written_and_what_is_brought(dep: str) -> None:
    dag.check([EMBED, instance("align", "b", deps=(dep,))], {"embed": {"compute": {}}}, Path("mine.yaml"))


@pytest.mark.parametrize("dep", ["features/embed/typo.zarr", "data/embed/a.zarr"])
def test_a_row_that_reads_what_no_row_writes_is_named(dep: str) -> None:
    expected = rf"^mine.yaml: section 'align.rows.b' reads {dep}, which no row of embed writes; add that row"
    with pytest.raises(ParamsError, match=expected):
        dag.check([EMBED, instance("align", "b", deps=(dep,))], {"embed": {"compute": {}}}, Path("mine.yaml"))


def test_what_stands_beside_rows_is_missed() -> None:
    with pytest.raises(ParamsError, match=r"^mine.yaml: key 'embed.compute' is missing"):
        dag.check([EMBED], {"embed": {"computes": {}}}, Path("mine.yaml"))
