import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.core.errors import ParamsError
from pipeline.training import bound
from stages import bind
from tests.steps import binding
from tests.steps.binding import ONE, ROW, changed

FOLDERS = {
    "arrays": "features/preprocess",
    "splits": "data/split",
    "clips": "data/ingest",
    "pretrained": "features/pretrain",
    "hub": "features/finetune/tiny",
    "out": "features/bind/k",
}
RUNNING = {"num_workers": 0, "queue_length": 2, "checkpoint_every": None}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return binding.made(tmp_path)


def write_params(row: dict[str, Any], **section: Any) -> None:
    tree = {"batches": {"batch_size": 8, "num_threads": 1}, "running": RUNNING, "rows": {"k": row}, **section}
    Path("params.yaml").write_text(yaml.safe_dump({"bind": tree}))


def run(row: dict[str, Any], **section: Any) -> None:
    write_params(row, **section)
    bind.main(row="k", **{name: Path(folder) for name, folder in FOLDERS.items()})


def test_a_row_becomes_a_folder_of_weights_and_vectors(project: Path) -> None:
    run(ONE)
    about = bound.load(Path("features/bind/k/skeleton/s0-0.safetensors"))[1]
    assert (about.sense, about.hub.weights) == ("skeleton", "features/finetune/tiny")
    (line,) = Path(".cache/runs/bind.jsonl").read_text().splitlines()
    assert (json.loads(line)["encoders"], json.loads(line)["pairs"]) == (1, 16)


@pytest.mark.parametrize(
    ("row", "section", "fault"),
    [
        (changed(ROW, pairs__of="seen"), {}, "key 'pairs.of'"),
        ({**ROW, "protocol": "xsub"}, {}, "unknown key 'protocol'"),
        (changed(ROW, senses__depth__training__epochs=3), {}, r"unknown key 'senses\.depth\.training\.epochs'"),
        (ROW, {"batches": {"batch_size": 8}}, r"section 'bind\.batches' .* missing key 'num_threads'"),
        (ROW, {"running": {}}, r"section 'bind\.running' .* missing key 'num_workers'"),
    ],
)
def test_params_that_do_not_fit_are_refused(
    row: dict[str, Any], section: dict[str, Any], fault: str, project: Path
) -> None:
    with pytest.raises(ParamsError, match=fault):
        run(row, **section)


def test_a_row_on_two_devices_starts_both_and_one_of_them_writes(as_dvc: Callable[..., Any], project: Path) -> None:
    """The hub learns along: of its CLIP the towers that do not learn must not be waited for."""
    write_params(changed(ONE, hub__learns=True, senses__skeleton__training__devices=2))
    options = [word for name, folder in FOLDERS.items() for word in (f"--{name}", folder)]
    done = as_dvc("bind", "--row", "k", *options)
    assert done.returncode == 0, done.stderr
    about = bound.load(Path("features/bind/k/skeleton/s0-0.safetensors"))[1]
    assert (about.hub.learned, len(about.history)) == (True, 2)
    assert done.stderr.count("is best, held-out recall") == 1
    (line,) = Path(".cache/runs/bind.jsonl").read_text().splitlines()
    assert json.loads(line)["encoders"] == 1
    assert not list(Path(".cache/parts/bind/k").glob("*.unfinished"))
