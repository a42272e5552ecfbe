"""The promises of `dvc repro`, kept on the fixtures profile: every stage, at most 60 clips, a few minutes."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
Checkout = Any  # of tests/conftest.py
UP_TO_DATE = "Data and pipelines are up to date."
pytestmark = pytest.mark.world


def test_a_run_ends_with_a_report(finished: Checkout) -> None:
    assert (finished.folder / "reports" / "report" / "index.html").is_file()


def test_every_stage_ran_at_small_size(finished: Checkout) -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert {name.split("@")[0] for name in finished.stages()} == set(stages)
    assert len(list((finished.folder / "data" / "synthesize" / "demo").glob("*.skeleton"))) <= 60


def test_a_second_repro_does_nothing(checkout: Checkout) -> None:
    assert UP_TO_DATE in checkout.run("dvc", "repro")


def test_a_deleted_feature_comes_back_from_the_run_cache(checkout: Checkout) -> None:
    name = next(name for name in checkout.stages() if name.startswith("extract@"))
    [out] = checkout.stages()[name]["outs"]
    shutil.rmtree(checkout.folder / out["path"])
    assert checkout.ran("dvc", "repro", "-s", name) == set()
    assert (checkout.folder / out["path"]).is_dir()
    assert UP_TO_DATE in checkout.run("dvc", "repro")


def test_one_row_changed_reruns_its_instances_only(checkout: Checkout) -> None:
    row = next(name for name in checkout.stages() if name.startswith("align@") and name.endswith("-ridge"))
    key = row.removeprefix("align@")
    checkout.edit_params({f"align/rows/{key}/refit": "none"})
    assert checkout.ran("dvc", "repro") == {f"align@{key}", f"evaluate@{key}", "report"}


def test_a_clone_with_a_shared_cache_does_no_work(
    checkout: Checkout, new_checkout: Callable[[Path], Checkout], tmp_path: Path
) -> None:
    checkout.run("dvc", "remote", "add", "-q", "-d", "shared", str(tmp_path / "shared"))
    checkout.run("dvc", "push", "-q")
    clone = new_checkout(tmp_path / "clone")
    shutil.copy2(checkout.lock, clone.lock)
    shutil.copy2(checkout.folder / ".dvc" / "config", clone.folder / ".dvc" / "config")
    assert clone.ran("dvc", "repro", "--pull") == set()
    assert (clone.folder / "reports" / "report" / "index.html").is_file()


def test_a_forced_repro_gives_the_same_lock(checkout: Checkout) -> None:
    before = checkout.stages()
    checkout.run("dvc", "repro", "--force")
    assert checkout.stages() == before


def test_a_typo_in_params_is_one_line_and_loses_nothing(checkout: Checkout) -> None:
    file = checkout.folder / "params.yaml"
    file.write_text(file.read_text().replace("refit:", "refitt:", 1))
    output = checkout.run("dvc", "repro", code=255)
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert re.search(r"params\.yaml: section 'align\.rows\..*missing key 'refit'.*unknown key 'refitt'", errors[0])
    file.write_text(file.read_text().replace("refitt:", "refit:", 1))
    assert checkout.ran("dvc", "repro") == set()


def test_switching_profiles_leaves_nothing_stale(checkout: Checkout) -> None:
    rows = {name: entry for name, entry in checkout.stages().items() if "@" in name}  # none is a row of utd_mhad
    checkout.run("unseen", "profile", "use", "utd_mhad")
    outs = {out["path"] for entry in rows.values() for out in entry["outs"]}
    assert [out for out in outs if (checkout.folder / out).exists()] == []
    left = [p for column in ("data", "features") for p in (checkout.folder / column).rglob("*demo*")]
    assert [p for p in left if p.parent.name != "fingerprint"] == []  # nor an empty folder
    assert set(checkout.stages()) == {"fingerprint", "report"}  # of both; the next repro draws the report anew
    checkout.run("unseen", "profile", "use", "fixtures")
    assert checkout.ran("dvc", "repro") == set()  # all of it is in DVC's cache


def test_an_edited_params_file_is_not_overwritten(checkout: Checkout) -> None:
    file = checkout.folder / "params.yaml"
    edited = file.read_text() + "# mine\n"
    file.write_text(edited)
    assert "--force" in checkout.run("unseen", "profile", "use", "demo", code=1)
    assert file.read_text() == edited
