"""A folder is a registry: its members are the modules that stand in it, found and loaded by file name."""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from pipeline.core.errors import ParamsError
from pipeline.core.near_names import hint

# What stands in a folder beside its members: what they have in common, and what is of another kind.
NO_MEMBERS = frozenset(("shared", "recipes"))


def names(package: str) -> list[str]:
    """The members of a package, e.g. names("pipeline.datasets"): its modules, except NO_MEMBERS and private ones.

    Nothing of the package is imported.
    """
    top, *below = package.split(".")
    spec = importlib.util.find_spec(top)
    folders = [Path(folder, *below) for folder in (spec and spec.submodule_search_locations) or ()]
    stems = {path.stem for folder in folders if folder.is_dir() for path in folder.iterdir() if _is_member(path)}
    if not any((folder / "__init__.py").is_file() for folder in folders):
        raise ParamsError(f"there is no package '{package}'")
    return sorted(stems - NO_MEMBERS)


def load(package: str, name: str) -> ModuleType:
    """Import one member; a name that is none is a ParamsError that lists those there are."""
    if name not in names(package):
        kind = package.rsplit(".", 1)[-1]
        raise ParamsError(
            f"no '{name}' in {package.replace('.', '/')}{hint(name, names(package))}: the {kind} are {names(package)}"
        )
    return importlib.import_module(f"{package}.{name}")


def _is_member(path: Path) -> bool:
    is_package = (path / "__init__.py").is_file()
    return not path.name.startswith("_") and (is_package or path.suffix == ".py")
