"""profile: switch a checkout between profiles, each written out as params.yaml, and leave nothing stale behind."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.core import dag, params, profiles, stamp, yaml_text
from pipeline.core.errors import DataError, FormatError, ParamsError
from pipeline.core.near_names import hint
from pipeline.core.outputs import remove, whole

PROFILES = Path(__file__).parents[1] / "profiles"
DVC_YAML = Path(__file__).parents[2] / "dvc.yaml"
_HEADER = """\
# Profile {name}, written out in full by `unseen profile use`. Comments on its choices stand in the profile.
# You may edit this file; `dvc repro` then runs what the edit affects. `unseen profile show {name} | diff - params.yaml`
# shows your edits. To keep them, copy this file: the copy is a profile too (`unseen profile use COPY.yaml`).
"""
_SUM = "# sha256 of the other lines: "  # by which an edit is seen


def names() -> list[str]:
    """The shipped profiles."""
    return sorted(path.stem for path in PROFILES.glob("*.yaml"))


def file(name: str) -> Path:
    """Where a profile stands: a shipped one by its name, any other by its path or as NAME.yaml in this folder.

    Raises ParamsError for neither, and for a name that is both.
    """
    beside = Path(f"{name}.yaml")
    if name in names() and beside.is_file():
        raise ParamsError(
            f"'{name}' is a profile that ships and {beside} a file of yours; rename yours, or type {beside}"
        )
    if name in names():
        return PROFILES / f"{name}.yaml"
    if Path(name).is_file():
        return Path(name)
    if beside.is_file() and not Path(name).is_dir():
        return beside
    instead = "this is a folder" if Path(name).is_dir() else "no file has this name"
    raise ParamsError(
        f"no profile '{name}'{hint(name, names())}: {instead}; expected a file of your own, or one of {names()}"
    )


def tree(name: str, dvc_yaml: Path = DVC_YAML) -> dict[str, Any]:
    """A profile's complete params, as the stages of dvc.yaml read them.

    Raises ParamsError for a profile that does not exist, and for one whose rows do not fit each other and dvc.yaml.
    """
    stages = [stage for stage, entry in dag.read_stages(dvc_yaml).items() if "foreach" in entry]
    complete = profiles.expand(params.read(file(name)), stages, file(name))
    dag.check(dag.instances(dvc_yaml, complete, file(name)), complete, file(name))
    return complete


def text(name: str, dvc_yaml: Path = DVC_YAML) -> str:
    """A profile's complete params file, under lines that say what it is and one to tell edits by."""
    return _text(name, tree(name, dvc_yaml))


def summary(name: str) -> str:
    """The first comment line of a profile: what it is for."""
    return file(name).read_text(encoding="utf-8").splitlines()[0].removeprefix("#").strip()


def use(name: str, root: Path, *, force: bool) -> list[str]:
    """Write a profile out as the checkout's params.yaml; returns the stage instances that went with the old one.

    Outputs and lock entries of rows the new profile lacks are removed; they stay in DVC's cache. Where a source has not
    been scanned, its stamp says so to the stage that reads it. Raises DataError if params.yaml was edited and `force`
    is not set.
    """
    dvc_yaml, params_yaml = root / "dvc.yaml", root / params.PARAMS_FILE
    complete = tree(name, dvc_yaml)
    wanted = _text(name, complete)  # before anything is removed
    if params_yaml.is_file() and not force and _is_edited(params_yaml):
        raise DataError(
            f"{params_yaml}: holds edits of yours; to keep them, copy it first (`cp {params_yaml} mine.yaml`; "
            "`unseen profile use mine.yaml` leads back to them); then add --force, which overwrites it"
        )
    resolved = dag.instances(dvc_yaml, complete)
    gone = _remove_stale(root, resolved)
    with whole(params_yaml) as scratch:
        scratch.write_text(wanted, encoding="utf-8")
    for folder in unscanned(resolved, root):
        stamp.expect(folder)
    return gone


def unscanned(resolved: Sequence[dag.Instance], root: Path) -> list[Path]:
    """The source folders that stage instances read, no stage writes and nobody has scanned, in order."""
    made = {out for instance in resolved for out in instance.outs}
    stamps = {dep for instance in resolved for dep in instance.deps if dep.endswith(stamp.ENDING)} - made
    folders = [root / dep.removesuffix(stamp.ENDING) for dep in sorted(stamps)]
    return [folder for folder in folders if not stamp.is_scanned(folder)]


def how_to_scan(folder: Path) -> str:
    """What is to do before a source folder can be read; the folder need not be there."""
    if folder.is_dir():
        return f"{folder}: not scanned yet; run {stamp.remedy(folder)}"
    return f"{folder}: {stamp.missing(folder)}, and run {stamp.remedy(folder)}"


def _text(name: str, complete: Mapping[str, Any]) -> str:
    header = _HEADER.format(name=Path(name).name if Path(name).is_absolute() else name)
    body = yaml_text.sections(complete)
    return f"{header}{_SUM}{_digest((header + body).encode())}\n{body}"


def _is_edited(params_yaml: Path) -> bool:
    """Whether these are other bytes than were written: the sum in the header is of all other lines."""
    header, _, rest = params_yaml.read_bytes().partition(_SUM.encode())
    digest, _, body = rest.partition(b"\n")
    return digest != _digest(header + body).encode()


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _remove_stale(root: Path, kept: list[dag.Instance]) -> list[str]:
    lock = root / "dvc.lock"
    if not lock.is_file():
        return []
    locked = read_lock(lock)
    stages: dict[str, Any] = locked.get("stages") or {}
    kept_names = {instance.name for instance in kept}
    kept_outs = {out for instance in kept for out in instance.outs}
    for path in {out for entry in stages.values() for out in _outs(entry)} - kept_outs:
        if Path(path).parts[0] in dag.COLUMNS and ".." not in Path(path).parts:
            remove(root / path)
            _remove_empty(root / Path(path).parent, above=root / Path(*Path(path).parts[:2]))
    gone = sorted(set(stages) - kept_names)
    if gone:
        locked["stages"] = {name: entry for name, entry in stages.items() if name in kept_names}
        with whole(lock) as scratch:
            scratch.write_text(yaml.safe_dump(locked, sort_keys=False, width=1 << 20), encoding="utf-8")
    return gone


def read_lock(lock: Path) -> dict[str, Any]:
    """The lock file as plain values; FormatError for one that a merge has left half done."""
    try:
        locked = (
            yaml.load(lock.read_bytes(), Loader=yaml.CSafeLoader) or {}
        )  # nine times as fast as safe_load, and as safe
    except yaml.YAMLError as error:  # as a merge leaves it
        raise FormatError(f"{lock}: not YAML: {error}; restore it with `git checkout {lock.name}`") from None
    if not isinstance(locked, dict):
        raise FormatError(
            f"{lock}: expected 'stages:', found a {type(locked).__name__}; restore it with `git checkout {lock.name}`"
        )
    return locked


def _remove_empty(folder: Path, *, above: Path) -> None:
    """Remove folders that nothing is left in, up to but not including the stage's own."""
    while folder.is_relative_to(above) and folder != above and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _outs(entry: Mapping[str, Any]) -> list[str]:
    return [out["path"] for out in entry.get("outs", [])]
