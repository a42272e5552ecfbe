"""Why an unseen class is made of these seen ones: what was chosen, what each constraint removed, who competes."""

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
    """A candidate that constraint II or III removed; `rival` is the unseen class nearest to the seen one, or -1."""

    seen: int
    related: float
    rival: int
    rival_related: float


@dataclass(frozen=True)
class Explanation:
    """One unseen class: its row of the solution and what did not make it."""

    unseen: int
    chosen: list[Chosen]  # heaviest first
    too_far: int  # seen classes beyond the K nearest, or with a cosine of 0 or less
    not_distinct: list[RemovedCandidate]  # removed by constraint II
    over_cap: list[RemovedCandidate]  # removed by constraint III, or by a side constraint
    readmitted: bool  # the row was empty and took its best neighbour


def explanations(choice: Choice) -> list[Explanation]:
    """One explanation for each unseen class, in order."""
    found = choice.candidates
    lost_E = ~choice.solution.chosen_E
    result = []
    for j in range(found.num_unseen):
        row_E = found.unseen_E == j
        pairs = np.flatnonzero(choice.unseen_P == j)
        chosen = [
            Chosen(int(choice.seen_P[p]), float(choice.related_P[p]), float(choice.weight_P[p]))
            for p in sorted(pairs, key=lambda p: -choice.related_P[p])
        ]
        result.append(
            Explanation(
                unseen=j,
                chosen=chosen,
                too_far=found.num_seen - int(row_E.sum()),
                not_distinct=_lost(choice, np.flatnonzero(row_E & ~choice.allowed_E)),
                over_cap=_lost(choice, np.flatnonzero(row_E & choice.allowed_E & lost_E)),
                readmitted=j in choice.readmitted,
            )
        )
    return result


def shared_classes(choice: Choice) -> dict[int, list[int]]:
    """Seen classes that are part of more than one prototype, with those unseen classes: who competes for whom."""
    users: dict[int, list[int]] = {}
    for j, i in zip(choice.unseen_P.tolist(), choice.seen_P.tolist(), strict=True):
        users.setdefault(i, []).append(j)
    return {i: who for i, who in sorted(users.items()) if len(who) > 1}


def _lost(choice: Choice, places: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> list[RemovedCandidate]:
    found = choice.candidates
    lost = [
        RemovedCandidate(
            int(found.seen_E[e]), float(found.related_E[e]), int(found.rival_E[e]), float(found.rival_related_E[e])
        )
        for e in places
    ]
    return sorted(lost, key=lambda one: (-one.related, one.seen))
