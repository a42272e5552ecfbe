import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.compute.shared import Compute
from pipeline.core import tables
from pipeline.core.schemas import CLIPS
from pipeline.formats import depth_png, ntu_skeleton, video
from pipeline.steps import ingest
from pipeline.steps.synthesize import synthesize
from pipeline.world.filming import Films
from pipeline.world.rasterizer import Lens
from pipeline.world.recordings import World

INLINE = Compute(engine="inline", num_workers=1)
FILMS = Films(skip=1, num_frames=6, height=36, width=48, focal_px=39.0)
SETTINGS = {
    "kind": "bodies",
    "seed": 3, "subjects": 1, "repetitions": 2, "cameras": 2, "classes": 2, "least_frames": 12, "most_frames": 14,
    "noise_mm": 5.0, "dropped_frames": 0.1, "empty_frames": 0.0, "second_body": 0.0,
}  # fmt: skip


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("worlds") / "demo"
    synthesize(World(**SETTINGS, films=FILMS), INLINE, out=out)
    return out


def test_camera_one_films_all_but_the_first_performances(world):
    recordings = {path.name for path in (world / "nturgb+d_depth").iterdir()}
    assert recordings == {"S001C001P001R001A002", "S001C001P001R002A001", "S001C001P001R002A002"}
    assert {path.name for path in (world / "nturgb+d_ir").iterdir()} == {f"{name}_ir.avi" for name in recordings}
    assert {path.name for path in (world / "nturgb+d_rgb").iterdir()} == {f"{name}_rgb.mp4" for name in recordings}


def test_films_have_the_frames_and_size_asked_for(world):
    recording = "S001C001P001R001A002"
    assert depth_png.read(world / "nturgb+d_depth" / recording).shape == (6, 36, 48)
    for path in (world / "nturgb+d_rgb" / f"{recording}_rgb.mp4", world / "nturgb+d_ir" / f"{recording}_ir.avi"):
        found = video.facts(path)
        assert (found.num_frames, found.height, found.width) == (6, 36, 48)


def test_film_frames_show_the_body_where_the_skeleton_file_has_it(world):
    recording = "S001C001P001R002A001"
    skeleton = ntu_skeleton.read(world / f"{recording}.skeleton")
    depth_mm = depth_png.read(world / "nturgb+d_depth" / recording)
    warm = video.read(world / "nturgb+d_ir" / f"{recording}_ir.avi", range(6), "gray")
    lens = Lens(FILMS.height, FILMS.width, FILMS.focal_px)
    for i in range(6):
        spine = skeleton.xyz_MTV3[0, int((i + 0.5) * skeleton.num_frames / 6), 1]
        column, row = lens.pixels(spine).astype(int)
        patch = depth_mm[i, row - 1 : row + 2, column - 1 : column + 2]
        assert np.median(patch[patch > 0]) / 1000 == pytest.approx(spine[2] - 0.12, abs=0.13)
        assert warm[i, row, column] > 100 > warm[i, 2, 2]


def test_the_same_params_give_the_same_bytes(world, tmp_path):
    synthesize(World(**SETTINGS, films=FILMS), INLINE, out=tmp_path / "demo")
    assert digests(tmp_path / "demo") == digests(world)


def test_films_leave_the_skeletons_as_they_were(world, tmp_path):
    synthesize(World(**SETTINGS, films=None), INLINE, out=tmp_path / "demo")
    without = digests(tmp_path / "demo")
    assert "overlay.png" not in without
    assert without == {name: digest for name, digest in digests(world).items() if name.endswith(".skeleton")}
    assert len(without) == 8


def test_the_world_ingests_in_all_four_modalities(world, tmp_path):
    ingest.ingest(ingest.Checks(max_rejected=0.0), dataset="demo", source=world, out=tmp_path / "demo.parquet")
    rows = tables.read_rows(tmp_path / "demo.parquet", CLIPS)
    counts = {m: sum(row["modality"] == m for row in rows) for m in ("skeleton", "depth", "thermal", "video")}
    assert counts == {"skeleton": 8, "depth": 3, "thermal": 3, "video": 3}
    depth = next(row for row in rows if row["modality"] == "depth")
    assert depth["path"] == "nturgb+d_depth/S001C001P001R001A002"
    assert (depth["num_frames"], depth["camera"], depth["subject"]) == (6, 1, 1)


def test_the_overlay_shows_three_frames_in_four_views_with_bones(world):
    picture = np.asarray(Image.open(world / "overlay.png")).astype(int)
    assert picture.shape == (3 * 4 * 36, 4 * 4 * 48, 3)
    views = picture.reshape(3, 4 * 36, 4, 4 * 48, 3)
    bones = (views == (0, 255, 80)).all(axis=-1)
    assert (bones.sum(axis=(1, 3)) > 50).all()
    assert (bones == bones[:, :, :1]).all()
    warm = views[:, :, 2, :, 0]
    beside = np.roll(bones[:, :, 2], 6, axis=2) & ~bones[:, :, 2]
    assert warm[beside].mean() > 1.5 * warm[~beside].mean()
