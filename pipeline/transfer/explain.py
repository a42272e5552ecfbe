"""Why an unseen class is composed of these seen ones: what was chosen, and what each constraint removed."""

from dataclasses import dataclass

import numpy as np

from pipeline.transfer.prototypes import Choice


@dataclass(frozen=True)
class Chosen:
    """A seen class in a composite prototype; indices into the target set."""

    seen: int
    related: float
    weight: float


@dataclass(frozen=True)
class RemovedCandidate:
    """A candidate that constraint II or III removed; `rival` is the other unseen class nearest to it, or -1."""

    seen: int
    related: float
    rival: int
    rival_related: float


@dataclass(frozen=True)
class Explanation:
    """One unseen class: its row of the solution, and the candidates that were removed."""

    unseen: int
    chosen: list[Chosen]  # heaviest first
    too_far: int  # seen classes beyond the K nearest, or with a cosine of 0 or less
    not_distinct: list[RemovedCandidate]  # removed by constraint II
    over_cap: list[RemovedCandidate]  # removed by constraint III, or by a side constraint
    readmitted: bool  # the row was empty and took its best neighbour


def explanations(choice: Choice) -> list[Explanation]:
    """One explanation for each unseen class, in order."""
    return [_explanation(choice, j) for j in range(choice.candidates.num_unseen)]


def _explanation(choice: Choice, unseen: int) -> Explanation:
    row_E = choice.candidates.unseen_E == unseen
    pairs = np.flatnonzero(choice.unseen_P == unseen)
    return Explanation(
        unseen=unseen,
        chosen=[
            Chosen(int(choice.seen_P[p]), float(choice.related_P[p]), float(choice.weight_P[p]))
            for p in sorted(pairs, key=lambda p: -choice.related_P[p])
        ],
        too_far=choice.candidates.num_seen - int(row_E.sum()),
        not_distinct=_removed(choice, np.flatnonzero(row_E & ~choice.allowed_E)),
        over_cap=_removed(choice, np.flatnonzero(row_E & choice.allowed_E & ~choice.solution.chosen_E)),
        readmitted=unseen in choice.readmitted,
    )


def shared_classes(choice: Choice) -> dict[int, list[int]]:
    """The seen classes that are part of several prototypes -> the unseen classes of these prototypes."""
    users: dict[int, list[int]] = {}
    for j, i in zip(choice.unseen_P.tolist(), choice.seen_P.tolist(), strict=True):
        users.setdefault(i, []).append(j)
    return {i: who for i, who in sorted(users.items()) if len(who) > 1}


def _removed(choice: Choice, pairs: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> list[RemovedCandidate]:
    """Pairs as removed candidates, the most related first."""
    of = choice.candidates
    removed = [
        RemovedCandidate(int(of.seen_E[e]), float(of.related_E[e]), int(of.rival_E[e]), float(of.rival_related_E[e]))
        for e in pairs
    ]
    return sorted(removed, key=lambda candidate: (-candidate.related, candidate.seen))
