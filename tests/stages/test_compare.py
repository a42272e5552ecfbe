"""What the stage is told reaches the step, and a fault ends as one line and exit code 1."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.core import pages
from pipeline.core.errors import ParamsError
from stages import compare
from tests.steps import comparisons
from tests.steps.comparisons import BOOTSTRAP, GENERAL, MEASURE, ROW


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.chdir(tmp_path)
    for row, skill in (("base", 0.2), ("gn", 2.0)):
        comparisons.encode(tmp_path, row, 0, [], GENERAL, kept=skill, skill=0.0)
    section = {"bootstrap": BOOTSTRAP.model_dump(), "measure": MEASURE.model_dump(), "rows": {"demo": ROW.model_dump()}}
    Path("params.yaml").write_text(yaml.safe_dump({"compare": section}))
    inputs = {"finetuned": tmp_path / "finetune", "graphs": tmp_path / "graph", "negatives": tmp_path / "negate"}
    return inputs | {"out": tmp_path / "demo.json", "page": tmp_path / "compare" / "demo"}


def test_the_stage_writes_figures_and_a_page(options: dict[str, Path]) -> None:
    compare.main(row="demo", **options)
    found = json.loads(options["out"].read_text())
    assert {row["row"] for row in found["rows"]} == {"base", "gn"}
    assert found["headline"]["gn_retention_difference"] > 0
    assert pages.read(options["page"] / pages.FILE).row == "demo"


def test_a_row_that_is_not_in_params_is_refused(options: dict[str, Path]) -> None:
    with pytest.raises(ParamsError, match="has no row 'other'"):
        compare.main(row="other", **options)


def test_vectors_that_are_not_there_are_one_line_and_exit_code_one(
    options: dict[str, Path], in_process: Callable[..., Any]
) -> None:
    options["finetuned"] = options["finetuned"].with_name("nowhere")
    flags = [part for name, path in options.items() for part in (f"--{name}", str(path))]
    done = in_process("compare", "--row", "demo", *flags)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert line.endswith("no vectors of held-out pairs (heldout-<seed>.zarr); run `dvc repro finetune`")
    assert not options["out"].exists()
