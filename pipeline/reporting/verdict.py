"""The verdict on a panel: its best method, how sure its figure is, and whether the runner-up is within the noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.core.seeds import generator
from pipeline.evaluation import paired
from pipeline.evaluation.intervals import Interval
from pipeline.evaluation.paired import OnSameClips
from pipeline.reporting import leads
from pipeline.reporting.evidence import Result
from pipeline.reporting.leads import Answers, Lead
from pipeline.reporting.views import KINDS, Line, Panel

Standing = Literal["ahead", "fragile", "noise", "behind", "unknown"]

_SPACES = ("unseen", "all", "gzsl")  # a question of the first is the headline, if there is one
_NUM_RESAMPLES = 10_000


@dataclass(frozen=True)
class Verdict:
    """The best honest line of a panel beside the next; None of a line where a panel has no such."""

    panel: Panel
    best: Line
    value: float
    ci95: Interval | None
    over: str  # what the interval is over, in words
    runner_up: Line | None
    lead: Lead | None  # over splits, or over cells of subject and class
    clips: OnSameClips | None  # over the clips that both answered; None where the figure is no share of clips

    @property
    def num_methods(self) -> int:
        """The methods that the best is the best of: plain zero-shot, on as many splits."""
        return len(self.panel.best)

    @property
    def are_methods(self) -> bool:
        """Whether no method stands there twice, such as on several senses."""
        return len({line.method for line in self.panel.best}) == self.num_methods

    @property
    def num_seeds(self) -> int:
        """Seeds of the encoder behind the best figure."""
        return len({row["seed"] for row in self.best.rows})

    @property
    def is_pretrained(self) -> bool:
        """Whether the best began as weights of the web, of which nobody knows the classes."""
        return any(row["pretrained"] for row in self.best.rows)

    @property
    def covers_chance(self) -> bool:
        """Whether guessing may do as well; an area of seen and unseen accuracy is no share to compare it with."""
        if self.ci95 is None or self.panel.space == "gzsl":
            return False
        return self.ci95[0] <= self.panel.chance <= self.ci95[1]

    @property
    def num_clips(self) -> tuple[int, int]:
        """The fewest and the most test clips that the best answered on a split."""
        numbers = [row["num_clips"] for row in self.best.rows]
        return min(numbers), max(numbers)

    @property
    def difference(self) -> tuple[float, Interval | None] | None:
        """How far the runner-up is behind, with the interval that is shown; None without a runner-up."""
        if self.clips is not None:
            return self.clips.mean, self.clips.ci95
        if self.lead is not None:
            return self.lead.difference.mean, self.lead.difference.ci95_corrected or self.lead.difference.ci95
        return None

    @property
    def standing(self) -> Standing:
        """Ahead only where both intervals leave out 0: that over the clips, and that over splits or cells.

        A lead on these clips alone is fragile: other people, or other classes, may take it back. Behind: of the clips
        that both answered the runner-up names more, because they were run on different ones.
        """
        widest = None if self.lead is None else self.lead.difference.is_noise
        if self.clips is None:
            return "unknown" if widest is None else "noise" if widest else "ahead"
        low, high = self.clips.ci95
        if high < 0:
            return "behind"
        if low <= 0:
            return "noise"
        return "ahead" if widest is False else "fragile"


def verdicts(panels: Sequence[Panel], results: Sequence[Result]) -> list[Verdict]:
    """The verdict on every panel that has a plain zero-shot line, in the order of the panels."""
    answers = Answers(results)
    return [_verdict(panel, answers) for panel in panels if panel.best]


def headline(found: Sequence[Verdict]) -> Verdict | None:
    """The verdict that a report opens with.

    That on unseen classes alone, if there is one; of several the one that most methods share (a method on two senses
    is one), then over most splits, then with most combinations of method, encoder and sense, then the first by name.
    """

    def order(one: Verdict) -> tuple[int, int, int, int]:
        lines = one.panel.honest
        return (
            _SPACES.index(one.panel.space),
            -len({line.method for line in lines}),
            -one.panel.num_splits,
            -len(lines),
        )

    return min(found, key=order, default=None)


def _verdict(panel: Panel, answers: Answers) -> Verdict:
    by = leads.figure(panel)
    best, *others = sorted(panel.best, key=lambda line: (-leads.value(line, panel), line.result))
    runner_up = others[0] if others else None
    ci95 = (best.ci95_corrected or best.ci95) if by == "top1" else best.generalised_ci95.get(by)
    lead, clips = None, None
    if runner_up is not None:
        lead = leads.lead(best, runner_up, by, answers)
        clips = _on_clips(best, runner_up, answers) if by == "top1" else None
    over = best.over if by == "top1" else "splits" if best.num_splits > 1 else "seeds"  # the area has no other
    ends = None if ci95 is None else (ci95[0], ci95[1])
    return Verdict(panel, best, leads.value(best, panel), ends, KINDS[over], runner_up, lead, clips)


def _on_clips(best: Line, runner_up: Line, answers: Answers) -> OnSameClips | None:
    both = [answers.of(line, {row["split"] for row in line.rows}) for line in (best, runner_up)]
    random = generator(0, "verdict", best.result, runner_up.result, best.rows[0]["label_space"])
    return paired.on_same_clips(*both, num_resamples=_NUM_RESAMPLES, generator=random)
