"""A full disk and a read-only one: one line, exit code 1, nothing lost that was finished, nothing left of the rest."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.faults import disks, kills, scored, world
from tests.faults.world import STAGES, Stage

KEPT = 4096  # bytes of a page, of which a small disk gives whole ones
INGEST = Stage(
    "ingest", ("--dataset", world.DATASET, "--source", str(world.SOURCE), "--out", str(world.CLIPS)), world.CLIPS
)
# Each library writes more than the disk holds; the line that a stage would end with is printed.
LIBRARIES = """
import logging, shutil, sqlite3
from pathlib import Path
import numpy as np, pyarrow as pa, pyarrow.parquet as pq, zarr
from safetensors.numpy import save_file
from pipeline.core import refusals
from pipeline.core.outputs import whole
logging.getLogger("asyncio").disabled = True  # zarr may leave writes under way, of which asyncio tells at the end
array = np.random.default_rng(0).normal(size=100_000)
held = Path("held")
held.mkdir()
(held / "a").write_bytes(array.tobytes())
def sqlite(path):
    sqlite3.connect(path).executescript("CREATE TABLE a (b); INSERT INTO a VALUES (randomblob(100000))")
writers = {
    "numpy": lambda path: path.mkdir() or np.save(path / "a.npy", array),
    "pyarrow": lambda path: pq.write_table(pa.table({"a": array}), path),
    "safetensors": lambda path: save_file({"a": array}, path),
    "shutil": lambda path: shutil.copytree(held, path),
    "sqlite": sqlite,
    "zarr": lambda path: zarr.save(path, array),
}
for name, write in writers.items():
    try:
        with whole(Path("disk") / name) as scratch:
            write(scratch)
    except Exception as error:
        print(f"{name}: {refusals.line(error)}", file=__import__("sys").stderr)
"""
pytestmark = pytest.mark.skipif(not disks.can_mount(), reason="this system lets no user mount a disk")


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("judged").resolve()
    scored.make(folder, num_clips=2000)
    kills.finish(folder, scored.STAGES["align"])
    kills.finish(folder, scored.STAGES["evaluate"])
    return folder


def run(folder: Path, stage: Stage, disk: Path, kind: str) -> disks.Ran:
    return disks.run(folder, str(disk), kind, sys.executable, "-m", f"stages.{stage.name}", *stage.options)


def refused(folder: Path, stage: Stage, disk: Path, kind: str) -> str:
    """The line that a stage ends with; what was on the disk is there as before, and nothing else."""
    before = {str(p.relative_to(folder / disk)): p.stat().st_size for p in (folder / disk).rglob("*") if p.is_file()}
    if kind == "full":  # less room than the output needs
        kind = f"{(sum(-(-size // KEPT) for size in before.values()) + 1) * KEPT // 1024}k"
    ran = run(folder, stage, disk, kind)
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.files == before
    *_, last = ran.stderr.splitlines()
    return last


@pytest.mark.parametrize("stage", [INGEST, *STAGES.values()], ids=lambda stage: stage.name)
def test_a_full_disk_is_one_line(stage, undisturbed, tmp_path):
    project = Path(shutil.copytree(undisturbed, tmp_path / "project"))
    line = refused(project, stage, stage.out.parent, "full")
    assert line.startswith(f"error: {stage.out}")
    assert "No space left on device; make room there and run it again" in line


@pytest.mark.parametrize("stage", scored.STAGES.values(), ids=lambda stage: stage.name)
def test_a_full_disk_is_one_line_of_later_stages(stage, judged, tmp_path):
    project = Path(shutil.copytree(judged, tmp_path / "project"))
    line = refused(project, stage, stage.out.parent, "full")
    assert line.startswith(f"error: {stage.out.parent}/")
    assert "No space left on device; make room there and run it again" in line


def test_a_read_only_disk_is_one_line(judged):
    stage = scored.STAGES["evaluate"]
    line = refused(judged, stage, stage.out.parent, "read-only")
    assert line == f"error: {stage.out}.partial: Read-only file system; give another path, or mend this one"


def test_a_read_only_log_fails_no_stage(judged):
    ran = run(judged, scored.STAGES["evaluate"], Path(".cache"), "read-only")
    assert ran.returncode == 0, ran.stderr
    assert "evaluate.jsonl: Read-only file system; this run is not in the log" in ran.stderr


def test_a_full_cache_is_one_line_and_keeps_what_it_holds(undisturbed, tmp_path):
    project = Path(shutil.copytree(undisturbed, tmp_path / "project"))
    shutil.rmtree(project / ".cache")
    (project / ".cache").mkdir()
    ran = run(project, STAGES["preprocess"], Path(".cache"), "400k")  # one block of clips, and no second
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("error: ")
    assert not [name for name in ran.files if ".partial" in name]
    assert len([name for name in ran.files if name.startswith("samples/")]) == 1


def test_a_full_disk_is_the_same_line_whichever_library_meets_it(tmp_path):
    ran = disks.run(tmp_path, "disk", "32k", sys.executable, "-c", LIBRARIES)
    lines = dict(line.split(": ", 1) for line in ran.stderr.splitlines())
    room = "No space left on device; make room there and run it again: what is finished is kept"
    named = {name: f"disk/{name}: {room}" for name in ("numpy", "pyarrow", "shutil", "zarr")}
    assert lines == {**named, **dict.fromkeys(("safetensors", "sqlite"), f"the disk: {room}")}
    assert ran.files == {}
