"""The state of an unfinished training in one file, from which a killed run goes on to the same bytes.

Weights, optimiser, moving average, generators of random numbers, sums of the epoch and what was chosen so far: tensors
in safetensors, the rest JSON in its metadata. The file is replaced at once, by rank 0 alone.
"""

from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from pipeline.core.errors import FormatError
from pipeline.models import checkpoint
from pipeline.models.learning import Learner, State, with_prefix
from pipeline.training import ranks


class Stateful(Protocol):
    """State beside the learner's."""

    def state(self) -> State:
        """Tensors, and a JSON object."""

    def put_back(self, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
        """Restore a state."""


class ResumeFile:
    """The file that holds the state of a learner and of the best epoch; if it exists, both resume from it."""

    def __init__(self, file: Path, every: int | None, learner: Learner, chosen: Stateful) -> None:
        self._file, self._every, self._learner, self._chosen = file, every, learner, chosen
        self._num_steps = 0  # of this run
        if file.is_file():
            self._go_on()

    def after_step(self) -> None:
        """Write the file if it is time; all ranks call it."""
        self._num_steps += 1
        if self._every is not None and self._num_steps % self._every == 0:
            self._learner.check()
            learner, chosen = self._learner.state(), self._chosen.state()
            if ranks.leads():
                tensors = {f"learner.{name}": value for name, value in learner[0].items()}
                tensors |= {f"chosen.{name}": value for name, value in chosen[0].items()}
                checkpoint.write(self._file, tensors, {"learner": learner[1], "chosen": chosen[1]})

    def _go_on(self) -> None:
        try:
            tensors, header = checkpoint.load(self._file)
        except FormatError:
            raise FormatError(
                f"{self._file}: the state of a killed training cannot be read; remove it and run the stage again"
            ) from None
        self._learner.put_back(with_prefix(tensors, "learner."), header["learner"])
        self._chosen.put_back(with_prefix(tensors, "chosen."), header["chosen"])
