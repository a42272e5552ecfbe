"""An encoder learns to tell its training classes apart, through linear layers that are then discarded.

The networks of an encoder of streams learn side by side: each has a layer and a loss of its own, and the losses are
added. As no weight is in two of them, each takes the steps that it would take alone from the same first weights, with
the same batches; but for `clip_norm`, which measures the gradient of all, and dropout, which draws from one generator.
What the streams share is the epoch that is kept: that in which the sum of their logits knows most held-out clips.
"""

# Shapes: N clips, C channels, T frames, V joints, M bodies, D feature size, K training classes, S streams.
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.modalities import Augmentation
from pipeline.models.encoder import StreamedEncoder, encoder_of
from pipeline.training import loop, sentences
from pipeline.training.training_set import LabelledClips, Prepared, TrainingSet


@dataclass(frozen=True)
class Teaching:
    """What an encoder learns from, apart from clips and classes."""

    label_smoothing: float
    variant: Augmentation | None  # drawn of the clips to learn from, never of those held out
    texts: sentences.TeachingTexts | None  # of the training classes; None: a classifier learns, from labels alone


class Classifier(nn.Module):
    """An encoder, and a linear layer over the training classes for each of its streams; most have one."""

    def __init__(self, encoder: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        dims = encoder.dims if isinstance(encoder, StreamedEncoder) else [encoder_of(encoder).dim]
        self.heads = nn.ModuleList(nn.Linear(dim, num_classes) for dim in dims)

    def forward(self, x_NCTVM: Tensor) -> Tensor:
        """logit_SNK."""
        streams = (
            self.encoder.by_stream(x_NCTVM) if isinstance(self.encoder, StreamedEncoder) else [self.encoder(x_NCTVM)]
        )
        return torch.stack([head(feature_ND) for head, feature_ND in zip(self.heads, streams, strict=True)])


def train(
    encoder: nn.Module,
    prepared: Prepared,
    training_set: TrainingSet,
    params: loop.Params,
    teaching: Teaching,
    *,
    seed: int,
    task: loop.Task,
) -> loop.Fitted:
    """Train the encoder to the epoch that recognises most held-out clips; to be run within `deterministic`."""

    def clips(rows: list[int], labels: list[int], *, learnt: bool) -> LabelledClips:
        classes, variant = training_set.training_classes, teaching.variant if learnt else None
        return LabelledClips(prepared, rows, labels, classes, params.batch_size, shuffled=learnt, variant=variant)

    module, loss_fn = _learner(encoder, len(training_set.training_classes), teaching)
    return loop.fit(
        module,
        clips(training_set.rows, training_set.labels, learnt=True),
        clips(training_set.held_out_rows, training_set.held_out_labels, learnt=False),
        loss_fn,
        params,
        task.running,
        seed=seed,
        watch="accuracy",
        what=task.what,
        resume=task.resume,
    )


def _learner(encoder: nn.Module, num_classes: int, teaching: Teaching) -> tuple[nn.Module, loop.LossFn]:
    """The encoder with the layers that it is trained through, and the loss of a batch."""
    if (texts := teaching.texts) is not None:
        return sentences.Reader(encoder, texts), sentences.loss_of(texts.params, teaching.label_smoothing)

    def loss_fn(module: nn.Module, batch: loop.Batch) -> tuple[Tensor, dict[str, Tensor]]:
        logit_SNK, label_N = module(batch["x"]), batch["label"]
        losses = [nn.functional.cross_entropy(x, label_N, label_smoothing=teaching.label_smoothing) for x in logit_SNK]
        return torch.stack(losses).sum(), {"accuracy": (logit_SNK.sum(0).argmax(1) == label_N).float().mean()}

    return Classifier(encoder, num_classes), loss_fn
