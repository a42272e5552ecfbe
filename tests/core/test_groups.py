"""Which group of weights or vectors is that of a split and seed."""

import pytest

from pipeline.core import groups


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["s0-0", "s0-1", "s1-1"], "s0-1"),  # of several of the split that of the seed
        (["s0-0", "s1-1"], "s0-0"),  # the split's only one serves every seed
        (["s0-0", "s0-2"], None),
        (["all", "all-0", "all-1"], "all-1"),
        (["all", "all-0"], "all"),
        (["s1-1", "all-1"], "all-1"),
        (["all-0"], None),
        (["s00-1", "a-s0-1"], None),  # other splits
    ],
)
def test_the_group_of_a_split_and_seed(names, found):
    assert groups.of_run(names, "s0", 1) == found
