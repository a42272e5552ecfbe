"""What DVC is told of outputs that it has not made here: their rows in dvc.lock, and a copy in its cache."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.core.errors import DataError
from pipeline.core.outputs import whole
from pipeline.core.params import PARAMS_FILE
from pipeline.formats.pack import PackedRow, Tracked


def record(root: Path, rows: Sequence[PackedRow]) -> list[str]:
    """Enter rows into dvc.lock as they were where they were made, and keep their outputs in DVC's cache.

    Returns their names; none in a folder where DVC has not been set up. Raises DataError where DVC refuses, as while
    another of its commands runs.
    """
    if not rows or not (root / ".dvc").is_dir():
        return []
    from dvc.exceptions import DvcException

    logging.getLogger("dvc").setLevel(logging.ERROR)  # an empty folder of pages is no reason to warn
    try:
        _record(root, rows)
    except DvcException as error:
        raise DataError(f"the outputs are in place, DVC could not record them: {error}; then run this again") from None
    return [row.name for row in rows]


def _record(root: Path, rows: Sequence[PackedRow]) -> None:
    from dvc.repo import Repo
    from dvc.utils.serialize import modify_yaml

    file = root / "dvc.lock"
    with Repo(str(root)) as repo, repo.lock, whole(file) as scratch:  # DVC would leave half a file where it is killed
        if file.exists():
            shutil.copyfile(file, scratch)
        with modify_yaml(str(scratch)) as lock:
            lock.setdefault("schema", "2.0")
            stages = lock.setdefault("stages", {})
            for row in rows:
                if stages.get(row.name) != (made := entry(row)):
                    stages[row.name] = made
    with Repo(str(root)) as repo, repo.lock:
        for row in rows:
            for stage in repo.stage.collect(row.name):
                stage.save_outs()
                stage.commit()


def entry(row: PackedRow) -> dict[str, Any]:
    """A row as dvc.lock has it."""
    found: dict[str, Any] = {"cmd": row.cmd}
    if row.deps:
        found["deps"] = [_tracked(dep) for dep in row.deps]
    if row.params:
        found["params"] = {PARAMS_FILE.name: row.params}
    return found | {"outs": [_tracked(out) for out in row.outs]}


def _tracked(each: Tracked) -> dict[str, Any]:
    entry: dict[str, Any] = {"path": each.path, "hash": "md5", "md5": each.md5, "size": each.size}
    return entry if each.nfiles is None else entry | {"nfiles": each.nfiles}
