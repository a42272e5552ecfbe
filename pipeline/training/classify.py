"""An encoder learns as a classifier of its training classes, through a linear layer that is thrown away."""

# Shapes: N clips, C channels, T frames, V joints, M bodies, D feature size, K training classes.
import torch
from torch import Tensor, nn

from pipeline.models.encoder import encoder_of
from pipeline.training import loop
from pipeline.training.lessons import Lessons, Prepared


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
    what: str,
) -> loop.Fitted:
    """Leave in the encoder the weights of the epoch that knew most held-out clips; to be run within `deterministic`."""
    place = {class_id: index for index, class_id in enumerate(lessons.training_classes)}

    def batch(rows: list[int], labels: list[int]) -> loop.Batch:
        targets = torch.tensor([place[label] for label in labels])
        return {"x": torch.from_numpy(prepared.x_NCTVM[rows]), "label": targets}

    def loss_fn(module: nn.Module, rows: loop.Batch) -> tuple[Tensor, dict[str, Tensor]]:
        logit_NK = module(rows["x"])
        loss = nn.functional.cross_entropy(logit_NK, rows["label"], label_smoothing=label_smoothing)
        return loss, {"accuracy": (logit_NK.argmax(1) == rows["label"]).float().mean()}

    data = batch(lessons.rows, lessons.labels)
    held_out = batch(lessons.held_out_rows, lessons.held_out_labels)
    classifier = Classifier(encoder, len(place))
    return loop.fit(classifier, data, held_out, loss_fn, params, seed=seed, watch="accuracy", what=what)
