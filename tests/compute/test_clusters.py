"""Clusters that run already, and jobs of SLURM, as far as one machine allows."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from pipeline.compute import _clusters, _same_place
from pipeline.compute.shared import Compute, Local, Scheduler, Slurm, run
from pipeline.core.errors import DataError, ParamsError
from tests.compute.tasks import Named, environment, traced

ROOT = Path(__file__).parents[2]
SLURM = Slurm(
    kind="slurm",
    queue="long",
    account="me",
    cores=2,
    memory="16GB",
    walltime="04:00:00",
    directives=["--constraint=avx2"],
)
# A cluster of this one machine: a job starts at once, and is a process group.
SBATCH = """#!/bin/sh
cp "$1" {log}.sh
setsid sh {log}.sh >{log}.log 2>&1 &
echo "Submitted batch job $!"
echo $! >> {log}
"""
SCANCEL = '#!/bin/sh\nfor job; do kill -- "-$job" 2>/dev/null; done; exit 0\n'


def dask(cluster: object, num_workers: int = 2) -> Compute:
    return Compute(engine="dask", num_workers=num_workers, cluster=cluster)


@contextmanager
def started(folder: Path, path: Path = ROOT, workers: int = 2) -> Iterator[str]:
    """A scheduler and workers as one would start them by hand; yields the address."""
    environment = {**os.environ, "PYTHONPATH": str(path)}
    with ExitStack() as stack:

        def start(module: str, *words: str) -> None:
            command = [sys.executable, "-m", f"distributed.cli.{module}", *words, "--no-dashboard"]
            process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)

        told = folder / "scheduler.json"
        start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(told))
        while not told.exists() or not told.read_text():
            time.sleep(0.1)
        address = json.loads(told.read_text())["address"]
        for _ in range(workers):
            start("dask_worker", address, "--nthreads", "1", "--no-nanny")
        yield address


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder to work in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "traces").mkdir()
    return tmp_path


def test_workers_of_a_scheduler_that_runs_already_do_the_tasks(place):
    tasks = [Named(str(number), Path("traces"), seconds=0.2) for number in range(8)]
    with started(place) as address:
        for _ in range(2):  # and it is there for the next stage
            done = list(run(dask(Scheduler(kind="scheduler", address=address)), traced, tasks))
            assert [name for name, _ in done] == [task.name for task in tasks]
            assert len({pid for _, pid in done}) == 2
    assert list((place / ".cache" / "cluster").iterdir()) == []


def test_a_lost_scheduler_is_one_line(place):
    tasks = [Named(str(number), Path("traces"), seconds=0.5) for number in range(40)]
    with started(place) as address:
        results = run(dask(Scheduler(kind="scheduler", address=address)), traced, tasks)
        assert next(results)[0] == "0"
        port = int(address.rpartition(":")[2])
        (scheduler,) = (
            child
            for child in psutil.Process().children()
            if any(at.laddr.port == port and at.status == "LISTEN" for at in child.net_connections())
        )
        scheduler.kill()
        with pytest.raises(DataError, match=r"^the dask scheduler was lost; what is finished is kept: start it and"):
            list(results)


def test_a_worker_in_another_folder_is_refused(place, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    told = f"^the dask worker on .* runs in {other}, which is not the folder {place} of .*; start workers in the same"
    with started(other, workers=1) as address, pytest.raises(DataError, match=told):
        list(run(dask(Scheduler(kind="scheduler", address=address)), traced, [Named("a", Path("traces"))]))


def test_a_worker_with_other_code_is_refused(place, tmp_path_factory):
    other = tmp_path_factory.mktemp("code")
    for name in ("pipeline", "tests"):
        shutil.copytree(ROOT / name, other / name, ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "pipeline" / "core" / "errors.py").open("a") as file:
        file.write("ADDED = 1\n")
    told = "^the dask worker on .* has the code [0-9a-f]{12} instead of [0-9a-f]{12}; start it from the same checkout"
    with started(place, other, workers=1) as address, pytest.raises(DataError, match=told):
        list(run(dask(Scheduler(kind="scheduler", address=address)), traced, [Named("a", Path("traces"))]))


def test_no_scheduler_and_no_dask_are_one_line_each(place, monkeypatch):
    monkeypatch.setattr(_clusters, "_SECONDS_TO_ANSWER", "1s")
    with pytest.raises(DataError, match=r"^no dask scheduler answers at tcp://127.0.0.1:9; start one with"):
        list(run(dask(Scheduler(kind="scheduler", address="tcp://127.0.0.1:9")), abs, [1]))
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(ParamsError, match=r"not installed; run `pip install -r requirements-cluster.txt`, or `pip in"):
        list(run(dask(Local(kind="local")), abs, [1]))


def test_nothing_of_a_local_cluster_listens_beyond_this_machine(place):
    results = run(dask(Local(kind="local")), environment, range(8))
    found = next(results)
    assert found["MALLOC_TRIM_THRESHOLD_"] == found["MALLOC_MMAP_THRESHOLD_"] == "4000000000"
    assert found["MALLOC_ARENA_MAX"] == "1"
    assert found["OMP_NUM_THREADS"] == os.environ.get("OMP_NUM_THREADS", "1")  # what a user says wins
    me = psutil.Process()
    listening = [
        at.laddr for one in (me, *me.children(recursive=True)) for at in one.net_connections() if at.status == "LISTEN"
    ]
    assert listening
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert 8787 not in {address.port for address in listening}
    results.close()
    assert [at for at in me.net_connections() if at.status == "LISTEN"] == []


def test_no_more_workers_are_started_than_there_are_tasks(place, monkeypatch):
    started_here, asked = _clusters._local, []
    monkeypatch.setattr(_clusters, "_local", lambda *all_: asked.append(all_[1]) or started_here(*all_))
    list(run(dask(Local(kind="local"), num_workers=4), environment, [0]))
    assert asked == [1]


def test_the_job_of_slurm_asks_for_what_params_say(place):
    (place / ".cache" / "cluster" / "here").mkdir(parents=True)
    cluster = _clusters.slurm(SLURM, 3, Path(".cache/cluster/here"))
    try:
        script = cluster.job_script()
    finally:
        cluster.close()
    for line in ("-p long", "-A me", "--cpus-per-task=2", "--mem=15G", "-t 04:00:00", "--constraint=avx2"):
        assert f"#SBATCH {line}\n" in script
    assert "export MALLOC_TRIM_THRESHOLD_=4000000000\n" in script
    assert f"{sys.executable} -m distributed.cli.dask_worker tls://" in script
    assert "--nthreads 1" in script
    assert "--nworkers 2" in script
    assert str(place / ".cache" / "cluster" / "logs") in script


def test_jobs_of_slurm_do_the_tasks_and_a_lost_one_is_sent_again(place, monkeypatch):
    bin_ = place / "bin"
    bin_.mkdir()
    for name, script in (("sbatch", SBATCH.format(log=place / "jobs")), ("scancel", SCANCEL)):
        (bin_ / name).write_text(script)
        (bin_ / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    tasks = [Named(str(number), Path("traces"), seconds=0.3) for number in range(12)]
    results = run(dask(SLURM.model_copy(update={"cores": 1}), 1), traced, tasks)
    assert next(results)[0] == "0"
    os.killpg(int((place / "jobs").read_text()), signal.SIGKILL)
    assert [name for name, _ in results] == [task.name for task in tasks[1:]]
    jobs = (place / "jobs").read_text().split()
    assert len(jobs) == 2
    end = time.monotonic() + 20
    while any(psutil.pid_exists(int(job)) and psutil.Process(int(job)).status() != "zombie" for job in jobs):
        assert time.monotonic() < end, "a job still runs"
        time.sleep(0.1)


def test_folders_of_killed_runs_go_with_the_next(place):
    left = _same_place.RUNS / f"{_same_place.socket.gethostname()}-999999999"
    others = [_same_place.RUNS / "another-machine-1", left.with_name(left.name.replace("-9", "-2-9"))]
    for folder in (left, *others):
        folder.mkdir(parents=True)
    with _same_place.run_folder() as mine:
        assert mine.is_dir()
        assert not left.exists()
        assert all(folder.exists() for folder in others)
    assert not mine.exists()
