"""How the autoencoders are trained, in cycles of steps, and then the final classifier."""

from pydantic import Field, model_validator

from pipeline.core.params import Params
from pipeline.models.feature_transform import FeatureForm
from pipeline.models.gradient_training import RoundSchedule
from pipeline.models.methods.shared import MethodParams


class RampParams(Params):
    """A weight that grows within every cycle: weight x (step - start) / over, once the step is past `after`."""

    weight: float = Field(ge=0)
    over: int = Field(ge=1)
    start: int = Field(ge=0)
    after: int = Field(ge=0)
    first_cycle: int = Field(ge=1)  # 0 in the cycles before

    @model_validator(mode="after")
    def _grows(self) -> "RampParams":
        if self.after < self.start:
            raise ValueError("expected after to be start or later: the weight would begin below 0")
        return self

    def at(self, cycle: int, step: int) -> float:
        """The weight; cycles and steps from 0."""
        if step <= self.after or cycle + 1 < self.first_cycle:
            return 0.0
        return self.weight * (step - self.start) / self.over


class CrossParams(Params):
    """Reconstruction of texts from clips and of clips from texts."""

    weight: float = Field(ge=0)
    after: int = Field(ge=0)  # the steps of a cycle without it

    def at(self, step: int) -> float:
        """The weight at a step of a cycle, from 0."""
        return self.weight if step > self.after else 0.0


class ClassifierParams(Params):
    """The final classifier, trained for the classes to be told apart."""

    num_samples: int = Field(ge=1)  # text latents drawn for each class
    lr: float = Field(gt=0)
    num_steps: int = Field(ge=1)  # with all samples in each


class VaeParams(MethodParams):
    """Autoencoders, weights of the loss, Adam, and the final classifier. A candidate is the state after a cycle."""

    latent_dim: int = Field(ge=1)
    shared_noise: bool  # true (released code): one draw for all numbers of a latent; false: one each
    rectified: bool  # true (released code): decoders and the final classifier end in a ReLU
    features: FeatureForm  # raw in the released code
    lr: float = Field(gt=0)
    batch_size: int = Field(ge=2)
    cycles: int = Field(ge=1)
    steps: int = Field(ge=1)  # of a cycle, one batch each
    clip_kl: RampParams
    text_kl: RampParams
    cross: CrossParams
    classifier: ClassifierParams

    @property
    def schedule(self) -> RoundSchedule:
        """One round a cycle."""
        return RoundSchedule(self.cycles, self.steps, self.batch_size, lambda _: self.lr, weight_decay=0.0)

    @property
    def settings(self) -> list[str]:
        """The cycles, from 1."""
        return [str(cycle) for cycle in range(1, self.cycles + 1)]

    @property
    def setting_name(self) -> str:
        """Settings are cycles."""
        return "cycle"
