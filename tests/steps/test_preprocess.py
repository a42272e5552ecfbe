from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.io import savemat

from pipeline.compute.shared import Compute
from pipeline.core import store, tables
from pipeline.core.array_cache import ArrayCache
from pipeline.core.closure import Code
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.hashing import file_digest
from pipeline.core.params import parse
from pipeline.core.schemas import CLIPS
from pipeline.formats.mat import read_skeleton
from pipeline.modalities.skeleton.recipes import dvta50
from pipeline.sources import decoding
from pipeline.sources.decoding import Row, key
from pipeline.sources.layouts import Layouts
from pipeline.steps.preprocess import Checks, preprocess
from tests.core.table_rows import clip_row

ROW = {
    "dataset": "utd_mhad",
    "source": "raw",
    "modality": "skeleton",
    "recipe": "dvta50",
    "options": {"num_frames": 4, "num_bodies": 2},
    "boxes": False,
}


@pytest.fixture
def world(tmp_path):
    """Three recordings, the second without a valid frame, and their clips table."""
    raw = tmp_path / "raw"
    raw.mkdir()
    rng = np.random.default_rng(0)
    recordings = {"a1_s1_t1": rng.normal(size=(20, 3, 6)), "a1_s1_t2": np.full((20, 3, 5), np.nan)}
    recordings["a2_s1_t1"] = rng.normal(size=(20, 3, 9))
    for name, xyz in recordings.items():
        savemat(raw / f"{name}_skeleton.mat", {"d_skel": xyz})
    list_clips(tmp_path, list(recordings))
    return tmp_path


def list_clips(world, names, **changes):
    rows = []
    for name in names:
        file = world / "raw" / f"{name}_skeleton.mat"
        told = {"path": file.name, "num_bytes": file.stat().st_size, "content_hash": file_digest(file), **changes}
        rows.append(clip_row(clip_id=f"utd_mhad/{name}", **told))
    tables.write(world / "clips.parquet", CLIPS, rows)


NO_LAYOUTS = Layouts("utd_mhad", Path("raw"))
INLINE = Compute(engine="inline", num_workers=1)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("cache"))


def run(world, max_rejected=0.5, compute=INLINE, **changes):
    out = world / "x.zarr"
    row = parse(Row, {**ROW, **changes}, "row")
    checks = Checks(max_rejected=max_rejected)
    facts = preprocess(row, checks, compute, key="k", clips=world / "clips.parquet", source=world / "raw", out=out)
    return facts, store.Store(out, "preprocess")


def test_each_clip_is_what_the_recipe_makes_of_it(world):
    facts, found = run(world)
    assert facts == {"clips": 2, "rejected": 1, "decoded": 3}
    assert found.ids("all") == ["utd_mhad/a1_s1_t1", "utd_mhad/a2_s1_t1"]
    params = dvta50.Params(num_frames=4, num_bodies=2)
    for clip, x in zip(("a1_s1_t1", "a2_s1_t1"), found.read("all", "x"), strict=True):
        recording = read_skeleton(world / "raw" / f"{clip}_skeleton.mat")
        assert np.array_equal(x, dvta50.prepare(recording, params))


def test_a_rejected_clip_stands_in_the_store_with_its_reason(world):
    attrs = run(world)[1].attrs
    assert attrs == {
        "dataset": "utd_mhad",
        "modality": "skeleton",
        "recipe": "dvta50",
        "options": {"num_frames": 4, "num_bodies": 2},
        "layout": "kinect20",
        "rejected": [["utd_mhad/a1_s1_t2", "no valid frame: none of 5 shows all 20 joints of a body"]],
    }


def test_too_many_rejected_clips_fail_the_stage_and_leave_nothing(world):
    with pytest.raises(DataError, match=r"preprocess: 1 of 3 items rejected, at most 30% may be: no valid frame \(1\)"):
        run(world, max_rejected=0.3)
    assert sorted(path.name for path in world.iterdir()) == ["clips.parquet", "raw"]


def test_a_file_that_changed_after_the_scan_is_refused_by_name(world):
    savemat(world / "raw/a2_s1_t1_skeleton.mat", {"d_skel": np.zeros((20, 3, 3))})
    with pytest.raises(
        DataError, match=r"a2_s1_t1_skeleton\.mat: the file has changed .* run `unseen raw scan utd_mhad`"
    ):
        run(world)


def test_a_file_that_is_gone_is_refused_by_name(world):
    (world / "raw/a2_s1_t1_skeleton.mat").unlink()
    with pytest.raises(DataError, match=r"a2_s1_t1_skeleton\.mat: the file is gone; run `unseen raw scan utd_mhad`"):
        run(world)


def test_an_unreadable_file_is_rejected_without_its_place_on_this_machine(world):
    (world / "raw/a2_s1_t1_skeleton.mat").write_text("no MATLAB file")
    list_clips(world, ["a1_s1_t1", "a2_s1_t1"])
    assert run(world)[1].attrs["rejected"] == [["utd_mhad/a2_s1_t1", "not a MATLAB 5 file"]]


def test_where_no_clip_is_left_the_first_reason_is_told(world):
    list_clips(world, ["a1_s1_t2"])
    with pytest.raises(DataError, match=r"k: no clip is left; utd_mhad/a1_s1_t2: no valid frame: none of 5"):
        run(world, max_rejected=1.0)


def test_a_clip_that_ingest_rejected_is_not_read(world):
    list_clips(world, ["a1_s1_t1"], reason="empty")
    with pytest.raises(DataError, match="no accepted clip of modality 'skeleton'; run `dvc repro ingest@utd_mhad`"):
        run(world)


def test_several_shards_hold_the_same_rows_as_one(world, monkeypatch):
    whole = run(world)[1].read("all", "x")
    monkeypatch.setattr(store, "CHUNK_ROWS", 1)
    monkeypatch.setattr(store, "SHARD_BYTES", 1)
    assert np.array_equal(run(world)[1].read("all", "x"), whole)


def test_two_runs_write_the_same_bytes(world):
    run(world)
    first = {p.relative_to(world): p.read_bytes() for p in (world / "x.zarr").rglob("*") if p.is_file()}
    run(world)
    assert first == {p.relative_to(world): p.read_bytes() for p in (world / "x.zarr").rglob("*") if p.is_file()}


def test_options_that_the_recipe_does_not_know_are_refused_with_their_place(world):
    with pytest.raises(ParamsError, match=r"section 'preprocess\.rows\.k\.options' .* unknown key 'frames'"):
        run(world, options={"num_frames": 4, "num_bodies": 2, "frames": 3})


def bytes_of(world):
    return {p.relative_to(world): p.read_bytes() for p in (world / "x.zarr").rglob("*") if p.is_file()}


def test_a_warm_run_reads_no_recording_and_writes_the_same_bytes(world, monkeypatch):
    assert run(world)[0]["decoded"] == 3
    cold = bytes_of(world)
    monkeypatch.setattr("pipeline.formats.mat.read_array", None)
    assert run(world)[0]["decoded"] == 0
    assert bytes_of(world) == cold


def test_a_changed_file_costs_one_clip_and_gives_the_store_of_a_cold_run(world, tmp_path_factory, monkeypatch):
    run(world)
    savemat(world / "raw/a2_s1_t1_skeleton.mat", {"d_skel": np.random.default_rng(9).normal(size=(20, 3, 7))})
    list_clips(world, ["a1_s1_t1", "a1_s1_t2", "a2_s1_t1"])
    assert run(world)[0] == {"clips": 2, "rejected": 1, "decoded": 1}
    warm = bytes_of(world)
    monkeypatch.chdir(tmp_path_factory.mktemp("cold"))
    assert run(world)[0]["decoded"] == 3
    assert bytes_of(world) == warm


CLIP = clip_row(content_hash="a", path="v.mp4", num_frames=5)


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "ntu60"},
        {"modality": "depth", "recipe": "metric"},
        {"recipe": "stgcn300"},
        {"options": {}},
        {"boxes": True},
    ],
)
def test_whatever_decides_an_array_is_part_of_its_key(changes):
    whole, beside = parse(Row, ROW, "row"), {"skeleton": CLIP}
    assert key(CLIP, {}, whole, NO_LAYOUTS) == key(
        replace(CLIP, clip_id="d/b"), {}, parse(Row, ROW | {"source": "elsewhere"}, "row"), NO_LAYOUTS
    )
    others = [key(CLIP, {}, parse(Row, ROW | changes, "row"), NO_LAYOUTS), key(CLIP, beside, whole, NO_LAYOUTS)]
    others += [
        key(replace(CLIP, **{name: value}), {}, whole, NO_LAYOUTS)
        for name, value in (("content_hash", "b"), ("num_frames", 6))
    ]
    others += [key(replace(CLIP, path="v.mp4#frames=0-3"), {}, whole, NO_LAYOUTS)]
    assert len({key(CLIP, {}, whole, NO_LAYOUTS), *others}) == 6


def test_a_clip_rests_on_the_code_between_its_file_and_its_array_and_on_no_other(monkeypatch):
    class Edited(Code):
        def files(self, *modules):
            files.update(super().files(*modules))
            return {**files, "pipeline/modalities/skeleton/recipes/dvta50.py": "edited"}

    files, whole = {}, parse(Row, ROW, "row")
    before = key(CLIP, {}, whole, NO_LAYOUTS)
    monkeypatch.setattr(decoding, "Code", Edited)
    decoding._extractor.cache_clear()
    assert key(CLIP, {}, whole, NO_LAYOUTS) != before
    decoding._extractor.cache_clear()
    ran = {"formats/mat.py", "datasets/utd_mhad.py", "modalities/skeleton/recipes/dvta50.py"}
    assert {f"pipeline/{name}" for name in ran} <= set(files)
    others = {"core/schemas.py", "core/store.py", "core/tables.py", "formats/ntu_skeleton.py", "steps/preprocess.py"}
    assert {f"pipeline/{name}" for name in others} & set(files) == set()


def test_another_option_decodes_again(world):
    run(world)
    assert run(world, options={"num_frames": 5, "num_bodies": 2})[0]["decoded"] == 3


def test_processes_write_the_bytes_of_one_process(world, tmp_path_factory, monkeypatch):
    run(world)
    inline = bytes_of(world)
    monkeypatch.chdir(tmp_path_factory.mktemp("processes"))
    monkeypatch.setattr("pipeline.steps.preprocess.BLOCK_CLIPS", 1)
    facts, _ = run(world, compute=Compute(engine="processes", num_workers=2))
    assert facts["decoded"] == 3
    assert bytes_of(world) == inline


def test_each_array_is_loaded_once(world, monkeypatch):
    loaded, load = Counter(), ArrayCache.load
    monkeypatch.setattr(ArrayCache, "load", lambda self, key: loaded.update([key]) or load(self, key))
    run(world)
    assert sorted(loaded.values()) == [1, 1]  # the third clip has a reason, and no array
    run(world)
    assert sorted(loaded.values()) == [2, 2]


@pytest.mark.parametrize(
    "what", [b'"num_nonempty_frames": 4,', b'"shape": [3, 4, 20, 2]', b'"layout": "kinect20"', b"no valid"]
)
def test_a_damaged_header_is_decoded_again(world, what):
    run(world)
    first = bytes_of(world)
    (pack,) = Path(".cache/samples").iterdir()
    data = pack.read_bytes()
    last_but_one = data.index(what) + len(what) - 2
    pack.write_bytes(data[:last_but_one] + bytes([data[last_but_one] ^ 1]) + data[last_but_one + 1 :])
    assert run(world)[0] == {"clips": 2, "rejected": 1, "decoded": 1}
    assert bytes_of(world) == first


def test_a_damaged_array_is_decoded_again_and_its_neighbours_are_not(world):
    run(world)
    first = bytes_of(world)
    (pack,) = Path(".cache/samples").iterdir()
    array = np.ascontiguousarray(store.Store(world / "x.zarr", "preprocess").read("all", "x")[1]).tobytes()
    data = pack.read_bytes()
    place = data.index(array[:256])
    pack.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    assert run(world)[0]["decoded"] == 1
    assert bytes_of(world) == first
    assert run(world)[0]["decoded"] == 0


def test_a_cache_that_is_no_cache_is_decoded_again(world, capfd):
    run(world)
    first = bytes_of(world)
    (pack,) = Path(".cache/samples").iterdir()
    pack.write_bytes(b"of another version")
    assert run(world)[0]["decoded"] == 3
    assert bytes_of(world) == first
    assert capfd.readouterr().err.count(f"{pack}: not read: file is not a database; what it held is made again") == 1


def test_a_refused_file_costs_nothing_of_the_clips_before_it(world):
    changed = world / "raw/a2_s1_t1_skeleton.mat"
    good = changed.read_bytes()
    changed.write_bytes(good + b"0")
    with pytest.raises(DataError, match="the file has changed"):
        run(world)
    changed.write_bytes(good)
    assert run(world)[0]["decoded"] == 1


def test_the_code_of_the_cache_decides_no_array():
    files = Code().files("pipeline.sources.decoding")
    assert "pipeline/core/array_cache.py" not in files
    assert "pipeline/core/array_cache.py" in Code().files("pipeline.steps.preprocess")
