"""CLIP and decoder after one step of plain descent in float64, for tests that compare one process with two.

python -m tests.training.joined FOLDER WHAT...: names of CASES.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from pipeline.core.batches import Memory
from pipeline.core.params import parse
from pipeline.models import checkpoint, lora, open_clips
from pipeline.models.clip import Clip
from pipeline.training import loop, ranks
from pipeline.training.image_text import ImageTextModel, Objective, loss_of
from tests.training.trainee import DEVICES, PARAMS

ARCHITECTURE = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 16, "patch_size": 4, "layers": 1, "width": 16, "head_width": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "layers": 1, "width": 8, "heads": 2},
}
DECODER = {"dim": 16, "depth": 1, "heads": 2}
# Every patch that meets a box is hidden, so nothing is drawn.
HIDDEN = {"decoder": DECODER, "masking": "graph", "share": 0.5, "ratio": 1.0, "masked_input": "mask_token"}
PLAIN = {**HIDDEN, "masking": "none"}
CASES = {  # rows with a graph, of seven: rank 0 has the even ones; and what the decoder rebuilds
    "mixed": ((0, 1, 2, 3, 4), HIDDEN),
    "a rank without graphs": ((0, 2, 4), HIDDEN),
    "nothing hidden": ((0, 1, 2, 5), PLAIN),
    "no graphs": ((), HIDDEN),
}


def objective(case: str) -> Objective:
    rebuilt = {"weight": 0.7, "autoencoder": CASES[case][1]}
    negatives = {"weight": 2.0, "scale": "logit"}
    return parse(Objective, {"pooling": "central", "negatives": negatives, "reconstruction": rebuilt}, "objective")


def arrays(case: str) -> dict[str, np.ndarray]:
    """Seven clips of two frames; items differ in their boxes and in the number of what is false of them."""
    random = np.random.default_rng(5)
    has_graph = np.isin(np.arange(7), CASES[case][0])
    corner, size = random.uniform(0, 0.5, (7, 2, 1, 2)), random.uniform(0.1, 0.5, (7, 2, 1, 2))
    return {
        "frames": random.integers(0, 255, (7, 2, 16, 16, 3), dtype=np.uint8),
        "tokens": tokens(random, 7),
        "negatives": np.stack([tokens(random, 7), tokens(random, 7)], axis=1),
        "has_negative": has_graph[:, None] & (np.arange(7)[:, None] % 3 >= [0, 1]),
        "action_boxes": np.concatenate([corner, corner + size], axis=3).astype(np.float32),
        "has_graph": has_graph,
    }


def tokens(random: np.random.Generator, num: int) -> np.ndarray:
    """Texts of five words and their end, which has the highest number."""
    found = np.zeros((num, 8), np.int64)
    found[:, :5], found[:, 5] = random.integers(1, 60, (num, 5)), 63
    return found


def learner(case: str) -> ImageTextModel:
    torch.manual_seed(0)
    clip = Clip(ARCHITECTURE, open_clips.build(ARCHITECTURE, None), None)
    plain = {"freeze": "none", "lora": {"image": None, "text": None}}
    lora.prepare(clip.model, parse(lora.Params, plain, "learns"))
    return ImageTextModel(clip, objective(case)).double()


def stepped(case: str) -> ImageTextModel:
    module, sgd = learner(case), {"name": "sgd", "lr": 0.1, "weight_decay": 0.0, "momentum": 1e-12}
    changes = {"optimizer": sgd, "num_epochs": 1, "warmup_epochs": 0, "accumulate": 1, "clip_norm": None, "ema": None}
    params = parse(loop.Params, {**PARAMS, **changes, "devices": DEVICES}, "training")
    running = loop.Running(num_workers=0, queue_length=1, checkpoint_every=None)
    data = Memory(arrays(case), 7, shuffled=False)
    loop.fit(module, data, None, loss_of(objective(case)), params, running, seed=0, watch=None, what="t")
    return module


if __name__ == "__main__":
    for name in sys.argv[2:]:
        trained = stepped(name)
        if ranks.leads():
            checkpoint.save(Path(sys.argv[1]) / f"{name}.safetensors", trained, {})
