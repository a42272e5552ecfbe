from pathlib import Path

import pytest

PARAMS = """
synthesize:
  compute: {engine: inline, num_workers: 1}
  rows:
    tiny: {kind: bodies, seed: 0, subjects: 1, repetitions: 1, cameras: 1, repertoire: demo, classes: 1,
           sizes: {mean: 1.0, deviation: 0.06}, places: {distance_m: [2.8, 3.8], height_m: [0.8, 1.4]},
           min_frames: 10, max_frames: 12, noise_mm: 5.0, dropped_frames: 0.0, empty_frames: 0.0,
           second_body: 0.0, films: null}
    typo: {kind: bodies, seeds: 0}
"""


@pytest.fixture(autouse=True)
def _project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS)


def options(world: str) -> list[str]:
    return ["--world", world, "--out", f"data/synthesize/{world}", "--page", f"data/synthesize/pages/{world}"]


def test_the_stage_writes_the_world_of_its_row(as_dvc, tmp_path):
    done = as_dvc("synthesize", *options("tiny"))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "data/synthesize/tiny").iterdir()] == ["S001C001P001R001A001.skeleton"]
    assert (tmp_path / "data/synthesize/tiny.stamp").is_file()
    assert (tmp_path / "data/synthesize/pages/tiny/page.json").is_file()
    assert (tmp_path / ".cache/runs/synthesize.jsonl").is_file()


def test_a_typo_in_a_row_is_one_clear_line(in_process):
    done = in_process("synthesize", *options("typo"))
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml: section 'synthesize.rows.typo'")
    assert "unknown key 'bodies.seeds'" in done.stderr
    assert done.stderr.count("\n") == 1
