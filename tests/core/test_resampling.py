import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.resampling import area_mean


def brute_force(x: np.ndarray, weight: np.ndarray, height: int, width: int) -> np.ndarray:
    out = np.zeros((height, width))
    for a, b in np.ndindex(height, width):
        rows = slice(a * x.shape[0] // height, -(-(a + 1) * x.shape[0] // height))
        columns = slice(b * x.shape[1] // width, -(-(b + 1) * x.shape[1] // width))
        total = weight[rows, columns].sum()
        out[a, b] = (x[rows, columns] * weight[rows, columns]).sum() / total if total else 0
    return out


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_means_equal_brute_force(old_height, old_width, height, width, seed):
    rng = np.random.default_rng(seed)
    x, weight = rng.normal(size=(2, old_height, old_width)), rng.integers(0, 2, (2, old_height, old_width))
    found = area_mean(x, weight, height=height, width=width)
    for picture in range(2):
        assert found[picture] == pytest.approx(brute_force(x[picture], weight[picture], height, width), abs=1e-5)
    everywhere = area_mean(x, None, height=height, width=width)
    assert everywhere[0] == pytest.approx(brute_force(x[0], np.ones_like(x[0]), height, width), abs=1e-5)


def test_what_has_no_weight_may_be_anything():
    x = np.array([[1.0, np.nan], [3.0, np.inf]])
    found = area_mean(x, np.array([[1, 0], [1, 0]]), height=1, width=2)
    assert found.tolist() == [[2.0, 0.0]]


def test_the_same_size_changes_nothing():
    x = np.random.default_rng(0).integers(0, 256, (3, 7, 5)).astype(np.uint8)
    assert np.array_equal(area_mean(x, None, height=7, width=5), x.astype(np.float32))
