"""A user's own recordings, from a list of clips to arrays; and what docs/data.md says of it is true."""

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline.compute.shared import Compute
from pipeline.core import params, profiles, stamp, store, tables
from pipeline.core.schemas import CLIPS, SPLIT
from pipeline.formats import depth_png, ntu_skeleton, png, segments, video
from pipeline.formats.shared import Skeleton
from pipeline.sources import decoding
from pipeline.steps import ingest, preprocess, prompt, split

PAGE = (Path(__file__).parents[2] / "docs/data.md").read_text(encoding="utf-8")
EXAMPLE = re.search(r"```csv\n(.*?)```", PAGE, flags=re.DOTALL)[1]
SHORT = yaml.safe_load(re.search(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)[1])
ROWS = profiles.expand(SHORT, SHORT.keys() - {"report"}, Path("own.yaml"))


def film(path, seed, num_frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = np.random.default_rng(seed).integers(0, 255, (num_frames, 16, 24, 3), dtype=np.uint8)
    video.write(path, rgb, frames_per_second=30, codec="libx264")


def ingested(source):
    stamp.write(source, stamp.scan(source))
    out = source.parent / "clips.parquet"
    ingest.ingest(ingest.Checks(max_rejected=0.0), dataset="manifest", source=source, out=out)
    return tables.read_table(out, CLIPS).to_pylist()


def classes(source, names):
    lines = "".join(f"{class_id},{name},\n" for class_id, name in enumerate(names))
    (source / "classes.csv").write_text(f"class_id,name,context\n{lines}")


def test_the_list_on_the_page_ingests(tmp_path):
    source = tmp_path / "manifest"
    source.mkdir()
    (source / "manifest.csv").write_text(EXAMPLE)
    classes(source, ["pour water", "stir"])
    for row in csv.DictReader(io.StringIO(EXAMPLE)):
        path = source / segments.file_of(row["path"])
        if row["modality"] == "video" and not path.exists():
            film(path, 0, 60)
        if row["modality"] == "depth":
            depth_png.write(path, np.full((3, 4, 6), 900, np.uint16))
        if row["modality"] == "skeleton":
            xyz_MTV3 = np.ones((1, 3, 25, 3), np.float32)
            ntu_skeleton.write(path, Skeleton("ntu25", xyz_MTV3, (1,)), xyz_MTV3[..., :2], xyz_MTV3[..., :2])
    found = [(row["clip_id"], row["modality"], row["num_frames"]) for row in ingested(source)]
    assert found == [
        ("manifest/k1", "video", 30),
        ("manifest/k2", "video", 15),
        ("manifest/k3", "depth", 3),
        ("manifest/k3", "skeleton", 3),
    ]


@pytest.mark.parametrize(("stage", "model"), [("ingest", ingest), ("split", split), ("prompt", prompt)])
def test_the_rows_on_the_page_are_params(stage, model):
    for name, row in ROWS[stage]["rows"].items():
        params.parse(model.Row, row, f"{stage}.rows.{name}")


@pytest.fixture
def arrays(tmp_path, monkeypatch):
    """Seven classes, each two parts of one film that trains and a film that tests, through all data stages."""
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "manifest"
    source.mkdir()
    lines = ["clip_id,modality,path,label,subject,split"]
    for number in range(7):
        film(source / f"{number}a.mp4", number, 12)
        film(source / f"{number}b.mp4", 100 + number, 6)
        lines += [f"{number}-{part},video,{number}a.mp4#frames={part},act {number},1,train" for part in ("0-6", "6-12")]
        lines += [f"{number}-b,video,{number}b.mp4,act {number},2,test"]
    (source / "manifest.csv").write_text("\n".join(lines))
    classes(source, [f"act {number}" for number in range(7)])
    ingested(source)
    return source


def prepared(source):
    (name, row) = next(iter(ROWS["preprocess"]["rows"].items()))
    sampling = {"num_frames": 3, "stride": 0, "position": 0.5}
    small = {"options": {"sampling": sampling, "height": 8, "width": 12}}
    chosen = params.parse(decoding.Row, row | small, name)
    checks, inline = preprocess.Checks(max_rejected=0.0), Compute(engine="inline", num_workers=1)
    clips, out = source.parent / "clips.parquet", source.parent / "x.zarr"
    facts = preprocess.preprocess(chosen, checks, inline, key=name, clips=clips, source=source, out=out)
    return facts, store.Store(out, "preprocess")


def test_the_column_split_decides_who_trains(arrays, tmp_path):
    chosen = params.parse(split.Row, ROWS["split"]["rows"]["manifest-random"] | {"num_unseen": 1}, "x")
    split.split(chosen, clips=tmp_path / "clips.parquet", out=tmp_path / "split.parquet")
    for row in tables.read_table(tmp_path / "split.parquet", SPLIT).to_pylist():
        assert (row["role"] in ("seen_test", "unseen_test")) == row["clip_id"].endswith("b")


def test_parts_of_one_film_become_arrays_of_their_own(arrays):
    facts, found = prepared(arrays)
    assert facts == {"clips": 21, "rejected": 0, "decoded": 21}
    assert len({array.tobytes() for array in found.read("all", "x")}) == 21
    assert prepared(arrays)[0]["decoded"] == 0


def test_what_ingest_has_counted_is_not_counted_again(arrays, monkeypatch):
    monkeypatch.setattr(video, "facts", None)
    assert prepared(arrays)[0] == {"clips": 21, "rejected": 0, "decoded": 21}


def test_a_changed_film_costs_its_parts_alone(arrays):
    prepared(arrays)
    film(arrays / "3a.mp4", 55, 12)
    ingested(arrays)
    assert prepared(arrays)[0]["decoded"] == 2


DEPTH = {
    "dataset": "manifest", "source": "raw", "modality": "depth", "recipe": "metric", "boxes": False,
    "options": {
        "sampling": {"num_frames": 3, "stride": 0, "position": 0.5}, "height": 4, "width": 6,
        "sensor": "demo", "unit": "metres", "crop": "none", "margin": 0.0,
    },
}  # fmt: skip


def test_a_reason_does_not_tell_where_the_folder_lies(tmp_path):
    """It is kept by the clip's content: after a move a warm run would write other bytes than a cold one."""
    source = tmp_path / "manifest"
    for name in ("good", "flat"):
        depth_png.write(source / name, np.full((6, 4, 6), 900, np.uint16))
    png.write_grey(source / "flat" / "Depth-00000004.png", np.zeros((4, 6), np.uint8))
    rows = [f"{name},depth,{name},stir,1,train" for name in ("good", "flat")]
    (source / "manifest.csv").write_text("\n".join(["clip_id,modality,path,label,subject,split", *rows]))
    classes(source, ["stir"])
    ingested(source)
    row, checks = params.parse(decoding.Row, DEPTH, "row"), preprocess.Checks(max_rejected=0.5)
    told = []
    for cache in ("cache", "cache", "another"):
        out = tmp_path / "x.zarr"
        clips, inline = tmp_path / "clips.parquet", Compute(engine="inline", num_workers=1)
        preprocess.preprocess(row, checks, inline, key="k", clips=clips, source=source, out=out, cache=tmp_path / cache)
        told.append(store.Store(out, "preprocess").attrs["rejected"])
        source = source.rename(tmp_path / f"moved{len(told)}")
    reason = "Depth-00000004.png: 8-bit PNG where 16-bit millimetres are expected; take the released depth, not a view"
    assert told == [[["manifest/flat", reason]]] * 3


def test_real_films_are_known_by_the_names_their_datasets_give_them(real_data, tmp_path):
    """UCF101 and Kinetics as their owners name them, HMDB51 in the folder of its class."""
    films = {
        "ucf101": ("v_SoccerJuggling_g23_c01.avi", "", "soccer juggling"),
        "hmdb51": ("TrumanShow_wave_f_nm_np1_fr_med_26.avi", "wave", "wave"),
    }
    for dataset, (name, folder, label) in films.items():
        source = tmp_path / dataset
        (source / folder).mkdir(parents=True)
        (source / folder / name).write_bytes((real_data / "videos" / name).read_bytes())
        stamp.write(source, stamp.scan(source))
        out = tmp_path / "clips.parquet"
        ingest.ingest(ingest.Checks(max_rejected=0.0), dataset=dataset, source=source, out=out)
        (row,) = tables.read_table(out, CLIPS).to_pylist()
        assert tables.read_meta(out, CLIPS)["class_names"][row["class_id"]] == label
        assert row["num_frames"] > 30
