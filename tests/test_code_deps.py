"""An edit of code reruns what runs it, and no more: the digests in dvc.yaml against what each stage really imported."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.core import dag
from pipeline.core.closure import Code

Checkout = Any  # of tests/conftest.py
pytestmark = pytest.mark.world

Files = dict[str, set[str]]  # by instance

# Code that a stage's digest holds and not every row runs: the genomes' painter, and the rules a row does not name.
BY_ROW = ("pipeline/world/painting.py", "pipeline/text/negatives/")
# Of all encoders, of which a row of bind runs some, of all methods, of which a row of cross runs one or none, of all
# datasets, of which a row of rest runs some, and of all encoders of skeletons, of which streams are one.
WHOLE = tuple(
    f"data/fingerprint/{name}.txt"
    for name in ("datasets", "modalities", "modalities.skeleton.streams", "models.methods")
)


def declared(checkout: Checkout, without: tuple[str, ...] = ()) -> Files:
    """The files of code that each instance of dvc.lock depends on through its digests, but for some of them."""
    found: Files = {}
    for name, entry in checkout.stages().items():
        digests = [dep["path"] for dep in entry.get("deps", []) if dep["path"].startswith("data/fingerprint/")]
        digests = [path for path in digests if path not in without]
        lines = [line for path in digests for line in (checkout.folder / path).read_text().splitlines()]
        found[name] = {line.split("  ")[1] for line in lines}
    return found


def imported(checkout: Checkout) -> Files:
    """The files with code that each instance's processes imported."""
    code, folder = Code(checkout.folder), checkout.folder
    roots = (f"{folder / 'pipeline'}/", f"{folder / 'stages'}/")
    cmds = {
        " ".join(instance.cmd.split()[3:]): instance.name
        for instance in dag.instances(folder / "dvc.yaml", yaml.safe_load((folder / "params.yaml").read_text()))
    }
    found: Files = {name: set() for name in cmds.values()}
    for trace in (folder / ".traces").glob("*.txt"):
        command, *files = trace.read_text().splitlines()
        name = cmds.get(" ".join(command.split()[1:]))
        ours = [Path(file).relative_to(folder) for file in files if file.startswith(roots)]
        modules = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in ours]
        if name is not None:
            found[name] |= {path for module in modules for path in code.own(module) if path.endswith(".py")}
    return found


@pytest.fixture(scope="module")
def ran(finished: Checkout) -> Files:
    """What each instance imported, found once: it takes seconds."""
    return imported(finished)


def test_every_stage_was_traced(ran: Files) -> None:
    assert [name for name, files in ran.items() if not files] == []


def test_a_change_of_code_reruns_every_stage_that_runs_it(finished: Checkout, ran: Files) -> None:
    lists = declared(finished)
    missing = {name: sorted(files - lists[name]) for name, files in ran.items() if name != "fingerprint"}
    assert {name: files for name, files in missing.items() if files} == {}


def test_a_change_of_code_reruns_no_other_stage(finished: Checkout, ran: Files) -> None:
    idle = {
        name: sorted(file for file in files - ran[name] if file.endswith(".py") and not file.startswith(BY_ROW))
        for name, files in declared(finished, without=WHOLE).items()
    }
    assert {name: files for name, files in idle.items() if files} == {}


def test_dvc_sees_an_edit_of_code_in_what_runs_it_and_no_other_stage(checkout: Checkout, ran: Files) -> None:
    edited = "pipeline/modalities/shared.py"
    with (checkout.folder / edited).open("a") as file:
        file.write("\n\nADDED = 1\n")
    assert checkout.ran("dvc", "repro", "fingerprint") == {"fingerprint"}
    status = json.loads(checkout.run("dvc", "status", "--json"))
    stale = {name for name, changes in status.items() if "data/fingerprint/" in json.dumps(changes)}
    assert stale == {name for name, files in ran.items() if edited in files}
    assert any(name.startswith("pretrain@") for name in stale)


def test_an_edit_of_a_comment_or_docstring_reruns_nothing(checkout: Checkout) -> None:
    file = checkout.folder / "pipeline" / "modalities" / "shared.py"
    file.write_text(file.read_text().replace('"""', '"""Reworded: ', 1) + "# a remark\n")
    assert checkout.ran("dvc", "repro") == {"fingerprint"}
