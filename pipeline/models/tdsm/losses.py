"""What TDSM minimises: the error of the noise with the right text, and a triplet loss against wrong texts."""

# Shapes: B clips of a batch, D feature size, K training classes.
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.models.tdsm.network import Denoiser
from pipeline.models.tdsm.noise import add_noise


@dataclass(frozen=True)
class RandomInputs:
    """The random inputs of a batch."""

    noise_BD: Tensor
    step_B: Tensor  # of the diffusion
    wrong_B: Tensor  # any training class; where it is the clip's own class, the triplet loss is 0

    @staticmethod
    def of(x_BD: Tensor, num_steps: int, num_classes: int) -> "RandomInputs":
        """Drawn from torch's generator."""
        steps, wrong = (torch.randint(0, end, (len(x_BD),)) for end in (num_steps, num_classes))
        return RandomInputs(torch.randn_like(x_BD), steps, wrong)


def errors(
    model: Denoiser, x_BD: Tensor, label_B: Tensor, texts: Sequence[Tensor], share_R: Tensor, random: RandomInputs
) -> tuple[Tensor, Tensor]:
    """Errors (B) of the noise with the right and with the wrong text; `texts` (K, T) are of the training classes."""
    noisy_BD = add_noise(x_BD, random.noise_BD, share_R[random.step_B])
    label_2B = torch.cat([label_B, random.wrong_B])
    predicted_2BD = model(
        noisy_BD.repeat(2, 1), random.step_B.repeat(2), model.texts(texts).of(label_2B), torch.arange(len(label_2B))
    )
    right_B, wrong_B = (predicted_2BD - random.noise_BD.repeat(2, 1)).square().mean(dim=1).chunk(2)
    return right_B, wrong_B


def triplet(right_B: Tensor, wrong_B: Tensor, is_wrong_B: Tensor, margin: float) -> Tensor:
    """Mean of max(0, error with the right text - error with the wrong one + margin); 0 where both texts are one."""
    return ((right_B - wrong_B + margin).clamp(min=0) * is_wrong_B).mean()
