"""Which engine runs the tasks of a step, and with how many workers."""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, model_validator

from pipeline.core import members
from pipeline.core.params import Params

T = TypeVar("T")
R = TypeVar("R")

_MAX_CHARACTERS = 200  # of a task that has no name


class Local(Params):
    """A cluster on this machine, for the time of a stage; nothing of it listens beyond 127.0.0.1."""

    kind: Literal["local"]


class Scheduler(Params):
    """A cluster that runs already: the address that `dask scheduler` prints."""

    kind: Literal["scheduler"]
    address: str = Field(pattern=r"^(tcp|tls)://\S+:\d+$")


class Slurm(Params):
    """Jobs of SLURM, for the time of a stage; each runs a worker on every core that it asks for."""

    kind: Literal["slurm"]
    queue: str | None  # the partition; null = the cluster's own default
    account: str | None
    cores: int = Field(ge=1)  # of a job
    memory: str = Field(pattern=r"^\d+ ?[KMGT]i?B$")  # of a job, as 16GB
    walltime: str = Field(pattern=r"^(\d+-)?\d{1,3}:\d{2}(:\d{2})?$")  # of a job, as 04:00:00
    directives: list[str]  # more lines of `#SBATCH`, as --constraint=avx2


class Compute(Params):
    """Params of the engine; results are the same with any engine and any number of workers."""

    engine: Literal["inline", "processes", "dask"]
    num_workers: int = Field(ge=1)
    # Of the engine dask alone, which must say it: the key that the other engines do not have.
    cluster: Annotated[Local | Scheduler | Slurm, Field(discriminator="kind")] | None = None

    @model_validator(mode="after")
    def _cluster_of_dask(self) -> Self:
        if self.engine == "dask" and self.cluster is None:
            raise ValueError("missing key 'cluster', which the engine dask needs: {kind: local}, scheduler or slurm")
        if self.engine != "dask" and "cluster" in self.model_fields_set:
            raise ValueError(f"the engine {self.engine} has no key 'cluster'; leave it out, or set engine to dask")
        return self


def run(compute: Compute, work: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
    """The results of `work` in the order of the tasks. With other engines than inline, both must be picklable.

    Raises what a task raises, and DataError for a task whose worker is killed twice. Some results lie ready at most:
    memory does not grow with the number of tasks. A task may have a `name`, which says in messages what it is about.
    """
    engine = members.load("pipeline.compute", compute.engine)
    results: Iterator[R] = engine.run(work, tasks, compute)
    return results


def name_of(task: object) -> str:
    """What a task is about, for messages."""
    return str(getattr(task, "name", task))[:_MAX_CHARACTERS]
