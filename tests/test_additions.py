"""A stage, a dataset, an encoder and a method are added to a copy of the sources: how many files that touches.

CONTRIBUTING.md names the files. Everything is added at once and works: the checks of the graph and the contract suites
take the new members in without another edit, and what they are for is run.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.core.hashing import file_digest

ROOT = Path(__file__).parents[1]
COPIED = ("pipeline", "stages", "tests", "docs/dag.svg", "data/README.md", "dvc.yaml", "params.yaml", "pyproject.toml")
COPIED += ("requirements.txt",)
LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "ntu*.yaml", "utd*.yaml", "demo_study.yaml"
)  # no rows of which are used
MOST = {"stage": 10, "dataset": 3, "encoder": 2, "method": 2}

# The stage `tally` counts the clips of a dataset.
DVC = """
  tally:
    foreach: ${tally.rows}
    do:
      desc: clips -> how many there are of a modality
      cmd: >-
        python -m stages.tally --row ${key}
        --clips data/ingest/${item.dataset}.parquet
        --out data/tally/${key}.json
      deps:
      - data/fingerprint/tally.txt
      - data/ingest/${item.dataset}.parquet
      params:
      - tally.rows.${key}
      outs:
      - data/tally/${key}.json

"""
ROW = "\ntally:\n  rows:\n    demo: {dataset: demo, modality: skeleton}\n"
ARROW = '''
"""tally: clips -> how many there are of a modality."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import command, params, runs
from pipeline.steps import tally


def main(
    row: Annotated[str, typer.Option(help="A key of tally.rows in params.yaml.")],
    clips: Annotated[Path, typer.Option(help="The clips table.")],
    out: Annotated[Path, typer.Option(help="The figures to write.")],
) -> None:
    """Count the clips of a dataset."""
    chosen = params.row(tally.Row, "tally", row)
    with runs.recorded("tally", row):
        tally.tally(chosen, clips=clips, out=out)


if __name__ == "__main__":
    command.run(main)
'''
STEP = '''
"""tally: how many clips of a modality there are."""

from pathlib import Path

import pyarrow.parquet as pq

from pipeline.core.outputs import write_json
from pipeline.core.params import Params


class Row(Params):
    """Whose clips are counted."""

    dataset: str
    modality: str


def tally(row: Row, *, clips: Path, out: Path) -> None:
    """Write {"clips": n}."""
    modalities = pq.read_table(clips, columns=["modality"])["modality"].to_pylist()
    out.parent.mkdir(parents=True, exist_ok=True)
    write_json(out, {"clips": modalities.count(row.modality)})
'''
PROOF = """
import json
import shlex
import subprocess
import sys
from pathlib import Path

from pipeline.core import dag, params, stamp
from pipeline.steps import ingest
from tests.contracts.test_datasets import write_ntu


def test_the_command_of_dvc_yaml_counts_the_clips(tmp_path, monkeypatch):
    root = Path(__file__).parents[2]
    (instance,) = [i for i in dag.instances(root / "dvc.yaml", params.read(root / "params.yaml")) if i.stage == "tally"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    write_ntu(tmp_path / "raw")
    stamp.write(tmp_path / "raw", stamp.scan(tmp_path / "raw"))
    checks = ingest.Checks(max_rejected=0.0)
    ingest.ingest(checks, dataset="demo", source=tmp_path / "raw", out=tmp_path / "data/ingest/demo.parquet")
    (tmp_path / "params.yaml").symlink_to(root / "params.yaml")
    subprocess.run([sys.executable, *shlex.split(instance.cmd)[1:]], check=True)
    assert json.loads(Path(instance.outs[0]).read_text()) == {"clips": 1}
"""
# The encoder `toy`: a linear map at every joint and moment.
ENCODER = '''
"""Toy: a linear map at every joint and moment."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from pipeline.core import params as core_params
from pipeline.core.joints import JointLayout


class Params(core_params.Params):
    """Its size."""

    dim: int


class Encoder(nn.Module):
    """Clips of joint positions -> one vector a clip."""

    parts: ClassVar[dict[str, int]] = {"frames": 2, "joints": 3}

    def __init__(self, params: Params, layout: JointLayout) -> None:
        super().__init__()
        self.dim = params.dim
        self.point = nn.Linear(3, params.dim)

    def forward(self, x_NCTVM: Tensor) -> Tensor:
        """The mean of the tokens."""
        return self.with_tokens(x_NCTVM)[0]

    def with_tokens(self, x_NCTVM: Tensor) -> tuple[Tensor, Tensor]:
        """A token a moment and joint."""
        token_NTVD = torch.tanh(self.point(x_NCTVM.sum(-1).movedim(1, -1)))
        return token_NTVD.flatten(1, 2).mean(1), token_NTVD
'''
LEARNS = """
import torch

from pipeline.modalities import skeleton


def test_it_takes_a_training_step():
    torch.manual_seed(0)
    encoder, x = skeleton.build("toy", {"dim": 8}, "kinect20", "here"), torch.randn(6, 3, 9, 20, 1)
    head, labels = torch.nn.Linear(encoder.dim, 2), torch.arange(6) % 2
    losses = []
    for _ in range(8):
        loss = torch.nn.functional.cross_entropy(head(encoder(x)), labels)
        losses.append(loss.item())
        weights = [*encoder.parameters(), *head.parameters()]
        with torch.no_grad():
            for weight, slope in zip(weights, torch.autograd.grad(loss, weights)):
                weight -= 0.1 * slope
    assert losses[-1] < losses[0]
"""


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.lstrip("\n"), encoding="utf-8")


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, (file, old)
    file.write_text(text.replace(old, new), encoding="utf-8")


def sampled(suite: Path, known: str, name: str) -> None:
    """Give a contract suite the sample of a new member: here that of a known one."""
    line = re.search(rf"^    .*{re.escape(known)}.*,\n", suite.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert line
    edit(suite, line[0], line[0] + line[0].replace(known, name))


def add_stage(root: Path) -> None:
    edit(root / "dvc.yaml", "\n  split:\n", f"{DVC}  split:\n")
    write(root / "stages/tally.py", ARROW)
    write(root / "pipeline/steps/tally.py", STEP)
    write(root / "tests/stages/test_tally.py", PROOF)
    for name in ("demo", "fixtures"):
        with (root / f"pipeline/profiles/{name}.yaml").open("a", encoding="utf-8") as file:
            file.write(ROW)
    edit(root / "data/README.md", "| `split/` |", "| `tally/` | `tally` | how many clips there are |\n| `split/` |")
    typed = "from pipeline.cli import app; app('profile use demo'.split(), standalone_mode=False); app(['dag'])"
    run(root, "-c", typed)  # writes params.yaml and docs/dag.svg


def add_dataset(root: Path) -> None:
    """The demo gym under another name."""
    folder = root / "pipeline/datasets"
    text = (folder / "demo_gym.py").read_text(encoding="utf-8")
    write(folder / "toy.py", text.replace('name="demo_gym"', 'name="toy"'))
    write(folder / "classes/toy.csv", "class_id,name,context\n0,wave,A person waves.\n1,jump,A person jumps.\n")
    sampled(root / "tests/contracts/test_datasets.py", '"demo_gym": (', '"toy": (')


def add_encoder(root: Path) -> None:
    write(root / "pipeline/modalities/skeleton/toy.py", ENCODER)
    suite = root / "tests/contracts/test_encoders.py"
    edit(suite, "\nSAMPLES = {\n", '\nSAMPLES = {\n    ("skeleton", "toy"): ({"dim": 8}, "kinect20", (3, 9, 20, 2)),\n')


def add_method(root: Path) -> None:
    """Ridge regression under another name."""
    folder = root / "pipeline/models/methods"
    shutil.copy2(folder / "ridge.py", folder / "toy.py")
    sampled(root / "tests/contracts/test_methods.py", '"ridge": ', '"toy": ')


ADDITIONS: dict[str, Callable[[Path], None]] = {
    "stage": add_stage,
    "dataset": add_dataset,
    "encoder": add_encoder,
    "method": add_method,
}
# Which files these are, as CONTRIBUTING.md says it.
TOLD = {
    "stage": {
        "dvc.yaml": "dvc.yaml",
        "stages/tally.py": "stages/<stage>.py",
        "pipeline/steps/tally.py": "pipeline/steps/<stage>.py",
        "tests/stages/test_tally.py": "tests/stages/test_<stage>.py",
        "pipeline/profiles/demo.yaml": "pipeline/profiles/demo.yaml",
        "pipeline/profiles/fixtures.yaml": "pipeline/profiles/fixtures.yaml",
        "params.yaml": "params.yaml",
        "docs/dag.svg": "docs/dag.svg",
        "data/README.md": "<column>/README.md",
    },
    "dataset": {
        "pipeline/datasets/toy.py": "pipeline/datasets/<name>.py",
        "pipeline/datasets/classes/toy.csv": "pipeline/datasets/classes/<name>.csv",
        "tests/contracts/test_datasets.py": "tests/contracts/test_datasets.py",
    },
    "encoder": {
        "pipeline/modalities/skeleton/toy.py": "pipeline/modalities/<modality>/<name>.py",
        "tests/contracts/test_encoders.py": "tests/contracts/test_encoders.py",
    },
    "method": {
        "pipeline/models/methods/toy.py": "pipeline/models/methods/<name>.py",
        "tests/contracts/test_methods.py": "tests/contracts/test_methods.py",
    },
}


def run(root: Path, *words: str) -> str:
    """Python with the copy's code, from its folder; what it printed."""
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def files(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): file_digest(path)
        for path in root.rglob("*.*")
        if path.is_file() and path.suffix != ".pyc"
    }


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, set[str]]]:
    """A copy of the sources with all additions, and the files that each of them touched."""
    root = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=LEFT_OUT)
        else:
            shutil.copy2(ROOT / name, root / name)
    touched = {}
    for kind, add in ADDITIONS.items():
        before = files(root)
        add(root)
        touched[kind] = {name for name, digest in files(root).items() if before.get(name) != digest}
    return root, touched


@pytest.mark.parametrize("kind", ADDITIONS)
def test_an_addition_touches_the_files_that_contributing_names(
    kind: str, added: tuple[Path, dict[str, set[str]]]
) -> None:
    touched = added[1][kind]
    assert touched == set(TOLD[kind])
    assert len(touched) <= MOST[kind]
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    entry = re.search(rf"^\*\*{kind}\*\*.*?(?=^\*\*[a-z]|^## )", page, flags=re.MULTILINE | re.DOTALL)
    assert entry
    assert [name for name in TOLD[kind].values() if f"`{name}`" not in entry[0]] == []


def test_what_was_added_works(added: tuple[Path, dict[str, set[str]]]) -> None:
    root, _ = added
    write(root / "tests/modalities/skeleton/test_toy_learns.py", LEARNS)
    suites = ["test_dag.py", "test_profiles.py", "stages/test_tally.py", "modalities/skeleton/test_toy_learns.py"]
    suites += [f"contracts/test_{kind}s.py" for kind in ("dataset", "encoder", "method")]
    chosen = "toy or tally or every_stage or committed or has_a_sample or (understand_every_row and demo and not study)"
    words = [
        "-v",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:benchmark",
        "-k",
        chosen,
        *(f"tests/{suite}" for suite in suites),
    ]
    told = run(root, "-m", "pytest", *words)
    passed = {line.split("::", 1)[1].rsplit(" PASSED", 1)[0] for line in told.splitlines() if " PASSED" in line}
    assert {
        "test_every_stage_has_a_section_of_params_and_every_section_a_stage",
        "test_the_committed_picture_is_what_dvc_yaml_says",
        "test_the_stages_understand_every_row_and_what_stands_beside_it[demo]",
        "test_the_command_of_dvc_yaml_counts_the_clips",
        "test_a_recording_in_the_native_format_ingests[toy]",
        "TestEncoder::test_it_keeps_the_contract[skeleton-toy]",
        "test_it_takes_a_training_step",
        "TestMethod::test_unseen_classes_are_told_apart_well_above_chance[toy]",
    } <= passed
