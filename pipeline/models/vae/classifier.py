"""The final classifier of CADA-VAE and SynSE: a linear map from latents to classes, trained on latents of their texts.

The order in which classes are given does not matter: each class draws its noise and first weights from the seed and its
own id, and training takes the classes in ascending order.
"""

# Shapes: K classes, S latents of each, P texts of a class, Z latent size.
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.models.gradient_training import torch_seeded
from pipeline.models.vae.network import sample_latents
from pipeline.models.vae.params import VaeParams

_GAIN = 0.5  # of the first weights, as in the released code

Latents = Sequence[tuple[Tensor, Tensor]]  # mean and log variance (K, Z) of each text of the classes


def trained(latents: Latents, class_ids: Sequence[int], params: VaeParams, seed: int) -> tuple[Tensor, Tensor]:
    """Weights (K, Z) and biases (K) that tell the classes apart, in their order."""
    order = np.argsort(np.asarray(class_ids))
    samples, weights = zip(
        *(_start([(m[k], v[k]) for m, v in latents], class_ids[k], params, seed) for k in order), strict=True
    )
    first_KZ = torch.stack(weights)
    bound = _GAIN * math.sqrt(6 / sum(first_KZ.shape))  # Xavier's
    weight_KZ, bias_K = _fitted(torch.stack(samples), bound * first_KZ, params)
    back = np.argsort(order)
    return weight_KZ[back], bias_K[back]


def _start(
    latents: Sequence[tuple[Tensor, Tensor]], class_id: int, params: VaeParams, seed: int
) -> tuple[Tensor, Tensor]:
    """Latents (S, Z) of one class, and its first weights (Z) between -1 and 1."""
    with torch_seeded(seed, "classifier", class_id):
        samples = [
            sample_latents(
                mean_Z, log_Z, torch.randn(params.classifier.num_samples, 1 if params.shared_noise else len(mean_Z))
            )
            for mean_Z, log_Z in latents
        ]
        sample_SZ = torch.cat(samples, dim=1)
        return sample_SZ, torch.rand(sample_SZ.shape[1]) * 2 - 1


def _fitted(sample_KSZ: Tensor, first_KZ: Tensor, params: VaeParams) -> tuple[Tensor, Tensor]:
    """Cross entropy by Adam, all samples in each step."""
    num_classes, num_samples, _ = sample_KSZ.shape
    sample_MZ = sample_KSZ.flatten(0, 1)
    label_M = torch.arange(num_classes).repeat_interleave(num_samples)
    weight_KZ, bias_K = first_KZ.clone().requires_grad_(), torch.zeros(num_classes, requires_grad=True)
    optimizer = torch.optim.Adam([weight_KZ, bias_K], lr=params.classifier.lr)
    for _ in range(params.classifier.num_steps):
        logit_MK = functional.linear(sample_MZ, weight_KZ, bias_K)
        optimizer.zero_grad()
        loss = functional.cross_entropy(logit_MK.relu() if params.rectified else logit_MK, label_M)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return weight_KZ.detach(), bias_K.detach()
