"""TDSM's network written down plainly in NumPy, one pair at a time, as the paper draws it."""

# Shapes: D feature size, H width, L tokens (the clip's first), S texts of a class.
import math

import numpy as np
import torch

from pipeline.models.tdsm.network import Denoiser


def network(dim=5, text_dims=(3, 4), width=8, depth=2, heads=2):
    """One in which nothing is 0, in float64."""
    torch.manual_seed(1)
    model = Denoiser(dim, text_dims, width=width, depth=depth, heads=heads).double()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.4)
    return model


def said(model, noisy_D, step, texts):
    """The noise (D) that the network says, of one clip under the texts (unit vectors) of one class."""
    weights = {name: value.detach().numpy() for name, value in model.named_parameters()}

    def layer(name, x):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    scaled = [text_T * math.sqrt(len(text_T)) for text_T in texts]
    pooled_H = layer("pooled.2", silu(layer("pooled.0", np.concatenate(scaled))))
    told_H = silu(layer("time.2", silu(layer("time.0", sinusoid(step)))) + pooled_H)
    words = [layer(f"words.{place}", text_T) + weights["places"][place] for place, text_T in enumerate(scaled)]
    token_LH = np.stack([layer("inward", noisy_D), *words])
    for number, block in enumerate(model.blocks):
        token_LH = changed(token_LH, told_H, lambda name, x, n=number: layer(f"blocks.{n}.{name}", x), block.heads)
    shift_H, scale_H = np.split(layer("modulation", told_H), 2)
    return layer("outward", normed(token_LH[0]) * (1 + scale_H) + shift_H)


def changed(token_LH, told_H, layer, heads):
    """The tokens after a block."""
    streams = ["clip", *["text"] * (len(token_LH) - 1)]
    told = [np.split(layer(f"{stream}.modulation", told_H), 6) for stream in streams]
    three = [
        layer(f"{stream}.inward", normed(x) * (1 + scale) + shift)
        for stream, x, (shift, scale, *_) in zip(streams, token_LH, told, strict=True)
    ]
    query, key, value = (np.stack(each) for each in zip(*(np.split(x, 3) for x in three), strict=True))
    size = len(told_H) // heads
    attended_LH = np.zeros_like(token_LH)
    for head in range(heads):
        own = slice(head * size, (head + 1) * size)
        logit_LL = query[:, own] @ key[:, own].T / math.sqrt(size)
        share_LL = np.exp(logit_LL) / np.exp(logit_LL).sum(axis=1, keepdims=True)
        attended_LH[:, own] = share_LL @ value[:, own]
    found = []
    for stream, x, attended, (_, _, gate, shift, scale, gate_layers) in zip(
        streams, token_LH, attended_LH, told, strict=True
    ):
        y = x + gate * layer(f"{stream}.outward", attended)
        inner = layer(f"{stream}.up", normed(y) * (1 + scale) + shift)
        found.append(y + gate_layers * layer(f"{stream}.down", gelu(inner)))
    return np.stack(found)


def sinusoid(step):
    """256 numbers."""
    frequency_F = np.array([10_000 ** (-place / 128) for place in range(128)])
    return np.concatenate([np.cos(step * frequency_F), np.sin(step * frequency_F)])


def silu(x):
    return x / (1 + np.exp(-x))


def gelu(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def normed(x):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-6)


def left(step, first, last, steps):
    """The share of a feature's variance that is left at a step, from 0."""
    product = 1.0
    for number in range(step + 1):
        root = math.sqrt(first) + (math.sqrt(last) - math.sqrt(first)) * number / (steps - 1)
        product *= 1 - root**2
    return product


def error(model, x_D, noise_D, share, step, texts):
    """Mean squared error of the noise said."""
    noisy_D = math.sqrt(share) * x_D + math.sqrt(1 - share) * noise_D
    return np.mean((said(model, noisy_D, step, texts) - noise_D) ** 2)
