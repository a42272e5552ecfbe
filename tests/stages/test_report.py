from pathlib import Path

import pytest

from stages import report

HERE = Path(__file__).parents[1] / "reporting"


def test_the_stage_leaves_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    picture = tmp_path / "dag.svg"
    picture.write_text("<svg/>")
    report.main(
        evaluate=tmp_path / "evaluate",
        pages=[tmp_path / "pretrain", tmp_path / "align"],
        clips=tmp_path / "ingest",
        arrays=tmp_path / "preprocess",
        params=HERE / "small_params.yaml",
        stages=HERE / "small_dag.yaml",
        dag=picture,
        out=tmp_path / "report",
    )
    assert (tmp_path / "report/index.html").is_file()
