"""Can an encoder of pictures and texts tell a true caption from a false one? Outcomes of single questions, in NumPy.

A cosine is computed in float64 from stored float32 vectors; two that differ by less than `TIE` count as equal, since
an encoder's own rounding is of that size. `clusters` computes means and intervals of these outcomes.
"""

# Shapes: N pairs, M questions, P pictures, U texts that differ, G general pairs, C candidates, D size of a vector.
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.floating[Any]]

TIE = 1e-6
NOBODY = -1
_BLOCK_VALUES = 1 << 23  # numbers held at once


def cosines(x_PD: Vectors, x_M: Ints, y_UD: Vectors, y_M: Ints) -> Floats:
    """Cosines of M pairs of rows; the vectors have the length 1."""
    cosine_M, at_once = np.empty(len(x_M)), max(1, _BLOCK_VALUES // max(1, x_PD.shape[1]))
    for start in range(0, len(x_M), at_once):
        block = slice(start, start + at_once)
        cosine_M[block] = np.einsum("md,md->m", x_PD[x_M[block]], y_UD[y_M[block]], dtype=np.float64)
    return cosine_M


def won(true_M: Floats, false_M: Floats) -> Floats:
    """1 where the cosine of the true caption is greater, 0 where that of the false one is, 1/2 for a tie.

    >>> won(np.array([0.3, 0.3, 0.3]), np.array([0.2, 0.3, 0.4])).tolist()
    [1.0, 0.5, 0.0]
    """
    margin_M = true_M - false_M
    outcome_M: Floats = np.where(margin_M > TIE, 1.0, np.where(margin_M < -TIE, 0.0, 0.5))
    return outcome_M


def mismatched(cluster_N: Ints, pool_N: Ints, random: np.random.Generator) -> Ints:
    """For each pair another pair of its pool and of another cluster, each used once; -1 for a pool without any.

    That is so in a pool (a corpus) of which one cluster (an image with its regions, a video with its frames) is more
    than half. The clusters are put in a random order, and each pair takes the pair a fixed number of places further,
    at least as many as the longest cluster has pairs.
    """
    taken_N = np.full(len(cluster_N), NOBODY, dtype=np.int64)
    for pool in np.unique(pool_N):
        rows = np.flatnonzero(pool_N == pool)
        _, cluster, sizes = np.unique(cluster_N[rows], return_inverse=True, return_counts=True)
        longest, num = int(sizes.max()), len(rows)
        if 2 * longest > num:
            continue
        order = rows[np.lexsort((random.permutation(num), random.permutation(len(sizes))[cluster]))]
        taken_N[order] = np.roll(order, -int(random.integers(longest, num - longest + 1)))
    return taken_N


def ranks(x_PD: Vectors, y_UD: Vectors, right_x_N: Ints, right_y_N: Ints) -> tuple[Ints, Ints]:
    """Rank, from 1, of the best right y of every x among all y, and of the best right x of every y among all x.

    N pairs of rows say what is right; every x and every y is in at least one. A wrong one with the same cosine ranks
    ahead of the right one, so an encoder that gives equal vectors finds nothing.
    """
    right_N = cosines(x_PD, right_x_N, y_UD, right_y_N)
    best_P, best_U = np.full(len(x_PD), -np.inf), np.full(len(y_UD), -np.inf)
    np.maximum.at(best_P, right_x_N, right_N)
    np.maximum.at(best_U, right_y_N, right_N)
    rank_P, rank_U = np.ones(len(x_PD), dtype=np.int64), np.ones(len(y_UD), dtype=np.int64)
    y_DU = y_UD.astype(np.float64).T
    at_once = max(1, _BLOCK_VALUES // max(1, len(y_UD)))
    for start in range(0, len(x_PD), at_once):
        block_BU = x_PD[start : start + at_once].astype(np.float64) @ y_DU
        in_block = (right_x_N >= start) & (right_x_N < start + at_once)
        block_BU[right_x_N[in_block] - start, right_y_N[in_block]] = -np.inf
        rank_P[start : start + at_once] += (block_BU >= best_P[start : start + at_once, None] - TIE).sum(axis=1)
        rank_U += (block_BU >= best_U - TIE).sum(axis=0)
    return rank_P, rank_U


def own_text_wins(
    picture_GD: Vectors, text_UD: Vectors, text_G: Ints, num_candidates: int, random: np.random.Generator
) -> Floats:
    """1 where a picture's own text is the best of its candidates, else 0; a tie with another text counts as 0.

    The candidates are drawn once: the pairs are put in a random circle, and the candidates of each are its own text
    and those of the pairs after it, so that all texts are candidates equally often. An equal text of another pair
    counts as its own. With fewer pairs than `num_candidates` all texts are candidates.
    """
    num = len(picture_GD)
    circle, place_G = random.permutation(num), np.empty(num, dtype=np.int64)
    place_G[circle] = np.arange(num)
    every_G = np.arange(num)
    own_G = cosines(picture_GD, every_G, text_UD, text_G)
    right_G = np.ones(num)
    for step in range(1, min(num_candidates, num)):
        other_G = text_G[circle[(place_G + step) % num]]
        wrong_G = cosines(picture_GD, every_G, text_UD, other_G) >= own_G - TIE
        right_G[wrong_G & (other_G != text_G)] = 0.0
    return right_G
