"""Which seen classes compose each unseen one, and the prototypes that result (ResT equations 1 to 6).

Shapes: U unseen classes, S seen classes, N clips, D size of a label vector, F size of a feature, E candidate pairs,
P chosen pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.core.errors import DataError
from pipeline.transfer import program, side_constraints
from pipeline.transfer.relatedness import Candidates, Floats, Ints, Mask, candidates, check_labels, unit_rows
from pipeline.transfer.side_constraints import SideConstraints


@dataclass(frozen=True)
class Setting:
    """The paper's (K, rho, theta). None drops constraint I or III, theta 0 constraint II."""

    num_neighbours: int | None
    rho: int | None
    theta: float

    @property
    def name(self) -> str:
        """The setting's name in scores and pages, e.g. "K=5 rho=3 theta=0.9" or "none"."""
        parts = [
            f"K={self.num_neighbours}" if self.num_neighbours is not None else "",
            f"rho={self.rho}" if self.rho is not None else "",
            f"theta={self.theta:g}" if self.theta > 0 else "",
        ]
        return " ".join(part for part in parts if part) or "none"


@dataclass(frozen=True)
class Labels:
    """The names and label vectors of some classes; the vectors have length 1."""

    names: tuple[str, ...]
    text_CD: Floats

    @classmethod
    def of(cls, names: Sequence[str], text_CD: Floats) -> "Labels":
        """The labels with vectors scaled to length 1; raises DataError, with the name, for a zero vector."""
        return cls(tuple(names), unit_rows(text_CD, names))


@dataclass(frozen=True)
class Choice:
    """The solved program of one target set; the final pairs P are sorted by unseen class and weighed by equation 6."""

    setting: Setting
    unseen: Labels
    seen: Labels
    candidates: Candidates
    allowed_E: Mask
    solution: program.Solution
    unseen_P: Ints
    seen_P: Ints
    related_P: Floats
    weight_P: Floats
    readmitted: tuple[int, ...]  # unseen classes whose row was empty, so that they take their nearest seen class


def choose(
    unseen: Labels,
    seen: Labels,
    setting: Setting,
    *,
    cap: program.Cap,
    extra: SideConstraints | None = None,
) -> Choice:
    """Solve the program for one target set. Raises DataError for bad labels, a K too large, infeasible constraints.

    An unseen class that the constraints leave without a seen class takes its nearest one; see `readmitted`.
    """
    check_labels(unseen.names, seen.names)
    pairs = candidates(unseen.text_CD, seen.text_CD, num_neighbours=setting.num_neighbours)
    allowed_E = pairs.distinct(setting.theta)
    if extra is None:
        solution = program.solve(pairs, allowed_E, rho=setting.rho, cap=cap)
    else:
        solution = side_constraints.solve(
            pairs, allowed_E, rho=setting.rho, cap=cap, side=extra, unseen=unseen.names, seen=seen.names
        )
    empty = np.setdiff1d(np.arange(pairs.num_unseen), pairs.unseen_E[solution.chosen_E]).astype(np.int32)
    _check_readmitted(empty, pairs, extra, unseen, seen)
    unseen_P = np.r_[pairs.unseen_E[solution.chosen_E], empty]
    order = np.argsort(unseen_P, kind="stable")
    unseen_P = unseen_P[order]
    seen_P = np.r_[pairs.seen_E[solution.chosen_E], pairs.nearest_U[empty]][order]
    related_P = np.r_[pairs.related_E[solution.chosen_E], pairs.nearest_related_U[empty]][order]
    return Choice(
        setting=setting,
        unseen=unseen,
        seen=seen,
        candidates=pairs,
        allowed_E=allowed_E,
        solution=solution,
        unseen_P=unseen_P,
        seen_P=seen_P,
        related_P=related_P,
        weight_P=_weights(unseen_P, related_P),
        readmitted=tuple(int(j) for j in empty),
    )


def _check_readmitted(
    empty: Ints, pairs: Candidates, extra: SideConstraints | None, unseen: Labels, seen: Labels
) -> None:
    forbidden = set(extra.forbidden) if extra else set()
    for j in empty.tolist():
        if (j, int(pairs.nearest_U[j])) in forbidden:
            raise DataError(
                f"unseen class {unseen.names[j]!r} is left without a seen class and its best neighbour "
                f"{seen.names[pairs.nearest_U[j]]!r} is forbidden; allow it, or set min_seen to 1"
            )


def _weights(unseen_P: Ints, related_P: Floats) -> Floats:
    """The weights of equation 6: cosines divided by their sum over the row; a single pair weighs 1."""
    total_U = np.bincount(unseen_P, weights=related_P)
    alone_P = np.bincount(unseen_P)[unseen_P] == 1  # also a readmitted neighbour with a negative cosine
    return np.where(alone_P, 1.0, related_P / np.where(alone_P, 1.0, total_U[unseen_P])).astype(np.float32)


def compose(choice: Choice, prototypes_SF: Floats) -> Floats:
    """The composite prototypes (U, F) of the unseen classes, by equation 6."""
    starts = np.flatnonzero(np.r_[True, choice.unseen_P[1:] != choice.unseen_P[:-1]])
    weighted_PF = choice.weight_P[:, None] * prototypes_SF[choice.seen_P]
    return np.asarray(np.add.reduceat(weighted_PF, starts, axis=0), dtype=np.float32)


def class_means(features_NF: Floats, class_N: Sequence[int], class_ids: Sequence[int]) -> Floats:
    """The visual prototype of each class: the mean of its clips' features. DataError for a class without clips."""
    row = {class_id: index for index, class_id in enumerate(class_ids)}
    place_N = np.array([row[class_id] for class_id in class_N], dtype=np.int64)
    count_C = np.bincount(place_N, minlength=len(class_ids))
    if (count_C == 0).any():
        raise DataError(f"seen class {class_ids[int(count_C.argmin())]} has no clip to make a prototype of")
    sum_CF = np.zeros((len(class_ids), features_NF.shape[1]), dtype=np.float64)
    np.add.at(sum_CF, place_N, features_NF.astype(np.float64))
    return (sum_CF / count_C[:, None]).astype(np.float32)
