"""plan: which stage instances `dvc repro` would run, told by dvc.lock and the files that are there.

Outputs are not hashed, which takes DVC minutes where there are many: one that was edited by hand passes here.
"""

import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.core import dag
from pipeline.core.dag import Instance
from pipeline.core.dvc_hash import content_hash
from pipeline.core.errors import ParamsError
from pipeline.core.params import PARAMS_FILE
from pipeline.steps import fingerprint

_DIGESTS = "data/fingerprint"  # the output of the stage that all others depend on


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

    def differing(self, instance: Instance) -> list[str] | None:
        """The inputs and outputs that are not those of its last run, all hashed; None if settings or code are others.

        Empty where the outputs are what its present settings and code make of the present inputs, though a stage
        before it might run.
        """
        entry = self._locked.get(instance.name)
        if not isinstance(entry, dict) or not self._is_as_run(instance):
            return None
        known = [*entry.get("deps", []), *entry.get("outs", [])]
        return [each["path"] for each in known if self._digest(each["path"], is_read=True) != each.get("md5")]

    def _digest(self, dep: str, *, is_read: bool = False) -> str | None:
        """MD5 of a file or folder as DVC takes it; None of what a stage writes, "" of what is not there.

        `is_read`: what a stage writes is hashed too.
        """
        if dep.startswith(f"{_DIGESTS}/"):
            return self._of_code.get(Path(dep).name, "")
        if not is_read and any(_overlap(out, dep) for out in self._writers):
            return None
        return content_hash(self._root / dep)

    @cached_property
    def _of_code(self) -> dict[str, str]:
        """MD5 of each digest of code by its name, as the stage fingerprint would write it now."""
        digests = next((each for each in self.instances if each.outs == (_DIGESTS,)), None)
        folder = self._root / _DIGESTS
        if digests is not None and folder.is_dir() and self._is_as_run(digests):
            return {file.name: content_hash(file) for file in folder.iterdir()}
        with tempfile.TemporaryDirectory() as scratch:
            ingested = self._tree.get("ingest", {}).get("rows", {})
            fingerprint.fingerprint(ingested, out=Path(scratch) / "made")
            return {file.name: content_hash(file) for file in (Path(scratch) / "made").iterdir()}


def _overlap(one: str, other: str) -> bool:
    """Whether one path is the other, or lies in it."""
    shorter, longer = sorted((one.split("/"), other.split("/")), key=len)
    return longer[: len(shorter)] == shorter
