import math

import pytest
import torch

from pipeline.models.averages import EpochTotals

CPU = torch.device("cpu")


def on_a_gpu():
    """As on a GPU, whose sums are read at the end alone."""
    totals = EpochTotals(CPU)
    totals._stays, totals._fault = True, torch.tensor(-1)
    return totals


@pytest.mark.parametrize("make", [lambda: EpochTotals(CPU), on_a_gpu], ids=["CPU", "GPU"])
def test_means_weigh_by_rows_and_ranks_are_summed_up(make):
    totals = make()
    totals.add(0, {"loss": torch.tensor(1.0), "accuracy": torch.tensor(0.5)}, 3)
    totals.add(1, {"loss": torch.tensor(4.0), "accuracy": torch.tensor(1.0)}, 1)
    assert totals.local_means() == {"loss": 7 / 4, "accuracy": 2.5 / 4}
    other = torch.tensor([4.0, 1.0, 4.0], dtype=torch.float64)
    assert totals.means([totals.vector(), other]) == {"loss": 1.0, "accuracy": 6.5 / 8}
    assert totals.fault(wait=True) is None


@pytest.mark.parametrize(
    ("make", "seen_at_once"), [(lambda: EpochTotals(CPU), True), (on_a_gpu, False)], ids=["CPU", "GPU"]
)
def test_the_first_step_without_a_number_is_remembered(make, seen_at_once):
    totals = make()
    for step, loss in enumerate([1.0, math.inf, 2.0, math.nan]):
        totals.add(step, {"loss": torch.tensor(loss)}, 2)
    assert totals.fault(wait=False) == (1 if seen_at_once else None)
    assert totals.fault(wait=True) == 1


def test_sums_are_put_back_as_they_were():
    totals, again = EpochTotals(CPU), EpochTotals(CPU)
    totals.add(0, {"loss": torch.tensor(0.1), "accuracy": torch.tensor(0.3)}, 7)
    again.put_back(totals.names, totals.vector())
    for each in (totals, again):
        each.add(1, {"loss": torch.tensor(0.7), "accuracy": torch.tensor(0.2)}, 3)
    assert totals.local_means() == again.local_means()
