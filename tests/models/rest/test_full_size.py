"""The paper's ResT-18 itself: 16 frames of 224 x 224, 12 layers of 768, 664 classes."""

import torch

from pipeline.models.rest.losses import LossParams, loss
from pipeline.models.rest.model import Rest
from pipeline.models.rest.tokens import MASK, NO_TARGET
from tests.models.rest.conftest import PAPERS, encoder, params, sizes


def test_rest_18_takes_one_step_forward_and_back():
    torch.manual_seed(0)
    net = encoder(name="resnet18", widths=None)
    size = sizes(net.dim, max_tokens=16, num_classes=664, num_words=1000, max_words=6)
    made = Rest(params(**PAPERS), net, size).train()
    batch = {
        "x": torch.randint(0, 256, (1, 16, 3, 224, 224), dtype=torch.uint8),
        "words": torch.tensor([[MASK, 17, 4, 0, 0, 0]]),
        "word_targets": torch.tensor([[12] + [NO_TARGET] * 5]),
        "label": torch.tensor([5]),
    }
    output = made(batch)
    assert output.class_logit_NK.shape == (1, 664)
    assert output.word_logit_NWV.shape == (1, 6, 1000)
    total, _ = loss(output, batch, LossParams(cls=True, mlm=0.5, mask_share=0.15))
    total.backward()
    assert torch.isfinite(total)
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in made.parameters())
    assert net.net.get_parameter("conv1.weight").grad.any()
