"""What image-text training minimises: InfoNCE, the loss of graph negatives, and the error of rebuilt patches.

Every loss is a mean over the items it is given. With several processes the caller joins the vectors of all of them
first (with their gradients), so that the loss is that of the whole batch.
"""

# Shapes: N items, D size of a vector, K negatives of an item, S patches of an item, Q values of a patch.
import math

import torch
from torch import Tensor
from torch.nn import functional

Scale = Tensor | float


def info_nce(image_ND: Tensor, text_ND: Tensor, scale: Scale, left_out_NN: Tensor | None = None) -> Tensor:
    """Mean over both directions of the cross entropy of `scale` x cosine; item i of both belongs together (eq. 2, 5).

    Equation 5 of Action-SGFA adds the two directions where this is their mean, half of it: under Adam the same
    training. `left_out_NN` is True where items i and j are no negatives of each other; an item and itself always count.
    Vectors may have any length. Computed in float32 at least, also inside autocast.
    """
    with torch.autocast(image_ND.device.type, enabled=False):
        logits_NN = without(scale * (_unit(image_ND) @ _unit(text_ND).T), left_out_NN)
        own_N = torch.arange(len(logits_NN), device=logits_NN.device)
        there, back = functional.cross_entropy(logits_NN, own_N), functional.cross_entropy(logits_NN.T, own_N)
        return (there + back) / 2


def without(value_NN: Tensor, left_out_NN: Tensor | None) -> Tensor:
    """The values of all pairs, -inf where a pair is left out and not an item's own."""
    if left_out_NN is None:
        return value_NN
    own_NN = torch.eye(len(value_NN), dtype=torch.bool, device=value_NN.device)
    return value_NN.masked_fill(left_out_NN & ~own_NN, -math.inf)


def graph_negatives(image_ND: Tensor, text_ND: Tensor, negative_NKD: Tensor, has_NK: Tensor, scale: Scale) -> Tensor:
    """Each caption against each of its negatives: -log(e^(a s+) / (e^(a s+) + e^(a s-))), s cosines, a the `scale`.

    With scale 1 and one negative an item it is equation 3 of Action-SGFA. That equation sums over triples of picture,
    caption and negative, so several negatives enter as pairs, not as one softmax over all of them, whose value without
    any knowledge would grow with their number. The mean is taken over an item's negatives and then over the items that
    have any, so that every picture weighs alike. `has_NK` is False at padding; a batch without negatives gives 0.

    The gradient towards s+ is -a / (1 + e^(a (s+ - s-))). At scale 1 that is -0.43 where the caption leads by 0.3 and
    -0.57 where the negative does: nearly the same pull however right the pair is. At scale 100 it is -1e-11 and -100.
    """
    with torch.autocast(image_ND.device.type, enabled=False):
        image_ND = _unit(image_ND)
        right_N1 = (image_ND * _unit(text_ND)).sum(dim=1, keepdim=True)
        wrong_NK = (image_ND[:, None] * _unit(negative_NKD.masked_fill(~has_NK[:, :, None], 0))).sum(dim=2)
        pair_NK = functional.softplus(scale * (wrong_NK - right_N1)).masked_fill(~has_NK, 0)
        item_N = pair_NK.sum(dim=1) / has_NK.sum(dim=1).clamp(min=1)
        return item_N.sum() / has_NK.any(dim=1).sum().clamp(min=1)


def reconstruction(predicted_NSQ: Tensor, target_NSQ: Tensor, masked_NS: Tensor | None) -> Tensor:
    """Mean squared error of a patch, its mean over the masked patches of all items (None: over all patches).

    As in MAE every masked patch weighs alike, whichever item it belongs to; with nothing masked the loss is 0.
    """
    error_NS = (predicted_NSQ.to(target_NSQ.dtype) - target_NSQ).square().mean(dim=2)
    if masked_NS is None:
        return error_NS.mean()
    return error_NS.masked_fill(~masked_NS, 0).sum() / masked_NS.sum().clamp(min=1)


def _unit(vector: Tensor) -> Tensor:
    """Vectors of length 1, of float32 or float64."""
    return functional.normalize(vector.to(torch.promote_types(vector.dtype, torch.float32)), dim=-1)
