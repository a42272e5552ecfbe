"""Arrays with a declared layout from the stamp to the store: what the layout says decides what is kept."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.compute.shared import Compute
from pipeline.core import joints, stamp, store, tables
from pipeline.core.errors import DataError
from pipeline.core.params import parse
from pipeline.core.schemas import CLIPS
from pipeline.modalities import skeleton
from pipeline.sources.decoding import Row
from pipeline.steps import ingest, preprocess

LAYOUT = """joints: [Hip, Neck, LShoulder, RShoulder]
parents: {Neck: Hip, LShoulder: Neck, RShoulder: Neck}
unit: mm
axes: T V C
"""
ROW = {
    "dataset": "manifest",
    "source": "raw/mine",
    "modality": "skeleton",
    "recipe": "dvta50",
    "options": {"num_frames": 4, "num_bodies": 1},
    "boxes": False,
}
LIST = "clip_id,modality,path,label,subject,split\n"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two clips in a folder whose layout stands beside their list."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "raw/mine"
    (folder / "clips").mkdir(parents=True)
    for number in range(2):
        np.save(folder / f"clips/{number}.npy", np.random.default_rng(number).uniform(0, 1700, (6, 4, 3)))
    rows = "".join(f"k{number},skeleton,clips/{number}.npy,wave,{number},train\n" for number in range(2))
    (folder / "manifest.csv").write_text(LIST + rows)
    (folder / "classes.csv").write_text("class_id,name,context\n0,wave,\n")
    (folder / "layout.yaml").write_text(LAYOUT)
    return folder


def scanned(source: Path) -> None:
    stamp.write(source, stamp.scan(source))


def ingested(source: Path, max_rejected: float = 0.0) -> list[dict[str, object]]:
    out = source.parent / "clips.parquet"
    ingest.ingest(ingest.Checks(max_rejected=max_rejected), dataset="manifest", source=source, out=out)
    return list(tables.read_table(out, CLIPS).to_pylist())


def prepared(source: Path) -> tuple[dict[str, int], str, np.ndarray]:
    counts = preprocess.preprocess(
        parse(Row, ROW, "row"),
        preprocess.Checks(max_rejected=0.0),
        Compute(engine="inline", num_workers=1),
        key="mine",
        clips=source.parent / "clips.parquet",
        source=source,
        out=source.parent / "x.zarr",
        cache=source.parent / "cache",
    )
    kept = store.Store(source.parent / "x.zarr", "preprocess")
    return counts, kept.attrs["layout"], np.asarray(kept.read("all", "x"))


def test_a_changed_layout_prepares_every_array_anew(source: Path) -> None:
    scanned(source)
    assert [row["num_frames"] for row in ingested(source)] == [6, 6]
    counts, layout, x_NCTVM = prepared(source)
    assert (counts["decoded"], layout) == (
        2,
        "space: hip neck>hip shoulder_left>neck shoulder_right>neck; shoulder_right shoulder_left",
    )
    assert prepared(source)[0]["decoded"] == 0
    (source / "layout.yaml").write_text(LAYOUT + "centre: Neck\nup: z\n")
    scanned(source)
    ingested(source)
    counts, turned, y_NCTVM = prepared(source)
    assert counts["decoded"] == 2
    assert joints.find(turned).centre == 1
    assert not np.allclose(x_NCTVM, y_NCTVM)
    network = skeleton.build("stgcn", {"graph": "paper", "plan": "reduced", "dropout": 0.0}, turned, "s").eval()
    assert network(torch.from_numpy(y_NCTVM)).shape == (2, 256)


def test_a_layout_that_was_not_scanned_is_refused(source: Path) -> None:
    scanned(source)
    ingested(source)
    for folder in (source, source / "clips"):
        (folder / "layout.yaml").write_text(LAYOUT.replace("mm", "cm"))
        for stage in (ingested, prepared):
            with pytest.raises(DataError, match=r"layout.yaml: the layout was added or changed .* `unseen raw scan"):
                stage(source)
        (source / "layout.yaml").write_text(LAYOUT)


def test_a_file_that_is_there_is_not_called_missing(source: Path) -> None:
    (source / "clips/1.npy").rename(source / "clips/1.bvh")
    rows = [("k0", "skeleton", "clips/0.NPY"), ("k1", "skeleton", "clips/1.bvh"), ("k2", "video", "clips/1.bvh")]
    rows += [("k3", "depth", "clips"), ("k4", "skeleton", "clips/2.npy")]
    lines = [f"{clip},{modality},{path},wave,1,train\n" for clip, modality, path in rows]
    (source / "manifest.csv").write_text(LIST + "".join(lines))
    scanned(source)
    reasons = {str(row["clip_id"]): str(row["reason"]) for row in ingested(source, 1.0)}
    assert reasons["manifest/k0"] == (
        "missing file: manifest.csv names it, the folder has no such skeleton, it has 'clips/0.npy': write it so"
    )
    assert "the file is there, but '.bvh' is the ending of no skeleton format: .csv (" in reasons["manifest/k1"]
    assert "it begins as .npy files do: rename it" in reasons["manifest/k1"]
    assert "not as a clip of video: '.bvh' is no ending of one; expected .avi" in reasons["manifest/k2"]
    assert "not as a clip of depth: it is a folder that holds none" in reasons["manifest/k3"]
    assert reasons["manifest/k4"] == "missing file: manifest.csv names it, the folder has no such skeleton"
    assert all(reason.startswith(("missing file: ", "unknown format: ")) for reason in reasons.values())
