from torch import nn

from pipeline.models import dense


def test_parameters_count_biases_and_multiply_accumulates_do_not():
    network = nn.Sequential(nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 2, bias=False))
    assert dense.num_params(network) == 5 * 3 + 3 + 3 * 2
    assert dense.macs(network, nn.Linear(2, 2)) == 5 * 3 + 3 * 2 + 2 * 2
