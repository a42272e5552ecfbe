"""graph, caption and negate leave the same bytes with any engine, any number of workers and blocks of any size."""

from pathlib import Path

import pytest

from pipeline.compute.shared import Compute, Local
from pipeline.graphs import blocks
from pipeline.steps import graph as graph_step
from tests.steps.genomes import AG_ROW, run, vg_row

DASK = Compute(engine="dask", num_workers=2, cluster=Local(kind="local"))


def made(root: Path, *what: object) -> dict[str, bytes]:
    root.mkdir()
    run(root, *what)
    assert list(root.rglob("*.partial*")) == []
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def cut(monkeypatch):
    """Blocks of a few rows, whose edges would fall between an image and its regions."""

    def cut(images: int, rows: int) -> None:
        monkeypatch.setattr(graph_step, "BLOCK_IMAGES", images)
        monkeypatch.setattr(blocks, "BLOCK_ROWS", rows)

    return cut


@pytest.mark.parametrize("done", ["vg"], indirect=True)
def test_engines_and_workers_change_no_byte(worlds, done, tmp_path, cut):
    whole = {str(path.relative_to(done[1])): path.read_bytes() for path in done[1].rglob("*") if path.is_file()}
    assert {"graph.parquet", "caption.parquet", "negate.parquet", "page/page.json"} <= set(whole)
    cut(5, 10)
    for name, compute in (("processes", Compute(engine="processes", num_workers=2)), ("dask", DASK)):
        assert made(tmp_path / name, vg_row(), worlds / "vg", None, compute) == whole


@pytest.mark.parametrize("rows", [1, 2, 7, 33])
def test_blocks_of_any_size_change_no_byte(worlds, done, tmp_path, cut, rows):
    kind, root, _ = done
    whole = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    cut(rows, rows)
    found = blocks.blocks(root / "graph.parquet")
    assert len(found) > (1 if kind == "ag" or rows < 33 else 0)
    assert all(block.rows()[0].region == "" for block in found)
    assert made(tmp_path / "blocks", vg_row() if kind == "vg" else AG_ROW, worlds / kind) == whole
