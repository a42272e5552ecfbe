"""What every encoder of skeletons costs on this machine, and ST-GCN against itself written plainly.

The encoders are those of the folder that have weights, each with the options that any profile trains it with, else with
those of its sample in tests/contracts. The table is Markdown, and its lines those of encoder_speeds.csv:

    ENCODERS=stgcn OUT=speeds pytest tests/benchmarks/test_encoder_speeds.py --benchmark-only -s

`ENCODERS` names some of them, `OUT` a folder to leave speeds.md and encoder_speeds.csv in, `ROUNDS` how often each is
timed. Times are processor time of one thread, the best of the rounds, the encoders by turns: other load meets all.
"""

import csv
import io
import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn

from pipeline.commands import profile
from pipeline.core import members
from pipeline.modalities import skeleton
from pipeline.modalities.skeleton import stgcn
from pipeline.models import encoder_cost
from pipeline.reporting.encoders import SPEED_HEADER
from tests.contracts.test_encoders import SAMPLES, WITHOUT_WEIGHTS
from tests.modalities.skeleton import plain_stgcn

COMMAND = "pytest tests/benchmarks/test_encoder_speeds.py --benchmark-only -s"
CLIP, BATCH = (3, 50, 25, 1), 16
ROUNDS = int(os.environ.get("ROUNDS", "5"))
ONLY = os.environ.get("ENCODERS", "").split()
Options = dict[str, Any]
FAMILY = [
    name
    for name in members.names("pipeline.modalities.skeleton")
    if ("skeleton", name) not in WITHOUT_WEIGHTS and (not ONLY or name in ONLY)
]


def trained() -> Iterator[tuple[str, Options]]:
    """Every skeleton encoder that a profile trains, with its options."""
    for name in profile.names():
        for row in profile.tree(name)["pretrain"]["rows"].values():
            if row["modality"] == "skeleton":
                yield row["encoder"], row["options"]


def networks() -> dict[str, tuple[str, Options]]:
    """Encoder and options by a short name."""
    found: dict[str, tuple[str, Options]] = {}
    for name in FAMILY:
        of_profiles = [options for encoder, options in trained() if encoder == name]
        for options in of_profiles or [SAMPLES["skeleton", name][0]]:
            found.setdefault(f"{name} {json.dumps(options, sort_keys=True)}", (name, options))
    return found


def built(name: str, options: Options) -> nn.Module:
    torch.manual_seed(0)
    return skeleton.build(name, options, "ntu25", "here")


def clips() -> Tensor:
    return torch.randn(BATCH, *CLIP, generator=torch.Generator().manual_seed(0))


def forward(encoder: Callable[[Tensor], Tensor], x: Tensor) -> None:
    with torch.inference_mode():
        encoder(x)


def step(module: nn.Module, encoder: Callable[[Tensor], Tensor], x: Tensor) -> None:
    module.zero_grad()
    encoder(x).square().sum().backward()  # type: ignore[no-untyped-call]


def by_turns(works: dict[str, Callable[[], None]], rounds: int = ROUNDS) -> dict[str, float]:
    """Seconds of processor time of each on one thread."""
    torch.set_num_threads(1)
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(rounds):
        for name, work in works.items():
            start = time.process_time()
            work()
            times[name].append(time.process_time() - start)
    return {name: min(found) for name, found in times.items()}


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())
    return f"{model}, one thread, torch {torch.__version__.split('+')[0]}"


def test_all_encoders(benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> None:
    """Clips a second at 50 frames, 25 joints and one body, batches of 16."""
    x, found = clips(), networks()
    encoders = {name: built(*of) for name, of in found.items()}
    resting = {name: built(*of).eval() for name, of in found.items()}
    rest = by_turns({name: partial(forward, encoder, x) for name, encoder in resting.items()})
    train = by_turns({name: partial(step, encoder, encoder, x) for name, encoder in encoders.items()})
    lines, rows = [], []
    for name, (encoder, options) in found.items():
        cost = encoder_cost.of(resting[name], x[:1])
        rates = [round(BATCH / seconds, 1) for seconds in (rest[name], train[name])]
        told = ", ".join(f"{key} {value}" for key, value in options.items())
        lines.append(
            f"| {encoder} | {told} | {cost.num_params:,} | {cost.macs / 1e9:.3f} | {rates[0]:g} | {rates[1]:g} "
            f"| {cosine(resting[name], x):.5f} |"
        )
        rows.append([encoder, json.dumps(options, sort_keys=True), *rates, machine(), COMMAND])
    head = "| encoder | options | parameters | GMACs a clip | clips/s | clips/s in training | cosine of bf16 and fp32 |"
    leave("\n".join([machine(), "", head, "|---|---|---:|---:|---:|---:|---:|", *lines]) + "\n", rows, capsys)
    some = next(iter(resting.values()))
    benchmark.pedantic(forward, (some, x), rounds=1)


def cosine(encoder: nn.Module, x: Tensor) -> float:
    """The least over the clips, of vectors under autocast to bf16 and in full precision."""
    with torch.inference_mode():
        full_ND = encoder(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded_ND = encoder(x).float()
    return torch.nn.functional.cosine_similarity(full_ND, rounded_ND).min().item()


def leave(table: str, rows: list[list[Any]], capsys: pytest.CaptureFixture[str]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([SPEED_HEADER, *rows])
    with capsys.disabled():
        print(f"\n{table}\n{text.getvalue()}")
    if "OUT" in os.environ:
        folder = Path(os.environ["OUT"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "speeds.md").write_text(table, encoding="utf-8")
        (folder / "encoder_speeds.csv").write_text(text.getvalue(), encoding="utf-8")


@pytest.mark.parametrize("plan", ["reduced", "full"])
def test_st_gcn_against_itself_written_plainly(plan: str, benchmark: BenchmarkFixture) -> None:
    """Goal: no slower anywhere."""
    x, options = clips(), stgcn.Params(graph="paper", plan=plan, dropout=0.1)
    encoder = built("stgcn", options.model_dump())
    plain = partial(plain_stgcn.features, encoder)
    train = by_turns({"plain": partial(step, encoder, plain, x), "fast": partial(step, encoder, encoder, x)})
    encoder.eval()
    rest = by_turns({"plain": partial(forward, plain, x), "fast": partial(forward, encoder, x)})
    benchmark.extra_info |= {
        f"{what} {name}": round(value, 2)
        for what, times in (("training", train), ("inference", rest))
        for name, value in (
            ("plain_ms", 1e3 * times["plain"] / BATCH),
            ("fast_ms", 1e3 * times["fast"] / BATCH),
            ("ratio", times["plain"] / times["fast"]),
        )
    }
    benchmark.pedantic(forward, (encoder, x), rounds=1)


@pytest.mark.skipif(shutil.which(os.environ.get("CXX", "g++")) is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("name", networks())
def test_compiled_against_eager(name: str, benchmark: BenchmarkFixture) -> None:
    """`torch.compile` at rest, on one thread; the minute that compiling takes is not counted."""
    x, encoder = clips(), built(*networks()[name]).eval()
    compiled = torch.compile(encoder)
    times = by_turns({"eager": partial(forward, encoder, x), "compiled": partial(forward, compiled, x)})
    benchmark.extra_info |= {
        "eager_ms": round(1e3 * times["eager"] / BATCH, 2),
        "compiled_ms": round(1e3 * times["compiled"] / BATCH, 2),
        "ratio": round(times["eager"] / times["compiled"], 2),
    }
    benchmark.pedantic(forward, (compiled, x), rounds=1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", networks())
def test_clips_a_second_on_a_gpu(name: str, dtype: torch.dtype, benchmark: BenchmarkFixture) -> None:
    """Batches of 256 at rest, the clips on the GPU already."""
    x, encoder = clips().repeat(16, 1, 1, 1, 1).cuda(), built(*networks()[name]).eval().cuda()

    def work() -> None:
        with torch.autocast("cuda", dtype=dtype, enabled=dtype != torch.float32):
            forward(encoder, x)
        torch.cuda.synchronize()

    benchmark.pedantic(work, rounds=10, warmup_rounds=3)
    benchmark.extra_info["clips_per_second"] = round(len(x) / benchmark.stats.stats.min)
