"""profile: switch a checkout between complete params files, and leave nothing stale behind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.core import dag, params
from pipeline.core.errors import DataError, FormatError, ParamsError
from pipeline.core.outputs import remove, whole

PROFILES = Path(__file__).parents[1] / "profiles"
COLUMNS = ("data", "features", "reports")  # the only folders outputs are removed from


def names() -> list[str]:
    """The shipped profiles."""
    return sorted(path.stem for path in PROFILES.glob("*.yaml"))


def text(name: str) -> str:
    """A profile's complete params file. Raises ParamsError for a name that does not exist."""
    if name not in names():
        raise ParamsError(f"no profile '{name}'; there are {names()}")
    return (PROFILES / f"{name}.yaml").read_text(encoding="utf-8")


def summary(name: str) -> str:
    """The first comment line of a profile: what it is for."""
    return text(name).splitlines()[0].removeprefix("#").strip()


def use(name: str, root: Path, *, force: bool) -> list[str]:
    """Make a profile the checkout's params.yaml; returns the stage instances that went with the old one.

    Outputs and lock entries of rows the new profile lacks are removed; they stay in DVC's cache. Raises DataError if
    params.yaml was edited and `force` is not set.
    """
    wanted = text(name)
    file = root / params.PARAMS_FILE
    if file.is_file() and not force and file.read_bytes() not in (text(known).encode() for known in names()):
        raise DataError(f"{file}: holds edits of yours; keep a copy, or overwrite them with --force")
    gone = _remove_stale(root, dag.instances(root / "dvc.yaml", yaml.safe_load(wanted)))
    with whole(file) as scratch:
        scratch.write_text(wanted, encoding="utf-8")
    return gone


def _remove_stale(root: Path, kept: list[dag.Instance]) -> list[str]:
    lock = root / "dvc.lock"
    if not lock.is_file():
        return []
    tree = _locked(lock)
    stages: dict[str, Any] = tree.get("stages") or {}
    kept_names = {instance.name for instance in kept}
    kept_outs = {out for instance in kept for out in instance.outs}
    for path in {out for entry in stages.values() for out in _outs(entry)} - kept_outs:
        if Path(path).parts[0] in COLUMNS and ".." not in Path(path).parts:
            remove(root / path)
            _remove_empty(root / Path(path).parent, above=root / Path(*Path(path).parts[:2]))
    gone = sorted(set(stages) - kept_names)
    if gone:
        tree["stages"] = {name: entry for name, entry in stages.items() if name in kept_names}
        with whole(lock) as scratch:
            scratch.write_text(yaml.safe_dump(tree, sort_keys=False, width=1 << 20), encoding="utf-8")
    return gone


def _locked(lock: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(lock.read_bytes()) or {}
    except yaml.YAMLError as error:  # as a merge leaves it
        raise FormatError(f"{lock}: not YAML: {error}; restore it with `git checkout {lock.name}`") from None
    if not isinstance(tree, dict):
        raise FormatError(
            f"{lock}: expected 'stages:', found a {type(tree).__name__}; restore it with `git checkout {lock.name}`"
        )
    return tree


def _remove_empty(folder: Path, *, above: Path) -> None:
    """Remove folders that nothing is left in, up to but not including the stage's own."""
    while folder.is_relative_to(above) and folder != above and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _outs(entry: Mapping[str, Any]) -> list[str]:
    return [out["path"] for out in entry.get("outs", [])]
