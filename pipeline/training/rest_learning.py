"""ResT, or E2E, on the clips of a source: the frame encoder is warmed up as a classifier, then everything learns.

Source: Lin et al., Cross-modal representation learning for zero-shot action recognition (CVPR 2022), 3.2 and 4.1.
"""

# Shapes: N clips, K classes that are taught, E size of a class text, S tokens, D size of a token.
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import model_validator
from torch import Tensor, nn

from pipeline.core import runs
from pipeline.core.batches import Source
from pipeline.core.errors import DataError
from pipeline.core.params import Params
from pipeline.models import checkpoint, dense, encoder_cost
from pipeline.models.rest import e2e, frames, losses
from pipeline.models.rest.e2e import E2E, E2EParams
from pipeline.models.rest.frames import FrameEncoder, FrameParams
from pipeline.models.rest.inputs import ModelSizes
from pipeline.models.rest.losses import LossParams
from pipeline.models.rest.model import ModelParams, Rest
from pipeline.models.rest.tokens import Vocabulary
from pipeline.models.rest.transformer import TransformerParams
from pipeline.training import loop, ranks
from pipeline.training.determinism import deterministic

Batch = dict[str, Tensor]


class Plan(Params):
    """What decides the weights, apart from the clips and the seed."""

    frames: FrameParams | None  # null: tokens are stored
    model: ModelParams
    losses: LossParams | None  # null for e2e, which regresses to the class's text
    warmup: loop.Params | None  # of the frame encoder alone; null = it begins with the rest
    training: loop.Params
    channels_last: bool
    checkpoint_gradients: bool

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if (self.losses is None) != isinstance(self.model, E2EParams):
            raise ValueError("losses belong to every model but e2e; there set them to null")
        if self.losses is not None and isinstance(self.model, TransformerParams):
            if self.model.represents == "mask" and self.losses.mlm is None:
                raise ValueError("model.represents: mask needs losses.mlm, which alone teaches it")
            if self.model.represents == "cls" and not self.losses.cls:
                raise ValueError("model.represents: cls needs losses.cls, which alone teaches it")
        if self.warmup is not None and (self.frames is None or not self.frames.learns):
            raise ValueError("warmup is of a frame encoder that learns: else set it to null")
        if self.warmup is not None and self.warmup.devices != self.training.devices:
            raise ValueError("warmup and training: expected one number of devices")
        return self

    @model_validator(mode="after")
    def _nothing_is_without_effect(self) -> Self:
        learns = self.frames is not None and self.frames.learns
        if (self.checkpoint_gradients and not learns) or (self.channels_last and self.frames is None):
            raise ValueError("checkpoint_gradients is of a frame encoder that learns, channels_last of any: else false")
        crosses = isinstance(self.model, TransformerParams) and self.model.attention == "cross"
        if crosses and not self.words_are_learnt:
            raise ValueError("model.attention: cross needs losses.mlm: without words there is nothing more to attend")
        return self

    @property
    def words_are_learnt(self) -> bool:
        """Whether clips come with the words of their class."""
        return self.losses is not None and self.losses.mlm is not None


@dataclass(frozen=True)
class Clips:
    """Sources of clips with `label`, the place of their class: to learn from and held out."""

    learn: Source
    held_out: Source


@dataclass(frozen=True)
class RestTask:
    """What one training learns from, apart from its clips."""

    class_names: Sequence[str]  # K, of the classes that are taught
    vectors_KE: npt.NDArray[np.float32]
    vocabulary: Vocabulary | None
    token_dim: int | None  # of stored tokens; None: a frame encoder gives them
    max_tokens: int
    places: bool  # tokens are regions, and each has its place


@dataclass(frozen=True)
class Task:
    """What one training is called, its named seed and how it runs."""

    what: str
    seed: int
    running: loop.Running
    resume: Path


def warm_up(plan: Plan, clips: Clips, num_classes: int, task: Task, file: Path) -> None:
    """Write the frame encoder of the epoch that recognised most held-out clips by the mean of their tokens."""
    assert plan.warmup is not None
    with _recorded(plan.warmup, task) as facts:
        classifier = _WarmUp(_frames(plan), num_classes)
        fitted = _fit(classifier, clips, _class_loss, plan.warmup, task, "accuracy")
        facts.update(fitted.facts)
    checkpoint.save(file, classifier.frames, {"epoch": fitted.epoch, "history": fitted.history})


def learn(
    plan: Plan,
    clips: Clips,
    rest_task: RestTask,
    task: Task,
    start: Path | None,
    file: Path,
    provenance: Mapping[str, Any],
) -> None:
    """Write the weights of the best epoch on held-out clips; the frame encoder begins as in the file `start`."""
    with _recorded(plan.training, task) as facts:
        module = built(plan, rest_task)
        if start is not None:
            assert module.frames is not None
            module.frames.load_state_dict(checkpoint.load(start, "rest")[0])
        fitted = _fit(module, clips, loss_of(plan, rest_task.vectors_KE), plan.training, task, watched(plan))
        facts.update(fitted.facts)
    metadata = {
        **provenance,
        **plan.model_dump(include={"frames", "model", "losses"}),
        "class_names": list(rest_task.class_names),
        "vocabulary": None if rest_task.vocabulary is None else rest_task.vocabulary.to_json(),
        "sizes": {"token_dim": rest_task.token_dim, "max_tokens": rest_task.max_tokens, "places": rest_task.places},
        "epoch": fitted.epoch,
        "history": fitted.history,
    }
    checkpoint.save(file, module, metadata)


def _fit(
    module: nn.Module, clips: Clips, loss_fn: loop.LossFn, params: loop.Params, task: Task, watch: str
) -> loop.Fitted:
    return loop.fit(
        module,
        clips.learn,
        clips.held_out,
        loss_fn,
        params,
        task.running,
        seed=task.seed,
        watch=watch,
        what=task.what,
        resume=task.resume,
    )


@contextmanager
def _recorded(params: loop.Params, task: Task) -> Iterator[dict[str, object]]:
    """Writes a line of the run log; the block's random draws do not depend on what ran before."""
    log = runs.recorded("training", task.what, writes=ranks.leads())
    with log as facts, deterministic(task.seed, params.num_threads):
        yield facts


def built(plan: Plan, rest_task: RestTask) -> Rest | E2E:
    """A new network, drawn from torch's random state."""
    encoder = None if plan.frames is None else _frames(plan)
    token_dim = rest_task.token_dim if encoder is None else encoder.dim
    assert token_dim is not None
    if isinstance(plan.model, E2EParams):
        return E2E(plan.model, encoder, token_dim, rest_task.vectors_KE.shape[1])
    assert plan.losses is not None
    vocabulary = rest_task.vocabulary if plan.words_are_learnt else None
    sizes = ModelSizes(
        token_dim=token_dim,
        max_tokens=rest_task.max_tokens,
        places=rest_task.places,
        num_classes=len(rest_task.class_names) if plan.losses.cls else None,
        num_words=None if vocabulary is None else len(vocabulary),
        max_words=0 if vocabulary is None else vocabulary.max_words,
    )
    return Rest(plan.model, encoder, sizes)


def loaded(plan: Plan, rest_task: RestTask, file: Path) -> Rest | E2E:
    """The network of a file of weights, in eval mode. Raises DataError for weights of another size."""
    module = built(plan, rest_task)
    try:
        module.load_state_dict(checkpoint.load(file, "rest")[0])
    except RuntimeError:
        raise DataError(f"{file}: weights of another size than the row asks for; run `dvc repro rest`") from None
    return module.requires_grad_(False).eval()


def watched(plan: Plan) -> str:
    """The metric by which the epoch is chosen."""
    if plan.losses is None:
        return "cosine"
    return "accuracy" if plan.losses.cls else "word_accuracy"


def loss_of(plan: Plan, vectors_KE: npt.NDArray[np.float32]) -> loop.LossFn:
    """The loss of a batch."""
    chosen = plan.losses
    if chosen is not None:
        return lambda module, batch: losses.loss(module(batch), batch, chosen)
    text_KE = torch.from_numpy(vectors_KE)

    def regression(module: nn.Module, batch: Batch) -> tuple[Tensor, Batch]:
        label_N = batch["label"]
        return e2e.loss(module(batch), text_KE.to(label_N.device)[label_N])

    return regression


def complexity(module: Rest | E2E, batch: Mapping[str, npt.NDArray[Any]]) -> dict[str, int]:
    """`macs`, multiply-accumulates of one clip, and `parameters`; the batch holds one clip."""
    clip = {name: torch.from_numpy(array) for name, array in batch.items() if name != "label"}
    return {"macs": encoder_cost.macs(module, clip), "parameters": dense.num_params(module)}


class _WarmUp(nn.Module):
    """A frame encoder, and a linear layer over the mean of a clip's tokens."""

    def __init__(self, encoder: FrameEncoder, num_classes: int) -> None:
        super().__init__()
        self.frames = encoder
        self.head = nn.Linear(encoder.dim, num_classes)

    def forward(self, x_NTCHW: Tensor) -> Tensor:
        """logit_NK."""
        logit_NK: Tensor = self.head(self.frames(x_NTCHW).mean(dim=1))
        return logit_NK


def _class_loss(module: nn.Module, batch: Batch) -> tuple[Tensor, Batch]:
    logit_NK = module(batch["x"]).float()
    loss = nn.functional.cross_entropy(logit_NK, batch["label"])
    return loss, {"accuracy": (logit_NK.argmax(dim=1) == batch["label"]).float().mean()}


def _frames(plan: Plan) -> FrameEncoder:
    assert plan.frames is not None
    return frames.build(plan.frames, channels_last=plan.channels_last, checkpoint_gradients=plan.checkpoint_gradients)
