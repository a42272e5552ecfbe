"""Where a trained ResT looks when it is shown a clip and its class's name, the last word hidden."""

# Shapes: N clips, L = 1 + S + W tokens ([CLS], visual ones, words), R = 1 + W rows, H heads.
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pipeline.models.rest.model import Rest
from pipeline.models.rest.tokens import MASK, Vocabulary
from pipeline.training.determinism import deterministic

Floats = npt.NDArray[np.float32]
HIDDEN = "[MASK]"


@dataclass(frozen=True, eq=False)
class Attended:
    """Attention of the last layer, the mean over its heads, from [CLS] and from each word.

    Rows do not sum to 1: what a token gives to [CLS] and to itself is left out, or stands with the words.
    """

    rows: list[str]  # "[CLS]", then the words
    visual_RS: Floats
    words_RW: Floats


def attended(
    module: Rest, arrays: Mapping[str, npt.NDArray[Any]], name: str, vocabulary: Vocabulary | None, num_threads: int
) -> Attended:
    """The attention of one clip; `arrays` is a batch of it alone. DataError for a model without attention."""
    batch = {key: torch.from_numpy(array) for key, array in arrays.items() if key != "label"}
    words: list[str] = []
    if vocabulary is not None:
        numbers = vocabulary.encode(name)
        words = [*(vocabulary.words[number - MASK - 1] for number in numbers[:-1]), HIDDEN]
        batch["words"] = torch.tensor([[*numbers[:-1], MASK]])
    with deterministic(0, num_threads), torch.inference_mode():
        weight_LL = module.eval().attention(batch)[-1][0].mean(dim=0).numpy()
    num_words = len(words)
    asking = [0, *range(len(weight_LL) - num_words, len(weight_LL))]
    visual = slice(1, len(weight_LL) - num_words)
    return Attended(["[CLS]", *words], weight_LL[asking, visual], weight_LL[asking, len(weight_LL) - num_words :])
