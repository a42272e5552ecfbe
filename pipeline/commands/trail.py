"""trail: where a figure comes from in this checkout: commit, hashes of all inputs and outputs, seconds that each took.

Pages hold what follows from their inputs alone. What differs from one checkout or machine to another stands here.
"""

import difflib
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from pipeline.core import dag, outside, params, runs
from pipeline.core.dag import Instance
from pipeline.core.errors import DataError, FormatError

_MAX_BYTES = 256 << 20


@dataclass(frozen=True)
class Step:
    """One row on the way: what dvc.lock has recorded of it, whether that still holds, and its last run here."""

    name: str
    state: str
    params: tuple[str, ...]
    reads: list[tuple[str, str]]  # path and hash
    writes: list[tuple[str, str]]
    run: Mapping[str, Any] | None  # of the run log; None: its outputs came from a cache


@dataclass(frozen=True)
class Trail:
    """The way from the recordings to a row of evaluate, its end first."""

    commit: str
    steps: list[Step]

    @property
    def seconds(self) -> float:
        """What the logged runs took together."""
        return float(sum(step.run["seconds"] for step in self.steps if step.run))


def trail(row: str, folder: Path = Path()) -> Trail:
    """The trail of a row of evaluate in a checkout.

    Raises ParamsError where there is no checkout, DataError for a row that params.yaml does not have, and FormatError
    for a dvc.lock that cannot be read.
    """
    tree = params.read(folder / params.PARAMS_FILE)
    resolved = dag.instances(folder / "dvc.yaml", tree)
    upstream = dag.upstream(resolved, f"evaluate@{row}", tree)
    if not upstream:
        known = [instance.key for instance in resolved if instance.stage == "evaluate" and instance.key]
        raise DataError(f"params.yaml has no row '{row}' under evaluate.rows; {_remedy(row, known)}")
    lock = _lock(folder / "dvc.lock")
    steps = [_step(instance, tree, lock, folder) for instance in upstream]
    written = {path: digest for step in steps for path, digest in step.writes}
    return Trail(_commit(folder), [_checked(step, written) for step in steps])


def lines(found: Trail) -> Iterator[str]:
    """The lines to print."""
    yield found.commit
    for step in found.steps:
        yield f"{step.name}: {step.state}; {_took(step.run)}"
        yield f"  params  {', '.join(step.params) or 'none'}"
        for word, files in (("reads", step.reads), ("writes", step.writes)):
            yield from (f"  {word:7} {digest:36} {path}" for path, digest in files)
    logged = sum(step.run is not None for step in found.steps)
    yield f"{len(found.steps)} rows, {logged} of them run here, in {found.seconds:.1f} s"


def _remedy(row: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(row, known, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"found {', '.join(sorted(known)) or 'none'}"


def _lock(file: Path) -> Mapping[str, Any]:
    """What dvc.lock says of each instance; nothing where DVC has not run yet."""
    if not file.is_file():
        return {}
    try:
        tree = yaml.load(outside.text(file, _MAX_BYTES, "DVC's record of runs"), Loader=yaml.CSafeLoader)
        stages = tree["stages"]
        if not all(isinstance(entry, dict) for entry in stages.values()):
            raise TypeError("a stage is no mapping")
    except (yaml.YAMLError, LookupError, TypeError, AttributeError) as error:
        text = " ".join(str(error).split())
        raise FormatError(f"{file}: not a record of DVC: {text}; run `git checkout dvc.lock`, or `dvc repro`") from None
    recorded: Mapping[str, Any] = stages
    return recorded


def _step(instance: Instance, tree: Mapping[str, Any], lock: Mapping[str, Any], folder: Path) -> Step:
    entry = lock.get(instance.name, {})
    reads, writes = (_files(entry.get(key, [])) for key in ("deps", "outs"))
    return Step(instance.name, _state(instance, entry, tree), instance.params, reads, writes, _run(instance, folder))


def _checked(step: Step, written: Mapping[str, str]) -> Step:
    """The step, or one that says which of its inputs has been written anew since it ran."""
    stale = [path for path, digest in step.reads if written.get(path, digest) != digest]
    if not stale:
        return step
    return replace(step, state=f"ran on another {stale[0]} than the one below; run `dvc repro {step.name}`")


def _files(entries: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(str(entry["path"]), str(entry.get("md5", "no hash"))) for entry in entries]


def _state(instance: Instance, entry: Mapping[str, Any], tree: Mapping[str, Any]) -> str:
    """Whether params.yaml still asks for what was recorded; `dvc status` compares the files as well."""
    if not entry:
        return f"not in dvc.lock; run `dvc repro {instance.name}`"
    recorded = entry.get("params", {}).get(params.PARAMS_FILE.name, {})
    if any(path not in recorded or recorded[path] != _value(tree, path) for path in instance.params):
        return f"params.yaml has changed since; run `dvc repro {instance.name}`"
    return "recorded in dvc.lock"


def _value(tree: Mapping[str, Any], path: str) -> Any:
    node: Any = tree
    for part in path.split("."):
        node = node[part]
    return node


def _run(instance: Instance, folder: Path) -> Mapping[str, Any] | None:
    """The last finished run of the row in the log of this checkout."""
    log = folder / runs.CACHE / "runs" / f"{instance.stage}.jsonl"
    last = None
    for line in outside.text(log, _MAX_BYTES, "the log of runs").splitlines() if log.is_file() else []:
        try:
            facts = json.loads(line)
        except ValueError:
            continue  # cut off by a kill
        if facts["row"] == (instance.key or instance.stage) and facts["state"] == "finished":
            last = facts
    return last


def _took(run: Mapping[str, Any] | None) -> str:
    if run is None:
        return "no run in .cache/runs (its outputs came from elsewhere)"
    return f"{run['seconds']:.1f} s on {run['machine']}, begun {run['started']}"


def _commit(folder: Path) -> str:
    git = shutil.which("git")
    head = _said(git, folder, "rev-parse", "HEAD")
    if head is None:
        return "commit: unknown, for this is no git checkout"
    changed = len((_said(git, folder, "status", "--porcelain", "--untracked-files=no") or "").splitlines())
    return f"commit {head}" + (f", with {changed} changed file{'s' if changed > 1 else ''}" if changed else "")


def _said(git: str | None, folder: Path, *words: str) -> str | None:
    if git is None:
        return None
    done = subprocess.run([git, *words], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our words
    return done.stdout.strip() if done.returncode == 0 else None
