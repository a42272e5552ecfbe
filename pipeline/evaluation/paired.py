"""The difference of two methods on the very clips that both answered, with an interval over these clips.

Clips are drawn again within their splits, as often as there are, and each draw takes both methods' answers to a clip
together: what makes a clip hard for both is gone. Such an interval is of these people and these classes. That a lead
holds for others is the question of `differences`, whose intervals are over splits, or over cells of subject and class.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from pipeline.core.schemas import PredictionRow
from pipeline.evaluation.intervals import COVERAGE, Interval

_Shares = dict[str, float]  # of right answers over seeds, by clip id


@dataclass(frozen=True)
class OnSameClips:
    """The share of right answers of one method less that of another; the mean of splits, fractions."""

    mean: float
    ci95: Interval
    num_clips: int  # that both answered, of all splits
    num_ours: int  # that the first answered on the shared splits
    num_theirs: int
    num_splits: int

    @property
    def is_partial(self) -> bool:
        """Whether a method answered clips that the other did not."""
        return self.num_clips < max(self.num_ours, self.num_theirs)


def on_same_clips(
    ours: Sequence[PredictionRow],
    theirs: Sequence[PredictionRow],
    *,
    num_resamples: int,
    generator: np.random.Generator,
) -> OnSameClips | None:
    """The paired difference in top-1 with its percentile bootstrap interval; None where no clip has both answers.

    Within a split the answers of seeds that both have are averaged, else those of all seeds. Where every clip says the
    same, no draw differs: then the interval is the exact one of a share of all or none of n independent clips.
    """
    one, other = _by_split(ours), _by_split(theirs)
    per_split, num_ours, num_theirs = [], 0, 0
    for split in sorted(one.keys() & other.keys()):
        both = {row.seed for row in one[split]} & {row.seed for row in other[split]}
        mine, yours = (_shares(rows, both) for rows in (one[split], other[split]))
        if shared := sorted(mine.keys() & yours.keys()):
            per_split.append([mine[clip_id] - yours[clip_id] for clip_id in shared])
            num_ours, num_theirs = num_ours + len(mine), num_theirs + len(yours)
    if not per_split:
        return None
    mean = float(np.mean([np.mean(differences) for differences in per_split]))
    num_clips = sum(map(len, per_split))
    drawn_B = np.mean([_means(differences, num_resamples, generator) for differences in per_split], axis=0)
    ends = _exact(per_split) or tuple(np.quantile(drawn_B, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]).tolist())
    return OnSameClips(mean, (ends[0], ends[1]), num_clips, num_ours, num_theirs, len(per_split))


def _means(differences: Sequence[float], num_resamples: int, generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """Means (B) of clips drawn with replacement. Few values occur, so that their numbers are drawn, not the clips."""
    values, counts = np.unique(np.asarray(differences), return_counts=True)
    drawn_BV = generator.multinomial(len(differences), counts / len(differences), size=num_resamples)
    means_B: npt.NDArray[np.float64] = drawn_BV @ values / len(differences)
    return means_B


def _exact(per_split: Sequence[Sequence[float]]) -> Interval | None:
    """The ends where every clip has the difference -1, 0 or 1; None for any others.

    With n clips alike, a share of the contrary above 1 - (alpha / 2)^(1 / n) is refuted (Clopper and Pearson, 1934).
    """
    found = {value for differences in per_split for value in differences}
    if len(found) > 1 or not found <= {-1.0, 0.0, 1.0}:
        return None
    (value,) = found
    least = float(((1 - COVERAGE) / 2) ** (1 / sum(map(len, per_split))))
    return {0.0: (least - 1, 1 - least), 1.0: (least, 1.0), -1.0: (-1.0, -least)}[value]


def _by_split(answers: Sequence[PredictionRow]) -> dict[str, list[PredictionRow]]:
    ordered = sorted(answers, key=lambda row: row.split)
    return {split: list(rows) for split, rows in groupby(ordered, key=lambda row: row.split)}


def _shares(rows: Sequence[PredictionRow], seeds: set[int]) -> _Shares:
    """The share of right answers of each clip over these seeds, or over all where there is none."""
    asked, right = Counter[str](), Counter[str]()
    for row in rows:
        if not seeds or row.seed in seeds:
            asked[row.clip_id] += 1
            right[row.clip_id] += row.rank == 1
    return {clip_id: right[clip_id] / number for clip_id, number in asked.items()}
