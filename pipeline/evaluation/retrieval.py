"""Does a clip's vector of one sense find the same clip's vector of another? Ranks and shares, pure NumPy.

Senses are bound to the hub only, so pairs with the hub were trained and all others never were: what those find is the
alignment that Action-SGFA calls emergent (section III-C). Every vector of a sense is a query once, and ranks those of
the other sense. Clips of the query's own performance from another camera are left out of the ranking: they show the
same, so finding one is no error, and counting them as right would leave more than one right answer.
"""

# Shapes: N clips that both senses have, Q of them at once, D size of a vector, C performances, B resamples, F figures.
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.evaluation import clusters
from pipeline.evaluation.clusters import Counts
from pipeline.evaluation.compositional import TIE

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.floating[Any]]

DEPTHS = (1, 5, 10)
_BLOCK_VALUES = 1 << 22  # numbers held at once


def ranks(query_ND: Vectors, gallery_ND: Vectors, performance_N: Ints) -> tuple[Ints, Ints]:
    """Rank, from 1, of the right clip for every query, and the number of its candidates.

    Row n of both is clip n, of length 1. Other clips of the same performance are no candidates. A wrong one whose
    cosine is the same, or less than `TIE` below, ranks ahead of it: an encoder that gives equal vectors finds nothing.
    """
    num = len(query_ND)
    rank_N, num_candidates_N = np.ones(num, dtype=np.int64), np.empty(num, dtype=np.int64)
    gallery_DN = gallery_ND.astype(np.float64).T
    for start, block_QN in _blocks(query_ND, gallery_DN):
        rows = np.arange(start, start + len(block_QN))
        other_QN = performance_N[rows, None] != performance_N[None, :]
        right_Q = block_QN[rows - start, rows]
        rank_N[rows] += ((block_QN >= right_Q[:, None] - TIE) & other_QN).sum(axis=1)
        num_candidates_N[rows] = 1 + other_QN.sum(axis=1)
    return rank_N, num_candidates_N


def nearest(query_D: Vectors, gallery_ND: Vectors, performance_N: Ints, right: int, num_nearest: int) -> list[int]:
    """The first clips that a query finds, best first, ranked as in `ranks`; equal ones in their order."""
    candidates = np.flatnonzero((performance_N != performance_N[right]) | (np.arange(len(gallery_ND)) == right))
    is_right = candidates == right
    cosine = gallery_ND[candidates].astype(np.float64) @ query_D.astype(np.float64) - TIE * is_right
    order = np.lexsort((candidates, is_right, -cosine))
    return [int(place) for place in candidates[order[:num_nearest]]]


def chance(num_candidates_N: Ints, depth: int) -> float:
    """Share of right clips that a random order puts among the first `depth`.

    >>> chance(np.array([20, 20]), 5)
    0.25
    """
    different, how_often = np.unique(num_candidates_N, return_counts=True)
    shares = [
        Fraction(min(depth, num) * often, num)
        for num, often in zip(different.tolist(), how_often.tolist(), strict=True)
    ]
    return float(sum(shares) / len(num_candidates_N))


def figures(rank_N: Ints) -> Floats:
    """R@1, R@5 and R@10 as shares of the queries, and the median rank."""
    return np.array([*((rank_N <= depth).mean() for depth in DEPTHS), np.median(rank_N)])


def resampled(rank_N: Ints, cluster_N: Ints, drawn_BC: Counts) -> Floats:
    """The figures (B, 4) of every resample of whole clusters; NaN where a resample has none of these queries."""
    within_FN = np.stack([(rank_N <= depth).astype(np.float64) for depth in DEPTHS])
    _, shares_BF = clusters.means(within_FN, cluster_N, drawn_BC)
    return np.column_stack([shares_BF, medians(rank_N, cluster_N, drawn_BC)])


def medians(rank_N: Ints, cluster_N: Ints, drawn_BC: Counts) -> Floats:
    """The median rank of every resample: of an even number of queries the mean of the middle two."""
    order = np.argsort(rank_N, kind="stable")
    sorted_N, of_sorted_N = rank_N[order], cluster_N[order]
    median_B = np.full(len(drawn_BC), np.nan)
    at_once = max(1, _BLOCK_VALUES // max(1, len(rank_N)))
    for start in range(0, len(drawn_BC), at_once):
        upto_bN = np.cumsum(drawn_BC[start : start + at_once][:, of_sorted_N], axis=1, dtype=np.int64)
        total_b = upto_bN[:, -1]
        # The element at a place, from 0, is the first of which more than that many stand up to it.
        middle_2b = [(upto_bN <= place[:, None]).sum(axis=1) for place in ((total_b - 1) // 2, total_b // 2)]
        filled = total_b > 0
        both_2b = np.stack([sorted_N[middle_b[filled]] for middle_b in middle_2b])
        median_B[start : start + at_once][filled] = both_2b.mean(axis=0)
    return median_B


def _blocks(query_ND: Vectors, gallery_DN: Floats) -> Iterator[tuple[int, Floats]]:
    """Cosines of some queries at a time with the whole gallery, and the first query's row."""
    at_once = max(1, _BLOCK_VALUES // max(1, gallery_DN.shape[1]))
    for start in range(0, len(query_ND), at_once):
        yield start, query_ND[start : start + at_once].astype(np.float64) @ gallery_DN
