"""Which share of what was learnt is kept, and that a real architecture learns."""

from pathlib import Path

import numpy as np
import torch

from pipeline.core.batches import Arrays, Rows
from pipeline.core.seeds import generator
from pipeline.models import clip as clips
from pipeline.training import loop
from pipeline.training.finetune import Mixing, Plan, chosen, train
from pipeline.training.probe import Probe

SHARES = Mixing(shares=[0.25, 0.5, 1.0], max_loss=0.1)
START = {"told_apart": 0.5, "retention": 0.8}


def rows(*figures: tuple[float, float]) -> list[dict[str, float]]:
    return [{"told_apart": told_apart, "retention": retention} for told_apart, retention in figures]


def test_the_share_that_tells_most_apart_without_forgetting_is_kept() -> None:
    assert chosen(START, rows((0.6, 0.8), (0.7, 0.7), (0.9, 0.5)), SHARES) == 1


def test_of_equals_the_smallest_share_is_kept() -> None:
    assert chosen(START, rows((0.7, 0.8), (0.7, 0.9), (0.7, 0.8)), SHARES) == 0


def test_where_all_forget_the_one_that_retains_most_is_kept() -> None:
    assert chosen(START, rows((0.6, 0.3), (0.7, 0.4), (0.9, 0.2)), SHARES) == 1


def test_without_general_pairs_nothing_can_be_forgotten() -> None:
    start = {"told_apart": 0.5}
    assert chosen(start, [{"told_apart": 0.6}, {"told_apart": 0.8}, {"told_apart": 0.7}], SHARES) == 1


def test_more_loss_allowed_keeps_more() -> None:
    allowing = Mixing(shares=[0.25, 0.5, 1.0], max_loss=0.4)
    assert chosen(START, rows((0.6, 0.8), (0.7, 0.7), (0.9, 0.5)), allowing) == 2


class Pictures:
    """A source of one step of random pictures with captions, false ones and boxes."""

    def __init__(self, clip: clips.Clip, num: int) -> None:
        random = generator(0, "pictures")
        self.clip, self.rows = clip, np.arange(num)
        self.frames = random.integers(0, 255, (num, 1, clip.height, clip.width, 3), dtype=np.uint8)

    def steps(self, seed: int, epoch: int) -> list[Rows]:
        return [self.rows]

    def names(self, rows: Rows) -> list[str]:
        return [str(row) for row in rows.tolist()]

    def read(self, rows: Rows, seed: int) -> Arrays:
        num = len(rows)
        return {
            "frames": self.frames[rows],
            "tokens": self.clip.tokenizer([f"a dog beside {row} cats" for row in rows]),
            "negatives": self.clip.tokenizer([f"{row} cats beside no dog" for row in rows])[:, None],
            "has_negative": np.ones((num, 1), np.bool_),
            "action_boxes": np.full((num, 1, 1, 4), (0.1, 0.1, 0.6, 0.7), np.float32),
            "has_graph": np.ones(num, np.bool_),
            "rows": rows,
        }


def test_an_architecture_of_open_clip_trains_two_steps_with_all_losses(tmp_path: Path) -> None:
    (tmp_path / "start.json").write_text('{"architecture": "ViT-B-32", "pretrained": null, "checkpoint": null}')
    clip = clips.start(tmp_path / "start.json")
    masked = {"masking": "graph", "share": 0.5, "ratio": 0.75, "masked_input": "dropped"}
    decoder = {"dim": 64, "depth": 1, "heads": 2}
    plan = Plan.model_validate(
        {
            "objective": {
                "pooling": "mean_unit",
                "negatives": {"weight": 1.0, "scale": "logit"},
                "reconstruction": {"weight": 1.0, "autoencoder": {**masked, "decoder": decoder}},
            },
            "learns": {"freeze": "none", "lora": {"image": None, "text": None}},
            "checkpoint_gradients": False,
            "mixing": None,
            "training": {
                "optimizer": {"name": "sgd", "lr": 0.01, "weight_decay": 0.0, "momentum": 0.9},
                "schedule": "cosine",
                "num_epochs": 2,
                "warmup_epochs": 0,
                "patience": 2,
                "batch_size": 2,
                "accumulate": 1,
                "clip_norm": 1.0,
                "ema": None,
                "precision": "32",
                "num_threads": 1,
                "devices": 1,
            },
        }
    )
    before = {name: weight.detach().clone() for name, weight in clip.named_parameters() if "resblocks" not in name}
    running = loop.Running(num_workers=0, queue_length=1, checkpoint_every=None)
    probe = Probe([], [], lambda pair: np.zeros((1, 1, 3), np.uint8))
    tuned, _ = train(
        clip, plan, Pictures(clip, 2), probe, running, seed=0, what="ViT-B-32", resume=tmp_path / "unfinished"
    )
    assert [row["epoch"] for row in tuned.history] == [0, 1, 2]
    for row in tuned.history[1:]:
        assert all(np.isfinite(row[name]) for name in ("loss", "contrastive", "negatives", "reconstruction"))
    now = dict(clip.named_parameters())
    assert not torch.equal(now["model.visual.conv1.weight"], before["model.visual.conv1.weight"])
    assert not torch.equal(now["model.text.text_projection"], before["model.text.text_projection"])
