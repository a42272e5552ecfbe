"""The stage as it is started: what is killed goes on, and what a user gets wrong is one line."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
import yaml

from pipeline.core import command, stamp, tables
from pipeline.core.errors import ParamsError
from pipeline.core.hashing import path_digest
from pipeline.core.schemas import NEGATIVES
from pipeline.formats import webdataset
from pipeline.formats.webdataset import Sample
from pipeline.models import checkpoint
from stages import finetune
from tests.steps import finetuning
from tests.steps.finetuning import ROW, changed

PROJECT = Path(finetune.__file__).parents[1]
RUNNING = {"num_workers": 0, "queue_length": 2, "checkpoint_every": 1}
FLAGS = {
    "row": "k",
    "start": "start.json",
    "shards": "shards",
    "graphs": "graph",
    "captions": "caption",
    "negatives": "negate",
    "out": "out",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finetuning.made(tmp_path_factory.mktemp("inputs"))


@pytest.fixture
def world(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    return finetuning.linked(root, tmp_path)


def write_params(row: dict[str, Any]) -> None:
    Path("params.yaml").write_text(yaml.safe_dump({"finetune": {"running": RUNNING, "rows": {"k": row}}}))


def paths(out: str) -> dict[str, Path]:
    return {name: Path(value) for name, value in {**FLAGS, "out": out}.items() if name != "row"}


def told(out: str = "out") -> list[str]:
    return [part for name, value in {**FLAGS, "out": out}.items() for part in (f"--{name}", value)]


def started(out: str) -> "subprocess.Popen[str]":
    """The stage as dvc starts it."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    command_ = [sys.executable, "-m", "stages.finetune", *told(out)]
    return subprocess.Popen(command_, env=environment, stderr=subprocess.PIPE, text=True)


def finished(out: str) -> None:
    running = started(out)
    error = running.communicate(timeout=300)[1]
    assert running.returncode == 0, error


def killed_whole(running: "subprocess.Popen[str]") -> None:
    """Kill a stage and its ranks at one moment: a rank that outlives it by half a second could end this small run."""
    ranks = psutil.Process(running.pid).children(recursive=True)
    for process in (running, *ranks):
        process.kill()
    running.communicate()
    psutil.wait_procs(ranks)


def killed_on_the_way() -> dict[str, int]:
    """Start the stage, kill it once it has kept its state within the second epoch, and say how far it was."""
    running = started("killed")
    while running.poll() is None:
        for file in Path(".cache/parts").glob("finetune/k/*.unfinished"):
            at = checkpoint.load(file)[1]["learner"]
            if at["epoch"] >= 1 and at["step"] > 0:
                killed_whole(running)
                return {"epoch": at["epoch"], "step": at["step"]}
        time.sleep(0.01)
    raise AssertionError(f"it ended by itself: {running.communicate()[1]}")


@pytest.mark.parametrize("devices", [1, 2])
def test_a_killed_stage_goes_on_within_the_epoch_to_the_same_bytes(devices: int, world: Path) -> None:
    write_params(changed("training.num_epochs", 5, changed("training.devices", devices)))
    at = killed_on_the_way()
    assert at["step"] > 0
    assert not Path("killed").exists()
    (state,) = Path(".cache/parts").glob("finetune/k/*.unfinished")
    finished("killed")
    assert not state.exists()
    shutil.rmtree(".cache/parts")
    if devices == 1:
        finetune.main(**paths(out="whole"), row="k")
    else:
        finished("whole")
    assert path_digest(Path("killed")) == path_digest(Path("whole"))
    (first, second) = Path(".cache/runs/finetune.jsonl").read_text().splitlines()  # a killed run leaves no line
    assert json.loads(first)["state"] == json.loads(second)["state"] == "finished"
    about = checkpoint.load(Path("whole/0.safetensors"))[1]
    assert len(about["history"]) == 6


def test_a_row_that_is_not_in_params_is_refused(world: Path) -> None:
    write_params(ROW)
    with pytest.raises(ParamsError, match="has no row 'other'"):
        finetune.main(**paths("out"), row="other")


def failed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], row: dict[str, Any] = ROW) -> str:
    """The one line that the stage ends with."""
    write_params(row)
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["finetune", *told()])
    with pytest.raises(SystemExit) as stopped:
        command.run(finetune.main)
    assert stopped.value.code == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert not Path("out").exists()
    return lines[0]


def broken(path: Path, kind: str) -> Path:
    """A checkpoint that is none."""
    if kind == "code":
        path.write_bytes(pickle.dumps(print))
    elif kind == "other sizes":
        torch.save({"visual.class_embedding": torch.zeros(3)}, path)
    return path


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ({"architecture": "ViT-B-23"}, "open_clip has no architecture 'ViT-B-23'; near it are ['ViT-B-32"),
        ({"checkpoint": "none"}, "weights.pt: no such file; expected weights of a CLIP"),
        ({"checkpoint": "code"}, "weights.pt: a pickle that holds code"),
        ({"checkpoint": "other sizes"}, "weights.pt: lacks "),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_start_that_is_none_is_one_line(
    start: dict[str, str],
    reason: str,
    world: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = str(broken(Path("weights.pt"), start["checkpoint"])) if "checkpoint" in start else None
    finetuning.start_file(Path("start.json"), start.get("architecture"), file)
    assert reason in failed(monkeypatch, capsys)


def test_weights_of_another_shape_are_one_line(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline.models import clip

    state = clip.start(Path("start.json"), 0).model.state_dict()
    torch.save({**state, "visual.proj": torch.zeros(16, 5)}, "weights.pt")
    finetuning.start_file(Path("start.json"), checkpoint="weights.pt")
    line = failed(monkeypatch, capsys)
    assert "weights.pt: visual.proj has the shape (16, 5), the architecture's is (16, 8)" in line


def shards(folder: Path, num_broken: int, num: int = 40) -> None:
    """Shards in place of the linked ones; of some samples the picture does not decode."""
    from tests.sources.demo_pairs import jpeg

    folder.unlink()
    stamp.stamp_path(folder).unlink()
    folder.mkdir()
    samples = (
        Sample(f"{k:09d}", "jpg", b"\xff\xd8 none" if k < num_broken else jpeg(k), f"text {k}", {}) for k in range(num)
    )
    webdataset.write(folder / "00000.tar", samples)
    stamp.write(folder, stamp.scan(folder))


@pytest.mark.parametrize(
    ("num_broken", "num", "reason"),
    [(40, 40, "held-out pictures: "), (0, 0, "00000.tar: an empty shard")],
)
def test_shards_that_cannot_be_used_are_one_line(
    num_broken: int,
    num: int,
    reason: str,
    world: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shards(Path("shards"), num_broken, num)
    assert reason in failed(monkeypatch, capsys)


def test_captions_without_negatives_are_one_line(
    root: Path, world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("negate").unlink()
    Path("negate").mkdir()
    for name in ("vg", "ag"):
        tables.write(Path(f"negate/{name}.parquet"), NEGATIVES, [])
    assert "no training caption has a negative, num_negatives wants some; set it to 0 or" in failed(monkeypatch, capsys)


def test_shards_without_a_stamp_are_one_line(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("shards.stamp").unlink()
    assert failed(monkeypatch, capsys).endswith("shards.stamp: no stamp; run `unseen raw scan shards`")


def test_a_start_without_the_seed_is_one_line(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("start.json").rename("base.json")
    Path("start.json").mkdir()
    Path("start.json/4.safetensors").touch()
    assert "no such weights, there are seeds [4]; add the seed to the row of finetune" in failed(monkeypatch, capsys)


def test_a_loss_that_is_no_number_is_one_line_with_its_step_and_rows(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = changed("training.optimizer.lr", 1e30, changed("training.clip_norm", None, changed("training.num_epochs", 3)))
    line = failed(monkeypatch, capsys, row)
    assert line.startswith("error: k 0: the loss is not finite in epoch 1, step 2: lower optimizer.lr")
    saved = json.loads(Path(line.rpartition(" ")[2]).read_text())
    assert (saved["epoch"], saved["step"]) == (1, 2)
    assert saved["rows"]
    assert all("|" in name or "/" in name for name in saved["rows"])
