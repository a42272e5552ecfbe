import numpy as np
import pytest

from pipeline.core.batches import Memory, in_turn, order
from pipeline.core.errors import DataError


def test_every_row_comes_once_an_epoch_and_all_ranks_together_see_it():
    steps = order(31, 8, 7, 2)
    assert sorted(np.concatenate(steps).tolist()) == list(range(31))
    assert sorted(row for rank in range(3) for rows in steps for row in rows[rank::3].tolist()) == list(range(31))


def test_the_order_is_a_function_of_seed_and_epoch():
    first = np.concatenate(order(31, 8, 7, 2))
    assert np.array_equal(first, np.concatenate(order(31, 8, 7, 2)))
    assert not np.array_equal(first, np.concatenate(order(31, 8, 7, 3)))
    assert not np.array_equal(first, np.concatenate(order(31, 8, 8, 2)))


def test_no_batch_is_much_smaller_than_another():
    assert [len(rows) for rows in order(33, 7, 0, 0)] == [7, 7, 7, 6, 6]


def test_rows_to_measure_on_come_as_they_lie():
    assert [rows.tolist() for rows in in_turn(5, 2)] == [[0, 1], [2, 3], [4]]
    data = Memory({"x": np.arange(5)}, 2, shuffled=False)
    assert [data.read(rows, 0)["x"].tolist() for rows in data.steps(3, 1)] == [[0, 1], [2, 3], [4]]
    assert data.names(np.array([4])) == ["row 4"]


@pytest.mark.parametrize("arrays", [{"x": np.zeros(2), "label": np.zeros(3)}, {"x": np.zeros(0)}, {}])
def test_rows_that_do_not_pair_are_refused(arrays):
    with pytest.raises(DataError, match="the same number of rows"):
        Memory(arrays, 2)
