"""Methods in order: the possible places of each, and which ones cannot be told from the best.

All lines are compared in pairs, split by split. The possible places of a line are those left over by the lines that are
certainly ahead of it and certainly behind it; lines whose places overlap are tied. A ranking holds lines of one
modality only; transductive lines have rankings of their own.
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
    """A line with its first and last possible place."""

    line: Line
    value: float
    first: int
    last: int
    lead: Lead | None  # of the best over it; None: it is the best

    @property
    def places(self) -> str:
        """The places as text."""
        return str(self.first) if self.first == self.last else f"{self.first} – {self.last}"

    @property
    def verdict(self) -> str:
        """The line compared with the best: best, behind, or not certain."""
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
        """The figure that decides, in words."""
        return leads.FIGURE_NAMES[self.by]

    @property
    def groups(self) -> list[tuple[str, list[Ranked]]]:
        """The best with the lines that cannot be told from it, and the lines behind."""
        tied = [row for row in self.rows if row.verdict != "behind"]
        behind = [row for row in self.rows if row.verdict == "behind"]
        first = "The best, and not certainly behind it" if len(tied) > 1 else "The best"
        return [(name, rows) for name, rows in ((first, tied), ("Behind the best", behind)) if rows]


def rankings(panels: Sequence[Panel], results: Sequence[Result]) -> list[Ranking]:
    """One ranking for each panel, modality and kind of inference with at least two lines."""
    answers = Answers(results)
    made = []
    for panel in panels:
        num_modalities = len({_modality(line) for line in panel.lines})
        for inference, leaks in (("inductive", []), ("transductive", ["transductive"])):
            lines = sorted((line for line in panel.lines if line.leaks == leaks), key=_modality)
            for modality, members in groupby(lines, key=_modality):
                named = modality if num_modalities > 1 else None
                made.append(_ranking(panel, named, inference, list(members), answers))
    return [ranking for ranking in made if len(ranking.rows) > 1]


def table(rankings: Sequence[Ranking]) -> Iterator[list[object]]:
    """Lines under HEADER, for a CSV; fractions in full precision."""
    for ranking in rankings:
        for ranked in ranking.rows:
            line, is_top1 = ranked.line, ranking.by == "top1"
            ends = [*((is_top1 and line.ci95) or ("", "")), *((is_top1 and line.ci95_corrected) or ("", ""))]
            yield [
                *(*ranking.panel.question, _modality(line), ranking.inference, ranking.by, ranked.first, ranked.last),
                *(line.result, line.rows[0]["selection"], line.num_splits, ranked.value, *ends, ranked.verdict),
            ]


def _ranking(panel: Panel, modality: str | None, inference: str, lines: list[Line], answers: Answers) -> Ranking:
    by = leads.figure(panel)
    num_splits = max(line.num_splits for line in lines)
    members = sorted(
        (line for line in lines if line.num_splits == num_splits),
        key=lambda line: (-leads.value(line, panel), line.result, line.rows[0]["selection"]),
    )
    ahead = [0] * len(members)  # how many lines are certainly ahead of each, and behind it
    behind = [0] * len(members)
    leads_of_best: list[Lead | None] = [None] * len(members)
    for first, second in combinations(range(len(members)), 2):
        lead = leads.lead(members[first], members[second], by, answers)
        if first == 0:
            leads_of_best[second] = lead
        if lead is not None and lead.difference.is_noise is False:
            winner, loser = (first, second) if lead.difference.mean > 0 else (second, first)
            ahead[loser] += 1
            behind[winner] += 1
    rows = [
        Ranked(line, leads.value(line, panel), 1 + ahead[place], len(members) - behind[place], leads_of_best[place])
        for place, line in enumerate(members)
    ]
    return Ranking(panel, modality, inference, by, rows, len(lines) - len(members))


def _modality(line: Line) -> str:
    modality: str = line.rows[0]["modality"]
    return modality
