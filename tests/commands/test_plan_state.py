"""What would run is what `dvc repro` then runs."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.commands.plan_state import State
from pipeline.core import dag, params
from pipeline.steps import fingerprint
from tests.commands.plans import ROOT


def test_the_models_are_those_that_the_stages_load() -> None:
    from pipeline.commands import plan_rows
    from tests.test_profiles import MODELS

    loaded = {section: model for models in MODELS.values() for section, model in models.items()}
    named = {section: path.rpartition(".")[2] for section, path in plan_rows.MODELS.items()}
    assert {section: model.__name__ for section, model in loaded.items()} == named


def test_a_collection_of_the_users_own_is_up_to_date_where_only_the_digests_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are made anew, of the datasets that the rows of ingest name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dep").write_text("as it was", encoding="utf-8")
    fingerprint.fingerprint(["kitchen"], out=tmp_path / "made")
    code, out = "data/fingerprint/datasets.kitchen.txt", "data/ingest/kitchen.parquet"
    ingest = dag.Instance("ingest", "kitchen", "cmd", (code, "dep"), (), (out,))
    locked = {
        ingest.name: {
            "cmd": "cmd",
            "deps": [
                {"path": code, "md5": hashlib.md5((tmp_path / "made/datasets.kitchen.txt").read_bytes()).hexdigest()},
                {"path": "dep", "md5": hashlib.md5(b"as it was").hexdigest()},
            ],
        }
    }
    (tmp_path / out).parent.mkdir(parents=True)
    (tmp_path / out).touch()
    assert State([ingest], {"ingest": {"rows": {"kitchen": {}}}}, locked, tmp_path).to_run == []
    (tmp_path / "dep").write_text("another", encoding="utf-8")
    assert State([ingest], {"ingest": {"rows": {"kitchen": {}}}}, locked, tmp_path).to_run == [ingest]


@pytest.mark.world
def test_the_plan_of_a_finished_checkout_is_what_dvc_says(checkout: Any) -> None:
    def to_run() -> list[str]:
        tree = params.read(checkout.folder / "params.yaml")
        instances = dag.instances(checkout.folder / "dvc.yaml", tree)
        return [one.name for one in State(instances, tree, checkout.stages(), checkout.folder).to_run]

    assert to_run() == []
    tree = yaml.safe_load((checkout.folder / "params.yaml").read_text())
    row = next(iter(tree["align"]["rows"]))
    checkout.edit_params({f"align/rows/{row}/max_missing": 0.5})
    planned = to_run()
    assert f"align@{row}" in planned
    said = json.loads(checkout.run("dvc", "status", "--json"))
    assert set(said) <= set(planned)
    (checkout.folder / "reports/report/index.html").unlink()
    assert set(checkout.ran("dvc", "repro", "--dry")) >= {f"align@{row}", "report"}
    assert not (ROOT / "nowhere").exists()
