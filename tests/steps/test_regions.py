"""Boxes on their way: beside the films, into the prepared arrays, to a vector each."""

import numpy as np
import pytest
import torch

from pipeline.compute.shared import Compute
from pipeline.core import prepared, stamp, store
from pipeline.core.boxes import Boxes
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.params import parse
from pipeline.formats import boxes, ntu_skeleton, video
from pipeline.formats.shared import Skeleton
from pipeline.modalities import video as sense
from pipeline.models import checkpoint
from pipeline.models.regions import Lattice, box_means
from pipeline.sources import decoding
from pipeline.steps import extract, ingest, preprocess
from pipeline.training import encoding

NAME = "S001C001P001R00{}A001"
IDS = [f"demo/{NAME.format(clip)}" for clip in (1, 2, 3)]
GRID = {"sampling": {"num_frames": 3, "stride": 0, "position": 0.5}, "height": 16, "width": 24}
ROW = {
    "dataset": "demo", "source": "raw", "modality": "video", "recipe": "small", "options": GRID, "boxes": True,
}  # fmt: skip
ENCODER = {"widths": [4, 8], "dim": 12, "dropout": 0.0}
WHOSE = {"dataset": "demo", "split_table": "films", "modality": "video", "recipe": "small", "encoder": "framecnn"}


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Three films of six frames in 16 x 24 pixels; somebody and something in the first, nobody in the second."""
    monkeypatch.chdir(tmp_path)
    for clip in (1, 2, 3):
        rgb = np.random.default_rng(clip).integers(0, 255, (6, 16, 24, 3), dtype=np.uint8)
        video.write(tmp_path / "raw" / f"{NAME.format(clip)}_rgb.mp4", rgb, frames_per_second=9, codec="libx264")
    found(1, (1, "person", 0, 4, 12, 16), (3, "cup", 6, 0, 12, 8), (4, "never", 0, 0, 9, 9))
    found(2)
    found(3, (5, "cup", 0, 0, 24, 16))
    return tmp_path


def found(clip, *rows):
    """Write the boxes of a clip: frame, label, x0, y0, x1, y1."""
    corners = np.array([row[2:] for row in rows], np.float32).reshape(-1, 4)
    frames = np.array([row[0] for row in rows], np.int64)
    path = preprocess.Path("raw") / f"{NAME.format(clip)}_boxes.csv"
    boxes.write(path, Boxes(frames, corners, tuple(row[1] for row in rows)))


def prepare(world, **changes):
    raw, clips, out = world / "raw", world / "clips.parquet", world / "x.zarr"
    stamp.write(raw, stamp.scan(raw))
    ingest.ingest(ingest.Checks(max_rejected=0.0), dataset="demo", source=raw, out=clips)
    row = parse(decoding.Row, {**ROW, **changes}, "row")
    checks, inline = preprocess.Checks(max_rejected=0.5), Compute(engine="inline", num_workers=1)
    facts = preprocess.preprocess(row, checks, inline, key="k", clips=clips, source=raw, out=out, cache=world / "cache")
    return facts, store.Store(out, "preprocess")


def weights(world, encoder):
    about = {**WHOSE, "options": ENCODER, "layout": "rgb", "split": "s0", "seed": 0}
    about |= {
        "training_classes": [0],
        "training_names": ["sit down"],
        "unseen_classes": [1],
        "training_clips": "clips of fit",
    }
    checkpoint.save(world / "w" / "s0-0.safetensors", encoder, about)


def regions_of(world, **changes):
    asked = {**WHOSE, "weights": "w", "options": {}, "tokens": False, "masked": None, "regions": True, **changes}
    row, batches = parse(extract.Row, asked, "row"), encoding.Batches(batch_size=2, num_threads=1)
    where = {"arrays": world / "x.zarr", "weights": world / "w", "out": world / "f.zarr", "cache": world / "encoded"}
    extract.extract(row, batches, Compute(engine="inline", num_workers=1), key="k", **where)
    return store.Store(world / "f.zarr", "extract")


@pytest.fixture
def encoder(world):
    torch.manual_seed(0)
    made = sense.build("framecnn", ENCODER, "rgb", "here").eval()
    weights(world, made)
    return made


def test_boxes_lie_beside_the_arrays(world):
    facts, arrays = prepare(world)
    assert facts == {"clips": 3, "rejected": 0, "decoded": 3}
    first, second, third = prepared.read_boxes(arrays, "all")
    assert arrays.ids("all") == IDS
    assert first.labels == ("person", "cup")  # of frames 1, 3 and 5
    assert first.frame_K.tolist() == [0, 1]
    assert first.corners_K4.tolist() == [[0, 0.25, 0.5, 1], [0.25, 0, 0.5, 0.5]]
    assert second.labels == ()
    assert third.frame_K.tolist() == [2]


def test_clips_in_which_nothing_was_found_are_no_duplicates(world):
    found(3)
    facts, arrays = prepare(world)
    assert facts["rejected"] == 0
    assert [some.labels for some in prepared.read_boxes(arrays, "all")] == [("person", "cup"), (), ()]


def test_without_boxes_the_arrays_are_the_same(world):
    with_boxes = prepare(world)[1].read("all", "x")
    arrays = prepare(world, boxes=False)[1]
    assert np.array_equal(arrays.read("all", "x"), with_boxes)
    assert prepared.BOX_LABELS not in arrays.attrs


def test_changed_boxes_cost_one_clip(world):
    prepare(world)
    found(3, (5, "plate", 0, 0, 12, 16))
    facts, arrays = prepare(world)
    assert facts["decoded"] == 1
    assert prepared.read_boxes(arrays, "all")[2].labels == ("plate",)


def test_boxes_that_are_not_asked_for_cost_nothing(world):
    prepare(world, boxes=False)
    found(3, (5, "plate", 0, 0, 12, 16))
    assert prepare(world, boxes=False)[0]["decoded"] == 0


def test_a_clip_whose_boxes_are_missing_or_do_not_fit_is_rejected(world):
    (world / "raw" / f"{NAME.format(2)}_boxes.csv").unlink()
    facts, arrays = prepare(world)
    assert facts["rejected"] == 1
    assert arrays.attrs["rejected"] == [[IDS[1], "no boxes: the clip has none; ingest them or set `boxes` to false"]]
    found(2, (3, "cup", 24, 0, 30, 3))
    assert (
        prepare(world)[1].attrs["rejected"][0][1].startswith("boxes: 'cup' of frame 3 lies outside the picture of 24")
    )
    found(2, (6, "cup", 0, 0, 3, 3))
    assert prepare(world)[1].attrs["rejected"] == [[IDS[1], "boxes: frame 6, but the clip has 6 frames, from 0"]]


def test_boxes_that_are_not_the_ingested_ones_are_refused_and_not_remembered(world):
    scanned = (world / "raw" / f"{NAME.format(2)}_boxes.csv").read_text()
    prepare(world, boxes=False)
    found(2, (1, "cup", 0, 0, 3, 3))
    row = parse(decoding.Row, ROW, "row")
    checks, inline = preprocess.Checks(max_rejected=0.5), Compute(engine="inline", num_workers=1)
    where = {"clips": world / "clips.parquet", "source": world / "raw", "out": world / "y.zarr", "cache": world / "c"}
    with pytest.raises(DataError, match=r"_boxes.csv: the file has changed since it was scanned; run `unseen raw scan"):
        preprocess.preprocess(row, checks, inline, key="k", **where)
    (world / "raw" / f"{NAME.format(2)}_boxes.csv").write_text(scanned)
    assert preprocess.preprocess(row, checks, inline, key="k", **where)["rejected"] == 0


def test_a_clip_that_is_rejected_for_want_of_boxes_is_taken_where_none_are_asked_for(world):
    (world / "raw" / f"{NAME.format(2)}_boxes.csv").unlink()
    assert prepare(world)[0]["rejected"] == 1
    assert prepare(world, boxes=False)[0] == {"clips": 3, "rejected": 0, "decoded": 3}


def test_boxes_of_another_sense_are_refused(world):
    xyz_MTV3 = np.ones((1, 6, 25, 3), np.float32)
    skeleton = Skeleton("ntu25", xyz_MTV3, (1,))
    ntu_skeleton.write(world / "raw" / f"{NAME.format(1)}.skeleton", skeleton, xyz_MTV3[..., :2], xyz_MTV3[..., :2])
    options = {"num_frames": 4, "num_bodies": 1}
    with pytest.raises(ParamsError, match=r"boxes: demo has boxes in the pictures of \['depth', 'thermal', 'video'\]"):
        prepare(world, modality="skeleton", recipe="dvta50", options=options)


def test_every_box_gets_the_mean_of_its_part_of_the_map(world, encoder):
    arrays = prepare(world)[1]
    features = regions_of(world)
    rows = features.read_ragged("s0-0", "regions")
    assert [row.shape for row in rows] == [(2, 8), (0, 8), (1, 8)]
    with torch.inference_mode():
        places = encoder.places(torch.from_numpy(arrays.read("all", "x")))
    whole_picture = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    lattice = Lattice(size=(3, 16, 24), stride=(1, 4, 4))
    assert np.allclose(rows[2], box_means(places[2], torch.tensor([2]), whole_picture, lattice), atol=1e-5)
    assert not np.allclose(rows[2], box_means(places[2], torch.tensor([1]), whole_picture, lattice), atol=1e-3)
    some = prepared.read_boxes(features, "s0-0")
    assert [boxes.labels for boxes in some] == [("person", "cup"), (), ("cup",)]


def test_pooled_vectors_are_the_same_bytes_with_or_without_regions(world, encoder):
    prepare(world)
    alone = regions_of(world, regions=False)
    assert "regions" not in {path.name for path in (alone.path / "s0-0").iterdir()}
    before = alone.read("s0-0", "pooled").tobytes()
    assert regions_of(world).read("s0-0", "pooled").tobytes() == before


def test_regions_need_boxes(world, encoder):
    prepare(world, boxes=False)
    with pytest.raises(ParamsError, match="holds no boxes; set boxes to true in the row of preprocess"):
        regions_of(world)


def test_boxes_that_cannot_be_read_reject_the_boxes_alone(world):
    (world / "raw" / f"{NAME.format(1)}_boxes.csv").write_text("frame,label,x,y,width,height\n0,cup,0,0,-1,1\n")
    with pytest.raises(DataError, match="unreadable: line 2: a box of -1 x 1 pixels at 0, 0"):
        prepare(world)


def test_an_encoder_without_a_map_is_refused_by_name(world, encoder, monkeypatch):
    prepare(world)
    monkeypatch.delattr(type(encoder), "places")
    monkeypatch.setattr(type(encoder), "_tokens", lambda self, x: x.mean((2, 3, 4))[..., None])
    with pytest.raises(ParamsError, match="regions: framecnn keeps no map of places"):
        regions_of(world)
