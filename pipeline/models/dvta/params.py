"""Parameters of DVTA: every switch between the paper's equations and the released code, and the ablations."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.core.params import Params
from pipeline.models.gradient_training import WarmupParams


class SdeParams(Params):
    """Semantic Description Enhancement: each clip blends the texts of a class by attention (eq. 3)."""

    query: Literal["clip", "column"]  # in training, of pair (i, j): clip i, or (released code) clip j, whose text it is
    keys: Literal["projected", "raw"]  # the texts after their projector (eq. 3), or (released code) before it
    measure: Literal["product", "cosine"]  # of query and key; the paper's is the product
    scale: Literal["width"] | Annotated[float, Field(gt=0)]  # times it: 1 / sqrt(h) (eq. 3), or (released code) 1.0


class AugmentedParams(Params):
    """Augmented alignment, by a deep metric network (eq. 6)."""

    activation: Literal["none", "sigmoid", "leaky_sigmoid"]  # of its output
    gamma: float | None = Field(gt=0, lt=1)  # slope of LeakySigmoid below 0 (eq. 7), 0.01 in the paper; else null
    detached: bool  # true (released code): its loss trains the metric alone, not the projectors

    @model_validator(mode="after")
    def _slope(self) -> "AugmentedParams":
        if (self.gamma is not None) != (self.activation == "leaky_sigmoid"):
            raise ValueError("gamma belongs to leaky_sigmoid: give it there, and null for others")
        return self


class TemperatureParams(Params):
    """What cosines and metrics are divided by; it is learnt."""

    start: float = Field(gt=0)  # 0.1 in the paper
    shared: bool  # one for both alignments (the paper prints one), or one each (released code)
    positive: bool  # learnt as a logarithm; false (released code): the number itself, which nothing keeps above 0


class KldParams(Params):
    """KL(target || softmax) over a batch, from clips to texts and back (eqs. 5 and 10)."""

    name: Literal["kld"]
    target: Literal["uniform", "softmax"]  # positives alike and nothing else, or (released code) softmax(10 x {0, 1})
    directions: Literal["sum", "mean"]  # the paper adds both directions, the released code halves the sum


class InfoNceParams(Params):
    """Cross entropy of each clip's own text among those of the batch, and back: clips of its class are negatives."""

    name: Literal["info_nce"]
    directions: Literal["sum", "mean"]


class SoftmaxCeParams(Params):
    """Cross entropy of each clip's class among all training classes; nothing from texts to clips."""

    name: Literal["softmax_ce"]


LossParams = Annotated[KldParams | InfoNceParams | SoftmaxCeParams, Field(discriminator="name")]


class DvtaParams(WarmupParams):
    """Networks, loss and optimiser. The paper: lr 1e-5, no decay, batches of 128, 100 epochs of some 300 batches each.

    No epochs warm up there, 15 in the released code. A few hundred clips make a hundredth of those steps, so small
    datasets need a larger lr or more epochs.
    """

    texts: list[str] = Field(min_length=1)  # of a class, as types of text; the first alone is "w/o SDE" of the tables
    centre: Literal["none", "seen"]  # of each text: less its mean over the training classes
    visual: Literal["deep", "linear"]  # projector of clips (eq. 2); linear: "w/o DA" of the tables
    text: Literal["linear", "none"]  # projector of texts (eq. 2)
    sde: SdeParams | None  # null: several texts of a class count alike for every clip
    direct: bool  # alignment by cosines (eq. 4)
    augmented: AugmentedParams | None  # null: direct alignment alone
    temperature: TemperatureParams
    combine: Literal["probabilities", "logits"]  # mean of two softmaxes (eq. 9), or one softmax of the sum (released)
    loss: LossParams

    @model_validator(mode="after")
    def _fits(self) -> "DvtaParams":
        if not (self.direct or self.augmented):
            raise ValueError("expected direct: true, or augmented, or both: nothing is aligned")
        if len(set(self.texts)) != len(self.texts):
            raise ValueError("expected each of texts once")
        if self.sde and len(self.texts) == 1:
            raise ValueError("sde has nothing to blend with one of texts: give several, or sde: null")
        if self.sde and self.sde.keys == "projected" and self.text == "none":
            raise ValueError("sde: keys: projected needs text: linear; without a projector the keys are raw")
        if self.by_column and self.loss.name == "softmax_ce":
            raise ValueError("sde: query: column needs a clip for each text, and softmax_ce has texts without clips")
        return self

    @property
    def by_column(self) -> bool:
        """Whether in training each text is blended for a clip of its class, not for the clip it is compared with."""
        return self.sde is not None and self.sde.query == "column"
