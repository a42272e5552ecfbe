"""dvc.yaml as values: every stage instance with its command, dependencies, parameters and outputs resolved."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.errors import ParamsError
from pipeline.core.params import PARAMS_FILE

COLUMNS = ("data", "features", "reports")  # the folders that stages write
_CODE = "fingerprint"  # the stage whose outputs are digests of code
_HOLE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Instance:
    """One stage instance as `dvc repro` names it: `split@demo-composed`, or `report` for a stage without rows."""

    stage: str
    key: str | None
    cmd: str
    deps: tuple[str, ...]
    params: tuple[str, ...]
    outs: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name that dvc.lock and the command line use."""
        return self.stage if self.key is None else f"{self.stage}@{self.key}"


def read_stages(dvc_yaml: Path) -> dict[str, dict[str, Any]]:
    """The stages of dvc.yaml as written, by name. Raises ParamsError where there is no dvc.yaml."""
    if not dvc_yaml.is_file():
        raise ParamsError(f"{dvc_yaml}: no such file; run this in the folder of the checkout, where dvc.yaml stands")
    stages: dict[str, dict[str, Any]] = yaml.load(dvc_yaml.read_bytes(), Loader=yaml.CSafeLoader)["stages"]
    return stages


def body(stage: Mapping[str, Any]) -> dict[str, Any]:
    """A stage's command, deps, params and outs, whether or not it is repeated with foreach."""
    return dict(stage["do"] if "foreach" in stage else stage)


def out_paths(stage_body: Mapping[str, Any]) -> list[str]:
    """Paths of outs, metrics and plots; options such as `cache: false` are left out."""
    entries = [*stage_body.get("outs", []), *stage_body.get("metrics", []), *stage_body.get("plots", [])]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def instances(
    dvc_yaml: Path, params: Mapping[str, Any], file: Path = PARAMS_FILE, found: list[ParamsError] | None = None
) -> list[Instance]:
    """All stage instances of dvc.yaml under these params, in the order written.

    `file` is named in errors. Raises ParamsError for a value that dvc.yaml asks for and the params lack. With a list
    `found` it is added to that instead, and the row is left out.
    """
    resolved = []
    for name, stage in read_stages(dvc_yaml).items():
        rows = look_up(params, stage["foreach"][2:-1], f"{file}:") if "foreach" in stage else {None: None}
        for key, item in rows.items():
            try:
                resolved.append(_resolve(name, key, item, body(stage), params, file))
            except ParamsError as error:
                if found is None:
                    raise
                found.append(error)
    return resolved


def upstream(resolved: Sequence[Instance], name: str, params: Mapping[str, Any]) -> list[Instance]:
    """The instance of this name and all that it rests on, the last in dvc.yaml first; empty for an unknown name.

    Of a folder that many rows write those are taken that the reader names in its params; the stage that digests the
    code is left out, for everything rests on it.
    """
    waiting = [instance for instance in resolved if instance.name == name]
    found = {instance.name for instance in waiting}
    while waiting:
        instance = waiting.pop()
        words = _words([look_up(params, path, "") for path in instance.params])
        for other in resolved:
            if other.name not in found and other.stage != _CODE and _is_read(other, instance, words):
                found.add(other.name)
                waiting.append(other)
    return [instance for instance in reversed(resolved) if instance.name in found]


def _is_read(other: Instance, reader: Instance, words: set[str]) -> bool:
    """Whether a reader takes an output of another instance: the very one, what lies in it, or one of a folder's."""
    for dep in reader.deps:
        for out in other.outs:
            if dep == out or dep.startswith(f"{out}/"):
                return True
            stem = Path(out).stem
            if out.startswith(f"{dep}/") and ({other.key, stem} & words or {*stem.split("-")} <= words):
                return True
    return False


def _words(node: Any) -> set[str]:
    """Every text in a tree, keys included, and the last part of those that are paths."""
    if isinstance(node, Mapping):
        return set().union(*(_words(part) for pair in node.items() for part in pair))
    if isinstance(node, list | tuple):
        return set().union(*map(_words, node))
    return {node, Path(node).stem} if isinstance(node, str) else set()


def check(resolved: Sequence[Instance], params: Mapping[str, Any], file: Path) -> None:
    """Raise ParamsError for a setting that is missing, and for a row that reads what no row writes."""
    for fault in faults(resolved, params, file):
        raise fault


def faults(resolved: Sequence[Instance], params: Mapping[str, Any], file: Path) -> Iterator[ParamsError]:
    """What `check` refuses, all of it."""
    outs = {out for instance in resolved for out in instance.outs}
    holding = {str(folder) for out in outs for folder in Path(out).parents}
    for instance in resolved:
        for param in instance.params:
            try:
                look_up(params, param, f"{file}:")
            except ParamsError as error:
                yield error
        for dep in instance.deps if instance.key is not None else ():
            around = {str(folder) for folder in Path(dep).parents}
            if _is_written_by_rows(dep) and not around & outs and dep not in outs | holding:
                text = f"reads {dep}, which no row of {Path(dep).parts[1]} writes; add that row, or name another"
                yield ParamsError(f"{file}: section '{instance.stage}.rows.{instance.key}' {text}")


def _is_written_by_rows(dep: str) -> bool:
    """Whether a path lies in a stage's folder. The folder itself stands for all rows, be there none."""
    column, stage, *rest = *Path(dep).parts, "", ""
    return column in COLUMNS and stage != "raw" and any(rest)


def _resolve(
    name: str, key: str | None, item: Any, stage: dict[str, Any], params: Mapping[str, Any], file: Path
) -> Instance:
    scope = {**params, "key": key, "item": item}
    where = f"{file}: section '{name}.rows.{key}':" if key is not None else f"{file}:"

    def fill(text: str) -> str:
        return _HOLE.sub(lambda hole: str(look_up(scope, hole[1], where)), text)

    return Instance(
        stage=name,
        key=key,
        cmd=fill(stage["cmd"]),
        deps=tuple(fill(dep) for dep in stage.get("deps", [])),
        params=tuple(fill(param) for param in stage.get("params", [])),
        outs=tuple(fill(out) for out in out_paths(stage)),
    )


def look_up(tree: Mapping[str, Any], path: str, where: str) -> Any:
    """The value at a path of keys joined by dots; ParamsError, which `where` begins, for one that is missing."""
    node: Any = tree
    for part in path.split("."):
        if not isinstance(node, Mapping) or part not in node:
            raise ParamsError(f"{where} key '{path.removeprefix('item.')}' is missing; dvc.yaml asks for it")
        node = node[part]
    return node
