"""Methods of a panel compared in pairs, split by split: the lead of the best, and the gain of an oracle's choice."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pipeline.core.schemas import PredictionRow
from pipeline.evaluation import differences
from pipeline.evaluation.differences import Difference
from pipeline.evaluation.generalised import AREA
from pipeline.reporting.evidence import Result
from pipeline.reporting.views import QUESTION, Line, Panel

_FIGURES = {"gzsl": AREA}  # over seen and unseen clips, top-1 would depend on a method's bias to one of them
FIGURE_NAMES = {"top1": "top-1", AREA: "area under the curve of seen and unseen accuracy"}
HEADER = (
    *(*QUESTION, "figure", "row", "selection"),
    *("other", "other_selection", "num_splits", "num_ahead", "difference", "low", "high", "low_corrected"),
    *("high_corrected", "noise"),
)


@dataclass(frozen=True)
class Lead:
    """The difference of two lines."""

    one: Line
    other: Line
    difference: Difference

    @property
    def verdict(self) -> str:
        """The verdict in a word: unknown, noise, ahead or behind."""
        if self.difference.is_noise is None:
            return "unknown"
        return "noise" if self.difference.is_noise else "ahead" if self.difference.mean > 0 else "behind"


@dataclass(frozen=True)
class PanelLeads:
    """The leads between pairs of lines of a panel, such as of the best over all others."""

    panel: Panel
    by: str  # the figure, as rows name it
    leads: list[Lead]

    @property
    def figure(self) -> str:
        """What the lines are compared by, in words."""
        return FIGURE_NAMES[self.by]


def ahead(panels: Sequence[Panel], results: Sequence[Result]) -> list[PanelLeads]:
    """The best honest line of each panel against every other honest one, the smallest lead first.

    The best is of the lines on the most splits.
    """
    compared, answers = [], Answers(results)
    for panel in panels:
        if panel.best:
            best = max(panel.best, key=lambda line: value(line, panel))
            pairs = [(best, line) for line in panel.honest if line is not best]
            compared.append(_compared(panel, figure(panel), pairs, answers))
    return [comparison for comparison in compared if comparison.leads]


def gaps(panels: Sequence[Panel], results: Sequence[Result]) -> list[PanelLeads]:
    """The oracle's line of each method against the method's own choice: the gain of choosing on the test clips."""
    compared, answers = [], Answers(results)
    for panel in panels:
        own_choice = {_who(line): line for line in panel.lines if not line.leaky}
        pairs = [(line, own_choice[_who(line)]) for line in panel.lines if line.leaky and _who(line) in own_choice]
        compared.append(_compared(panel, "top1", pairs, answers))  # the figure that an oracle chooses by
    return [comparison for comparison in compared if comparison.leads]


def between(panels: Sequence[Panel], results: Sequence[Result], one: str, other: str) -> list[PanelLeads]:
    """Every line of one result against those of another that answer the same question, oracles aside."""
    compared, answers = [], Answers(results)
    for panel in panels:
        lines = [line for line in panel.lines if not line.leaky]
        pairs = [(ours, theirs) for ours in lines for theirs in lines if (ours.result, theirs.result) == (one, other)]
        compared.append(_compared(panel, figure(panel), pairs, answers))
    return [comparison for comparison in compared if comparison.leads]


def table(compared: Sequence[PanelLeads]) -> Iterator[list[object]]:
    """Lines under HEADER, for a CSV; fractions in full precision."""
    for panel_leads in compared:
        for lead in panel_leads.leads:
            difference, ci95, corrected = lead.difference, lead.difference.ci95, lead.difference.ci95_corrected
            yield [
                *(*panel_leads.panel.question, panel_leads.by),
                *(value for line in (lead.one, lead.other) for value in (line.result, line.rows[0]["selection"])),
                *(difference.num_splits, difference.num_ahead, difference.mean),
                *(*(ci95 or ("", "")), *(corrected or ("", ""))),
                "" if difference.is_noise is None else difference.is_noise,
            ]


class Answers:
    """The predictions behind a line, looked up once for each line."""

    def __init__(self, results: Sequence[Result]) -> None:
        self._results = {result.name: result for result in results}
        self._rows: dict[tuple[str, str, str], list[PredictionRow]] = {}

    def of(self, line: Line, splits: Collection[str]) -> list[PredictionRow]:
        """The predictions of a line on these splits."""
        selection, space = (line.rows[0][key] for key in ("selection", "label_space"))
        key = (line.result, selection, space)
        if key not in self._rows:
            predictions = self._results[line.result].predictions
            self._rows[key] = [row for row in predictions if (row.selection, row.label_space) == key[1:]]
        return [row for row in self._rows[key] if row.split in splits]


def lead(one: Line, other: Line, by: str, answers: Answers) -> Lead | None:
    """The difference of two lines in a figure; None where they share no split."""
    difference = differences.paired(one.rows, other.rows, by)
    if difference is None:
        return None
    if by == "top1" and difference.num_splits == 1:
        both = (answers.of(line, difference.by_split) for line in (one, other))
        difference = differences.with_cells(difference, *both)
    return Lead(one, other, difference)


def _compared(panel: Panel, by: str, pairs: Sequence[tuple[Line, Line]], answers: Answers) -> PanelLeads:
    leads = [made for one, other in pairs if (made := lead(one, other, by, answers)) is not None]
    return PanelLeads(panel, by, sorted(leads, key=lambda lead: (lead.difference.mean, lead.other.result)))


def _who(line: Line) -> tuple[object, ...]:
    return (line.result, *(line.rows[0][key] for key in ("inference", "refit")))


def figure(panel: Panel) -> str:
    """The figure by which the lines of a panel are compared, as rows name it."""
    return _FIGURES.get(panel.space, "top1")


def value(line: Line, panel: Panel) -> float:
    """The figure of a line that its panel is compared by."""
    return line.generalised[AREA] if line.generalised and figure(panel) == AREA else line.value
