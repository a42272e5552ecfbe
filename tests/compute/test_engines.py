import os

import pytest

from pipeline.compute.shared import Compute, run
from pipeline.core import members
from pipeline.core.errors import DataError

# Tasks are builtins: a fresh process must be able to import them.


@pytest.mark.parametrize("engine", members.names("pipeline.compute"))
def test_results_come_in_the_order_of_the_tasks(engine):
    compute = Compute(engine=engine, num_workers=2)
    assert list(run(compute, abs, [-3, 2, -1])) == [3, 2, 1]
    assert list(run(compute, abs, [])) == []


@pytest.mark.parametrize("engine", members.names("pipeline.compute"))
def test_a_task_that_fails_says_why(engine):
    with pytest.raises(ValueError, match="invalid literal"):
        list(run(Compute(engine=engine, num_workers=2), int, ["1", "x"]))


def test_a_killed_worker_is_one_clear_error():
    with pytest.raises(DataError, match="a worker process was killed"):
        list(run(Compute(engine="processes", num_workers=1), os._exit, [1]))
