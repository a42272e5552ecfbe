"""What a step of the transformers of clips costs against networks of their size; the figures stand in BENCHMARKS.md."""

import time
from collections.abc import Callable

import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn

from pipeline.models import open_clips, r2plus1d, vit

SMALL = {"num_frames": 16, "height": 48, "width": 64, "patch_frames": 4, "patch_height": 12, "patch_width": 16}
PICTURE = {"num_frames": 1, "height": 224, "width": 224, "patch_frames": 1, "patch_height": 16, "patch_width": 16}
OTHERWISE = {"sees": "pictures", "activation": "gelu", "first_norm": "patches", "pooling": "class", "drop_path": 0.0}
VISION = {"image_size": 224, "patch_size": 16, "layers": 12, "width": 384, "head_width": 48}
TEXT = {"context_length": 77, "vocab_size": 49408, "layers": 1, "width": 8, "heads": 2}


def step(network: nn.Module, x: Tensor) -> Callable[[], None]:
    """Forward and backward of one batch."""

    def work() -> None:
        network(x).square().sum().backward()
        network.zero_grad()

    return work


def by_turns(first: Callable[[], None], second: Callable[[], None], repeats: int = 4) -> float:
    """Processor time of the first in that of the second: the best of runs by turns, as other load can only add."""
    times: tuple[list[float], list[float]] = [], []
    for _ in range(repeats):
        for work, found in zip((first, second), times, strict=True):
            start = time.process_time()
            work()
            found.append(time.process_time() - start)
    return min(times[0]) / min(times[1])


def test_depth_vit_s_against_open_clips_tower_of_its_size(benchmark: BenchmarkFixture) -> None:
    """Goal: no more than 1.05 times the tower, which sees the same pictures in three colours."""
    encoder = vit.Encoder(vit.Params(**PICTURE, **OTHERWISE, dim=384, num_blocks=12, num_heads=8), 1)
    tower = open_clips.build({"embed_dim": 384, "vision_cfg": VISION, "text_cfg": TEXT}, None).visual
    ours = step(encoder, torch.rand(4, 1, 1, 224, 224))
    benchmark.extra_info["of_the_tower"] = round(by_turns(ours, step(tower, torch.rand(4, 3, 224, 224))), 2)
    benchmark.pedantic(ours, rounds=3)


def test_a_small_depth_vit_against_r2plus1d(benchmark: BenchmarkFixture) -> None:
    """Both on clips of the demo's size; goal: not slower."""
    x_NCTHW = torch.rand(32, 1, 16, 48, 64)
    encoder = vit.Encoder(vit.Params(**SMALL, **OTHERWISE, dim=96, num_blocks=3, num_heads=4), 1)
    convolutions = r2plus1d.Encoder(r2plus1d.Params(widths=[12, 24, 48, 96], dropout=0.3), 1)
    ours = step(encoder, x_NCTHW)
    benchmark.extra_info["of_r2plus1d"] = round(by_turns(ours, step(convolutions, x_NCTHW)), 2)
    benchmark.pedantic(ours, rounds=3)
