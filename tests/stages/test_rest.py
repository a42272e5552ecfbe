import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from pipeline.core.errors import ParamsError
from pipeline.models import checkpoint
from stages import rest
from tests.steps import resting
from tests.steps.resting import STORED, changed

FOLDERS = {
    "clips": "ingest",
    "splits": "split",
    "embeddings": "embed",
    "extracted": "extract",
    "arrays": "preprocess",
    "out": "w",
}
RUNNING = {"num_workers": 0, "queue_length": 2, "checkpoint_every": None}
SLOW = {"name": "sgd", "lr": 0.01, "weight_decay": 0.0, "momentum": 0.9}


@pytest.fixture
def project(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own, which is the working directory."""
    for path in films.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_params(row: dict[str, Any], **section: Any) -> None:
    Path("params.yaml").write_text(yaml.safe_dump({"rest": {"running": RUNNING, "rows": {"k": row}, **section}}))


def run(row: dict[str, Any], **section: Any) -> None:
    write_params(row, **section)
    rest.main(row="k", **{name: Path(folder) for name, folder in FOLDERS.items()})


OPTIONS = ["--row", "k", *(word for name, folder in FOLDERS.items() for word in (f"--{name}", folder))]


def test_a_row_becomes_a_folder_of_weights_and_representations(project: Path) -> None:
    run(resting.ROW, running={**RUNNING, "num_workers": 1})
    assert {"all-0.safetensors", "demo.zarr", "demo_gym.zarr"} < {path.name for path in Path("w").iterdir()}
    (line,) = Path(".cache/runs/rest.jsonl").read_text().splitlines()
    assert (json.loads(line)["networks"], json.loads(line)["clips"]) == (1, 42)
    trainings = [json.loads(line) for line in Path(".cache/runs/training.jsonl").read_text().splitlines()]
    assert [each["row"] for each in trainings] == ["k all-0 warm-up", "k all-0 joint"]
    assert all(0 <= each["waiting_for_data"] <= 1 for each in trainings)


@pytest.mark.parametrize(
    ("changes", "section", "fault"),
    [
        ({"classes": "all"}, {}, "key 'classes'"),
        ({"training": {**resting.TRAINING, "epochs": 3}}, {}, r"unknown key 'training\.epochs'"),
        ({"model": {"kind": "perceiver"}}, {}, "key 'model'"),
        ({"input__window": {}}, {}, r"missing key 'input\.video\.window\.num_frames'"),
        ({}, {"running": {}}, r"section 'rest\.running' .* missing key 'num_workers'"),
    ],
)
def test_params_that_do_not_fit_are_refused(
    changes: dict[str, Any], section: dict[str, Any], fault: str, project: Path
) -> None:
    with pytest.raises(ParamsError, match=fault):
        run(changed(**changes), **section)


def test_two_devices_learn_what_one_would_and_one_of_them_writes(as_dvc: Callable[..., Any], project: Path) -> None:
    """Of stored tokens: normalisation over a batch, as in a CNN, is each device's own."""
    row = changed(changed(**STORED), training__optimizer=SLOW, training__batch_size=4)
    run(row)
    alone, about = checkpoint.load(Path("w/all-0.safetensors"))
    write_params(changed(row, training__devices=2))
    done = as_dvc("rest", *OPTIONS)
    assert done.returncode == 0, done.stderr
    together, both = checkpoint.load(Path("w/all-0.safetensors"))
    for name, weight in alone.items():
        torch.testing.assert_close(together[name], weight, rtol=1e-4, atol=1e-5)
    assert both["history"][1]["loss"] == pytest.approx(about["history"][1]["loss"], rel=1e-4)
    assert done.stderr.count("is best, held-out accuracy") == 1


def test_what_fails_is_one_line(in_process: Callable[..., Any], project: Path) -> None:
    write_params(changed(source__split="s1"))
    done = in_process("rest", *OPTIONS)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1), done.stderr
    assert done.stderr.startswith("error: split/demo-films.parquet: no split 's1'")
