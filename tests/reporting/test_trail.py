"""The trail on a result's page: every row that a figure rests on, what was asked of it, and its audit."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.core import dag, params
from pipeline.core.errors import FormatError
from pipeline.core.hashing import file_digest
from pipeline.reporting import audit, citing
from tests.reporting.conftest import HERE
from tests.reporting.test_site import text_of

RIDGE = "evaluate-demo-skeleton-stgcn-ridge.html"
ROOT = Path(__file__).parents[2]


def upstream(name: str, edit: dict[str, Any] | None = None) -> list[str]:
    tree = params.read(HERE / "small_params.yaml") | (edit or {})
    return [one.name for one in dag.upstream(dag.instances(HERE / "small_dag.yaml", tree), name, tree)]


def test_a_figure_rests_on_every_row_back_to_the_recordings() -> None:
    found = upstream("evaluate@demo-skeleton-stgcn-ridge")
    assert found[0] == "evaluate@demo-skeleton-stgcn-ridge"
    assert set(found) == {
        *("evaluate@demo-skeleton-stgcn-ridge", "align@demo-skeleton-stgcn-ridge", "extract@demo-skeleton-stgcn"),
        *("pretrain@demo-skeleton-stgcn", "preprocess@demo-skeleton", "embed@demo-minilm", "prompt@demo"),
        *("split@demo-random", "ingest@demo", "synthesize@demo"),
    }
    assert upstream("evaluate@other") == []


def test_a_row_that_nothing_here_reads_is_no_part_of_it() -> None:
    rows = {"demo-skeleton-stgcn": {"dataset": "demo", "modality": "skeleton", "split_table": "random"}}
    edit = {"pretrain": {"rows": rows | {"other": rows["demo-skeleton-stgcn"]}}}
    assert "pretrain@other" not in upstream("evaluate@demo-skeleton-stgcn-ridge", edit)


def test_of_a_folder_that_many_rows_write_those_are_taken_that_are_named(tmp_path: Path) -> None:
    file = tmp_path / "dvc.yaml"
    make = {"foreach": "${make.rows}", "do": {"cmd": "x", "params": ["make.rows.${key}"], "outs": ["made/${key}"]}}
    join = {"foreach": "${join.rows}", "do": {"cmd": "x", "deps": ["made"], "params": ["join.rows.${key}"]}}
    file.write_text(yaml.safe_dump({"stages": {"make": make, "join": join}}))
    tree = {"make": {"rows": {"a": {}, "b": {}, "c-d": {}}}, "join": {"rows": {"j": {"of": ["made/a"], "c": "d"}}}}
    found = dag.upstream(dag.instances(file, tree), "join@j", tree)
    assert {one.name for one in found} == {"join@j", "make@a", "make@c-d"}


def test_the_page_shows_each_row_with_its_params_digests_and_page(inputs: Any) -> None:
    page = inputs.report()[RIDGE]
    trail = page[page.index('id="trail"') :]
    steps = re.findall(r"<summary><b>([a-z]+)</b> ([^<]+)</summary>", trail)
    assert [" ".join(step).replace(" ", "@") for step in steps] == upstream("evaluate@demo-skeleton-stgcn-ridge")
    assert 'href="pretrain-demo-skeleton-stgcn.html">its page' in trail
    assert file_digest(inputs.root / "reports/evaluate/demo-skeleton-stgcn-ridge.json") in trail
    assert file_digest(inputs.root / "features/pretrain/demo-skeleton-stgcn/page.json") in trail
    assert "unseen trail demo-skeleton-stgcn-ridge" in text_of(page)


def test_the_params_of_a_row_stand_in_its_step(inputs: Any) -> None:
    stages = inputs.root / "dvc.yaml"
    stages.write_text(
        "stages:\n  evaluate:\n    foreach: ${evaluate.rows}\n    do:\n      cmd: x\n"
        "      params: ['evaluate.rows.${key}']\n      outs: ['reports/evaluate/${key}.json']\n"
    )
    inputs.stages = stages
    text = text_of(inputs.report()[RIDGE])
    assert "evaluate: rows: demo-skeleton-stgcn-ridge:" in text
    assert "scores: align/demo-skeleton-stgcn-ridge" in text[text.index("Where this number comes from") :]


def test_a_figure_of_other_params_has_no_trail_and_says_so(html: dict[str, str]) -> None:
    text = text_of(html["evaluate-demo-skeleton-stgcn-dvta.html"])
    assert "params.yaml has no row evaluate.rows.demo-skeleton-stgcn-dvta" in text


def test_provenance_names_the_stages_that_the_trail_is_of(html: dict[str, str]) -> None:
    assert file_digest(HERE / "small_dag.yaml") in html["provenance.html"]


def test_the_audit_stands_on_every_result_and_exceptions_are_no_passes(html: dict[str, str]) -> None:
    page = html["evaluate-demo-skeleton-stgcn-dvta.html"]
    table = page[page.index('id="audit"') : page.index('id="trail"')]
    rows = [text_of(f"</style>{row}") for row in re.findall(r"<tr>.*?</tr>", table, re.S)]
    assert rows[1:] == [
        "training classes 3 classes with 4 unseen classes passed None is the same. 3",
        "choice of the setting 2 settings passed Chosen. 2",
        "choice of the setting 2 settings exception Chosen. 1",
        "paired clips no clip not compared The encoder was not bound to other senses. 3",
    ]


def test_the_index_counts_the_checks_of_all_rows(html: dict[str, str]) -> None:
    index = html["index.html"]
    table = text_of("</style>" + index[index.index('id="audit"') :])
    assert "Of 11 rows (a method, split, seed, candidates and selection each) 10 bear no exception." in table
    assert "training classes 11 – –" in table
    assert "choice of the setting 10 – 1 row demo-skeleton-stgcn-dvta" in table
    assert "paired clips – 11 –" in table


def test_numbers_that_differ_between_rows_are_counted() -> None:
    def row(compared: str, passed: bool | None, detail: str) -> dict[str, Any]:
        return {"checks": [{"name": "n", "compared": compared, "passed": passed, "detail": detail}]}

    lines = audit.checks([row("3", True, "a"), row("4", True, "b"), row("5", False, "c"), row("5", False, "d")])
    told = [(line.compared, line.passed, line.num_rows, line.num_others) for line in lines]
    assert told == [("3", True, 2, 1), ("5", False, 1, 0), ("5", False, 1, 0)]


@pytest.mark.parametrize("checks", [None, [], [{"name": "n", "compared": "c", "detail": "d"}]])
def test_figures_without_their_checks_are_refused_with_the_stage_to_run(inputs: Any, checks: Any) -> None:
    rows = inputs.rows("demo-skeleton-stgcn-ridge")
    for row in rows:
        del row["checks"]
        if checks is not None:
            row["checks"] = checks
    inputs.write_rows("demo-skeleton-stgcn-ridge", rows)
    with pytest.raises(FormatError, match=r"ridge\.json: .*rows\.0\.checks.*run `dvc repro evaluate`"):
        inputs.report()


def test_what_is_shown_is_what_is_cited(inputs: Any, html: dict[str, str]) -> None:
    text = text_of(html["index.html"])
    for key in ("@software{unseen,", "{yan2018stgcn,", "{kuang2024dvta,"):
        assert key in text
    assert "{frome2013devise," not in text  # no such row
    assert f"version = {{{citing.VERSION}}}" in text
    assert f'\nversion = "{citing.VERSION}"\n' in (ROOT / "pyproject.toml").read_text()


def test_every_entry_is_whole_and_names_something_of_the_project() -> None:
    members = {path.stem for path in (ROOT / "pipeline").rglob("*.py")} | {"rest", "sgfa"}
    papers = citing._papers()
    assert len({paper["key"] for paper in papers}) == len(papers)
    for paper in papers:
        assert paper["kind"] in ("inproceedings", "article", "misc")
        assert set(paper["names"].split()) <= members | {"clip_frames"}
        entry = citing._entry(paper)
        assert entry.count("{") == entry.count("}")
