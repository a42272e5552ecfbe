"""An encoder learns as a classifier of its training classes, through a linear layer that is thrown away."""

# Shapes: N clips, C channels, T frames, V joints, M bodies, D feature size, K training classes.
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from pipeline.models.encoder import encoder_of
from pipeline.training import loop
from pipeline.training.lessons import LabelledClips, Lessons, Prepared


@dataclass(frozen=True)
class Task:
    """What one training is called and how it runs; none of it changes the weights."""

    section: str  # where params.yaml gives the encoder's options
    what: str  # names progress
    running: loop.Running
    resume: Path | None  # where the state of an unfinished training is kept


class Classifier(nn.Module):
    """An encoder, and a linear layer over the training classes."""

    def __init__(self, encoder: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder_of(encoder).dim, num_classes)

    def forward(self, x_NCTVM: Tensor) -> Tensor:
        """logit_NK."""
        logit_NK: Tensor = self.head(self.encoder(x_NCTVM))
        return logit_NK


def train(
    encoder: nn.Module,
    prepared: Prepared,
    lessons: Lessons,
    params: loop.Params,
    *,
    label_smoothing: float,
    seed: int,
    task: Task,
) -> loop.Fitted:
    """Leave in the encoder the weights of the epoch that knew most held-out clips; to be run within `deterministic`."""

    def clips(rows: list[int], labels: list[int], *, shuffled: bool) -> LabelledClips:
        return LabelledClips(prepared, rows, labels, lessons.training_classes, params.batch_size, shuffled)

    def loss_fn(module: nn.Module, batch: loop.Batch) -> tuple[Tensor, dict[str, Tensor]]:
        logit_NK = module(batch["x"])
        loss = nn.functional.cross_entropy(logit_NK, batch["label"], label_smoothing=label_smoothing)
        return loss, {"accuracy": (logit_NK.argmax(1) == batch["label"]).float().mean()}

    data = clips(lessons.rows, lessons.labels, shuffled=True)
    held_out = clips(lessons.held_out_rows, lessons.held_out_labels, shuffled=False)
    classifier = Classifier(encoder, len(lessons.training_classes))
    return loop.fit(
        classifier,
        data,
        held_out,
        loss_fn,
        params,
        task.running,
        seed=seed,
        watch="accuracy",
        what=task.what,
        resume=task.resume,
    )
