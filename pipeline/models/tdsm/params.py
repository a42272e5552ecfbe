"""Parameters of TDSM: its network, training and scoring."""

import math

from pydantic import Field, model_validator

from pipeline.core.params import Params
from pipeline.models.feature_transform import FeatureForm
from pipeline.models.gradient_training import RoundSchedule
from pipeline.models.methods.shared import Centre, MethodParams, TextType


class NoiseParams(Params):
    """How much noise is mixed in, from little at step 0 on; the released code takes Stable Diffusion's, in 50 steps."""

    steps: int = Field(ge=2)
    first: float = Field(gt=0, lt=1)  # share of the variance that the first step replaces by noise
    last: float = Field(gt=0, lt=1)  # and the last; between them the roots lie evenly


class TdsmParams(MethodParams):
    """Texts, network, loss, AdamW and scoring. A candidate is the state after every `keep_every` steps."""

    texts: list[TextType] = Field(min_length=1)  # of a class, a token each
    centre: Centre  # of each text
    features: FeatureForm  # raw in the released code
    width: int = Field(ge=2)  # of a token
    depth: int = Field(ge=1)
    heads: int = Field(ge=1)
    noise: NoiseParams
    margin: float = Field(gt=0)  # by which a wrong text's error should be the larger; who says no noise errs by 1
    triplet_weight: float = Field(ge=0)  # of that, beside the error under the right text
    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    batch_size: int = Field(ge=2)
    steps: int = Field(ge=1)
    warmup_steps: int = Field(ge=0)  # from lr 0; then along half a cosine towards 0
    keep_every: int = Field(ge=1)
    score_step: int = Field(ge=0)  # of the noise, at which clips are scored
    num_noises: int = Field(ge=1)  # over which a score is averaged; the same for all clips

    @model_validator(mode="after")
    def _fits(self) -> "TdsmParams":
        if self.width % self.heads:
            raise ValueError("expected width to be a multiple of heads")
        if self.steps % self.keep_every:
            raise ValueError("expected steps to be a multiple of keep_every")
        if self.warmup_steps >= self.steps:
            raise ValueError("expected fewer warmup_steps than steps")
        if self.score_step >= self.noise.steps:
            raise ValueError("expected score_step below the steps of noise")
        return self

    @property
    def schedule(self) -> RoundSchedule:
        """Rounds of `keep_every` steps, one candidate model each."""
        num_rounds = self.steps // self.keep_every
        return RoundSchedule(num_rounds, self.keep_every, self.batch_size, self.rate, self.weight_decay)

    def rate(self, step: int) -> float:
        """The learning rate of a step, from 0."""
        if step < self.warmup_steps:
            return self.lr * step / self.warmup_steps
        done = (step - self.warmup_steps) / (self.steps - self.warmup_steps)
        return self.lr * (1 + math.cos(math.pi * done)) / 2

    @property
    def settings(self) -> list[str]:
        """The steps after which the state is kept."""
        return [str(step) for step in range(self.keep_every, self.steps + 1, self.keep_every)]

    @property
    def setting_name(self) -> str:
        """Settings are steps."""
        return "step"
