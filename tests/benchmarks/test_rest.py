"""ResT-18 on this machine: how pictures lie in memory, what sparing memory costs, and what reading films takes."""

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn

from pipeline.core.hashing import file_digest
from pipeline.core.params import parse
from pipeline.core.readers import Readers
from pipeline.formats import video
from pipeline.models.rest.tokens import Vocabulary
from pipeline.sources.hidden_words import HiddenWords
from pipeline.sources.video_clips import VideoClips, Videos, Window
from pipeline.training import rest_learning
from tests.core.table_rows import clip_row
from tests.steps import resting

NUM_CLIPS, NUM_FRAMES, SIDE = 2, 8, 112
NAMES = [f"throw ball {number}" for number in range(100)]
# The paper's transformer; frames by ResNet-18.
PLAN = {name: resting.ROW[name] for name in rest_learning.Plan.model_fields} | {
    "frames": {"name": "resnet18", "widths": None, "group": 1, "weights": None, "learns": True},
    "model": resting.ROW["model"] | {"dim": 768, "num_layers": 12, "num_heads": 12, "mlp_dim": 3072},
    "warmup": None,
}
WINDOW = {"num_frames": 16, "stride": 6, "short_side": 128, "crop": 112, "short": "repeat"}
NUM_FILMS, FILM = 16, (150, 256, 340, 3)  # as Kinetics' films at their usual size, 6 s of them
STEP_SECONDS = float(os.environ.get("STEP_SECONDS", "0.5"))  # of a step on four clips


def network(**changes: bool) -> tuple[nn.Module, Callable[[], Tensor]]:
    """ResT-18, and its loss on one batch."""
    torch.manual_seed(0)
    plan = parse(rest_learning.Plan, PLAN | changes, "plan")
    vocabulary = Vocabulary.of(NAMES)
    no_texts_KE = np.zeros((len(NAMES), 0), np.float32)
    rest_task = rest_learning.RestTask(NAMES, no_texts_KE, vocabulary, None, NUM_FRAMES, places=False)
    module = rest_learning.built(plan, rest_task).train()
    words_NW = torch.from_numpy(vocabulary.table(NAMES[:NUM_CLIPS]))
    batch = {
        "x": torch.randint(0, 256, (NUM_CLIPS, NUM_FRAMES, 3, SIDE, SIDE), dtype=torch.uint8),
        "label": torch.arange(NUM_CLIPS),
        "words": words_NW,
        "word_targets": words_NW,
    }
    loss_fn = rest_learning.loss_of(plan, no_texts_KE)
    return module, lambda: loss_fn(module, batch)[0]


def step_of(**changes: bool) -> Callable[[], None]:
    module, loss = network(**changes)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-5)

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def compared(plain: Callable[[], None], other: Callable[[], None], rounds: int = 5) -> tuple[float, float]:
    """Seconds of processor time of both, the best of a few: by turns, for other load on the machine meets both."""
    torch.set_num_threads(1)
    times: dict[Callable[[], None], list[float]] = {plain: [], other: []}
    for _ in range(1 + rounds):
        for run, found in times.items():
            start = time.process_time()
            run()
            found.append(time.process_time() - start)
    return min(times[plain][1:]), min(times[other][1:])


def megabytes_kept(loss: Callable[[], Tensor], module: nn.Module) -> int:
    """What a forward pass keeps for the backward one beside the weights; a tensor kept twice counts once."""
    weights = {weight.untyped_storage().data_ptr() for weight in module.parameters()}
    kept: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss()
    return round(sum(tensor.untyped_storage().nbytes() for tensor in kept.values()) / 2**20)


def test_a_step_with_channels_last_against_contiguous(benchmark: BenchmarkFixture) -> None:
    plain, last = step_of(), step_of(channels_last=True)
    seconds, seconds_last = compared(plain, last)
    benchmark.extra_info |= {
        "contiguous_ms": round(1e3 * seconds),
        "channels_last_ms": round(1e3 * seconds_last),
        "more": f"{seconds_last / seconds - 1:+.0%}",
    }
    benchmark.pedantic(last, rounds=1)


def test_what_checkpoints_of_gradients_cost_and_spare(benchmark: BenchmarkFixture) -> None:
    plain, spared = step_of(), step_of(checkpoint_gradients=True)
    seconds, seconds_spared = compared(plain, spared)
    kept, kept_spared = (
        megabytes_kept(loss, module) for module, loss in (network(), network(checkpoint_gradients=True))
    )
    benchmark.extra_info |= {
        "plain_ms": round(1e3 * seconds),
        "checkpoints_ms": round(1e3 * seconds_spared),
        "more": f"{seconds_spared / seconds - 1:+.0%}",
        "kept_mb": kept,
        "kept_with_checkpoints_mb": kept_spared,
    }
    benchmark.pedantic(spared, rounds=1)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Videos:
    """H.264 of a camera that moves over a coarse pattern."""
    folder, random = tmp_path_factory.mktemp("films"), np.random.default_rng(0)
    num_frames, height, width, _ = FILM
    room = random.integers(0, 256, (height // 8 + 20, width // 8 + 20, 3), dtype=np.uint8)
    room = room.repeat(8, axis=0).repeat(8, axis=1)
    clips: dict[str, dict[str, Any]] = {}
    for number in range(NUM_FILMS):
        file = folder / f"{number:02}.mp4"
        frames = np.stack([room[at : at + height, at : at + width] for at in range(num_frames)])
        video.write(file, frames, frames_per_second=25, codec="libx264")
        row = clip_row(
            clip_id=f"demo/{number:02}", path=file.name, num_frames=num_frames, content_hash=file_digest(file)
        )
        clips[row.clip_id] = row
    return Videos("demo", folder, clips)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_the_share_of_time_in_which_training_waits_for_films(
    num_workers: int, films: Videos, benchmark: BenchmarkFixture
) -> None:
    """Steps on four clips that take as long as on a GPU that computes beside (`STEP_SECONDS`: here nobody computes)."""
    window, ids = parse(Window, WINDOW, "window"), list(films.clips)
    clips = VideoClips(films, ids, [0] * len(ids), window, 0, 4, drawn=True)
    data = HiddenWords(clips, Vocabulary.of(NAMES).table(NAMES), 0.15, 0)

    def epochs() -> tuple[float, float]:
        """The share of time waited, and clips a second."""
        with Readers((data,), num_workers, 4) as readers:
            requests = [(rows, 0) for epoch in range(4) for rows in data.steps(0, epoch)]
            stream = readers.stream(0, iter(requests))
            next(stream)  # processes have started
            start, before = time.perf_counter(), readers.seconds_waited
            for _ in stream:
                time.sleep(STEP_SECONDS)
            seconds = time.perf_counter() - start
            return (readers.seconds_waited - before) / seconds, 4 * (len(requests) - 1) / seconds

    waiting, rate = benchmark.pedantic(epochs, rounds=1)
    benchmark.extra_info |= {"waiting": f"{waiting:.0%}", "clips_per_second": round(rate, 1)}


def test_how_long_a_window_of_a_film_takes_to_read(films: Videos, benchmark: BenchmarkFixture) -> None:
    """In one process, hashing of the file, decoding from its start and resizing included."""
    window, ids = parse(Window, WINDOW, "window"), list(films.clips)
    clips = VideoClips(films, ids, [0] * len(ids), window, 0, 1, drawn=True)
    rows = iter(range(10**6))
    benchmark.pedantic(lambda: clips.read(np.array([next(rows)]), 0), rounds=24, warmup_rounds=2)
