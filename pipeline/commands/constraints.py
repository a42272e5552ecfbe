"""constraints: one transfer row under every constraint set -> accuracy and hubness side by side (ResT Table 8).

It reads the labels of test clips, as evaluate does, after all scores are computed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.core import tables
from pipeline.core.outputs import write_json
from pipeline.core.schemas import CLIPS
from pipeline.evaluation import hubness, metrics
from pipeline.evaluation import tables as evaluated
from pipeline.models.recognised import recognised
from pipeline.models.task import Task
from pipeline.models.tasks import Inputs, TaskRequest, build_tasks, class_names
from pipeline.reporting.formatting import percent, plain_span
from pipeline.steps.transfer import Row
from pipeline.transfer.folds import Constraints
from pipeline.transfer.params import Folds
from pipeline.transfer.recognise import Inference

# The combinations of Table 8, in its order.
VARIANTS: tuple[tuple[str, Inference, Constraints], ...] = (
    ("reverse transfer", "reverse_transfer", "I"),
    ("no constraint", "visual_prototypes", "none"),
    ("constraint I", "visual_prototypes", "I"),
    ("constraints II + III", "visual_prototypes", "II+III"),
    ("all constraints", "visual_prototypes", "all"),
)


@dataclass(frozen=True)
class Measured:
    """One combination on one (split, seed), label space unseen; fractions."""

    variant: str
    split: str
    seed: int
    setting: str
    skewness: float
    skewness_printed: float
    never_predicted: float
    top1: float
    top5: float | None  # None where there are five candidates or fewer


@dataclass(frozen=True)
class Line:
    """One combination, averaged over splits (their seeds first); the interval is of top-1 over splits."""

    variant: str
    num_splits: int
    skewness: float
    never_predicted: float
    top1: float
    top1_ci95: tuple[float, float] | None
    top5: float | None


def constraints(row: Row, folds: Folds, inputs: Inputs, *, prompts: Path, clips: Path, out: Path | None) -> list[Line]:
    """The table of one row: its grid, cap, selection and splits, under each of the five combinations.

    With `out` every measurement is also written as JSON.
    """
    names = class_names(prompts)
    tasks = build_tasks(inputs, TaskRequest(row.dataset, row.split_table, row.splits, row.seeds, row.max_missing))
    accepted = [line for line in tables.read(clips, CLIPS) if line.reason is None]
    truth = {line.clip_id: line.class_id for line in accepted}
    measured = []
    for name, inference, imposed in VARIANTS:
        changed = row.model_copy(update={"inference": inference, "constraints": imposed})
        measured += [_measured(name, task, changed, folds, names, truth) for task in tasks]
    table = [_line(name, [row for row in measured if row.variant == name]) for name, _, _ in VARIANTS]
    if out is not None:
        write_json(out, {"rows": list(map(vars, measured)), "summary": list(map(vars, table))})
    return table


def _measured(name: str, task: Task, row: Row, folds: Folds, names: dict[int, str], truth: dict[str, int]) -> Measured:
    recognition = recognised(task, row, row.refit, folds, names)
    scores_NK = recognition.values["unseen"][:, recognition.selected]
    counts_K = hubness.occurrences(scores_NK)
    rank_N = metrics.ranks(scores_NK, [truth[clip_id] for clip_id in task.test_ids], task.spaces["unseen"])
    return Measured(
        variant=name,
        split=task.split,
        seed=task.seed,
        setting=recognition.trials[recognition.selected].setting.name,
        skewness=hubness.skewness(counts_K),
        skewness_printed=hubness.skewness_printed(counts_K),
        never_predicted=hubness.never_predicted(counts_K),
        top1=metrics.top_k(rank_N, 1),
        top5=metrics.top_five(rank_N, len(task.spaces["unseen"])),
    )


def _line(name: str, measured: Sequence[Measured]) -> Line:
    rows = [vars(row) for row in measured]

    def by_split(figure: str) -> list[float]:
        return [float(np.mean(seeds)) for seeds in evaluated.of_splits(rows, figure)]

    top1 = by_split("top1")
    return Line(
        variant=name,
        num_splits=len(top1),
        skewness=float(np.mean(by_split("skewness"))),
        never_predicted=float(np.mean(by_split("never_predicted"))),
        top1=float(np.mean(top1)),
        top1_ci95=metrics.interval_over_splits(top1),
        top5=None if any(row.top5 is None for row in measured) else float(np.mean(by_split("top5"))),
    )


def lines(table: Sequence[Line]) -> Iterator[str]:
    """The lines of the table to print; accuracies in per cent."""
    yield f"{f'{table[0].num_splits} splits':22}  skewness  unused  top-1  95 % interval  top-5"
    for line in table:
        top5 = "-" if line.top5 is None else percent(line.top5)
        yield (
            f"{line.variant:22} {line.skewness:9.3f} {line.never_predicted:7.2f} {percent(line.top1):>6} "
            f"{plain_span(line.top1_ci95):>14} {top5:>6}"
        )
