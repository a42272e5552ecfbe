"""The checkout that a command is typed in, and whether the code that runs is its own."""

import platform
import shutil
import subprocess
import tomllib
from pathlib import Path

from pipeline.core.errors import ParamsError

PACKAGE = Path(__file__).parents[1]  # the folder `pipeline` that is running
_NAME = "unseen"


def root_of(folder: Path) -> Path | None:
    """The checkout that a folder is or lies in; None outside of any."""
    here = folder.resolve()
    return next((place for place in (here, *here.parents) if _project(place).get("name") == _NAME), None)


def check(folder: Path, package: Path = PACKAGE) -> None:
    """Raise ParamsError where the folder lies in one checkout and the code that runs is another's."""
    root = root_of(folder)
    if root is not None and package.resolve() != root / package.name:
        raise ParamsError(
            f"{root}: this checkout has code of its own, but the command would run that of {package.resolve().parent}; "
            f"activate the environment of this checkout (`source .venv/bin/activate`; `make demo` makes it), or go to "
            f"the other one"
        )


def require(folder: Path, what: str) -> None:
    """Raise ParamsError unless the folder is a checkout's own, where dvc.yaml stands; `what` begins the message."""
    if (folder / "dvc.yaml").is_file():
        return
    root = root_of(folder)
    where = f"`cd {root}`" if root is not None else "go to the folder of your checkout"
    raise ParamsError(f"{what}: there is no dvc.yaml in {folder.resolve()}; {where} first, then run this again")


def described(folder: Path, package: Path = PACKAGE) -> str:
    """The version of the code that runs, its git commit where one is known, its place and Python's version."""
    place = _relative(package.resolve().parent, folder.resolve())
    return f"{described_code(package)} in {place}, Python {platform.python_version()}"


def described_code(package: Path = PACKAGE) -> str:
    """The version of the code that runs, and its git commit where one is known."""
    root = package.resolve().parent
    version = _project(root).get("version") or _installed()
    commit = _commit(root)
    return f"{_NAME} {version}{f' ({commit})' if commit else ''}"


def _relative(root: Path, here: Path) -> str:
    """The checkout seen from here: `.`, `../..`; its own path where neither lies in the other."""
    if here.is_relative_to(root):
        return "/".join([".."] * len(here.relative_to(root).parts)) or "."
    return str(root.relative_to(here)) if root.is_relative_to(here) else str(root)


def _project(root: Path) -> dict[str, str]:
    """The table `project` of a folder's pyproject.toml beside a folder `pipeline`; empty where there is no such."""
    file = root / "pyproject.toml"
    if not file.is_file() or not (root / PACKAGE.name / "__init__.py").is_file():
        return {}
    try:
        project = tomllib.loads(file.read_text(encoding="utf-8")).get("project")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
    return project if isinstance(project, dict) else {}


def _installed() -> str:
    """The version of an installed copy, which has no pyproject.toml beside it."""
    from importlib import metadata  # a tenth of a second, for this alone

    try:
        return metadata.version(_NAME)
    except metadata.PackageNotFoundError:
        return "of unknown version"


def _commit(root: Path) -> str | None:
    """The commit that the checkout stands at, with `+` where files have been edited since; None without git."""
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None
    told = [
        subprocess.run([git, "-C", str(root), *what], capture_output=True, text=True, check=False)  # noqa: S603 - git
        for what in (("rev-parse", "--short=12", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
    ]
    if told[0].returncode != 0:
        return None
    return f"commit {told[0].stdout.strip()}{'+' if told[1].stdout.strip() else ''}"
