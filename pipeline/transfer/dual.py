"""A proof that a solution is optimal: an upper bound from linear duality, made from the solution itself.

With prices y of the rows and z of the columns, the value of any assignment is at most
sum_j cap_row y_j + sum_i cap_column z_i + sum_ji max(0, w_ji - y_j - z_i). Shortest paths in the residual graph of an
optimal solution give prices for which this bound equals its value. All numbers are integers, so equality is exact.

Shapes: E pairs, V nodes (the hub, then rows, then columns), A residual arcs.
"""

import numpy as np
import numpy.typing as npt

from pipeline.transfer.relatedness import Ints, Mask

Longs = npt.NDArray[np.int64]


def bound(unseen_E: Ints, seen_E: Ints, weight_E: Longs, chosen_E: Mask, *, row_cap: int, column_cap: int) -> int:
    """An upper bound on the program's value, tight where `chosen_E` is optimal; valid whatever `chosen_E` is."""
    if not len(weight_E):
        return 0
    num_rows, num_columns = int(unseen_E.max()) + 1, int(seen_E.max()) + 1
    row_E, column_E = unseen_E.astype(np.int64) + 1, seen_E.astype(np.int64) + 1 + num_rows
    arcs = _residual(row_E, column_E, weight_E, chosen_E, (row_cap, column_cap), (num_rows, num_columns))
    distance_V = _shortest(*arcs, num_nodes=1 + num_rows + num_columns, num_rounds=4 * (num_rows + num_columns))
    price_row = np.maximum(0, distance_V[1 : 1 + num_rows] - distance_V[0])
    price_column = np.maximum(0, distance_V[0] - distance_V[1 + num_rows :])
    slack_E = np.maximum(0, weight_E - price_row[unseen_E] - price_column[seen_E])
    return int(row_cap * price_row.sum() + column_cap * price_column.sum() + slack_E.sum())


def _residual(
    row_E: Longs, column_E: Longs, weight_E: Longs, chosen_E: Mask, caps: tuple[int, int], sizes: tuple[int, int]
) -> tuple[Longs, Longs, Longs]:
    """Tails, heads and costs of the residual arcs of the circulation hub -> row -> column -> hub."""
    num_nodes = 1 + sum(sizes)
    load_V = np.bincount(np.r_[row_E[chosen_E], column_E[chosen_E]], minlength=num_nodes)
    rows, columns = np.arange(1, 1 + sizes[0]), np.arange(1 + sizes[0], num_nodes)
    free_row, used_row = rows[load_V[rows] < caps[0]], rows[load_V[rows] > 0]
    free_column, used_column = columns[load_V[columns] < caps[1]], columns[load_V[columns] > 0]
    tails = np.r_[0 * free_row, used_row, free_column, 0 * used_column, np.where(chosen_E, column_E, row_E)]
    heads = np.r_[free_row, 0 * used_row, 0 * free_column, used_column, np.where(chosen_E, row_E, column_E)]
    costs = np.zeros(len(tails), dtype=np.int64)
    costs[len(tails) - len(weight_E) :] = np.where(chosen_E, weight_E, -weight_E)
    return tails, heads, costs


def _shortest(tails_A: Longs, heads_A: Longs, costs_A: Longs, *, num_nodes: int, num_rounds: int) -> Longs:
    """Bellman-Ford distances from a source joined to every node at cost 0; stops early once nothing improves."""
    order = np.argsort(heads_A, kind="stable")
    tails_A, heads_A, costs_A = tails_A[order], heads_A[order], costs_A[order]
    starts = np.flatnonzero(np.r_[True, heads_A[1:] != heads_A[:-1]])
    reached = heads_A[starts]
    distance_V = np.zeros(num_nodes, dtype=np.int64)
    for _ in range(num_rounds):  # without a limit the negative cycle of a solution that is not optimal would never end
        best = np.minimum.reduceat(distance_V[tails_A] + costs_A, starts)
        better = best < distance_V[reached]
        if not better.any():
            break
        distance_V[reached[better]] = best[better]
    return distance_V
