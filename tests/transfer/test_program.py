"""The program against brute force, the closed form and HiGHS; its proofs; its ties; solving anew."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from pipeline.core.errors import DataError
from pipeline.transfer import closed_form, dual, program
from pipeline.transfer.relatedness import Candidates, candidates, unit_rows

CAPS = ("row", "column", "both")


def grid_candidates(m_US: np.ndarray) -> Candidates:
    """Candidates of a given matrix: every positive pair."""
    unseen_E, seen_E = (x.astype(np.int32) for x in np.nonzero(m_US > 0))
    related_E = m_US[unseen_E, seen_E].astype(np.float32)
    none = np.full(len(unseen_E), -1, dtype=np.int32)
    return Candidates(
        *m_US.shape, unseen_E, seen_E, related_E, none, related_E * 0, m_US.argmax(1).astype(np.int32), m_US.max(1)
    )


def solve(cands: Candidates, rho: int, cap: str) -> program.Solution:
    return program.solve(cands, np.ones(len(cands.unseen_E), dtype=bool), rho=rho, cap=cap)


def matrix_of(cands: Candidates, chosen_E: np.ndarray) -> np.ndarray:
    a_US = np.zeros((cands.num_unseen, cands.num_seen), dtype=int)
    a_US[cands.unseen_E[chosen_E], cands.seen_E[chosen_E]] = 1
    return a_US


def brute_force(m_US: np.ndarray, rho: int, cap: str) -> int:
    """Best value in millionths, row by row over all subsets, with the column loads as state."""
    weight_US = np.where(m_US > 0, np.maximum(np.rint(m_US.astype(np.float64) * 1e6), 1), 0).astype(int)
    column_cap = rho if cap != "row" else len(m_US)
    row_cap = rho if cap != "column" else m_US.shape[1]
    best = {(0,) * m_US.shape[1]: 0}
    for w_S in weight_US:
        subsets = [s for n in range(row_cap + 1) for s in itertools.combinations(np.flatnonzero(w_S), n)]
        grown: dict[tuple[int, ...], int] = {}
        for load, value in best.items():
            for subset in subsets:
                new = tuple(n + (i in subset) for i, n in enumerate(load))
                if max(new) <= column_cap:
                    grown[new] = max(grown.get(new, 0), value + int(w_S[list(subset)].sum()))
        best = grown
    return max(best.values())


@pytest.mark.parametrize("cap", CAPS)
@pytest.mark.parametrize(("shape", "rho"), [((4, 8), 1), ((3, 6), 2), ((2, 5), 3), ((1, 8), 4), ((4, 3), 1)])
def test_the_solution_is_worth_what_brute_force_finds(cap: str, shape: tuple[int, int], rho: int) -> None:
    rng = np.random.default_rng(sum(shape) + rho)
    for _ in range(3):
        m_US = np.round(rng.uniform(-0.3, 1, shape), 1).astype(np.float32)  # coarse, so that there are ties
        solution = solve(grid_candidates(m_US), rho, cap)
        assert round(solution.objective * program.SCALE) == brute_force(m_US, rho, cap)


@given(st.integers(0, 10_000), st.integers(1, 4), st.sampled_from(CAPS))
@settings(max_examples=40, deadline=None)
def test_a_solution_keeps_its_caps_and_its_bound(seed: int, rho: int, cap: str) -> None:
    rng = np.random.default_rng(seed)
    m_US = np.round(rng.uniform(-0.5, 1, rng.integers(1, 9, 2)), 2).astype(np.float32)
    cands = grid_candidates(m_US)
    solution = solve(cands, rho, cap)
    a_US = matrix_of(cands, solution.chosen_E)
    assert solution.status == "optimal"
    assert solution.bound == solution.objective == pytest.approx((a_US * m_US).sum(), abs=1e-5)
    assert cap == "column" or a_US.sum(1).max(initial=0) <= rho
    assert cap == "row" or a_US.sum(0).max(initial=0) <= rho


@given(st.integers(0, 10_000), st.integers(1, 3), st.sampled_from(["row", "column"]))
@settings(max_examples=30, deadline=None)
def test_one_cap_is_solved_as_the_closed_form_says(seed: int, rho: int, cap: str) -> None:
    m_US = np.random.default_rng(seed).uniform(0.01, 1, (6, 9)).astype(np.float32)  # no ties: one optimum
    cands = grid_candidates(m_US)
    group_E = cands.unseen_E if cap == "row" else cands.seen_E
    expected = closed_form.best_of_each(group_E, program.weights(cands), rho)
    assert (solve(cands, rho, cap).chosen_E == expected).all()


@pytest.mark.parametrize("seed", range(5))
def test_both_caps_are_solved_as_highs_solves_them(seed: int) -> None:
    m_US = np.random.default_rng(seed).uniform(-0.2, 1, (12, 20)).astype(np.float32)
    cands = grid_candidates(m_US)
    weight_E = program.weights(cands).astype(float)
    rows = np.equal.outer(np.arange(12), cands.unseen_E).astype(float)
    columns = np.equal.outer(np.arange(20), cands.seen_E).astype(float)
    caps = np.vstack([rows, columns])
    exact = milp(
        -weight_E,
        constraints=LinearConstraint(caps, ub=np.full(32, 3.0)),
        bounds=Bounds(0, 1),
        integrality=np.ones(len(weight_E)),
    )
    relaxed = linprog(-weight_E, A_ub=caps, b_ub=np.full(32, 3.0), bounds=(0, 1), method="highs")
    ours = round(solve(cands, 3, "both").objective * program.SCALE)
    assert ours == round(-exact.fun) == round(-relaxed.fun)


def test_the_dual_bound_of_a_bad_solution_lies_above_it() -> None:
    m_US = np.random.default_rng(0).uniform(0.1, 1, (5, 7)).astype(np.float32)
    cands = grid_candidates(m_US)
    weight_E = program.weights(cands)
    best = round(solve(cands, 2, "both").objective * program.SCALE)
    nothing = np.zeros(len(weight_E), dtype=bool)
    bound = dual.bound(cands.unseen_E, cands.seen_E, weight_E, nothing, row_cap=2, column_cap=2)
    assert bound >= best > 0


def test_ties_are_decided_alike_every_time() -> None:
    cands = grid_candidates(np.full((4, 6), 0.5, dtype=np.float32))
    first = solve(cands, 2, "both").chosen_E
    assert all((solve(cands, 2, "both").chosen_E == first).all() for _ in range(3))


def test_each_cap_gives_another_solution() -> None:
    m_US = np.array([[0.9, 0.8, 0.72, 0.1], [0.85, 0.75, 0.2, 0.3], [0.6, 0.5, 0.4, 0.35]], dtype=np.float32)
    cands = grid_candidates(m_US)
    found = {cap: matrix_of(cands, solve(cands, 1, cap).chosen_E).tolist() for cap in CAPS}
    assert found["row"] == [[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
    assert found["column"] == [[1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]
    assert found["both"] == [[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0]]


@pytest.mark.parametrize("cap", CAPS)
def test_no_candidates_is_the_empty_solution(cap: str) -> None:
    solution = solve(grid_candidates(np.full((2, 3), -0.1, dtype=np.float32)), 2, cap)
    assert (solution.objective, solution.bound, len(solution.chosen_E)) == (0, 0, 0)


def test_a_half_is_solved_anew_and_not_cut_out_of_the_whole() -> None:
    # b is nearer to the seen class than a; without b in the half, constraint II gives it to a.
    unseen_UD = unit_rows([[1, 0.6, 0], [1, 0.1, 0], [0, 0, 1]], ["a", "b", "c"])
    seen_SD = unit_rows([[1, 0, 0.0], [0, 0.2, 1]], ["s", "t"])

    def rows(which: list[int]) -> np.ndarray:
        cands = candidates(unseen_UD[which], seen_SD, num_neighbours=1)
        return matrix_of(cands, program.solve(cands, cands.distinct(1.0), rho=1, cap="row").chosen_E)

    assert rows([0, 1, 2])[[0, 2]].tolist() == [[0, 0], [0, 1]]
    assert rows([0, 2]).tolist() == [[1, 0], [0, 1]]


def test_a_rho_below_one_is_refused() -> None:
    with pytest.raises(DataError, match="rho = 0"):
        solve(grid_candidates(np.ones((1, 1), dtype=np.float32)), 0, "row")
