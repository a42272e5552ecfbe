"""Run a command where one folder is a small or a read-only disk, in a namespace of its own.

Whoever is not root may mount there too, where the system lets users make namespaces.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


@dataclass(frozen=True)
class Ran:
    """How a command ended, and the files of the folder then, with their sizes."""

    returncode: int
    stderr: str
    files: dict[str, int]


@cache
def can_mount() -> bool:
    """Whether a namespace with mounts of its own can be had here."""
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run([*_NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
    return tried.returncode == 0


def run(folder: Path, disk: str, kind: str, *command: str) -> Ran:
    """Run a command in `folder`, whose folder `disk` is a disk: of "<n>k" kilobytes, or "read-only".

    What lies in it already lies on the small disk too.
    """
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    inside = [sys.executable, "-m", "tests.faults.disks", disk, kind, *command]
    done = subprocess.run([*_NAMESPACE, *inside], cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    told = json.loads(done.stdout.splitlines()[-1])
    return Ran(told["returncode"], told["stderr"], told["files"])


def main(disk: Path, kind: str, *command: str) -> int:
    """Mount the disk, run the command, and print as JSON how it ended and what is on the disk."""
    disk.mkdir(parents=True, exist_ok=True)
    if kind == "read-only":
        _mount("--bind", str(disk), str(disk))
        _mount("-o", "remount,ro,bind", str(disk))
    else:
        held = disk.with_name(disk.name + ".held")
        shutil.copytree(disk, held)
        _mount("-t", "tmpfs", "-o", f"size={kind}", "none", str(disk))
        shutil.copytree(held, disk, dirs_exist_ok=True)
        shutil.rmtree(held)
    done = subprocess.run(command, capture_output=True, text=True)
    files = {str(path.relative_to(disk)): path.stat().st_size for path in disk.rglob("*") if path.is_file()}
    print(json.dumps({"returncode": done.returncode, "stderr": done.stderr, "files": files}))
    return 0


def _mount(*options: str) -> None:
    subprocess.run(["mount", *options], check=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
