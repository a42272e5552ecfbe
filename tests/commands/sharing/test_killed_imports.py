"""Imports that are killed at the worst time: the next one puts all right, and nothing is lost on the way."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.commands.sharing import project
from pipeline.core.dvc_hash import content_hash
from tests.commands.sharing.exchange import exported, run, take
from tests.conftest import ROOT
from tests.sharing import made

KILLED = """
import os, pathlib, sys
from pipeline.commands.sharing import importing, locking, placing, project
rename, remove = pathlib.Path.rename, placing.remove
def renamed(path, target):
    os._exit(9) if path.name.endswith("demo-net.zarr.partial") else rename(path, target)
def removed(path):
    os._exit(9) if path.name.endswith(".old.partial") and path.exists() else remove(path)
def half(_, stream):
    stream.write("schema: '2")
    stream.flush()
    os._exit(9)
def dead(*_):
    os._exit(9)
match sys.argv[2]:
    case "renaming": pathlib.Path.rename = renamed
    case "removing": placing.remove = removed
    case "recording": importing.record = dead
    case "writing":
        import dvc.utils.serialize._yaml
        dvc.utils.serialize._yaml._dump = half
    case "keeping":
        from dvc.stage import Stage
        Stage.save_outs = dead
        Stage.commit = dead
importing.take(pathlib.Path(sys.argv[1]), "features", project.read(pathlib.Path()), force=True, max_bytes=1 << 30)
"""


def killed(file: Path, clone: Path, when: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, file, when], cwd=clone, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.returncode == 9


def other(clone: Path) -> Path:
    """Features of one's own in the place of those of a pack."""
    store = clone / made.STORE
    store.mkdir(parents=True)
    (store / "own").write_text("mine")
    return store


def locked(clone: Path) -> dict[str, str]:
    """The outputs that dvc.lock names, with their hashes."""
    rows = yaml.safe_load((clone / "dvc.lock").read_text())["stages"].values()
    return {out["path"]: out["md5"] for row in rows for out in row["outs"]}


def test_outputs_that_had_made_room_for_nothing_come_back(finished: Path, clone: Path) -> None:
    file, store = exported(finished), other(clone)
    killed(file, clone, "renaming")
    assert not store.exists()
    os.chdir(clone)
    told = f"{made.STORE}: an import was killed before it was replaced; import the pack again, or rename"
    assert told in run("features", "verify", code=1)
    with pytest.raises(project.DataError, match=rf"{made.STORE} is there and differs"):
        take(file, clone)
    assert (store / "own").read_text() == "mine"
    assert not list(clone.rglob("*.old.partial"))
    take(file, clone, force=True)
    assert content_hash(store) == content_hash(finished / made.STORE)
    assert not list(clone.rglob("*.partial"))


def test_what_was_replaced_does_not_stay(finished: Path, clone: Path) -> None:
    file, store = exported(finished), other(clone)
    killed(file, clone, "removing")
    assert content_hash(store) == content_hash(finished / made.STORE)
    os.chdir(clone)
    assert "demo-net.zarr.old.partial: left by an import that was killed" in run("features", "verify", code=1)
    assert "extract@demo-net" in take(file, clone).recorded
    assert not list(clone.rglob("*.partial"))


@pytest.mark.parametrize("when", ["recording", "writing", "keeping"])
def test_dvc_lock_never_names_what_is_not_there(finished: Path, clone: Path, when: str) -> None:
    file = exported(finished)
    own = yaml.safe_load((finished / "dvc.lock").read_text())
    own["stages"] = {"preprocess@demo-skeleton-r": own["stages"]["preprocess@demo-skeleton-r"]}
    (clone / "dvc.lock").write_text(yaml.safe_dump(own, sort_keys=False))
    before = (clone / "dvc.lock").read_bytes()
    killed(file, clone, when)
    assert ((clone / "dvc.lock").read_bytes() == before) == (when != "keeping")
    found = {path: md5 for path, md5 in locked(clone).items() if path != made.ARRAYS}
    assert found == {path: content_hash(clone / path) for path in found}
    done = take(file, clone)
    assert done.placed == []
    assert locked(clone)[made.STORE] == content_hash(clone / made.STORE)
    md5 = locked(clone)[made.STORE]
    assert (clone / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).is_file()
    assert not list(clone.rglob("*.partial"))
