"""What the stage is told reaches the step, and a leak ends as one line and exit code 1."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline.core import command, scores, store, tables
from pipeline.core.errors import ParamsError
from pipeline.core.schemas import PREDICTIONS
from stages import evaluate
from tests import toy
from tests.core.table_rows import clip_row

METHOD = dict.fromkeys(("modality", "encoder", "method", "variant"), "skeleton") | {"embeddings": "toy-minilm"}
CLIP_IDS = [f"toy/{number:02d}" for number in range(20)]
PARAMS = {
    "evaluate": {
        "bootstrap": {"num_resamples": 20, "seed": 0},
        "rows": {
            "toy": {
                "dataset": "toy",
                "split_table": "random",
                "scores": "align/toy",
                "embeddings": "toy-minilm",
                "oracle_selection": True,
            }
        },
    }
}


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.chdir(tmp_path)
    write_params()
    inputs = {name: tmp_path / name for name in ("scores", "clips", "split", "embeddings", "prompts")}
    clips = {clip_id: 2 + number % 2 for number, clip_id in enumerate(CLIP_IDS)}
    rows = [clip_row(clip_id=clip_id, class_id=class_id) for clip_id, class_id in clips.items()]
    toy.write_clips(inputs["clips"], rows, "abcd")
    splits = {"s0": {"fit": [0], "val": [1], "unseen": [2, 3]}}
    toy.write_split(inputs["split"], toy.split_rows(clips, splits), splits, protocol="xsub")
    toy.write_prompts(inputs["prompts"], "abcd")
    toy.write_texts(inputs["embeddings"], {"label": np.eye(4)})
    write_scores(inputs["scores"], [0, 1])
    return inputs | {
        "out": tmp_path / "toy.json",
        "predictions": tmp_path / "toy.parquet",
        "shown": tmp_path / "pages/toy",
    }


def write_params(**changes: object) -> None:
    bootstrap = PARAMS["evaluate"]["bootstrap"] | changes
    Path("params.yaml").write_text(yaml.safe_dump({"evaluate": PARAMS["evaluate"] | {"bootstrap": bootstrap}}))


def write_scores(folder: Path, training_classes: list[int]) -> None:
    about = scores.Provenance(
        "s0",
        0,
        "unseen",
        "inductive",
        "validation",
        "none",
        ["1", "2"],
        0,
        [2, 3],
        training_classes,
        None,
        [],
        None,
        None,
        [],
        [],
        None,
        None,
    )
    values = np.zeros((20, 2, 2), dtype=np.float32)
    values[1::4, 1, 1] = 1  # the first setting always says class 2, the second is right on half of class 3 as well
    with store.create(folder / scores.STORE, {"dataset": "toy", "split_table": "random", **METHOD}) as out:
        scores.write(out, scores.Scores(about, CLIP_IDS, values))


def test_the_stage_writes_figures_and_predictions_of_its_row(options: dict[str, Path]) -> None:
    evaluate.main(row="toy", **options)
    rows = json.loads(options["out"].read_text())["rows"]
    assert [(row["selection"], row["top1"]) for row in rows] == [("validation", 0.5), ("oracle", 0.75)]
    assert len(tables.read_table(options["predictions"], PREDICTIONS).to_pylist()) == 40


@pytest.mark.parametrize("changes", [{"num_resamples": 9}, {"seed": 1}])
def test_every_bootstrap_param_changes_the_output(options: dict[str, Path], changes: dict[str, int]) -> None:
    evaluate.main(row="toy", **options)
    before = options["out"].read_text()
    evaluate.main(row="toy", **options)
    assert options["out"].read_text() == before
    write_params(**changes)
    evaluate.main(row="toy", **options)
    assert options["out"].read_text() != before


def test_a_row_that_is_not_in_params_is_refused(options: dict[str, Path]) -> None:
    with pytest.raises(ParamsError, match="has no row 'other'"):
        evaluate.main(row="other", **options)


def test_a_leak_is_one_line_and_exit_code_one(
    options: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scores(options["scores"], [0, 3])
    flags = [part for name, path in options.items() for part in (f"--{name}", str(path))]
    monkeypatch.setattr(sys, "argv", ["evaluate", "--row", "toy", *flags])
    with pytest.raises(SystemExit) as stopped:
        command.run(evaluate.main)
    assert stopped.value.code == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: split 's0', seed 0: the weights were trained on the unseen classes [3]; train on fit classes only"
    ]
    assert not options["out"].exists()
