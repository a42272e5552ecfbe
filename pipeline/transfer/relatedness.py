"""How related unseen and seen labels are, and which pairs are candidates (ResT 3.3.1, equations 2, 3 and 5).

Shapes: U unseen classes, S seen classes, D size of a label vector, E candidate pairs, B rows of a block.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

BLOCK_ROWS = 256
_MAX_PAIRS = 50_000_000  # bounds memory without constraint I, where every positive pair is a candidate


@dataclass(frozen=True)
class Candidates:
    """The pairs that constraint I leaves (related > 0), sorted by (unseen, seen), and the rival of each.

    The rival of a pair (j, i) is the unseen class nearest to i among all but j; -1 where j is the only unseen class.
    """

    num_unseen: int
    num_seen: int
    unseen_E: Ints
    seen_E: Ints
    related_E: Floats
    rival_E: Ints
    rival_related_E: Floats
    nearest_U: Ints  # the nearest seen class of each unseen class, to which an empty row falls back
    nearest_related_U: Floats

    def distinct(self, theta: float) -> Mask:
        """True where constraint II allows the pair: the nearest rival is more than theta times as far from i as j.

        This is equation 5 with its denominator read as 1 - m_ji, tested without division. theta <= 0 is no constraint,
        and theta > 1 asks for more than being the closest. Two labels at distance 0 count as a ratio of 1.
        """
        if theta <= 0:
            return np.ones(len(self.unseen_E), dtype=np.bool_)
        distance_E = np.maximum(1.0 - self.related_E.astype(np.float64), 0.0)
        rival_E = np.maximum(1.0 - self.rival_related_E.astype(np.float64), 0.0)
        both_zero = (distance_E == 0) & (rival_E == 0)
        blocked = np.where(both_zero, theta >= 1, rival_E <= theta * distance_E)
        return np.asarray(~blocked | (self.rival_E < 0))


def unit_rows(vectors_ND: npt.ArrayLike, names: Sequence[str], what: str = "class") -> Floats:
    """Rows scaled to length 1. Raises DataError for a wrong shape and for a zero or non-finite row, by name."""
    rows_ND = np.asarray(vectors_ND, dtype=np.float32)
    if rows_ND.ndim != 2 or len(rows_ND) != len(names):
        raise DataError(
            f"expected one vector for each of {len(names)} names ({what}), got an array of shape {rows_ND.shape}"
        )
    norms_N = np.linalg.norm(rows_ND.astype(np.float64), axis=1)
    bad = np.flatnonzero(~np.isfinite(norms_N) | (norms_N == 0))
    if len(bad):
        raise DataError(f"{what} {names[bad[0]]!r} has a zero or non-finite vector: no cosine; {len(bad)} in all")
    return np.asarray(rows_ND / norms_N[:, None], dtype=np.float32)


def check_labels(unseen: Sequence[str], seen: Sequence[str]) -> None:
    """Raise DataError for an empty label, a label given twice, or one that is both seen and unseen."""
    for kind, names in (("unseen", unseen), ("seen", seen)):
        if not names:
            raise DataError(f"no {kind} classes: at least one is needed")
        if any(not name.strip() for name in names):
            raise DataError(f"{kind} classes: a label is empty")
        twice = sorted({name for name in names if list(names).count(name) > 1})
        if twice:
            raise DataError(f"{kind} classes: label {twice[0]!r} is given twice; merge or rename the classes")
    both = sorted(set(unseen) & set(seen))
    if both:
        raise DataError(f"label {both[0]!r} is both seen and unseen; remove it from the seen classes")


def relatedness(unseen_UD: Floats, seen_SD: Floats) -> Floats:
    """The matrix M (U, S) of cosines between unit rows."""
    return np.asarray(np.clip(unseen_UD @ seen_SD.T, -1.0, 1.0), dtype=np.float32)


def candidates(
    unseen_UD: Floats, seen_SD: Floats, *, num_neighbours: int | None, block_rows: int = BLOCK_ROWS
) -> Candidates:
    """The candidate pairs of unit vectors: the K nearest seen classes of each unseen one, with a positive cosine.

    `num_neighbours` None drops constraint I. Ties at rank K go to the lower seen index. Only `block_rows` rows of M are
    in memory at a time. Raises DataError if K is larger than the number of seen classes.
    """
    num_unseen, num_seen = len(unseen_UD), len(seen_SD)
    _check_size(num_unseen, num_seen, num_neighbours)
    columns = _ColumnBest(num_seen)
    parts: list[tuple[Ints, Ints, Floats]] = []
    nearest_U = np.empty(num_unseen, dtype=np.int32)
    nearest_related_U = np.empty(num_unseen, dtype=np.float32)
    for start in range(0, num_unseen, block_rows):
        block_BS = relatedness(unseen_UD[start : start + block_rows], seen_SD)
        stop = start + len(block_BS)
        nearest_U[start:stop] = block_BS.argmax(axis=1)
        nearest_related_U[start:stop] = block_BS.max(axis=1)
        row, seen = np.nonzero(_nearest(block_BS, num_neighbours))
        parts.append(((row + start).astype(np.int32), seen.astype(np.int32), block_BS[row, seen]))
        columns.add(block_BS, start)  # last, as it overwrites the block
    unseen_E, seen_E, related_E = (np.concatenate(column) for column in zip(*parts, strict=True))
    rival_E, rival_related_E = columns.rival(unseen_E, seen_E)
    return Candidates(
        num_unseen, num_seen, unseen_E, seen_E, related_E, rival_E, rival_related_E, nearest_U, nearest_related_U
    )


def _check_size(num_unseen: int, num_seen: int, num_neighbours: int | None) -> None:
    if num_neighbours is None:
        if num_unseen * num_seen > _MAX_PAIRS:
            raise DataError(f"{num_unseen} x {num_seen} pairs without constraint I do not fit; set num_neighbours (K)")
    elif not 1 <= num_neighbours <= num_seen:
        raise DataError(f"K = {num_neighbours} neighbours asked for, there are {num_seen} seen classes; lower K")


def _nearest(block_BS: Floats, num_neighbours: int | None) -> Mask:
    positive_BS = block_BS > 0
    num_seen = block_BS.shape[1]
    if num_neighbours is None or num_neighbours == num_seen:
        return positive_BS
    last_B1 = np.partition(block_BS, num_seen - num_neighbours, axis=1)[:, [num_seen - num_neighbours]]
    near_BS = block_BS >= last_B1
    for row in np.flatnonzero(near_BS.sum(axis=1) > num_neighbours):
        surplus = int(near_BS[row].sum()) - num_neighbours
        ties = np.flatnonzero(block_BS[row] == last_B1[row])
        near_BS[row, ties[-surplus:]] = False
    return near_BS & positive_BS


class _ColumnBest:
    """The two unseen classes most related to each seen class, over all blocks so far."""

    def __init__(self, num_seen: int) -> None:
        self._value_2S = np.full((2, num_seen), -np.inf, dtype=np.float32)
        self._index_2S = np.full((2, num_seen), -1, dtype=np.int32)

    def add(self, block_BS: Floats, start: int) -> None:
        columns = np.arange(block_BS.shape[1])
        for _ in range(min(2, len(block_BS))):
            row_S = block_BS.argmax(axis=0)
            self._insert(block_BS[row_S, columns], (row_S + start).astype(np.int32))
            block_BS[row_S, columns] = -np.inf

    def _insert(self, value_S: Floats, index_S: Ints) -> None:
        first = value_S > self._value_2S[0]
        second = ~first & (value_S > self._value_2S[1])
        for array_2S, new_S in ((self._value_2S, value_S), (self._index_2S, index_S)):
            array_2S[1] = np.where(first, array_2S[0], np.where(second, new_S, array_2S[1]))
            array_2S[0] = np.where(first, new_S, array_2S[0])

    def rival(self, unseen_E: Ints, seen_E: Ints) -> tuple[Ints, Floats]:
        """The best unseen class other than the pair's own, and its cosine."""
        place_E = (self._index_2S[0, seen_E] == unseen_E).astype(np.int64)
        return self._index_2S[place_E, seen_E], self._value_2S[place_E, seen_E]
