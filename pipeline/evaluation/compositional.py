"""Does a space of pictures and sentences tell a caption from what is false? Outcomes of single questions, pure NumPy.

A cosine is computed in float64 from stored float32 vectors; two that differ by less than `TIE` are the same, for an
encoder's own rounding is of that size. Whatever has a mean and an interval is made of these in `clusters`.
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
    """1 where the true caption's cosine is the greater one, 0 where the false one's is, 1/2 where they tie.

    >>> won(np.array([0.3, 0.3, 0.3]), np.array([0.2, 0.3, 0.4])).tolist()
    [1.0, 0.5, 0.0]
    """
    margin_M = true_M - false_M
    outcome_M: Floats = np.where(margin_M > TIE, 1.0, np.where(margin_M < -TIE, 0.0, 0.5))
    return outcome_M


def mismatched(cluster_N: Ints, pool_N: Ints, random: np.random.Generator) -> Ints:
    """For each pair another of its pool and of another cluster, each taken once; -1 for all of a pool without such.

    A pool (a corpus) has none where one cluster (an image with its regions, a video with its frames) is more than
    half of it. The clusters stand in a random order, one behind the other, and everybody takes the pair that is so
    many places further that the longest cluster is left behind.
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

    What is right stands in N pairs of rows; every x and every y has one at least. A wrong one with the same cosine
    counts as ahead of the right one, so a space in which all is alike finds nothing.
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
        mine = (right_x_N >= start) & (right_x_N < start + at_once)
        block_BU[right_x_N[mine] - start, right_y_N[mine]] = -np.inf
        rank_P[start : start + at_once] += (block_BU >= best_P[start : start + at_once, None] - TIE).sum(axis=1)
        rank_U += (block_BU >= best_U - TIE).sum(axis=0)
    return rank_P, rank_U


def own_text_wins(
    picture_GD: Vectors, text_UD: Vectors, text_G: Ints, num_candidates: int, random: np.random.Generator
) -> Floats:
    """1 where a picture's own text is the best of its candidates, else 0; a tie with another text counts as 0.

    The candidates are drawn once: the pairs stand in a random circle, and each is asked among its own text and those
    of the pairs behind it, so that every text is a candidate as often as any other. The same text of another pair is
    as right as its own. Fewer pairs than `num_candidates` are all candidates.
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
