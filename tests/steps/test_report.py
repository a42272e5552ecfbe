"""The step as the stage calls it; what the pages show is tested in tests/reporting."""

from pathlib import Path

from pipeline.steps.report import report

HERE = Path(__file__).parents[1] / "reporting"


def test_the_report_replaces_the_one_before(tmp_path: Path) -> None:
    out = tmp_path / "report"
    picture = tmp_path / "dag.svg"
    picture.write_text("<svg/>")
    out.mkdir()
    (out / "old.html").write_text("of a row that is gone")
    report(
        evaluate=tmp_path / "evaluate",
        pages=[tmp_path / "pretrain"],
        clips=tmp_path / "ingest",
        arrays=tmp_path / "preprocess",
        params=HERE / "small_params.yaml",
        stages=HERE / "small_dag.yaml",
        dag=picture,
        out=out,
    )
    assert sorted(path.name for path in out.iterdir()) == ["index.html", "provenance.html"]
