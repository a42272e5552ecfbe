"""The whole model again, in float64, from the paper's equations and NumPy alone."""

import math

import numpy as np
import pytest

from pipeline.models.rest.model import Rest
from pipeline.models.rest.tokens import MASK, PAD
from tests.models.rest.conftest import model, params

_erf = np.vectorize(math.erf)
EPSILON = 1e-5  # of layer norms


def norm(z, weight, bias):
    return (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + EPSILON) * weight + bias


def gelu(z):
    return z * (1 + _erf(z / math.sqrt(2))) / 2


class ByHand:
    """One clip at a time, one token at a time."""

    def __init__(self, made: Rest, num_heads: int) -> None:
        self.weights = {name: value.double().numpy() for name, value in made.state_dict().items()}
        self.num_heads = num_heads

    def linear(self, z, name):
        return z @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, z, name):
        return norm(z, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def head(self, z, name):
        return self.linear(gelu(self.linear(z, f"{name}.0")), f"{name}.2")

    def attended(self, z_LD, may_attend, layer):
        query, key, value = np.split(self.linear(z_LD, f"{layer}.inward"), 3, axis=1)
        size = z_LD.shape[1] // self.num_heads
        found = np.zeros_like(z_LD)
        for head in range(self.num_heads):
            part = slice(head * size, (head + 1) * size)
            for row in range(len(z_LD)):
                columns = [column for column in range(len(z_LD)) if may_attend(row, column)]
                score = np.exp(key[columns, part] @ query[row, part] / math.sqrt(size))
                found[row, part] = score @ value[columns, part] / score.sum()
        return self.linear(found, f"{layer}.outward")

    def __call__(self, x_SD, ids, scheme):
        """Class logits and word logits of one clip."""
        own = self.weights
        frames = (
            self.norm(self.linear(x_SD, "trunk.project.0"), "trunk.project.1") + own["trunk.position_SD"][: len(x_SD)]
        )
        words = own["trunk.word.weight"][ids] + own["trunk.place_WD"][: len(ids)]
        z_LD = np.concatenate([own["trunk.cls_D"][None], frames, words])
        first_word = 1 + len(x_SD)

        def may_attend(row, column):
            if column >= first_word and ids[column - first_word] == PAD:
                return False
            return scheme == "cross" or column < first_word or (row >= first_word and column <= row)

        for number in range(2):
            layer = f"trunk.layers.{number}"
            z_LD = self.norm(self.attended(z_LD, may_attend, layer) + z_LD, f"{layer}.norm_attention")
            changed = self.linear(gelu(self.linear(z_LD, f"{layer}.up")), f"{layer}.down")
            z_LD = self.norm(changed + z_LD, f"{layer}.norm_mlp")
        clip = self.norm(z_LD[0], "norm")
        return self.head(clip, "classes"), self.head(z_LD[first_word:], "words")


@pytest.mark.parametrize("scheme", ["single", "cross"])
def test_the_model_is_that_of_the_equations(scheme, tokens):
    made = model(attention=scheme)
    by_hand = ByHand(made, params().num_heads)
    output = made(tokens)
    assert (tokens["words"] == MASK).any()
    assert (tokens["words"] == PAD).any()
    for clip in range(4):
        ids = tokens["words"][clip].numpy()
        classes, words = by_hand(tokens["x"][clip].double().numpy(), ids, scheme)
        np.testing.assert_allclose(output.class_logit_NK[clip].detach(), classes, rtol=1e-4, atol=1e-5)
        known = ids != PAD
        np.testing.assert_allclose(output.word_logit_NWV[clip].detach()[known], words[known], rtol=1e-4, atol=1e-5)
