import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARAMS = """
synthesize:
  rows:
    vg: {kind: visual_genome, seed: 0, images: 3, width: 96, height: 72}
graph:
  rows:
    vg: {kind: visual_genome, source: vg, regions: {most: 1, min_inside: 0.8, max_area: 0.5}, max_rejected: 0.0}
    typo: {kind: visual_genome, source: vg, region: 1}
caption:
  rows:
    vg: {max_attributes: 2, most_matchings: 64}
    typo: {max_attributes: many}
negate:
  rows:
    vg:
      source: vg
      negatives: {rules: [swap_roles], per_rule: 1, most_tries: 8, seed: 0}
      pools: {most_words: 8}
      samples_a_rule: 1
    unknown:
      source: vg
      negatives: {rules: [telepathy], per_rule: 1, most_tries: 8, seed: 0}
      pools: {most_words: 8}
      samples_a_rule: 1
"""
OPTIONS = {
    "synthesize": ["--world", "vg", "--out", "vg"],
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


def run(folder: Path, stage: str, row: str) -> subprocess.CompletedProcess[str]:
    (folder / "params.yaml").write_text(PARAMS)
    options = OPTIONS[stage] if stage == "synthesize" else ["--row", row, *OPTIONS[stage]]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", f"stages.{stage}", *options]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_stage_writes_the_captions_of_its_row(tmp_path):
    for stage in ("synthesize", "graph", "caption"):
        done = run(tmp_path, stage, "vg")
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "caption.parquet").is_file()
    assert "0.00% of them cut short" in done.stderr


def test_a_wrong_value_in_a_row_is_one_clear_line(tmp_path):
    done = run(tmp_path, "caption", "typo")
    assert done.returncode == 1
    assert "key 'max_attributes'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_table_names_the_stage_that_makes_it(tmp_path):
    done = run(tmp_path, "caption", "vg")
    assert (done.returncode, done.stderr) == (1, "error: graph.parquet: no such table; run `dvc repro graph`\n")
