import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from pipeline.compute.shared import Compute, run
from pipeline.core import members
from pipeline.core.errors import DataError, FormatError, ParamsError
from pipeline.core.params import parse
from tests.compute.tasks import Named, deadly, killed_once, refused, traced

ROOT = Path(__file__).parents[2]
ENGINES = members.names("pipeline.compute")
PARALLEL = [name for name in ENGINES if name != "inline"]
EVERY = pytest.mark.parametrize("engine", ENGINES)


def compute(engine: str, num_workers: int = 2) -> Compute:
    cluster = {"cluster": {"kind": "local"}} if engine == "dask" else {}
    return parse(Compute, {"engine": engine, "num_workers": num_workers, **cluster}, "a section")


def test_there_is_an_engine_for_every_name_that_params_may_say():
    assert sorted(ENGINES) == ["dask", "inline", "processes"]


# Tasks are builtins or stand in tests.compute.tasks: a fresh process must be able to import them.


@EVERY
def test_results_come_in_the_order_of_the_tasks(engine, tmp_path):
    assert list(run(compute(engine), abs, [])) == []
    tasks = [Named(str(number), tmp_path, waits=number == 0 and engine != "inline") for number in range(9)]
    done = list(run(compute(engine), traced, tasks))
    assert [name for name, _ in done] == [task.name for task in tasks]
    pids = {pid for _, pid in done}
    assert pids == {os.getpid()} if engine == "inline" else (os.getpid() not in pids and len(pids) == 2)


@EVERY
def test_a_task_that_fails_says_why(engine):
    with pytest.raises(ValueError, match="invalid literal"):
        list(run(compute(engine), int, ["1", "x"]))


@EVERY
def test_an_error_of_a_user_comes_through_as_it_is(engine, tmp_path):
    with pytest.raises(FormatError, match=r"^clip\.avi: not a film; fetch it again$"):
        list(run(compute(engine), refused, [Named("clip.avi", tmp_path)]))


@pytest.mark.parametrize("engine", PARALLEL)
def test_what_a_killed_worker_was_doing_is_done_again(engine, tmp_path, capfd):
    names = ["a", "b", "c", "deadly", "d", "e", "f", "g"]
    assert list(run(compute(engine), killed_once, [Named(name, tmp_path, seconds=0.2) for name in names])) == names
    times = {name: len((tmp_path / name).read_text().splitlines()) for name in names}
    assert times["deadly"] == 2
    again = {name for name, number in times.items() if number > 1} - {"deadly"}
    assert len(again) <= (0 if engine == "dask" else 1)  # of the other worker
    told = "a worker process was killed (out of memory?); what it had begun is done again\n"
    assert capfd.readouterr().err.splitlines(keepends=True) == ([told] if engine == "processes" else [])


def test_every_killed_worker_is_told_once_however_many_tasks_it_takes_along(tmp_path, capfd):
    names = ["a", "deadly", "b", "c", "d", "e", "f", "deadly 2", "g", "h", "i"]
    tasks = [Named(name, tmp_path, seconds=0.5 if name in "abghi" else 0.0) for name in names]
    assert list(run(compute("processes", 3), killed_once, tasks)) == names
    assert all(len((tmp_path / name).read_text().splitlines()) == 2 for name in ("deadly", "deadly 2"))
    assert len(capfd.readouterr().err.splitlines()) == 2


class Lazy(Sequence):
    """Tasks that are made when they are asked for."""

    def __init__(self, folder, number):
        self.folder, self.number, self.num_made = folder, number, 0

    def __len__(self):
        return self.number

    def __getitem__(self, number):
        if number >= self.number:
            raise IndexError(number)
        self.num_made += 1
        return Named(str(number), self.folder)


@EVERY
def test_tasks_are_made_when_a_worker_is_free(engine, tmp_path):
    """Else all tasks of a large job would lie in memory."""
    tasks = Lazy(tmp_path, 30)
    results = run(compute(engine), traced, tasks)
    next(results)
    assert tasks.num_made <= 8
    assert [name for name, _ in results] == [str(number) for number in range(1, 30)]
    assert tasks.num_made == 30


@pytest.mark.parametrize("engine", PARALLEL)
def test_a_task_that_keeps_killing_its_worker_is_named(engine, tmp_path):
    names = ["a", "b", "deadly", "c", "d"]
    done = []
    with pytest.raises(DataError, match=r"worker .*was killed (twice|2 times) at deadly \(out of memory"):
        done += run(compute(engine), deadly, [Named(name, tmp_path) for name in names])
    assert len((tmp_path / "deadly").read_text().splitlines()) == 2


@pytest.mark.parametrize("engine", PARALLEL)
def test_what_is_finished_is_given_out_before_a_worker_fails_for_good(engine, tmp_path):
    results = run(compute(engine), deadly, [Named(name, tmp_path) for name in ("a", "b", "deadly")])
    assert [next(results), next(results)] == ["a", "b"]
    with pytest.raises(DataError, match="deadly"):
        next(results)


def test_a_killed_worker_is_one_clear_error():
    with pytest.raises(DataError, match="a worker process was killed"):
        list(run(Compute(engine="processes", num_workers=1), os._exit, [1]))


@EVERY
def test_no_more_is_done_than_may_lie_ready(engine, tmp_path):
    """Else a slow writer would find all results in memory."""
    results = run(compute(engine), traced, [Named(str(number), tmp_path) for number in range(30)])
    next(results)
    time.sleep(1)
    assert len(list(tmp_path.iterdir())) <= 8
    results.close()


@pytest.mark.parametrize("engine", PARALLEL)
def test_nothing_is_left_when_the_results_are_not_wanted_any_more(engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "traces").mkdir()
    me = psutil.Process()
    before = {child.pid for child in me.children(recursive=True)}
    results = run(compute(engine), traced, [Named(str(number), tmp_path / "traces") for number in range(30)])
    workers = {next(results)[1], next(results)[1]}
    results.close()
    left = [child for child in me.children(recursive=True) if child.pid not in before]
    assert not workers & {child.pid for child in left}
    assert all("resource_tracker" in " ".join(child.cmdline()) for child in left)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "traces"] == []


@pytest.mark.parametrize("engine", PARALLEL)
def test_workers_end_with_a_killed_parent(engine, tmp_path):
    """Else they would wait for it for good."""
    code = "import time; from pathlib import Path; from tests.compute.test_engines import *\n"
    code += f"if __name__ == '__main__':\n    tasks = [Named(str(n), Path({str(tmp_path)!r})) for n in range(9)]\n"
    code += f"    results = run(compute({engine!r}), traced, tasks)\n"
    code += "    print(next(results)[1], next(results)[1], flush=True)\n    time.sleep(60)\n"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        parent.send_signal(signal.SIGKILL)
    assert workers
    end = time.monotonic() + 20
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in workers):
        assert time.monotonic() < end, "a worker still runs"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"engine": "dask"}, "missing key 'cluster', which the engine dask needs"),
        ({"engine": "inline", "cluster": {"kind": "local"}}, "the engine inline has no key 'cluster'"),
        ({"engine": "processes", "cluster": None}, "the engine processes has no key 'cluster'"),
        ({"engine": "dusk"}, "'inline', 'processes' or 'dask'"),
        ({"engine": "dask", "cluster": {"kind": "local", "queue": "x"}}, "unknown key 'cluster.local.queue'"),
        ({"engine": "dask", "cluster": {"kind": "scheduler"}}, "missing key 'cluster.scheduler.address'"),
        ({"engine": "dask", "cluster": {"kind": "scheduler", "address": "node1"}}, "should match pattern"),
        ({"engine": "dask", "cluster": {"kind": "slurm", "queue": None}}, "missing key 'cluster.slurm.walltime'"),
    ],
)
def test_params_of_the_engines_are_strict(params, told):
    with pytest.raises(ParamsError, match=f"^params.yaml: section 'graph.compute' does not fit Compute: .*{told}"):
        parse(Compute, {"num_workers": 2, **params}, "graph.compute")
