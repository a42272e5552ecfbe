"""A world of three pictures, and the stages that turn it into scene graphs, captions and negatives."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARAMS = """
synthesize:
  compute: {engine: inline, num_workers: 1}
  rows:
    vg: {kind: visual_genome, seed: 0, images: 3, width: 96, height: 72}
graph:
  rows:
    vg:
      kind: visual_genome
      source: vg
      regions: {max_regions: 1, min_inside: 0.8, max_area: 0.5}
      parts: {val_share: 0.5, seed: 0}
      max_rejected: 0.0
    typo: {kind: visual_genome, source: vg, region: 1}
caption:
  rows:
    vg: {max_attributes: 2, max_matchings: 64, max_tokens: 77}
    typo: {max_attributes: many, max_matchings: 64, max_tokens: 77}
negate:
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


@pytest.fixture
def run(tmp_path: Path) -> Callable[[str, str], subprocess.CompletedProcess[str]]:
    """Runs a stage on a row of PARAMS in the test's folder."""

    def run(stage: str, row: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "params.yaml").write_text(PARAMS)
        options = OPTIONS[stage] if stage == "synthesize" else ["--row", row, *OPTIONS[stage]]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", f"stages.{stage}", *options]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run
