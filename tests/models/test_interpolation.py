"""Weights between two sets: exact ends, the middle, and sets that do not fit."""

import pytest
import torch

from pipeline.core.errors import DataError
from pipeline.models.interpolation import interpolated


@pytest.fixture
def weights() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    drawn = torch.Generator().manual_seed(0)
    start, tuned = ({"a": torch.randn(50, 3, generator=drawn) * 10**i, "steps": torch.tensor(i)} for i in range(2))
    return start, tuned


def test_the_ends_are_exact_and_whole_numbers_are_those_of_the_tuned_weights(weights) -> None:
    start, tuned = weights
    for share, weight in ((0.0, start["a"]), (1.0, tuned["a"])):
        found = interpolated(start, tuned, share)
        assert torch.equal(found["a"], weight)
        assert found["steps"] == 1
    assert list(found) == list(tuned)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_between_them_it_is_the_weighted_mean(weights, share: float) -> None:
    start, tuned = ({name: w.double() if name == "a" else w for name, w in side.items()} for side in weights)
    wanted = [(1 - share) * s + share * t for s, t in zip(start["a"].flatten(), tuned["a"].flatten(), strict=True)]
    torch.testing.assert_close(
        interpolated(start, tuned, share)["a"].flatten(), torch.stack(wanted), rtol=0, atol=1e-12
    )


def test_neither_side_changes(weights) -> None:
    start, tuned = weights
    before = start["a"].clone(), tuned["a"].clone()
    for share in (0.0, 0.5, 1.0):
        interpolated(start, tuned, share)["a"].zero_()
    assert torch.equal(start["a"], before[0])
    assert torch.equal(tuned["a"], before[1])


def test_weights_of_another_model_are_refused_by_name(weights) -> None:
    start, tuned = weights
    with pytest.raises(DataError, match=r"'b' is missing or of another shape in one of them \(1 such weights\)"):
        interpolated(start, tuned | {"b": torch.zeros(1)}, 0.5)
    with pytest.raises(DataError, match="'a' is missing or of another shape"):
        interpolated(start | {"a": torch.zeros(3, 50)}, tuned, 0.5)
