"""Stages as they are started; and a world of three pictures for those that make graphs, captions and negatives."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.core import command

ROOT = Path(__file__).parents[2]
PARAMS = """
synthesize:
  compute: {engine: inline, num_workers: 1}
  rows:
    vg: {kind: visual_genome, seed: 0, images: 3, width: 96, height: 72}
graph:
  compute: {engine: inline, num_workers: 1}
  rows:
    vg:
      kind: visual_genome
      source: vg
      regions: {max_regions: 1, min_inside: 0.8, max_area: 0.5}
      parts: {val_share: 0.5, seed: 0}
      max_rejected: 0.0
    typo: {kind: visual_genome, source: vg, region: 1}
caption:
  compute: {engine: inline, num_workers: 1}
  rows:
    vg: {max_attributes: 2, max_matchings: 64, max_tokens: 77}
    typo: {max_attributes: many, max_matchings: 64, max_tokens: 77}
negate:
  compute: {engine: inline, num_workers: 1}
  rows:
    vg:
      source: vg
      negatives: {rules: [swap_roles], per_rule: 1, max_tries: 8, seed: 0}
      pools: {max_words: 8, draw: {kind: uniform}}
      wordnet: null
      leak_images: 0
      samples_per_rule: 1
    unknown:
      source: vg
      negatives: {rules: [telepathy], per_rule: 1, max_tries: 8, seed: 0}
      pools: {max_words: 8, draw: {kind: uniform}}
      wordnet: null
      leak_images: 0
      samples_per_rule: 1
"""
OPTIONS = {
    "synthesize": ["--world", "vg", "--out", "vg", "--page", "pages/vg"],
    "graph": ["--source", "vg", "--out", "graph.parquet"],
    "caption": ["--graphs", "graph.parquet", "--out", "caption.parquet"],
    "negate": [
        "--graphs",
        "graph.parquet",
        "--captions",
        "caption.parquet",
        "--source",
        "vg",
        "--out",
        "negate.parquet",
        "--page",
        "page",
    ],
}


@dataclass(frozen=True)
class Done:
    """How a stage ended."""

    returncode: int
    stderr: str


@pytest.fixture
def as_dvc() -> Callable[..., Done]:
    """Starts a stage with its options in a process of its own, in the working directory or in `folder`."""

    def start(stage: str, *options: str, folder: Path | None = None) -> Done:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command_ = [sys.executable, "-m", f"stages.{stage}", *options]
        done = subprocess.run(command_, cwd=folder, env=environment, capture_output=True, text=True)
        return Done(done.returncode, done.stderr)

    return start


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs a stage with its options as its process would, but in this one, which has imported what it needs."""

    def run(stage: str, *options: str) -> Done:
        monkeypatch.setattr(sys, "argv", [stage, *options])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            command.run(importlib.import_module(f"stages.{stage}").main)
        return Done(int(stopped.value.code or 0), capsys.readouterr().err)

    return run


@pytest.fixture
def run(
    as_dvc: Callable[..., Done],
    in_process: Callable[..., Done],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Done]:
    """Runs a stage on a row of PARAMS in the test's folder: in this process, or as dvc does."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS)

    def run(stage: str, row: str, is_process: bool = False) -> Done:
        options = OPTIONS[stage] if stage == "synthesize" else ["--row", row, *OPTIONS[stage]]
        return (as_dvc if is_process else in_process)(stage, *options)

    return run
