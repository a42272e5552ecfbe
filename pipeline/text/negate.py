"""Caption -> negatives: for each rule the first edits that are false of the graph, and why the others were dropped."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec
from pydantic import Field

from pipeline.core import members
from pipeline.core.params import Params as BaseParams
from pipeline.text.edits import recounts
from pipeline.text.negatives.shared import Edit, Scene
from pipeline.text.rng import Rng

RULES = "pipeline.text.negatives"
NO_PLACE = "nothing to edit"
RECOUNTED = "changes what a number counts"
TOO_LONG = "more tokens than are read"


class Params(BaseParams):
    """Which rules, how many negatives of each, and how many edits to try."""

    rules: list[str] = Field(min_length=1)  # files of pipeline/text/negatives/
    per_rule: int = Field(ge=1)  # negatives a caption and rule
    max_tries: int = Field(ge=1)  # edits of one rule and caption
    seed: int


Rule = Callable[[Scene, Rng], Iterator[Edit]]


class Negative(msgspec.Struct, frozen=True, gc=False):
    """One false caption."""

    rule: str
    index: int
    seed: int
    text: str
    edit: Edit
    clause: int  # the first clause that differs, from 0


@dataclass
class Counts:
    """Per rule the number of negatives made, and of candidates dropped by reason."""

    made: Counter[str]
    dropped: Counter[tuple[str, str]]

    def merge(self, other: "Counts") -> None:
        """Add the counts of other captions."""
        self.made.update(other.made)
        self.dropped.update(other.dropped)

    def to_json(self) -> dict[str, dict[str, int]]:
        """Per rule the number made and the number dropped for each reason."""
        table: dict[str, dict[str, int]] = {}
        for (rule, reason), count in sorted(self.dropped.items()):
            table.setdefault(rule, {})[reason] = count
        for rule, count in sorted(self.made.items()):
            table.setdefault(rule, {})["made"] = count
        return table


def load(params: Params) -> dict[str, Rule]:
    """The rules by name."""
    return {name: members.load(RULES, name).propose for name in params.rules}


def _any_length(_: str) -> bool:
    return True


def negatives(
    scene: Scene,
    clause_starts: Sequence[int],
    rules: dict[str, Rule],
    params: Params,
    counts: Counts,
    fits: Callable[[str], bool] = _any_length,
) -> Iterator[Negative]:
    """The negatives of one caption by the rules in alphabetical order; the same for the same image and seed.

    `fits` says whether a text is short enough for the encoder.
    """
    graph = scene.graph
    for rule in sorted(rules):
        rng = Rng(params.seed, "negate", graph.image_id, graph.region, rule)
        index = tries = 0
        texts = {scene.text}
        for edit in islice(rules[rule](scene, rng), params.max_tries):
            tries += 1
            reason = edit.reason or (RECOUNTED if recounts(scene, edit) else None)
            text = "" if reason else scene.edited(edit)
            if reason is None:
                reason = "reads the same" if text in texts else None if fits(text) else TOO_LONG
            if reason is not None:
                counts.dropped[rule, reason] += 1
                continue
            texts.add(text)
            yield Negative(rule, index, rng.seed, text, edit, _clause(scene, edit, clause_starts))
            index += 1
            counts.made[rule] += 1
            if index == params.per_rule:
                break
        if not tries:
            counts.dropped[rule, NO_PLACE] += 1


def _clause(scene: Scene, edit: Edit, clause_starts: Sequence[int]) -> int:
    first, _ = min(edit.words)  # pieces stand in the order of the text
    return bisect_right(clause_starts, scene.pieces[first].start) - 1
