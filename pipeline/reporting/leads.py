"""Methods of a panel compared in pairs, split by split: how far the best is ahead, and what an oracle's choice adds."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pipeline.core.schemas import PredictionRow
from pipeline.evaluation import differences
from pipeline.evaluation.differences import Difference
from pipeline.evaluation.generalised import AREA
from pipeline.reporting.evidence import Result
from pipeline.reporting.views import Line, Panel

_FIGURES = {"gzsl": AREA}  # of clips of both sides no share of right answers is fair to a method that leans to one
TOLD = {"top1": "top-1", AREA: "area under the curve of seen and unseen accuracy"}
HEADER = (
    *("dataset", "split_table", "protocol", "split", "label_space", "num_classes", "figure", "row", "selection"),
    *("other", "other_selection", "num_splits", "num_ahead", "difference", "low", "high", "low_corrected"),
    *("high_corrected", "noise"),
)


@dataclass(frozen=True)
class Lead:
    """One line less another."""

    one: Line
    other: Line
    difference: Difference

    @property
    def verdict(self) -> str:
        """What may be said of it, in a word or two."""
        if self.difference.is_noise is None:
            return "unknown"
        return "noise" if self.difference.is_noise else "ahead" if self.difference.mean > 0 else "behind"


@dataclass(frozen=True)
class Compared:
    """Leads of the best line of a panel over all others, or of other pairs of its lines."""

    panel: Panel
    by: str  # the figure, as rows name it
    leads: list[Lead]

    @property
    def figure(self) -> str:
        """What the lines are compared by, in words."""
        return TOLD[self.by]


def ahead(panels: Sequence[Panel], results: Sequence[Result]) -> list[Compared]:
    """The best honest line of each panel, of those on most splits, against every other honest one, near ones first."""
    found, answers = [], Answers(results)
    for panel in panels:
        if panel.best:
            best = max(panel.best, key=lambda line: value(line, panel))
            pairs = [(best, line) for line in panel.honest if line is not best]
            found.append(_compared(panel, figure(panel), pairs, answers))
    return [one for one in found if one.leads]


def gaps(panels: Sequence[Panel], results: Sequence[Result]) -> list[Compared]:
    """The oracle's line of each method against its own choice: what choosing on the test clips would add."""
    found, answers = [], Answers(results)
    for panel in panels:
        own = {_who(line): line for line in panel.lines if not line.leaky}
        pairs = [(line, own[_who(line)]) for line in panel.lines if line.leaky and _who(line) in own]
        found.append(_compared(panel, "top1", pairs, answers))  # the figure that an oracle chooses by
    return [one for one in found if one.leads]


def between(panels: Sequence[Panel], results: Sequence[Result], one: str, other: str) -> list[Compared]:
    """Every line of one result against those of another that answer the same question, oracles aside."""
    found, answers = [], Answers(results)
    for panel in panels:
        lines = [line for line in panel.lines if not line.leaky]
        pairs = [(ours, their) for ours in lines for their in lines if (ours.result, their.result) == (one, other)]
        found.append(_compared(panel, figure(panel), pairs, answers))
    return [one for one in found if one.leads]


def table(found: Sequence[Compared]) -> Iterator[list[object]]:
    """Lines under HEADER, for a CSV; fractions in full precision."""
    for compared in found:
        panel = compared.panel
        asked = [panel.dataset, panel.split_table, panel.protocol or "", panel.split or "", panel.space]
        for lead in compared.leads:
            one, ci95, corrected = lead.difference, lead.difference.ci95, lead.difference.ci95_corrected
            yield [
                *(*asked, panel.num_classes, compared.by, lead.one.result, lead.one.rows[0]["selection"]),
                *(lead.other.result, lead.other.rows[0]["selection"], one.num_splits, one.num_ahead, one.mean),
                *(*(ci95 or ("", "")), *(corrected or ("", "")), "" if one.is_noise is None else one.is_noise),
            ]


class Answers:
    """What lines say of every clip, looked up in the predictions of the results once."""

    def __init__(self, results: Sequence[Result]) -> None:
        self._results = {one.name: one for one in results}
        self._found: dict[tuple[str, str, str], list[PredictionRow]] = {}

    def of(self, line: Line, splits: Collection[str]) -> list[PredictionRow]:
        """On these splits."""
        selection, space = (line.rows[0][key] for key in ("selection", "label_space"))
        key = (line.result, selection, space)
        if key not in self._found:
            predictions = self._results[line.result].predictions
            self._found[key] = [answer for answer in predictions if (answer.selection, answer.label_space) == key[1:]]
        return [answer for answer in self._found[key] if answer.split in splits]


def lead(one: Line, other: Line, by: str, answers: Answers) -> Lead | None:
    """One line less another by a figure; None where they share no split."""
    difference = differences.paired(one.rows, other.rows, by)
    if difference is None:
        return None
    if by == "top1" and difference.num_splits == 1:
        both = (answers.of(line, difference.by_split) for line in (one, other))
        difference = differences.with_cells(difference, *both)
    return Lead(one, other, difference)


def _compared(panel: Panel, by: str, pairs: Sequence[tuple[Line, Line]], answers: Answers) -> Compared:
    found = [lead(one, other, by, answers) for one, other in pairs]
    leads = [one for one in found if one is not None]
    return Compared(panel, by, sorted(leads, key=lambda lead: (lead.difference.mean, lead.other.result)))


def _who(line: Line) -> tuple[object, ...]:
    return (line.result, *(line.rows[0][key] for key in ("inference", "refit")))


def figure(panel: Panel) -> str:
    """What the lines of a panel are compared by, as rows name it."""
    return _FIGURES.get(panel.space, "top1")


def value(line: Line, panel: Panel) -> float:
    """That figure of a line."""
    return line.generalised[AREA] if line.generalised and figure(panel) == AREA else line.value
