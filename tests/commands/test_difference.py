"""`unseen difference`: what a person reads of two rows, and what is refused."""

from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands import difference
from pipeline.core.errors import DataError
from tests.reporting.conftest import NAMES, Inputs, method

ONE, OTHER = "tiny-skeleton-stgcn-dvta", "tiny-skeleton-stgcn-ridge"


@pytest.fixture
def project(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Inputs:
    """A folder in which two methods were evaluated on three splits, and one of them on another dataset."""
    made = Inputs(tmp_path)
    for name, who, splits in (
        (ONE, method("tiny", "random", "dvta"), ["s0", "s1", "s2"]),
        (OTHER, method("tiny", "random", "ridge"), ["s0", "s1", "s2"]),
        ("demo-ridge", method("demo", "random", "ridge"), ["s0"]),
    ):
        made.write_result(name, who, splits, NAMES, 0.5)
    monkeypatch.chdir(tmp_path)
    return made


def means(project: Inputs, name: str) -> dict[str, float]:
    rows = project.rows(name)
    asked = {"label_space": "unseen", "selection": "validation"}
    return {row["split"]: row["top1"] for row in rows if all(row[key] == value for key, value in asked.items())}


def test_every_question_of_both_is_answered_with_its_splits(project: Inputs) -> None:
    result = CliRunner().invoke(app, ["difference", ONE, OTHER], catch_exceptions=False)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "tiny, random: top-1, 4 candidates, the unseen classes (chance 25.0)"
    ours, theirs = means(project, ONE), means(project, OTHER)
    leads = {split: ours[split] - theirs[split] for split in ours}
    assert lines[1].startswith(
        f"  {ONE} (validation) less {OTHER} (validation): {100 * sum(leads.values()) / 3:+.1f}, "
    )
    assert lines[1].rpartition(", ")[2] in ("noise", "ahead", "behind")
    assert lines[3].endswith(", ".join(f"{split} {100 * lead:+.1f}" for split, lead in leads.items()))
    assert "7 candidates, all classes, seen and unseen" in lines[4]
    assert (lines[-1], len(lines)) == (difference.LEGEND, 9)


def test_turned_round_the_difference_has_the_other_sign(project: Inputs) -> None:
    evaluate = project.root / "reports/evaluate"
    there, back = (
        difference.difference(*names, evaluate)[0].leads[0].difference for names in ((ONE, OTHER), (OTHER, ONE))
    )
    assert there.mean == pytest.approx(-back.mean)
    assert there.ci95 is not None
    assert back.ci95 == pytest.approx((-there.ci95[1], -there.ci95[0]))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ((ONE, ONE), "less itself is nothing"),
        ((ONE, "gone"), f"'gone' was not evaluated; .*found demo-ridge, {ONE}, {OTHER}"),
        ((ONE, "tiny-skeleton-stgcn-rigde"), f"did you mean {OTHER}"),
        ((ONE, "demo-ridge"), "answer no question in common"),
    ],
)
def test_rows_that_cannot_be_compared_are_one_clear_line(project: Inputs, names: tuple[str, str], told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        difference.difference(*names, project.root / "reports/evaluate")
    assert "\n" not in str(caught.value)


def test_a_flag_stands_beside_the_row_and_an_area_has_no_chance(project: Inputs) -> None:
    for name in (ONE, OTHER):
        project.write_result(name, method("tiny", "random", name), ["s0", "s1"], NAMES, 0.5, ["gzsl"])
    project.change(OTHER, leaks=["training_clips_unknown"])
    output = CliRunner().invoke(app, ["difference", ONE, OTHER], catch_exceptions=False).output
    assert f"{ONE} (validation) less {OTHER} (validation, training clips unknown): " in output
    (area,) = [line for line in output.splitlines() if "area under the curve" in line]
    assert area.endswith("all classes, for all clips")
