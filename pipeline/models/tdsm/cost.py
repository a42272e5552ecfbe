"""What a clip costs, computed from the sizes of the layers."""

from typing import cast

from torch import nn

from pipeline.models.tdsm.network import Block, Denoiser, Stream


def macs(model: Denoiser) -> int:
    """Multiply-accumulates of one clip under the texts of one class, for one noise.

    What depends on class and step alone (embedded texts, adaptive layer norms) is not counted.
    """
    width, num_texts = model.places.shape[1], len(model.places)
    products = 2 * (1 + num_texts) ** 2 * width  # of queries and keys, and of what they weigh
    total = model.inward.weight.numel() + model.outward.weight.numel()
    for block in model.blocks:
        streams = cast(Block, block)
        total += _of_token(streams.clip) + num_texts * _of_token(streams.text) + products
    return total


def _of_token(stream: Stream) -> int:
    layers: list[nn.Linear] = [stream.inward, stream.outward, stream.up, stream.down]
    return sum(layer.weight.numel() for layer in layers)
