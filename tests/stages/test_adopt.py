from pathlib import Path

import pytest
import yaml

from pipeline.compute.shared import Compute
from pipeline.core import store
from pipeline.core.errors import ParamsError
from pipeline.steps.ingest import Checks, ingest
from pipeline.steps.synthesize import synthesize
from pipeline.world.vectors import Folder, VectorsWorld
from stages import adopt

INLINE = Compute(engine="inline", num_workers=1)
SOURCE, CLIPS, OUT = Path("data/raw/synse_ntu60"), Path("clips.parquet"), Path("features/adopt/k.zarr")
FOLDERS = [Folder(name="shift_5_r", unseen=[10, 11, 19, 26, 56]), Folder(name="shift_12_r", unseen=[3, 5, 9])]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout with the vectors of two splits, ingested."""
    monkeypatch.chdir(tmp_path)
    SOURCE.parent.mkdir(parents=True)
    world = VectorsWorld(kind="vectors", seed=0, classes=60, clips=1, dim=4, folders=FOLDERS)
    synthesize(world, INLINE, row="w", out=SOURCE, page=tmp_path / "page")
    ingest(Checks(max_rejected=0.0), dataset="synse_ntu60", source=SOURCE, out=CLIPS)


def run(**changes):
    row = {"dataset": "synse_ntu60", "source": str(SOURCE), "encoder": "shift_gcn", **changes}
    Path("params.yaml").write_text(yaml.safe_dump({"adopt": {"rows": {"k": row}}}))
    adopt.main(row="k", clips=CLIPS, source=SOURCE, out=OUT)


def test_published_vectors_become_a_store_with_a_group_a_split(project):
    run()
    found = store.Store(OUT, "adopt")
    assert found.groups() == ["synse_12-0", "synse_5-0"]
    assert found.attrs["encoder"] == "shift_gcn"
    assert found.read("synse_5-0", "pooled").shape == (55 + 5 + 60, 4)
    assert '"splits": 2' in Path(".cache/runs/adopt.jsonl").read_text()


def test_a_typo_in_a_row_is_refused(project):
    with pytest.raises(ParamsError, match="unknown key 'encodr'"):
        run(encodr="x")
