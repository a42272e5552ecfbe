"""A small ResT, and batches for it."""

import numpy as np
import pytest
import torch

from pipeline.models.rest import frames
from pipeline.models.rest.inputs import ModelSizes
from pipeline.models.rest.model import Rest
from pipeline.models.rest.recurrent import RecurrentParams
from pipeline.models.rest.tokens import Vocabulary, mask_words
from pipeline.models.rest.transformer import TransformerParams

NAMES = ["brush hair", "clap", "throw ball", "sit down"]
SMALL = {"name": "small", "widths": [6, 8], "group": 1, "weights": None, "learns": True}
TRANSFORMER = {
    "kind": "transformer",
    "dim": 16,
    "num_layers": 2,
    "num_heads": 4,
    "mlp_dim": 24,
    "dropout": 0.0,
    "attention": "single",
    "represents": "cls",
}
PAPERS = {"dim": 768, "num_layers": 12, "num_heads": 12, "mlp_dim": 3072, "dropout": 0.1}  # transformer
RECURRENT = {"kind": "lstm", "dim": 16, "num_layers": 1, "dropout": 0.0}


def encoder(*, channels_last=False, checkpoint_gradients=False, **changes):
    torch.manual_seed(0)
    params = frames.FrameParams(**{**SMALL, **changes})
    return frames.build(params, channels_last=channels_last, checkpoint_gradients=checkpoint_gradients)


def sizes(token_dim, **changes):
    vocabulary = Vocabulary.of(NAMES)
    found = {"token_dim": token_dim, "max_tokens": 6, "places": False, "num_classes": len(NAMES)}
    found |= {"num_words": len(vocabulary), "max_words": vocabulary.max_words}
    return ModelSizes(**{**found, **changes})


def params(**changes):
    if changes.get("kind", "transformer") == "transformer":
        return TransformerParams(**{**TRANSFORMER, **changes})
    return RecurrentParams(**{**RECURRENT, **changes})


def model(net=None, size=None, seed=0, **changes):
    """On stored tokens of 5 numbers where no net is given."""
    torch.manual_seed(seed)
    return Rest(params(**changes), net, size or sizes(5 if net is None else net.dim)).eval()


@pytest.fixture
def tokens():
    """Stored tokens of four clips, with words of which some are masked."""
    ids = Vocabulary.of(NAMES).table(NAMES)
    rng = np.random.default_rng(0)
    inputs, targets = zip(*(mask_words(ids_L, rng, 0.15) for ids_L in ids), strict=True)
    return {
        "x": torch.randn(4, 6, 5, generator=torch.Generator().manual_seed(1)),
        "words": torch.from_numpy(np.stack(inputs)),
        "word_targets": torch.from_numpy(np.stack(targets)),
        "label": torch.arange(4),
    }


@pytest.fixture
def pictures():
    """Frames of four clips."""
    return torch.randint(0, 256, (4, 6, 3, 16, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
