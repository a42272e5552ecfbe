"""What image-text training is fed: pictures decoded, shards read, captions tokenized; trimming and AdamW."""

import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from pipeline.formats import pictures, webdataset
from pipeline.formats.webdataset import Sample
from pipeline.models import clip as clips

START = Path("pipeline/models/clips/unseen-tiny.json")
CAPTION = "a man holding a small black book and a woman wearing a striped green hat, the woman to the left of a table"
NUM = 64


def fastest(work: Callable[[], object], times: int = 5) -> float:
    """Seconds of processor time: other work on the machine counts less that way."""
    found = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def photo(width: int, height: int) -> bytes:
    """A JPEG as soft as photographs are."""
    random, content = np.random.default_rng(0), io.BytesIO()
    coarse = Image.fromarray(random.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8))
    pixels = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)) + random.normal(
        0, 6, (height, width, 3)
    )
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(content, "JPEG", quality=90)
    return content.getvalue()


@pytest.mark.parametrize("size", [(256, 256), (384, 288), (640, 480), (1024, 768)])
def test_pictures_a_second(size: tuple[int, int], benchmark: BenchmarkFixture) -> None:
    content = photo(*size)

    def decode() -> None:
        for _ in range(20):
            pictures.resized(content, "a photo", lambda width, height: (0.0, 0.0, width, height), (224, 224))

    benchmark.extra_info["pictures_per_second"] = round(20 / fastest(decode))
    benchmark.pedantic(decode, rounds=1)


def test_samples_a_second(tmp_path: Path, benchmark: BenchmarkFixture) -> None:
    path, content = tmp_path / "00000.tar", photo(64, 64)
    webdataset.write(path, (Sample(f"{number:09}", "jpg", content, CAPTION, {}) for number in range(5000)))
    shard = webdataset.index(path)
    benchmark.extra_info |= {
        "indexed_per_second": round(5000 / fastest(lambda: webdataset.index(path))),
        "texts_per_second": round(5000 / fastest(lambda: list(shard.texts()))),
    }
    benchmark.pedantic(webdataset.index, args=(path,), rounds=1)


def test_captions(benchmark: BenchmarkFixture) -> None:
    torch.set_num_threads(1)
    clip, captions = clips.start(START), [CAPTION] * NUM
    token_NL = torch.from_numpy(clip.tokenizer(captions))
    with torch.no_grad():
        whole = fastest(lambda: clip.model.encode_text(token_NL))
        trimmed = fastest(lambda: clip.texts(token_NL))
    benchmark.extra_info |= {
        "microseconds_to_tokenize": round(fastest(lambda: clip.tokenizer(captions)) / NUM * 1e6, 1),
        "trimming_is_faster": f"{whole / trimmed:.1f} x",
    }
    benchmark.pedantic(clip.tokenizer, args=(captions,), rounds=3)


@pytest.mark.parametrize("fused", [False, True])
def test_a_step_of_adamw(fused: bool, benchmark: BenchmarkFixture) -> None:
    torch.set_num_threads(1)
    clip = clips.start(START)
    for weight in clip.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer = torch.optim.AdamW(clip.parameters(), lr=1e-4, fused=fused)
    benchmark.extra_info["weights"] = sum(weight.numel() for weight in clip.parameters())
    benchmark.pedantic(optimizer.step, rounds=20, warmup_rounds=2)
