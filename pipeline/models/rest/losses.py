"""What ResT minimises: cross entropy of the class, plus `mlm` times that of the masked words (paper 3.2.4)."""

# Shapes: N clips, W words, M = N W, K classes, V words of the vocabulary.
import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from pipeline.core import params as core_params
from pipeline.models.rest.model import Output
from pipeline.models.rest.tokens import NO_TARGET


class LossParams(core_params.Params):
    """Which tasks are trained (Table 3b), and how many words are hidden."""

    cls: bool
    mlm: float | None = Field(gt=0)  # weight of the words' loss, omega; null: not trained
    mask_share: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _some_task(self) -> "LossParams":
        if not self.cls and self.mlm is None:
            raise ValueError("nothing to learn: set cls to true, or mlm to a weight")
        return self


def loss(output: Output, batch: dict[str, Tensor], losses: LossParams) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss and, for the trained tasks, `accuracy` and `word_accuracy`: means over clips, in float32.

    The mean over a clip's masked words is taken first, so that every clip weighs alike, on one device or on several.
    """
    total, metrics = output.visual_ND.new_zeros((), dtype=torch.float32), {}
    if losses.cls:
        assert output.class_logit_NK is not None
        total = total + functional.cross_entropy(output.class_logit_NK.float(), batch["label"])
        metrics["accuracy"] = (output.class_logit_NK.argmax(dim=1) == batch["label"]).float().mean()
    if losses.mlm is not None:
        assert output.word_logit_NWV is not None
        target_NW = batch["word_targets"]
        logit_NWV = output.word_logit_NWV.float()
        # Flattened: the GPU's loss over two axes adds in no fixed order, and would be refused.
        error_M = functional.cross_entropy(
            logit_NWV.flatten(0, 1), target_NW.flatten(), ignore_index=NO_TARGET, reduction="none"
        )
        error_NW = error_M.reshape(target_NW.shape)
        total = total + losses.mlm * _mean_of_masked(error_NW, target_NW)
        metrics["word_accuracy"] = _mean_of_masked((logit_NWV.argmax(dim=2) == target_NW).float(), target_NW)
    return total, metrics


def _mean_of_masked(value_NW: Tensor, target_NW: Tensor) -> Tensor:
    masked_NW = target_NW != NO_TARGET
    return ((value_NW * masked_NW).sum(dim=1) / masked_NW.sum(dim=1)).mean()
