"""Classes that two datasets share, and which of them an encoder was trained on: such classes are not zero-shot."""

# Shapes: K classes, T text size.
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from pipeline.core.errors import LeakError
from pipeline.core.params import Params
from pipeline.core.store import Store
from pipeline.labels.overlap import CHECKS, Overlap, Target, overlapping
from pipeline.models.clip_vectors import Encoded
from pipeline.models.methods.shared import ClassTexts, text_weights

Names = Mapping[int, str]  # of classes, by id


class SharedParams(Params):
    """How classes of the source that are also classes of the target are found, by names, words and text vectors.

    They are left out, and an encoder trained on one is refused. With `keep` they are kept, and every figure says so.
    """

    keep: bool
    threshold: float = Field(ge=0, le=2)  # cosine distance below which two classes are one; .05 in E2E
    text_type: Annotated[str, Field(min_length=1)]  # of the class texts whose vectors are compared


@dataclass(frozen=True)
class SharedClasses:
    """The classes of a source that are also classes of a target; `overlaps` hold ids of the source."""

    names: Names  # of the source's classes
    target: str  # the dataset
    target_names: list[str]
    keep: bool
    overlaps: list[Overlap]

    def left_out(self, learnt: Encoded) -> set[str]:
        """Names of the classes left out of training: the shared ones, and those that the encoder's filter removed."""
        if self.keep:
            return set()
        removed: list[list[Any]] = _attrs(learnt).get("removed", [])
        return {overlap.source for overlap in self.overlaps} | {row[0] for row in removed}

    def names_taught(self, learnt: Encoded) -> set[str]:
        """Names of the classes that the encoder was trained on, of the source and of any other dataset."""
        elsewhere = learnt.history.elsewhere
        return set(elsewhere.names if elsewhere else ()) | {self.names[c] for c in learnt.history.training_classes}

    def taught(self, learnt: Encoded) -> tuple[list[str], set[str]]:
        """The same names in order, and those of them that are classes of the target.

        Raises LeakError if there are any of the latter and `keep` is false.
        """
        names = self.names_taught(learnt)
        overlaps = {overlap.source: overlap for overlap in [*self.overlaps, *self._of_others(names)]}
        taught_overlaps = [overlaps[name] for name in sorted(names & set(overlaps))]
        # A row of rest tells what it kept of all its targets; the checks of this row tell which are of this one.
        kept_names = {overlap.source for overlap in taught_overlaps} or set(_attrs(learnt).get("kept_overlap", []))
        if kept_names and not self.keep:
            raise LeakError(self._refusal(learnt, taught_overlaps, kept_names))
        return sorted(names), kept_names

    def _of_others(self, names: set[str]) -> list[Overlap]:
        """Overlaps of classes that the source does not have: without vectors, so only names and words are compared."""
        others = dict(enumerate(sorted(names - set(self.names.values()))))
        return overlapping(others, None, {self.target: Target(self.target_names, None)}, ("names", "words"), 0.0)

    def _refusal(self, learnt: Encoded, taught_overlaps: list[Overlap], kept_names: set[str]) -> str:
        overlaps = ", ".join(
            f"'{overlap.source}' (there '{overlap.target}', by {overlap.how})" for overlap in taught_overlaps
        )
        where = f"{learnt.features.path}: the encoder of group '{learnt.group}' was taught"
        if not taught_overlaps:
            names = ", ".join(f"'{name}'" for name in sorted(kept_names))
            return (
                f"{where} {names}, which its row of rest kept although they are classes of its targets; let that row "
                "remove them, or set overlap.keep, which every figure will tell"
            )
        without = "_".join(str(overlap.class_id) for overlap in self.overlaps)
        remedy = f"train it on the split 'without_{without}', " if self.overlaps else ""
        return (
            f"{where} classes of '{self.target}': {overlaps}; {remedy}let the row of rest remove them, or set "
            "overlap.keep, which every figure will tell"
        )


def find_shared(
    source: tuple[Names, ClassTexts], target: tuple[Names, ClassTexts], dataset: str, params: SharedParams
) -> SharedClasses:
    """Compare all classes of a source with all of a target `dataset`, by names and class texts of ascending ids."""
    names, others = source[0], [target[0][class_id] for class_id in sorted(target[0])]
    source_KT, target_KT = (texts.of_type(params.text_type) for _, texts in (source, target))
    overlaps = overlapping(names, source_KT, {dataset: Target(others, target_KT)}, CHECKS, params.threshold)
    return SharedClasses(names, dataset, others, params.keep, overlaps)


def text_space_key(texts: Store, seed: int) -> tuple[str | int | None, ...]:
    """Encoder, size and weights of class texts. Texts of two datasets may be compared where these agree."""
    return (*(texts.attrs.get(name) for name in ("encoder", "dim", "weights_hash")), text_weights(texts, seed))


def _attrs(learnt: Encoded) -> dict[str, Any]:
    return learnt.features.group_attrs(learnt.group)
