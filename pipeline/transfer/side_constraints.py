"""The program with side constraints, which break its flow structure, solved by CP-SAT; infeasible ones are named.

Shapes: E candidate pairs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.core.errors import DataError
from pipeline.transfer.program import SCALE, Cap, Solution, caps, weights
from pipeline.transfer.relatedness import Candidates, Mask

Pair = tuple[int, int]  # (unseen, seen), as indices

_DETERMINISTIC_LIMIT = 60.0  # in CP-SAT's own units, about seconds, the same on every machine


@dataclass(frozen=True)
class SideConstraints:
    """Further constraints on the chosen pairs."""

    min_seen: int  # seen classes of each unseen class
    max_seen: int | None  # of each unseen class
    forbidden: tuple[Pair, ...]
    required: tuple[Pair, ...]
    coverage: int  # at least so many different seen classes are used


@dataclass(frozen=True)
class _Rule:
    """One side constraint: its name in messages, and what adds it to a model, enforced by a literal."""

    name: str
    add: Callable[[Any, Any, Any], None]  # (model, pair variables by pair, literal)


def solve(
    candidates: Candidates,
    allowed_E: Mask,
    *,
    rho: int | None,
    cap: Cap,
    side: SideConstraints,
    unseen: Sequence[str],
    seen: Sequence[str],
) -> Solution:
    """The best assignment that fulfils every side constraint.

    Raises DataError naming a smallest set of side constraints that cannot hold together. Deterministic: one worker,
    a fixed seed and a limit in deterministic time.
    """
    from ortools.sat.python import cp_model

    place = np.flatnonzero(allowed_E)
    pairs = list(zip(candidates.unseen_E[place].tolist(), candidates.seen_E[place].tolist(), strict=True))
    rules, limits = _rules(side, pairs, unseen, seen), caps(candidates, rho, cap)
    model, variables = _base(pairs, limits)
    for rule in rules:
        rule.add(model, variables, None)
    weight_E = weights(candidates)[place].tolist()
    model.maximize(sum(w * variables[pair] for w, pair in zip(weight_E, pairs, strict=True)))
    solver = _solver()
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        names = "; ".join(_conflict(pairs, limits, rules))
        raise DataError(f"side constraints cannot hold together: {names}; loosen one of them, K, rho or theta")
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise DataError(f"side constraints: no solution within the limit ({solver.status_name(status)}); lower K")
    chosen_E = np.zeros(len(allowed_E), dtype=np.bool_)
    chosen_E[place] = [solver.boolean_value(variables[pair]) for pair in pairs]
    value, bound = solver.objective_value / SCALE, solver.best_objective_bound / SCALE
    return Solution(chosen_E, value, bound, solver.status_name(status).lower(), "cp-sat", "search")


def _solver() -> Any:
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.parameters.max_deterministic_time = _DETERMINISTIC_LIMIT
    return solver


def _base(pairs: Sequence[Pair], limits: tuple[int, int]) -> tuple[Any, dict[Pair, Any]]:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    variables = {pair: model.new_bool_var("") for pair in pairs}
    for axis, limit in enumerate(limits):
        for group in _grouped(pairs, axis).values():
            if len(group) > limit:
                model.add(_total(variables, group) <= limit)
    return model, variables


def _grouped(pairs: Sequence[Pair], axis: int) -> dict[int, list[Pair]]:
    groups: dict[int, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(pair[axis], []).append(pair)
    return groups


def _rules(side: SideConstraints, pairs: Sequence[Pair], unseen: Sequence[str], seen: Sequence[str]) -> list[_Rule]:
    by_row = _grouped(pairs, 0)
    rules = []
    for j in range(len(unseen)):
        row = by_row.get(j, [])
        if side.min_seen:
            rules.append(_Rule(f"min_seen {side.min_seen} of {unseen[j]!r}", _at_least(row, side.min_seen)))
        if side.max_seen is not None:
            rules.append(_Rule(f"max_seen {side.max_seen} of {unseen[j]!r}", _at_most(row, side.max_seen)))
    known = set(pairs)
    for kind, listed in (("required", side.required), ("forbidden", side.forbidden)):
        for j, i in listed:
            name = f"{kind} pair ({unseen[j]!r}, {seen[i]!r})"
            pair = [(j, i)] if (j, i) in known else []
            name += "" if pair else ", which K or theta removed"
            rules.append(_Rule(name, _at_least(pair, 1) if kind == "required" else _at_most(pair, 0)))
    if side.coverage:
        rules.append(_Rule(f"coverage of {side.coverage} seen classes", _covers(pairs, side.coverage)))
    return rules


def _at_least(pairs: Sequence[Pair], number: int) -> Callable[[Any, Any, Any], None]:
    def add(model: Any, variables: Any, literal: Any) -> None:
        if pairs:
            _enforce(model.add(_total(variables, pairs) >= number), literal)
        else:
            _never(model, literal)

    return add


def _at_most(pairs: Sequence[Pair], number: int) -> Callable[[Any, Any, Any], None]:
    def add(model: Any, variables: Any, literal: Any) -> None:
        if pairs:
            _enforce(model.add(_total(variables, pairs) <= number), literal)

    return add


def _covers(pairs: Sequence[Pair], number: int) -> Callable[[Any, Any, Any], None]:
    def add(model: Any, variables: Any, literal: Any) -> None:
        used = []
        for column in _grouped(pairs, 1).values():
            used.append(model.new_bool_var(""))
            model.add(_total(variables, column) >= used[-1])
        if used:
            _enforce(model.add(sum(used) >= number), literal)
        else:
            _never(model, literal)

    return add


def _total(variables: Any, pairs: Sequence[Pair]) -> Any:
    return sum(variables[pair] for pair in pairs)


def _enforce(constraint: Any, literal: Any) -> None:
    if literal is not None:
        constraint.only_enforce_if(literal)


def _never(model: Any, literal: Any) -> None:
    model.add_bool_or([] if literal is None else [~literal])


def _conflict(pairs: Sequence[Pair], limits: tuple[int, int], rules: list[_Rule]) -> list[str]:
    """The names of rules that cannot hold together, none of which can be left out."""
    core = _core(pairs, limits, rules)
    for rule in list(core):
        others = [other for other in core if other is not rule]
        if _core(pairs, limits, others):
            core = others
    return [rule.name for rule in core]


def _core(pairs: Sequence[Pair], limits: tuple[int, int], rules: list[_Rule]) -> list[_Rule]:
    """Rules that are infeasible together, found through assumptions; empty if all can hold."""
    from ortools.sat.python import cp_model

    model, variables = _base(pairs, limits)
    literals = [model.new_bool_var("") for _ in rules]
    for rule, literal in zip(rules, literals, strict=True):
        rule.add(model, variables, literal)
    model.add_assumptions(literals)
    solver = _solver()
    if solver.solve(model) != cp_model.INFEASIBLE:
        return []
    guilty = set(solver.sufficient_assumptions_for_infeasibility())
    return [rule for rule, literal in zip(rules, literals, strict=True) if literal.index in guilty]
