"""dvc.yaml as values: every stage instance with its command, dependencies, parameters and outputs resolved."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.errors import ParamsError

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


def instances(dvc_yaml: Path, params: Mapping[str, Any]) -> list[Instance]:
    """All stage instances of dvc.yaml under these params, in the order written."""
    resolved = []
    for name, stage in read_stages(dvc_yaml).items():
        rows = _look_up(params, stage["foreach"][2:-1]) if "foreach" in stage else {None: None}
        resolved += [_resolve(name, key, item, body(stage), params) for key, item in rows.items()]
    return resolved


def _resolve(name: str, key: str | None, item: Any, stage: dict[str, Any], params: Mapping[str, Any]) -> Instance:
    scope = {**params, "key": key, "item": item}

    def fill(text: str) -> str:
        return _HOLE.sub(lambda hole: str(_look_up(scope, hole[1])), text)

    return Instance(
        stage=name,
        key=key,
        cmd=fill(stage["cmd"]),
        deps=tuple(fill(dep) for dep in stage.get("deps", [])),
        params=tuple(fill(param) for param in stage.get("params", [])),
        outs=tuple(fill(out) for out in out_paths(stage)),
    )


def _look_up(tree: Mapping[str, Any], path: str) -> Any:
    node: Any = tree
    for part in path.split("."):
        if not isinstance(node, Mapping) or part not in node:
            raise ParamsError(f"params.yaml: dvc.yaml asks for '{path}', but '{part}' is not there")
        node = node[part]
    return node
