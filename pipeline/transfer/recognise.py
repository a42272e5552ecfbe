"""Scores of clips from what is known of the classes: one call for every inference mode and set of constraints.

Shapes: N clips, C classes, D size of a label vector, F size of a feature.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.core.errors import DataError
from pipeline.transfer import inference, program
from pipeline.transfer.prototypes import Choice, Labels, Setting, choose, class_means, compose
from pipeline.transfer.relatedness import Floats, unit_rows
from pipeline.transfer.side_constraints import SideConstraints

Inference = Literal["visual_prototypes", "seen_label_then_text", "reverse_transfer"]
NamedPair = tuple[str, str]


@dataclass(frozen=True)
class NamedConstraints:
    """Side constraints by class name, as in params; `among` turns them into indices of one target set."""

    min_seen: int
    max_seen: int | None
    forbidden: tuple[NamedPair, ...]
    required: tuple[NamedPair, ...]
    coverage: int

    def among(self, unseen: Sequence[str], seen: Sequence[str]) -> SideConstraints:
        """The constraints on these classes; pairs whose classes are on other sides of the split are left out."""
        rows, columns = ({name: index for index, name in enumerate(names)} for names in (unseen, seen))
        forbidden, required = (
            tuple((rows[j], columns[i]) for j, i in pairs if j in rows and i in columns)
            for pairs in (self.forbidden, self.required)
        )
        return SideConstraints(self.min_seen, self.max_seen, forbidden, required, self.coverage)

    def check_names(self, names: Sequence[str]) -> None:
        """Raise DataError for a pair with an unknown class."""
        unknown = sorted({name for pair in (*self.forbidden, *self.required) for name in pair} - set(names))
        if unknown:
            raise DataError(f"side constraints name the class {unknown[0]!r}, which is none of the dataset's")


@dataclass(frozen=True)
class Scheme:
    """How clips are recognised, apart from the setting, which is selected."""

    inference: Inference
    cap: program.Cap
    extra: NamedConstraints | None


@dataclass(frozen=True)
class Knowledge:
    """Label vectors of all classes, and clips with labels of the seen ones (rows of `features_NF`)."""

    names: Mapping[int, str]
    text: Mapping[int, Floats]
    features_NF: Floats
    class_N: Sequence[int]

    def labels(self, class_ids: Sequence[int]) -> Labels:
        """Names and unit label vectors of some classes, in the given order."""
        lacking = [self.names[c] for c in class_ids if c not in self.text]
        if lacking:
            raise DataError(f"class {lacking[0]!r} has no label vector; {len(lacking)} classes in all")
        return Labels.of([self.names[c] for c in class_ids], np.stack([self.text[c] for c in class_ids]))

    def clips(self, class_ids: Sequence[int]) -> tuple[Floats, list[int]]:
        """Features and classes of the clips of some classes."""
        wanted = set(class_ids)
        rows = [row for row, class_id in enumerate(self.class_N) if class_id in wanted]
        return self.features_NF[rows], [self.class_N[row] for row in rows]

    def prototypes(self, class_ids: Sequence[int]) -> Floats:
        """The mean feature of each class, unscaled."""
        return class_means(*self.clips(class_ids), class_ids)


@dataclass(frozen=True)
class Scored:
    """Scores of clips against the seen, then the unseen classes; with the program, if the mode solves one."""

    values_NC: Floats
    choice: Choice | None
    prototypes_UF: Floats | None  # composites of the unseen classes, of length 1


def solve(known: Knowledge, seen: Sequence[int], unseen: Sequence[int], setting: Setting, scheme: Scheme) -> Choice:
    """The solved program of one target set."""
    targets, sources = known.labels(unseen), known.labels(seen)
    extra = scheme.extra.among(targets.names, sources.names) if scheme.extra else None
    return choose(targets, sources, setting, cap=scheme.cap, extra=extra)


def scores(
    known: Knowledge,
    seen: Sequence[int],
    unseen: Sequence[int],
    clips_NF: Floats,
    setting: Setting,
    scheme: Scheme,
) -> Scored:
    """Scores (N, S + U) of clips (unit rows) against S seen and U unseen classes, in that order."""
    means_SF = known.prototypes(seen)
    seen_SF = unit_rows(means_SF, [known.names[c] for c in seen], "prototype of class")
    if scheme.inference == "visual_prototypes":
        choice = solve(known, seen, unseen, setting, scheme)
        composed_UF = unit_rows(compose(choice, means_SF), choice.unseen.names, "prototype of class")
        values_NC = inference.visual_prototypes(clips_NF, np.concatenate([seen_SF, composed_UF]))
        return Scored(values_NC, choice, composed_UF)
    seen_SD, unseen_UD = known.labels(seen).text_CD, known.labels(unseen).text_CD
    text_CD = np.concatenate([seen_SD, unseen_UD])
    if scheme.inference == "seen_label_then_text":
        values_NC = inference.seen_label_then_text(clips_NF, seen_SF, seen_SD, text_CD)
    else:
        num_neighbours = setting.num_neighbours
        values_NC = inference.reverse_transfer(clips_NF, seen_SF, seen_SD, text_CD, num_neighbours=num_neighbours)
    return Scored(values_NC, None, None)
