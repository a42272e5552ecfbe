"""Side constraints: each changes the solution as it says, agrees with brute force, and is named where infeasible."""

from itertools import product

import numpy as np
import pytest

from pipeline.core.errors import DataError
from pipeline.transfer import side_constraints
from pipeline.transfer.program import SCALE
from pipeline.transfer.relatedness import Candidates

M_US = np.array([[0.9, 0.8, 0.3], [0.7, 0.5, 0.2]], dtype=np.float32)
UNSEEN, SEEN = ["hop", "spin"], ["jump", "run", "turn"]


def all_pairs(m_US: np.ndarray = M_US) -> Candidates:
    unseen_E, seen_E = (x.astype(np.int32) for x in np.nonzero(m_US > 0))
    related_E = m_US[unseen_E, seen_E]
    none = np.full(len(unseen_E), -1, dtype=np.int32)
    nearest = m_US.argmax(1).astype(np.int32)
    return Candidates(*m_US.shape, unseen_E, seen_E, related_E, none, related_E * 0, nearest, m_US.max(1))


def solved(
    rho: int | None = 1, cap: str = "row", allowed: np.ndarray | None = None, **rules: object
) -> list[list[int]]:
    free = {"min_seen": 0, "max_seen": None, "forbidden": (), "required": (), "coverage": 0}
    cands = all_pairs()
    allowed_E = np.ones(6, dtype=bool) if allowed is None else allowed
    extra = side_constraints.SideConstraints(**(free | rules))
    found = side_constraints.solve(cands, allowed_E, rho=rho, cap=cap, side=extra, unseen=UNSEEN, seen=SEEN)
    assert found.status == "optimal"
    assert found.bound == pytest.approx(found.objective)
    a_US = np.zeros((2, 3), dtype=int)
    a_US[cands.unseen_E[found.chosen_E], cands.seen_E[found.chosen_E]] = 1
    return a_US.tolist()


def test_without_rules_it_is_the_plain_program() -> None:
    assert solved() == [[1, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    ("caps", "rule", "before", "after"),
    [
        ({"rho": 2}, {"max_seen": 1}, [[1, 1, 0], [1, 1, 0]], [[1, 0, 0], [1, 0, 0]]),
        ({"cap": "column"}, {"min_seen": 1}, [[1, 1, 1], [0, 0, 0]], [[1, 1, 0], [0, 0, 1]]),
        ({}, {"forbidden": ((0, 0),)}, [[1, 0, 0], [1, 0, 0]], [[0, 1, 0], [1, 0, 0]]),
        ({}, {"required": ((1, 2),)}, [[1, 0, 0], [1, 0, 0]], [[1, 0, 0], [0, 0, 1]]),
        ({}, {"coverage": 2}, [[1, 0, 0], [1, 0, 0]], [[0, 1, 0], [1, 0, 0]]),
    ],
)
def test_each_rule_changes_the_solution(
    caps: dict[str, object], rule: dict[str, object], before: list[list[int]], after: list[list[int]]
) -> None:
    assert solved(**caps) == before
    assert solved(**caps, **rule) == after


def test_many_rules_together_are_solved_as_brute_force_does() -> None:
    rules = {"min_seen": 1, "max_seen": 2, "forbidden": ((0, 0),), "required": ((1, 1),), "coverage": 2}
    fits = []
    for bits in product([0, 1], repeat=6):
        a = np.array(bits).reshape(2, 3)
        rows, columns = a.sum(1), a.sum(0)
        good = (rows >= 1).all() and (rows <= 2).all() and a[0, 0] == 0 and a[1, 1] == 1 and (columns > 0).sum() >= 2
        if good and (rows <= 2).all() and (columns <= 2).all():
            fits.append(((a * M_US).sum(), a.tolist()))
    assert solved(rho=2, cap="both", **rules) == max(fits)[1]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"min_seen": 4}, "min_seen 4 of 'hop'|min_seen 4 of 'spin'"),
        ({"forbidden": ((0, 1),), "required": ((0, 1),)}, r"required pair \('hop', 'run'\); forbidden pair"),
        ({"required": ((0, 0), (0, 1))}, r"required pair \('hop', 'jump'\); required pair \('hop', 'run'\)"),
        ({"coverage": 3}, "coverage of 3 seen classes"),
        ({"max_seen": 0, "required": ((1, 1),)}, r"max_seen 0 of 'spin'; required pair \('spin', 'run'\)"),
    ],
)
def test_rules_that_cannot_hold_are_named(rules: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        solved(**rules)


def test_a_required_pair_that_the_constraints_removed_says_so() -> None:
    allowed = np.ones(6, dtype=bool)
    allowed[1] = False
    with pytest.raises(DataError, match=r"\('hop', 'run'\), which K or theta removed"):
        solved(allowed=allowed, required=((0, 1),))


def test_the_solution_is_the_same_every_time() -> None:
    assert all(solved(coverage=2) == solved(coverage=2) for _ in range(3))


def test_the_objective_is_the_sum_of_the_chosen_cosines() -> None:
    extra = side_constraints.SideConstraints(0, None, (), (), 0)
    found = side_constraints.solve(
        all_pairs(), np.ones(6, dtype=bool), rho=None, cap="row", side=extra, unseen=UNSEEN, seen=SEEN
    )
    assert found.objective == pytest.approx(float(np.rint(M_US * SCALE).sum()) / SCALE)
