"""A stage on several devices: it starts itself once for each, under torchrun's agent, unless it runs there already."""

import logging
import os
import sys
from pathlib import Path

from pipeline.core import orphans
from pipeline.core.errors import DataError, ParamsError
from pipeline.training import ranks


def spread(devices: int) -> bool:
    """Whether the stage has been run by `devices` processes of its own, so that this one has nothing left to do.

    Raises ParamsError where it runs under torchrun with another number of processes, and what failed in one of its
    own. To be called from a stage that was started as `python -m stages.<name>`.
    """
    if ranks.under_torchrun():
        if ranks.num_ranks() != devices:
            raise ParamsError(
                f"params.yaml asks for devices: {devices}, but torchrun has started {ranks.num_ranks()} processes; "
                f"start `torchrun --nproc-per-node {devices}`, or set devices to {ranks.num_ranks()}"
            )
        orphans.end_with(os.getppid())
        return False
    if devices == 1:
        return False
    _refuse_too_few_gpus(devices)
    _start(devices)
    return True


def _refuse_too_few_gpus(devices: int) -> None:
    import torch

    if torch.cuda.is_available() and torch.cuda.device_count() < devices:
        raise ParamsError(
            f"params.yaml asks for devices: {devices}, but this machine has {torch.cuda.device_count()} GPUs; set "
            "devices, or start torchrun on several machines"
        )


def _start(devices: int) -> None:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    module = sys.modules["__main__"].__spec__
    assert module is not None  # of `python -m`
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=devices,
        run_id=f"unseen-{os.getpid()}",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
    )
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # it tells failures at great length
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as torchrun does; training sets its own threads
    try:
        elastic_launch(config, sys.executable)("-m", module.name, *sys.argv[1:])
    except ChildFailedError as error:
        messages = [failure.message for failure in error.failures.values() if Path(failure.error_file).is_file()]
        first = error.get_first_failure()[1]
        why = first.message if first.exitcode < 0 else "see above"
        raise DataError(
            messages[0] if messages else f"one of {devices} processes failed ({why}); run the stage again"
        ) from None
