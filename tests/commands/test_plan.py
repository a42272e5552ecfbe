"""`unseen plan` finds what would stop a stage, says what to do, and leaves everything as it was."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands import plan, profile, raw
from pipeline.core import stamp
from pipeline.core.errors import DataError, ParamsError
from pipeline.modalities.skeleton.recipes import dvta50
from tests.commands import plans
from tests.commands.plans import COMPOSED, SOURCE, planned, problems

ROW = "utd_mhad-random"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    plans.write(folder)
    return folder


@pytest.fixture
def world(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own, and the working directory."""
    shutil.copytree(made, tmp_path / "world", symlinks=True)
    monkeypatch.chdir(tmp_path / "world")
    return tmp_path / "world"


def test_a_profile_that_fits_its_data_has_no_problem_and_nothing_is_written(world: Path) -> None:
    planned()
    before = {path: path.stat().st_mtime_ns for path in world.rglob("*") if path.is_file()}
    told = plan.plan("own.yaml", Path())
    assert told.problems == []
    assert told.num_clips == {"utd_mhad": {"skeleton": plans.NUM_CLASSES * plans.NUM_SUBJECTS}}
    assert {path: path.stat().st_mtime_ns for path in world.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ({f"split/rows/{ROW}/num_unsen": 5, f"split/rows/{ROW}/num_unseen": None}, r"did you mean 'num_unseen'\?"),
        ({"embed/compute": {"num_thread": 1}}, r"unknown key 'num_thread' \(did you mean 'num_threads'\?\)"),
        ({"embed/compute": {"num_threads": "two"}}, r"section 'embed.compute' .* found 'two'"),
        ({"preprocess/rows/utd_mhad-skeleton-dvta50/options/num_frame": 4}, r"did you mean 'num_frames'\?"),
        ({"embed/rows/texts/encoder": "minilmm"}, r"embed.rows.texts'.*did you mean 'minilm'\?"),
        ({"ingest/rows/utd_mhda": {}}, r"ingest.rows.utd_mhda'.*did you mean 'utd_mhad'\?"),
        (
            {"embed/rows/texts/weights": "requirement.txt"},
            r"requirement.txt: no such file \(did you mean 'requirements",
        ),
        ({"prompt/rows/utd_mhad/descriptions": "mine.csv"}, r"mine.csv: no such file, which prompt@utd_mhad reads"),
        ({f"split/rows/{ROW}/splits": ["purls_9_9"]}, r"split 'purls_9_9': is neither published for utd_mhad"),
        ({f"split/rows/{ROW}/num_unseen": 27}, r"num_unseen is 27, utd_mhad has 27 classes"),
        ({f"split/rows/{ROW}/num_unseen": 23}, r"leave fewer than 3 to train on; name fewer unseen classes"),
        ({f"split/rows/{ROW}/protocol": "xview"}, r"has no protocol 'xview', only \['leave_one_out', 'xsub'\]"),
        ({f"split/rows/{ROW}/modality": "depth"}, r"has no clip of modality 'depth'"),
    ],
)
def test_a_mistake_is_told_with_its_place(world: Path, edits: dict[str, Any], told: str) -> None:
    found = problems(edits)
    assert len(found) == 1, found
    assert re.search(told, found[0]), found


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ({"splits": ["s7"]}, r"section 'transfer.rows.mine' names the split 's7', the table has \['s0'\]"),
        ({"grid": {"num_neighbours": [3, 18], "rho": [1], "theta": [0.9]}}, r"K = 18 .* there are 17 seen classes"),
        (
            {"grid": {"num_neighbours": [3, 18], "rho": [1], "theta": [0.9]}, "selection": "folds"},
            r"K = 18 .* there are 17 seen classes",
        ),
        ({"split_table": "fixed"}, r"names the row 'utd_mhad-fixed' of split, which does not exist"),
    ],
)
def test_a_row_of_transfer_is_checked_against_its_splits(world: Path, edits: dict[str, Any], told: str) -> None:
    row = COMPOSED | {"splits": ["s0"]} | edits
    if edits.get("split_table"):
        del row["splits"]
    assert re.search(told, problems({"transfer/rows/mine": row})[0])


def test_as_many_neighbours_as_there_are_seen_classes_are_no_problem(world: Path) -> None:
    row = COMPOSED | {"splits": ["s0"], "grid": {"num_neighbours": [17], "rho": [1], "theta": [0.9]}}
    assert problems({"transfer/rows/mine": row}) == []


def test_all_problems_are_told_at_once(world: Path) -> None:
    stamp.stamp_path(SOURCE).unlink()
    found = problems({"embed/compute": {"num_thread": 1}, "prompt/rows/utd_mhad/descriptions": "mine.csv"})
    assert len(found) == 3
    assert "not scanned yet; run `unseen raw scan utd_mhad`" in found[2]


def test_a_folder_that_is_not_there_or_is_a_broken_link_is_told(world: Path) -> None:
    shutil.rmtree(SOURCE)
    stamp.stamp_path(SOURCE).unlink()
    [absent] = problems()
    what = "no such folder; link or copy the dataset there (docs/data.md), and run `unseen raw scan utd_mhad`"
    assert absent == f"{SOURCE}: {what}"
    SOURCE.symlink_to("gone")
    [broken] = problems()
    assert "it is a link to gone, which is not there" in broken


def test_the_classes_are_checked_before_there_is_a_recording(world: Path) -> None:
    shutil.rmtree(SOURCE)
    stamp.stamp_path(SOURCE).unlink()
    found = problems({f"split/rows/{ROW}/num_unseen": 27})
    assert any("num_unseen is 27, utd_mhad has 27 classes" in one for one in found)


def test_a_folder_that_has_changed_since_its_scan_is_told_by_its_files(world: Path) -> None:
    (SOURCE / "a1_s1_t1_skeleton.mat").unlink()
    (SOURCE / "a1_s2_t1_skeleton.mat").write_bytes(b"short")
    for number in range(4):
        (SOURCE / f"new{number}.txt").touch()
    [found] = problems()
    assert found == (
        f"{SOURCE}: since its scan 1 file changed (a1_s2_t1_skeleton.mat), 4 files appeared (new0.txt, new1.txt, "
        "new2.txt, ...), 1 file vanished (a1_s1_t1_skeleton.mat); run `unseen raw scan utd_mhad`"
    )


def test_recordings_that_cannot_be_read_are_told(world: Path) -> None:
    for file in SOURCE.iterdir():
        file.write_bytes(f"no recording: {file.name}".encode())
    raw.scan("utd_mhad", SOURCE)
    [found] = problems()
    assert "skeleton: none of 3 clips that were tried can be used, as " in found
    assert "unreadable" in found


def test_a_recipe_that_can_prepare_none_is_told(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise DataError("no valid frame: too dark")

    monkeypatch.setattr(dvta50, "prepare", refuse)
    where = "preprocess.rows.utd_mhad-skeleton-dvta50: none of 3 clips that were tried can be prepared"
    assert problems() == [f"{where}: no valid frame: too dark"]


def test_an_unseen_class_without_clips_is_told_and_few_clips_are_a_note(world: Path) -> None:
    assert any("fewer than 5 unseen_test clips of 5 classes" in note for note in planned().notes)
    for subject in range(2, 9, 2):  # who tests
        for number in range(1, plans.NUM_CLASSES + 1):
            (SOURCE / f"a{number}_s{subject}_t1_skeleton.mat").unlink()
    raw.scan("utd_mhad", SOURCE)
    [found] = problems()
    assert "no clip gets the role seen_test or unseen_test" in found


def test_what_runs_how_long_and_how_big_is_estimated(world: Path) -> None:
    told = planned()
    assert [one.name for one in told.todo] == [
        "fingerprint",
        "ingest@utd_mhad",
        "split@utd_mhad-random",
        "prompt@utd_mhad",
        "embed@texts",
        "preprocess@utd_mhad-skeleton-dvta50",
        "extract@vectors",
        "report",
    ]
    assert set(told.cost.tried) == {"ingest@utd_mhad", "preprocess@utd_mhad-skeleton-dvta50"}
    num_numbers = 3 * 4 * 20 * 1  # of a clip: coordinates, frames, joints, bodies
    assert told.cost.num_bytes == {"preprocess@utd_mhad-skeleton-dvta50": 4 * num_numbers * 216}
    log = Path(".cache/runs/ingest.jsonl")
    log.parent.mkdir(parents=True)
    log.write_text(
        '{"row": "utd_mhad", "seconds": 90.0, "state": "finished"}\n'
        '{"row": "utd_mhad", "seconds": 120.0, "state": "finished"}\n'
        '{"row": "utd_mhad", "seconds": 999.0, "state": "failed: DataError"}\nhalf a li'
    )
    told = planned()
    assert told.cost.before == {"ingest@utd_mhad": 120.0}
    lines = list(plan.lines(told))
    assert "time: about 2 min for ingest 1, as their last runs took" in lines
    assert any(line.startswith("disk: about 207 kB for outputs of 1 of them") for line in lines)


@pytest.mark.parametrize("name", profile.names())
def test_a_shipped_profile_lacks_nothing_but_what_its_user_brings(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("pipeline", "stages", "docs", "dvc.yaml", "requirements.txt"):
        (tmp_path / part).symlink_to(plans.ROOT / part)
    monkeypatch.chdir(tmp_path)
    for problem in plan.plan(name, Path()).problems:
        path, _, text = problem.partition(": ")
        assert path.startswith("data/raw/")
        assert text.startswith(("no such folder; link or copy", "no such file, which "))
    assert (plan.plan("demo", Path()).problems == []) or name != "demo"


def test_the_command_prints_the_plan_and_ends_with_1_where_there_is_a_problem(world: Path) -> None:
    planned()
    done = CliRunner().invoke(app, ["plan", "own.yaml"])
    assert done.exit_code == 0
    assert done.output.startswith("profile 'own.yaml': no problem was found\n")
    assert "utd_mhad: 216 skeleton clips\nto run: 8 of 8 stage instances; 0 are up to date\n" in done.output
    planned({f"split/rows/{ROW}/num_unseen": 27})
    done = CliRunner().invoke(app, ["plan", "own.yaml"])
    assert done.exit_code == 1
    assert done.output.startswith("1 problem in profile 'own.yaml':\n  1. split.rows.utd_mhad-random: ")


def test_params_yaml_is_looked_at_where_no_profile_is_named(world: Path) -> None:
    with pytest.raises(ParamsError, match=r"params\.yaml: no such file"):
        plan.plan(None, Path())
    planned()
    profile.use("own.yaml", Path(), force=False)
    assert plan.plan(None, Path()).problems == []
    assert plan.plan(None, Path()).what == "params.yaml"


def test_a_plan_is_made_in_the_folder_of_a_checkout_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["plan"])
    assert isinstance(done.exception, ParamsError)
    assert "there is no dvc.yaml in" in str(done.exception)
