"""Methods in order: the places that each may have, and which of them nobody can tell from the best.

Each two lines are compared in pairs, split by split. A line may have every place that the lines which are surely ahead
of it, and those which are surely behind it, leave over; lines whose places overlap are tied. Kinds are not mixed: of a
panel only lines of one modality stand together, and transductive ones by themselves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

from pipeline.reporting import leads
from pipeline.reporting.evidence import Result
from pipeline.reporting.leads import Answers, Lead
from pipeline.reporting.views import QUESTION, Line, Panel

HEADER = (
    *(*QUESTION, "modality", "inference", "figure"),
    *("place_from", "place_to", "row", "selection", "num_splits", "value", "low", "high", "low_corrected"),
    *("high_corrected", "verdict"),
)


@dataclass(frozen=True)
class Ranked:
    """A line with the first and the last place that it may have."""

    line: Line
    value: float
    first: int
    last: int
    lead: Lead | None  # of the best over it; None: it is the best

    @property
    def places(self) -> str:
        """As text."""
        return str(self.first) if self.first == self.last else f"{self.first} – {self.last}"

    @property
    def verdict(self) -> str:
        """How it stands to the best."""
        if self.lead is None:
            return "best"
        return "behind" if self.lead.difference.is_noise is False else "not certain"


@dataclass(frozen=True)
class Ranking:
    """Lines of one kind that answered one question on the same splits, the best first."""

    panel: Panel
    modality: str | None  # named where the panel has several
    inference: str
    by: str  # the figure, as rows name it
    rows: list[Ranked]
    num_left_out: int  # lines on fewer splits

    @property
    def figure(self) -> str:
        """What decides, in words."""
        return leads.FIGURE_NAMES[self.by]

    @property
    def groups(self) -> list[tuple[str, list[Ranked]]]:
        """Those that nobody can tell from the best, it included, and the others."""
        tied = [one for one in self.rows if one.verdict != "behind"]
        behind = [one for one in self.rows if one.verdict == "behind"]
        first = "The best, and not certainly behind it" if len(tied) > 1 else "The best"
        return [(name, rows) for name, rows in ((first, tied), ("Behind the best", behind)) if rows]


def rankings(panels: Sequence[Panel], results: Sequence[Result]) -> list[Ranking]:
    """One a panel, modality and kind of inference; none where a line has no other of its kind."""
    answers = Answers(results)
    found = []
    for panel in panels:
        num_modalities = len({_modality(line) for line in panel.lines})
        for inference, kept in (("inductive", []), ("transductive", ["transductive"])):
            lines = sorted((line for line in panel.lines if line.leaks == kept), key=_modality)
            for modality, members in groupby(lines, key=_modality):
                named = modality if num_modalities > 1 else None
                found.append(_ranking(panel, named, inference, list(members), answers))
    return [one for one in found if len(one.rows) > 1]


def table(found: Sequence[Ranking]) -> Iterator[list[object]]:
    """Lines under HEADER, for a CSV; fractions in full precision."""
    for ranking in found:
        for one in ranking.rows:
            line, is_top1 = one.line, ranking.by == "top1"
            ends = [*((is_top1 and line.ci95) or ("", "")), *((is_top1 and line.ci95_corrected) or ("", ""))]
            yield [
                *(*ranking.panel.question, _modality(line), ranking.inference, ranking.by, one.first, one.last),
                *(line.result, line.rows[0]["selection"], line.num_splits, one.value, *ends, one.verdict),
            ]


def _ranking(panel: Panel, modality: str | None, inference: str, lines: list[Line], answers: Answers) -> Ranking:
    by = leads.figure(panel)
    most = max(line.num_splits for line in lines)
    members = sorted(
        (line for line in lines if line.num_splits == most),
        key=lambda line: (-leads.value(line, panel), line.result, line.rows[0]["selection"]),
    )
    ahead = [0] * len(members)  # how many lines are surely ahead of each, and behind it
    behind = [0] * len(members)
    of_best: list[Lead | None] = [None] * len(members)
    for one, other in combinations(range(len(members)), 2):
        lead = leads.lead(members[one], members[other], by, answers)
        if one == 0:
            of_best[other] = lead
        if lead is not None and lead.difference.is_noise is False:
            winner, loser = (one, other) if lead.difference.mean > 0 else (other, one)
            ahead[loser] += 1
            behind[winner] += 1
    rows = [
        Ranked(line, leads.value(line, panel), 1 + ahead[place], len(members) - behind[place], of_best[place])
        for place, line in enumerate(members)
    ]
    return Ranking(panel, modality, inference, by, rows, len(lines) - len(members))


def _modality(line: Line) -> str:
    modality: str = line.rows[0]["modality"]
    return modality
