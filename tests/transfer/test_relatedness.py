"""Candidates: nearest neighbours, competition for a seen class, blocks, ties and bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import DataError
from pipeline.transfer.relatedness import candidates, check_labels, relatedness, unit_rows


def unit(shape: tuple[int, int], seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal(shape)
    return unit_rows(rows, ["x"] * shape[0])


@given(st.integers(0, 9999), st.integers(1, 7), st.integers(1, 9), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_candidates_are_what_the_definitions_say(seed: int, num_unseen: int, num_seen: int, block_rows: int) -> None:
    unseen_UD, seen_SD = unit((num_unseen, 4), seed), unit((num_seen, 4), seed + 1)
    num_neighbours = 1 + seed % num_seen
    m_US = relatedness(unseen_UD, seen_SD)
    found = candidates(unseen_UD, seen_SD, num_neighbours=num_neighbours, block_rows=block_rows)
    expected = [
        (j, i)
        for j in range(num_unseen)
        for i in sorted(np.argsort(-m_US[j], kind="stable")[:num_neighbours].tolist())
        if m_US[j, i] > 0
    ]
    assert list(zip(found.unseen_E.tolist(), found.seen_E.tolist(), strict=True)) == expected
    for theta in (0.5, 1.0, 1.4):
        by_ratio = [
            all((1 - m_US[k, i]) / (1 - m_US[j, i]) > theta for k in range(num_unseen) if k != j) for j, i in expected
        ]
        assert found.distinct(theta).tolist() == by_ratio


def test_blocks_do_not_change_the_candidates() -> None:
    unseen_UD, seen_SD = unit((50, 8), 0), unit((80, 8), 1)
    whole, blocks = (candidates(unseen_UD, seen_SD, num_neighbours=7, block_rows=n) for n in (50, 3))
    for name in ("unseen_E", "seen_E", "rival_E", "nearest_U"):
        assert (getattr(whole, name) == getattr(blocks, name)).all()


def test_a_tie_at_the_last_neighbour_goes_to_the_lower_index() -> None:
    seen_SD = unit_rows([[1, 0], [1, 1], [1, 1], [1, 1]], "stuv")
    found = candidates(unit_rows([[1, 0]], ["a"]), seen_SD, num_neighbours=2)
    assert found.seen_E.tolist() == [0, 1]


def test_at_theta_one_a_tie_blocks_both_rows_and_below_none() -> None:
    unseen_UD = unit_rows([[1, 0.5, 0], [1, -0.5, 0]], ["a", "b"])
    found = candidates(unseen_UD, unit_rows([[1, 0, 0]], ["s"]), num_neighbours=1)
    assert found.distinct(1.0).tolist() == [False, False]
    assert found.distinct(0.99).tolist() == [True, True]


def test_a_theta_above_one_asks_for_more_than_being_closest() -> None:
    unseen_UD = unit_rows([[1, 0.5], [1, 0.9]], ["a", "b"])
    found = candidates(unseen_UD, unit_rows([[1, 0]], ["s"]), num_neighbours=1)  # distances .106 and .257
    assert found.distinct(1.0).tolist() == [True, False]
    assert found.distinct(2.0).tolist() == [True, False]
    assert found.distinct(2.5).tolist() == [False, False]
    assert found.distinct(0.0).tolist() == [True, True]


def test_a_distance_of_zero_divides_nothing() -> None:
    unseen_UD = unit_rows([[1, 0], [1, 0], [0, 1]], ["a", "b", "c"])
    found = candidates(unseen_UD, unit_rows([[1, 0]], ["s"]), num_neighbours=1)
    assert found.distinct(0.9).tolist() == [True, True]
    assert found.distinct(1.0).tolist() == [False, False]


def test_a_single_unseen_class_has_no_rival() -> None:
    found = candidates(unit((1, 4), 0), np.abs(unit((3, 4), 1)), num_neighbours=None)
    assert found.rival_E.tolist() == [-1] * len(found.rival_E)
    assert found.distinct(100.0).all()


@pytest.mark.parametrize("num_neighbours", [0, 4])
def test_a_k_that_does_not_fit_is_refused(num_neighbours: int) -> None:
    with pytest.raises(DataError, match=f"K = {num_neighbours} .* 3 seen classes"):
        candidates(unit((2, 4), 0), unit((3, 4), 1), num_neighbours=num_neighbours)


def test_too_many_pairs_without_constraint_i_are_refused() -> None:
    rows = np.ones((8000, 1), dtype=np.float32)
    with pytest.raises(DataError, match="set num_neighbours"):
        candidates(rows, rows, num_neighbours=None)


@pytest.mark.parametrize("bad", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_a_vector_without_direction_is_refused_by_name(bad: list[float]) -> None:
    with pytest.raises(DataError, match="class 'jump'"):
        unit_rows([[1.0, 2.0], bad], ["walk", "jump"])


@pytest.mark.parametrize(
    ("unseen", "seen", "message"),
    [
        (["a", "a"], ["b"], "'a' is given twice"),
        (["a"], ["b", " "], "a label is empty"),
        (["a"], ["b", "a"], "both seen and unseen"),
        (["a"], [], "no seen classes"),
    ],
)
def test_bad_labels_are_refused(unseen: list[str], seen: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_labels(unseen, seen)
