"""What a checkout says of its stores and weights: the rows that write them, and what dvc.lock has recorded."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.commands import profile
from pipeline.core import dag, params
from pipeline.core.dag import Instance
from pipeline.core.dvc_hash import content_hash, files_below
from pipeline.core.errors import DataError
from pipeline.core.near_names import hint

FEATURES = "features"
STORE = ".zarr"
WEIGHTS = ".safetensors"


@dataclass(frozen=True)
class Project:
    """A checkout as its dvc.yaml, params.yaml and dvc.lock have it."""

    root: Path
    tree: dict[str, Any]
    instances: list[Instance]
    lock: Mapping[str, Any]  # by row, as `dvc repro` names it

    @cached_property
    def by_name(self) -> dict[str, Instance]:
        """The rows by their names."""
        return {instance.name: instance for instance in self.instances}

    def writer(self, path: str) -> tuple[Instance, str] | None:
        """The row that writes a path, and its output that the path is or lies in."""
        for instance in self.instances:
            for out in instance.outs:
                if path == out or path.startswith(f"{out}/"):
                    return instance, out
        return None

    def recorded(self, instance: Instance) -> dict[str, Any]:
        """What dvc.lock says of a row; nothing for one that it does not know."""
        entry = self.lock.get(instance.name)
        return dict(entry) if isinstance(entry, dict) else {}

    def recorded_out(self, path: str) -> dict[str, Any] | None:
        """What dvc.lock says of an output."""
        written = self.writer(path)
        outs = self.recorded(written[0]).get("outs", []) if written else []
        return next((out for out in outs if out["path"] == path), None)

    def settings(self, instance: Instance) -> dict[str, Any]:
        """The params of a row as params.yaml has them, by their paths."""
        return {path: dag.look_up(self.tree, path, f"{params.PARAMS_FILE}:") for path in instance.params}

    def has_other_bytes(self, out: str) -> str:
        """How an output differs from what dvc.lock has recorded, by hash; "" where it does not or none is recorded."""
        recorded = self.recorded_out(out)
        if recorded is None or recorded.get("md5") == (found := content_hash(self.root / out)):
            return ""
        row = self.writer(out)
        remedy = f"run `dvc checkout {out}`, or `dvc repro {row[0].name}`" if row else f"run `dvc checkout {out}`"
        return f"{out}: is not what dvc.lock has recorded (MD5 {found}, there {recorded.get('md5')}); {remedy}"

    def beside_lock(self, out: str) -> str:
        """What dvc.lock says of an output that is there, told by its size alone."""
        recorded = self.recorded_out(out)
        if recorded is None:
            return "not in dvc.lock"
        files = files_below(self.root / out) if (self.root / out).is_dir() else [self.root / out]
        there = (sum(file.stat().st_size for file in files), len(files))
        same = there == (recorded.get("size"), recorded.get("nfiles", 1))
        return "as large as in dvc.lock" if same else "of another size than in dvc.lock"


def read(root: Path) -> Project:
    """The checkout in a folder. Raises ParamsError where there is none, FormatError for a dvc.lock that is no YAML."""
    tree = params.read(root / params.PARAMS_FILE)
    lock = root / "dvc.lock"
    stages = profile.read_lock(lock).get("stages") if lock.is_file() else {}
    instances = dag.instances(root / "dvc.yaml", tree)
    return Project(root, tree, instances, stages if isinstance(stages, dict) else {})


def name_of(path: str) -> str:
    """What a store or a row of weights is called: its path below features/, without its ending.

    >>> name_of("features/extract/demo-stgcn.zarr")
    'extract/demo-stgcn'
    """
    return path.removeprefix(f"{FEATURES}/").removesuffix(STORE)


def stores(root: Path) -> dict[str, str]:
    """Every store below features/, its path by its name."""
    folder = root / FEATURES
    paths = (path.relative_to(root).as_posix() for path in sorted(folder.rglob(f"*{STORE}")) if path.is_dir())
    return {name_of(path): path for path in paths}


def weights(project: Project) -> dict[str, list[str]]:
    """The files of weights below features/, by the name of the row that wrote them, or else of their folder."""
    found: dict[str, list[str]] = {}
    for file in sorted((project.root / FEATURES).rglob(f"*{WEIGHTS}")):
        path = file.relative_to(project.root).as_posix()
        row = project.writer(path)
        found.setdefault(name_of(row[1] if row else path.rpartition("/")[0]), []).append(path)
    return found


def chosen(asked: Sequence[str], known: Iterable[str], what: str) -> list[str]:
    """The known names that were asked for, all without a question; a folder stands for all that lies in it.

    Raises DataError for a name that is none; `what` is the group of commands whose `list` prints the names.
    """
    names = sorted(known)
    if not asked:
        return names
    found: list[str] = []
    for text in asked:
        wanted = name_of(text.removeprefix("./").rstrip("/"))
        matches = [name for name in names if name == wanted or name.startswith(f"{wanted}/")]
        if not matches:
            raise DataError(f"no {what} '{text}' below features/{hint(wanted, names)}; `unseen {what} list` names all")
        found += [name for name in matches if name not in found]
    return found


def printable(text: object) -> str:
    """Text of a file from outside as a terminal may show it."""
    line = " ".join(str(text).split())
    return line if line.isprintable() else line.encode("unicode_escape").decode()
