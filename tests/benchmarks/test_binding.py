"""What it costs to bind an encoder, beside training the same encoder as a classifier."""

import time

import numpy as np
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from pipeline.core.batches import Memory
from pipeline.core.params import parse
from pipeline.modalities import skeleton
from pipeline.models.bound import BoundEncoder
from pipeline.training import binding, loop
from pipeline.training.classify import Classifier
from pipeline.training.determinism import deterministic
from tests import toy

NUM_CLIPS, BATCH, DIM, NUM_CLASSES = 128, 32, 512, 60
PARAMS = {
    **toy.TRAINING,
    "optimizer": {"name": "adamw", "lr": 0.001, "weight_decay": 0.0, "fused": False},
    "num_epochs": 1,
    "patience": 1,
    "batch_size": BATCH,
}
RUNNING = loop.Running(num_workers=0, queue_length=1, checkpoint_every=None)


def classified(module: torch.nn.Module, batch: loop.Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    (logit_NK,) = module(batch["x/skeleton"])  # of its one stream
    loss = torch.nn.functional.cross_entropy(logit_NK, batch["label"])
    return loss, {"accuracy": (logit_NK.argmax(1) == batch["label"]).float().mean()}


def test_a_binding_step_against_a_step_of_the_classifier(benchmark: BenchmarkFixture) -> None:
    """Reduced ST-GCN, 50 frames x 20 joints x 1 body, a hub of 512 values; goal: 5 % more at most."""
    random = np.random.default_rng(0)
    arrays = {
        "x/skeleton": random.normal(size=(NUM_CLIPS, 3, 50, 20, 1)).astype(np.float32),
        "x/hub": random.normal(size=(NUM_CLIPS, DIM)).astype(np.float32),
        "keys": np.arange(NUM_CLIPS)[:, None] // 3,
        "label": random.integers(0, NUM_CLASSES, NUM_CLIPS),
    }
    params = parse(loop.Params, PARAMS, "training")

    def epoch(*, bound: bool) -> float:
        with deterministic(0, 1):
            encoder = skeleton.build("stgcn", {"graph": "paper", "plan": "reduced", "dropout": 0.1}, "kinect20", "here")
            temperature = binding.LearnedTemperature(kind="learned", start=0.08)
            module: torch.nn.Module = Classifier(encoder, NUM_CLASSES)
            loss_fn: loop.LossFn = classified
            if bound:
                arm = binding.Arm(BoundEncoder(encoder, DIM), temperature)
                module, loss_fn = binding.Binding({"skeleton": arm}, None), binding.loss_of(["skeleton"])
            start = time.process_time()
            loop.fit(module, Memory(arrays, BATCH), None, loss_fn, params, RUNNING, seed=0, watch=None, what="t")
            return time.process_time() - start

    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(3):  # by turns: other load on the machine meets both
        for bound, found in times.items():
            found.append(epoch(bound=bound))
    ours, plain = min(times[True]), min(times[False])
    benchmark.extra_info |= {"clips_per_second": round(NUM_CLIPS / ours, 1), "more": f"{ours / plain - 1:.1%}"}
    benchmark.pedantic(epoch, kwargs={"bound": True}, rounds=1)


def test_the_loss_alone_at_a_large_batch(benchmark: BenchmarkFixture) -> None:
    """512 clips of 512 values with other views left out, forward and backward, on one thread."""
    torch.set_num_threads(1)
    hub, sense = (torch.randn(512, DIM) for _ in range(2))
    keys = torch.arange(512)[:, None] // 3
    log_scale = torch.nn.Parameter(torch.tensor(2.5))

    def step() -> None:
        loss = binding.losses.info_nce(hub, sense.requires_grad_(True), log_scale.exp(), binding.left_out(keys))
        loss.backward()

    benchmark.pedantic(step, rounds=5, warmup_rounds=1)
