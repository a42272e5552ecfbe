"""What semantic transfer finds for one task: scores under every setting, and the programs behind them."""

# Shapes: N clips, C classes.
from dataclasses import dataclass

from pipeline.models.tasks import Task
from pipeline.transfer.folds import Trial
from pipeline.transfer.recognise import Scored
from pipeline.transfer.relatedness import Floats


@dataclass(frozen=True)
class Recognised:
    """One (split, seed): trials, and for each label space the scores (N, settings, classes) of the test clips."""

    task: Task
    trials: list[Trial]
    selected: int
    values: dict[str, Floats]
    scored: dict[str, list[Scored]]  # by label space, one a setting: the programs behind the values
