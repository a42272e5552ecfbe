"""What every test may use. Real data is found through UNSEEN_REAL_DATA; without it its tests skip, with a reason."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

ROOT = Path(__file__).parents[1]
pytest_plugins = ["tests.browser"]

# One thread a process: the suite runs in several, and results must not depend on the machine's cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("UNSEEN_REAL_DATA")
    if not folder:
        pytest.skip("UNSEEN_REAL_DATA is not set: no real recordings on this machine")
    return Path(folder)


class Checkout:
    """A checkout in a temporary folder and the commands a user types in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = folder / "dvc.lock"

    def run(self, *command: str, code: int = 0, **variables: str) -> str:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "HF_HUB_OFFLINE": "1", "DVC_SITE_CACHE_DIR": str(self.folder / ".site")}
        env |= {"PYTHONPATH": str(self.folder), **variables}  # its own code, not that of this checkout
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # users have compiled files beside their sources
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True)
        output = done.stdout + done.stderr
        assert done.returncode == code, output[-4000:]
        return output

    def ran(self, *command: str) -> set[str]:
        return set(re.findall(r"Running stage '([^']+)'", self.run(*command)))

    def edit_params(self, edit: "dict[str, object]") -> None:
        file = self.folder / "params.yaml"
        tree = yaml.safe_load(file.read_text())
        for path, value in edit.items():
            *parents, last = path.split("/")
            node = tree
            for key in parents:
                node = node[key]
            assert last in node
            node[last] = value
        file.write_text(yaml.safe_dump(tree, sort_keys=False))

    def stages(self) -> dict[str, dict]:
        return yaml.safe_load(self.lock.read_text())["stages"]


def copy_project(folder: Path) -> Checkout:
    """The project as git would give it, uncommitted changes included."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file() and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    checkout = Checkout(folder)
    checkout.run("git", "init", "-q")
    checkout.run("git", "add", "-A")
    checkout.run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "start")
    checkout.run("unseen", "profile", "use", "fixtures")
    return checkout


@pytest.fixture(scope="session")
def new_checkout() -> Callable[[Path], Checkout]:
    """Makes a fresh checkout on the fixtures profile in a folder."""
    return copy_project


# Python runs a file of this name at its start; this one writes what the process has imported, at its end.
TRACER = """
import atexit, os, sys
def write():
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    with open(os.path.join(os.environ["TRACES"], f"{os.getpid()}.txt"), "w") as out:
        out.write("\\n".join([" ".join(sys.argv), *sorted(file for file in files if file)]))
atexit.register(write)
"""


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which `dvc repro` has run, one for all workers. Copy it before changing it; `checkout` does.

    Its folder `.traces` holds a file a process: the command, then the files of the modules it imported.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, done = shared / "finished", shared / "finished.done"
    with FileLock(shared / "finished.lock"):
        if not done.is_file():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed
            folder.mkdir()
            made = copy_project(folder)
            traces = folder / ".traces"
            traces.mkdir()
            (traces / "sitecustomize.py").write_text(TRACER)
            made.run("dvc", "repro", PYTHONPATH=f"{traces}{os.pathsep}{folder}", TRACES=str(traces))
            done.touch()
    return Checkout(folder)


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkout with a row of bind over four senses (tests/recognition/toy.py); copy it before changing it."""
    from tests.recognition import toy as made

    folder = tmp_path_factory.mktemp("toy")
    made.write(folder)
    return folder


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a row of rest reads, in small (tests/steps/resting.py); copy it before changing it."""
    from tests.steps import resting

    return resting.made(tmp_path_factory.mktemp("films"))


@pytest.fixture
def checkout(finished: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the finished checkout that a test may change."""
    shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True)
    return Checkout(tmp_path / "copy")
