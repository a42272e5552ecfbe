"""What the stage is told reaches the step, and a fault ends as one line and exit code 1."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.core import pages
from pipeline.core.errors import ParamsError
from stages import retrieve
from tests.steps import bound_rows
from tests.steps.bound_rows import BOOTSTRAP, ROW


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.chdir(tmp_path)
    inputs = bound_rows.inputs(bound_rows.written(tmp_path))
    section = {"bootstrap": BOOTSTRAP.model_dump(), "rows": {"demo": ROW.model_dump()}}
    Path("params.yaml").write_text(yaml.safe_dump({"retrieve": section}))
    given = {name: getattr(inputs, name) for name in ("bound", "clips", "split", "arrays")}
    return given | {"out": tmp_path / "demo.json", "page": tmp_path / "retrieve" / "demo"}


def test_the_stage_writes_figures_and_a_page(options: dict[str, Path]) -> None:
    retrieve.main(row="demo", **options)
    found = json.loads(options["out"].read_text())
    assert len(found["pairs"]) == 6 * 3
    assert found["headline"]["trained_r5"] > found["headline"]["trained_chance_r5"]
    shown = pages.read(options["page"] / pages.FILE)
    assert (shown.row, len(shown.images)) == ("demo", ROW.examples)


def test_a_row_that_is_not_in_params_is_refused(options: dict[str, Path]) -> None:
    with pytest.raises(ParamsError, match="has no row 'other'"):
        retrieve.main(row="other", **options)


def test_a_row_of_bind_that_is_not_there_is_one_line_and_exit_code_one(
    options: dict[str, Path], in_process: Callable[..., Any]
) -> None:
    options["bound"] = options["bound"].with_name("nothing")
    flags = [part for name, path in options.items() for part in (f"--{name}", str(path))]
    done = in_process("retrieve", "--row", "demo", *flags)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert line.endswith("bind has left no row of that name, only ['toy']; run `dvc repro bind@nothing`")
    assert not options["out"].exists()
