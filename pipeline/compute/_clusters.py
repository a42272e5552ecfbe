"""Clusters of dask: one on this machine, jobs of SLURM, or one that runs already."""

import importlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pipeline.compute.shared import Local, Scheduler, Slurm
from pipeline.core.errors import DataError, ParamsError

AnyCluster = Local | Scheduler | Slurm

_SECONDS_TO_ANSWER = "20s"
_BYTES_KEPT = str(4 * 10**9)
# glibc's memory allocator gives large blocks back to the system and takes them again, which costs a worker as much as
# the work on its arrays. It heeds the thresholds in the first arena alone, and dask runs tasks in a thread that would
# have another. A worker is one thread, and as many run as there are cores.
ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": _BYTES_KEPT,
    "MALLOC_MMAP_THRESHOLD_": _BYTES_KEPT,
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
_SETTINGS = {
    "distributed.nanny.pre-spawn-environ": ENVIRONMENT,
    "distributed.scheduler.allowed-failures": 1,  # a task that kills its worker is tried once more
    "distributed.scheduler.worker-saturation": 1.0,  # and a worker has no second one waiting, which would be suspected
    "distributed.worker.profile.enabled": False,  # which looks at the worker a hundred times a second
    "distributed.admin.tick.interval": "1s",
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}


@contextmanager
def opened(cluster: AnyCluster, num_workers: int, folder: Path) -> Iterator[Any]:
    """A client of dask; all is closed when the block ends. `folder` is for the files of the run.

    Raises ParamsError where dask is not installed, and DataError where no scheduler answers.
    """
    dask, distributed = _library("dask"), _library("distributed")
    log = logging.getLogger("distributed")
    level = log.level
    with ExitStack() as stack:
        stack.callback(log.setLevel, level)
        log.setLevel(logging.CRITICAL)  # what a user should know is told by exceptions
        # Else the scheduler of this process would leave a folder in that of the system's temporary files.
        stack.enter_context(dask.config.set(_SETTINGS | {"temporary-directory": str(folder.absolute())}))
        if isinstance(cluster, Scheduler):
            client = _connected(distributed, cluster.address)
        else:
            started = (
                slurm(cluster, num_workers, folder)
                if isinstance(cluster, Slurm)
                else _local(distributed, num_workers, folder)
            )
            client = distributed.Client(stack.enter_context(started), set_as_default=False)
        yield stack.enter_context(client)


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ParamsError(
            f"the engine dask needs the package {error.name}, which is not installed; run "
            "`pip install -r requirements-cluster.txt`, or `pip install unseen[cluster]`"
        ) from None


def _connected(distributed: Any, address: str) -> Any:
    try:
        return distributed.Client(address, set_as_default=False, timeout=_SECONDS_TO_ANSWER)
    except OSError:
        raise DataError(
            f"no dask scheduler answers at {address}; start one with `dask scheduler --host ADDRESS`, or mend "
            "cluster.address in params.yaml"
        ) from None


def _local(distributed: Any, num_workers: int, folder: Path) -> Any:
    """Workers on this machine; keys made for the run keep out its other users, who may reach the same ports."""
    return distributed.LocalCluster(
        n_workers=num_workers,
        threads_per_worker=1,
        memory_limit=0,  # as with processes: a worker that is paused would wait for good
        host="127.0.0.1",
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # else port 8787; nothing is served there
        security=True,
        local_directory=str(folder.absolute()),
        silence_logs=logging.CRITICAL,
    )


def slurm(cluster: Slurm, num_workers: int, folder: Path) -> Any:
    """Jobs of SLURM, sent when workers are asked for; lost ones are sent again.

    Their logs lie beside the folder of the run, and its keys in it.
    """
    jobs = _library("dask_jobqueue").SLURMCluster(
        queue=cluster.queue,
        account=cluster.account,
        cores=cluster.cores,
        processes=cluster.cores,
        memory=cluster.memory,
        walltime=cluster.walltime,
        job_extra_directives=cluster.directives,
        job_script_prologue=[f"export {name}={value}" for name, value in _environment().items()],
        job_name="unseen",
        python=sys.executable,
        log_directory=str(folder.parent.absolute() / "logs"),
        scheduler_options={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        security=_keys(folder),
        silence_logs=logging.CRITICAL,
    )
    num_jobs = -(-num_workers // cluster.cores)
    jobs.adapt(minimum_jobs=num_jobs, maximum_jobs=num_jobs)
    return jobs


def _keys(folder: Path) -> Any:
    """Keys made for the run, in files that the user alone can read: who has none can neither send nor get tasks."""
    security = _library("distributed").Security
    made, roles = security.temporary(), ("client", "scheduler", "worker")
    paths = {"cert": folder.absolute() / "cert.pem", "key": folder.absolute() / "key.pem"}
    for name, path in paths.items():
        path.touch(mode=0o600)
        path.write_text(getattr(made, f"tls_client_{name}"))
    of_roles = {f"tls_{role}_{name}": str(path) for role in roles for name, path in paths.items()}
    return security(require_encryption=True, tls_ca_file=str(paths["cert"]), **of_roles)


def _environment() -> dict[str, str]:
    """What a job's workers find; they import the code that runs here, and are ended by SLURM, not paused by dask."""
    without = ("MEMORY__TARGET", "MEMORY__SPILL", "MEMORY__PAUSE", "PROFILE__ENABLED")
    settings = {f"DASK_DISTRIBUTED__WORKER__{name}": "False" for name in without}
    paths = {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}
    return ENVIRONMENT | settings | paths
