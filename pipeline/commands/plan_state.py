"""plan: which stage instances `dvc repro` would run, told by dvc.lock and the files that are there.

Outputs are not hashed, which takes DVC minutes where there are many: one that was edited by hand passes here.
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.core import dag
from pipeline.core.dag import Instance
from pipeline.core.errors import ParamsError
from pipeline.core.params import PARAMS_FILE
from pipeline.steps import fingerprint

_DIGESTS = "data/fingerprint"  # the output of the stage that all others depend on
_BLOCK_BYTES = 1 << 20
_IGNORED = ("__pycache__", ".gitkeep")  # and halves of outputs, as .dvcignore says


class State:
    """Which of the instances would run, told by the stages of a lock file. Nothing is written."""

    def __init__(
        self, instances: Sequence[Instance], tree: Mapping[str, Any], locked: Mapping[str, Any], root: Path
    ) -> None:
        self.instances = list(instances)
        self._tree, self._locked, self._root = tree, locked, root
        self._writers = {out: instance for instance in instances for out in instance.outs}
        self._runs: dict[str, bool] = {}

    @cached_property
    def to_run(self) -> list[Instance]:
        """The instances that `dvc repro` would run, in their order."""
        return [instance for instance in self.instances if self.runs(instance)]

    def runs(self, instance: Instance) -> bool:
        """Whether an instance would run: itself is not as in its last run, or what it reads would change."""
        if instance.name not in self._runs:
            self._runs[instance.name] = True  # of rows that read each other, which DVC refuses
            read = any(self._would_change(dep) for dep in instance.deps)
            self._runs[instance.name] = read or not (self._is_there(instance) and self._is_as_run(instance))
        return self._runs[instance.name]

    def _is_as_run(self, instance: Instance) -> bool:
        """Whether its settings, code and files from outside are those of its last run."""
        entry = self._locked.get(instance.name)
        if not isinstance(entry, dict) or " ".join(str(entry.get("cmd")).split()) != " ".join(instance.cmd.split()):
            return False
        try:
            wanted = {param: dag.look_up(self._tree, param, "") for param in instance.params}
        except ParamsError:
            return False
        if entry.get("params", {}).get(str(PARAMS_FILE), {}) != wanted:
            return False
        known = {dep["path"]: dep.get("md5") for dep in entry.get("deps", [])}
        return set(known) == set(instance.deps) and all(
            self._digest(dep) in (None, known[dep]) for dep in instance.deps
        )

    def locked_bytes(self, instance: Instance) -> int | None:
        """The size of its outputs as the lock file has it; None where it has none."""
        entry = self._locked.get(instance.name)
        sizes = [out.get("size") for out in entry.get("outs", [])] if isinstance(entry, dict) else []
        return sum(sizes) if sizes and None not in sizes else None

    def _is_there(self, instance: Instance) -> bool:
        return all((self._root / out).exists() for out in instance.outs)

    def _would_change(self, dep: str) -> bool:
        """Whether a stage would write a dependency again; digests of code may stay as they are when it does."""
        if dep.startswith(f"{_DIGESTS}/"):
            return False
        return any(self.runs(writer) for out, writer in self._writers.items() if _overlap(out, dep))

    def _digest(self, dep: str) -> str | None:
        """MD5 of a file or folder as DVC takes it; None of what a stage writes, "" of what is not there."""
        if dep.startswith(f"{_DIGESTS}/"):
            return self._of_code.get(Path(dep).name, "")
        if any(_overlap(out, dep) for out in self._writers):
            return None
        return _md5(self._root / dep)

    @cached_property
    def _of_code(self) -> dict[str, str]:
        """MD5 of each digest of code by its name, as the stage fingerprint would write it now."""
        digests = next((each for each in self.instances if each.outs == (_DIGESTS,)), None)
        folder = self._root / _DIGESTS
        if digests is not None and folder.is_dir() and self._is_as_run(digests):
            return {file.name: _md5(file) for file in folder.iterdir()}
        with tempfile.TemporaryDirectory() as scratch:
            ingested = self._tree.get("ingest", {}).get("rows", {})
            fingerprint.fingerprint(ingested, out=Path(scratch) / "made")
            return {file.name: _md5(file) for file in (Path(scratch) / "made").iterdir()}


def _overlap(one: str, other: str) -> bool:
    """Whether one path is the other, or lies in it."""
    shorter, longer = sorted((one.split("/"), other.split("/")), key=len)
    return longer[: len(shorter)] == shorter


def _md5(path: Path) -> str:
    if path.is_file():
        digest = hashlib.md5(usedforsecurity=False)
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
        return digest.hexdigest()
    if not path.is_dir():
        return ""
    files = [file for file in path.rglob("*") if file.is_file() and not _is_ignored(file)]
    listed = [{"md5": _md5(file), "relpath": file.relative_to(path).as_posix()} for file in files]
    text = json.dumps(sorted(listed, key=lambda file: file["relpath"]), sort_keys=True)
    return f"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}.dir"


def _is_ignored(file: Path) -> bool:
    return file.name.endswith(".partial") or any(part in _IGNORED for part in file.parts)
