"""The seen-unseen integer program (ResT equations 1 to 4) over sparse candidates, solved to a proven optimum.

Maximise sum m_ji a_ji over the allowed pairs, with at most rho pairs a row (equation 4 as printed), a column, or both.
The matrix of such caps is totally unimodular, so a min-cost flow solves the program. Side constraints break that, and
are left to CP-SAT (side_constraints.py). Weights are cosines in millionths: integers, so that objective and bound can
be compared exactly.

Shapes: E candidate pairs.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.transfer import closed_form, dual
from pipeline.transfer.relatedness import Candidates, Ints, Mask

Cap = Literal["row", "column", "both"]
Longs = npt.NDArray[np.int64]

SCALE = 1_000_000


@dataclass(frozen=True)
class Solution:
    """The chosen pairs and the proof: `bound` is an upper bound that does not come from the flow solver."""

    chosen_E: Mask
    objective: float
    bound: float
    status: str  # optimal | feasible (CP-SAT stopped at its limit; `bound` then says how far off it may be)
    solver: str  # flow | cp-sat
    proof: str  # closed form | linear dual | search


def weights(candidates: Candidates) -> Longs:
    """Cosines in millionths, at least 1 (candidates are positive)."""
    scaled_E = np.rint(candidates.related_E.astype(np.float64) * SCALE).astype(np.int64)
    return np.maximum(scaled_E, 1)


def caps(candidates: Candidates, rho: int | None, cap: Cap) -> tuple[int, int]:
    """How many pairs a row and a column may have; without a cap, as many as there can be."""
    if rho is not None and rho < 1:
        raise DataError(f"rho = {rho}: at least one seen class a prototype is needed")
    row = rho if rho is not None and cap != "column" else candidates.num_seen
    column = rho if rho is not None and cap != "row" else candidates.num_unseen
    return row, column


def solve(candidates: Candidates, allowed_E: Mask, *, rho: int | None, cap: Cap) -> Solution:
    """The optimal assignment over the allowed pairs. RuntimeError if the proof fails, which no input should cause.

    Ties are broken by the order of the pairs, so the same candidates give the same solution.
    """
    row_cap, column_cap = caps(candidates, rho, cap)
    place = np.flatnonzero(allowed_E)
    unseen_E, seen_E, weight_E = candidates.unseen_E[place], candidates.seen_E[place], weights(candidates)[place]
    flow_E = _flow(unseen_E, seen_E, weight_E, row_cap, column_cap)
    value = int(weight_E[flow_E].sum())
    if cap == "both":
        proof = "linear dual"
        bound = dual.bound(unseen_E, seen_E, weight_E, flow_E, row_cap=row_cap, column_cap=column_cap)
    else:
        proof = "closed form"
        group_E, max_pairs = (seen_E, column_cap) if cap == "column" else (unseen_E, row_cap)
        bound = closed_form.objective(group_E, weight_E, max_pairs)
    if value != bound:
        raise RuntimeError(f"min-cost flow found {value}, the {proof} says {bound}: not proved optimal")
    chosen_E = np.zeros(len(allowed_E), dtype=np.bool_)
    chosen_E[place[flow_E]] = True
    return Solution(chosen_E, value / SCALE, bound / SCALE, "optimal", "flow", proof)


def _flow(unseen_E: Ints, seen_E: Ints, weight_E: Longs, row_cap: int, column_cap: int) -> Mask:
    """The pairs that carry flow from source through row and column to sink; a free bypass takes the rest."""
    from ortools.graph.python import min_cost_flow

    if not len(weight_E):
        return np.zeros(0, dtype=np.bool_)
    rows, row_E, degree_R = np.unique(unseen_E, return_inverse=True, return_counts=True)
    columns, column_E, degree_C = np.unique(seen_E, return_inverse=True, return_counts=True)
    source, sink = 0, 1 + len(rows) + len(columns)
    row_caps, column_caps = np.minimum(degree_R, row_cap), np.minimum(degree_C, column_cap)
    total = int(row_caps.sum())
    row_nodes, column_nodes = 1 + np.arange(len(rows)), 1 + len(rows) + np.arange(len(columns))
    network = min_cost_flow.SimpleMinCostFlow()
    pairs = _add(network, row_nodes[row_E], column_nodes[column_E], np.ones_like(weight_E), -weight_E)
    _add(network, 0 * row_nodes + source, row_nodes, row_caps, 0 * row_nodes)
    _add(network, column_nodes, 0 * column_nodes + sink, column_caps, 0 * column_nodes)
    _add(network, np.array([source]), np.array([sink]), np.array([total]), np.array([0]))
    network.set_nodes_supplies(np.array([source, sink], dtype=np.int32), np.array([total, -total], dtype=np.int64))
    status = network.solve()
    if status != network.OPTIMAL:
        raise RuntimeError(f"min-cost flow ended with status {status}; a flow of value 0 is always feasible")
    return np.asarray(network.flows(pairs) > 0)


def _add(network: object, tails: Longs, heads: Longs, capacities: Longs, costs: Longs) -> Ints:
    add = network.add_arcs_with_capacity_and_unit_cost  # type: ignore[attr-defined]
    arcs: Ints = add(
        tails.astype(np.int32), heads.astype(np.int32), capacities.astype(np.int64), costs.astype(np.int64)
    )
    return arcs
