"""The page of all encoders: costs from the pages of pretrain, accuracies by the params' chain, recorded speeds."""

import json
from typing import Any

import pytest
import yaml

from pipeline.core.errors import FormatError
from pipeline.core.pages import Page
from pipeline.reporting import encoders, pretrain
from pipeline.reporting.encoders import Speed
from pipeline.reporting.evidence import Evidence, StagePage
from tests.reporting.conftest import NAMES, Inputs, method

OPTIONS = {"graph": "paper", "plan": "reduced", "dropout": 0.1}
PARAMS: dict[str, Any] = {
    "extract": {
        "rows": {
            "demo-a": {"weights": "features/pretrain/demo-a"},
            "demo-b-tokens": {"weights": "features/pretrain/demo-b"},
            "demo-measured": {"weights": "requirements.txt"},
        }
    },
    "align": {
        "rows": {
            "a-ridge": {"features": "extract/demo-a.zarr"},
            "b-ridge": {"features": "extract/demo-b-tokens.zarr"},
            "m-ridge": {"features": "extract/demo-measured.zarr"},
            "bound": {"features": "bind/demo/all.zarr"},
        }
    },
    "transfer": {"rows": {"a-prototypes": {"features": "extract/demo-a.zarr"}}},
    "evaluate": {
        "rows": {
            "a-ridge": {"scores": "align/a-ridge"},
            "b-ridge": {"scores": "align/b-ridge"},
            "m-ridge": {"scores": "align/m-ridge"},
            "a-prototypes": {"scores": "transfer/a-prototypes"},
            "bound": {"scores": "align/bound"},
        }
    },
}


def about(split: str, accuracy: float, **changes: Any) -> dict[str, Any]:
    told = {"dataset": "demo", "modality": "skeleton", "encoder": "stgcn", "options": OPTIONS, "classes": "fit"}
    told |= {"split_table": "random", "split": split, "seed": 0, "text": None, "augment": None, "epoch": 1}
    told |= {"training_classes": [0, 1], "num_training_clips": 9, "num_held_out_clips": 1}
    history = [{"epoch": 1, "loss": 1.0, "held_out_accuracy": accuracy}]
    return told | {"history": history, "num_params": 821_380, "macs": 297_321_650} | changes


def shown(row: str, *abouts: dict[str, Any]) -> StagePage:
    return StagePage("pretrain", row, pretrain.page(row, list(abouts), []), [])


def drawn(*pages: StagePage) -> Page:
    (found,) = encoders.draw(Evidence([], list(pages), [], yaml.safe_dump(PARAMS), []))
    assert (found.stage, found.row) == ("encoders", "all")
    return found.page


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    found = (Speed("stgcn", {"plan": "reduced"}, 123.4, 45.67, "two cores of a Z80", "make bench"),)
    monkeypatch.setattr(encoders, "speeds", lambda: found)


def test_costs_are_those_of_the_pages_and_accuracy_their_mean(recorded: None) -> None:
    full = about("s0", 0.25, options=OPTIONS | {"plan": "full"}, num_params=3_083_412, macs=1_434_638_050)
    page = drawn(shown("demo-a", about("s0", 0.5), about("s1", 0.75)), shown("demo-b", full))
    (table,) = page.tables
    reduced, large = (dict(zip(table.header, row, strict=True)) for row in table.rows)
    assert (reduced["row"], reduced["encoder"]) == ("demo-a", "skeleton, stgcn: dropout 0.1, graph paper, plan reduced")
    assert (reduced["weights"], reduced["MACs a clip"]) == ("821,380", "297,321,650")
    assert (reduced["held-out accuracy"], reduced["trainings"]) == (0.625, 2)
    assert (reduced["clips a second"], reduced["clips a second in training"]) == ("123", "45.7")
    assert (large["weights"], large["clips a second"], large["clips a second in training"]) == ("3,083,412", "–", "–")
    assert "two cores of a Z80 (make bench)" in page.text[1]


def test_nothing_recorded_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "speeds", tuple)
    assert drawn(shown("demo-a", about("s0", 0.5))).text[1].endswith("none of these encoders has been recorded.")


def test_without_an_encoder_there_is_no_page() -> None:
    assert encoders.draw(Evidence([], [], [], "", [])) == []


def test_a_page_of_another_version_names_the_stage_to_rerun() -> None:
    found = shown("demo-a", about("s0", 0.5))
    tables = [table for table in found.page.tables if table.title == pretrain.NETWORK]
    bare = StagePage("pretrain", "demo-a", found.page.model_copy(update={"tables": tables}), [])
    with pytest.raises(FormatError, match="pretrain/demo-a: its page tells no cost; run `dvc repro pretrain`"):
        drawn(bare)


@pytest.mark.parametrize(
    ("row", "encoder"),
    [
        ("a-ridge", "demo-a"),
        ("a-prototypes", "demo-a"),
        ("b-ridge", "demo-b"),
        ("m-ridge", "demo-measured"),
        ("bound", None),
        ("unknown", None),
    ],
)
def test_the_params_say_whose_vectors_a_row_answers_from(row: str, encoder: str | None) -> None:
    assert encoders.source(PARAMS, row) == encoder


def test_what_was_recorded_can_be_read() -> None:
    for one in encoders.speeds():
        assert min(one.inference, one.training) > 0
        assert one.machine
        assert one.command


def test_methods_stand_below_each_other_and_encoders_side_by_side(inputs: Inputs) -> None:
    inputs.write_result("a-ridge", method("demo", "random", "ridge"), ["s0", "s1", "s2"], NAMES, 0.4)
    inputs.write_result("b-ridge", method("demo", "random", "ridge"), ["s0"], NAMES, 0.6)
    inputs.write_result("m-ridge", method("demo", "random", "eszsl"), ["s0"], NAMES, 0.6)
    inputs.write_result("a-prototypes", method("demo", "random", "dvta"), ["s0"], NAMES, 0.6)
    for name in ("demo-a", "demo-b"):
        folder = inputs.root / "features/pretrain" / name
        folder.mkdir(parents=True)
        (folder / "page.json").write_text(shown(name, about("s0", 0.5)).page.model_dump_json())
    (inputs.root / "params.yaml").write_text(
        yaml.safe_dump(PARAMS | {"report": {"title": "T", "tables": {}, "charts": {}}})
    )
    inputs.stages = inputs.root / "dvc.yaml"  # these params are of encoders alone
    inputs.stages.write_text("stages: {}")
    text = inputs.report()["encoders-all.html"]
    assert "Encoders side by side" in text
    titles = [line for line in text.splitlines() if line.startswith("<h2>")]
    assert len(titles) == 2
    assert titles[1].startswith("<h2>Top-1 among 4 unseen classes of demo, split table random, protocol xsub")
    rows = text.split(titles[1])[1]
    figures = {
        row["split"]: row
        for row in json.loads((inputs.root / "reports/evaluate/b-ridge.json").read_text())["rows"]
        if row["label_space"] == "unseen"
    }
    assert f"{100 * figures['s0']['top1']:.1f} (" in rows
    assert "3 splits)" in rows
    assert "demo-measured" in rows
    assert "–" in rows
    assert rows.count("dvta") == 1  # the oracle's line is left out
