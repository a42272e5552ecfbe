import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.compute.shared import Compute
from pipeline.core import pages, tables
from pipeline.core.schemas import CLIPS
from pipeline.formats import depth_png, ntu_skeleton, thermal_png, video
from pipeline.modalities.thermal.recipes.radiometric import SENSORS, to_celsius
from pipeline.steps import ingest
from pipeline.steps.synthesize import synthesize
from pipeline.world import overlay
from pipeline.world.filming import Films
from pipeline.world.rasterizer import Lens
from pipeline.world.recordings import Performance, World, all_senses

INLINE = Compute(engine="inline", num_workers=1)
ROOMS = {
    "wall_behind_m": (1.6, 2.6), "floor_brightness": (0.25, 0.6), "floor_tint": (1.0, 1.0, 1.0),
    "wall_brightness": (0.45, 0.85), "wall_tint": (1.0, 1.0, 1.0), "things": 0,
}  # fmt: skip
SIZE = {"num_frames": 6, "height": 36, "width": 48, "focal_px": 39.0}
FIRST = {"subjects": [1], "repetitions": [1], "classes": [0]}
FILMS = Films(senses=["depth", "thermal", "video"], unfilmed=[FIRST], rooms=ROOMS, **SIZE)
SETTINGS = {
    "kind": "bodies",
    "seed": 3, "subjects": 1, "repetitions": 2, "cameras": 2, "repertoire": "demo", "classes": 2,
    "min_frames": 12, "max_frames": 14,
    "noise_mm": 5.0, "dropped_frames": 0.1, "empty_frames": 0.0, "second_body": 0.0,
    "sizes": {"mean": 1.0, "deviation": 0.06}, "places": {"distance_m": (2.8, 3.8), "height_m": (0.8, 1.4)},
}  # fmt: skip


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("worlds") / "demo"
    synthesize(World(**SETTINGS, films=FILMS), INLINE, row="demo", out=out, page=out.parent / "pages" / "demo")
    return out


def test_camera_one_films_all_that_is_not_left_out(world):
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
    synthesize(
        World(**SETTINGS, films=FILMS), INLINE, row="demo", out=tmp_path / "demo", page=tmp_path / "pages" / "demo"
    )
    assert digests(tmp_path / "demo") == digests(world)


def test_films_leave_the_skeletons_as_they_were(world, tmp_path):
    synthesize(
        World(**SETTINGS, films=None), INLINE, row="demo", out=tmp_path / "demo", page=tmp_path / "pages" / "demo"
    )
    without = digests(tmp_path / "demo")
    assert without == {name: digest for name, digest in digests(world).items() if name.endswith(".skeleton")}
    assert len(without) == 8


def test_the_world_ingests_in_all_four_modalities(world, tmp_path):
    ingest.ingest(ingest.Checks(max_rejected=0.0), dataset="demo", source=world, out=tmp_path / "demo.parquet")
    rows = tables.read_table(tmp_path / "demo.parquet", CLIPS).to_pylist()
    counts = {m: sum(row["modality"] == m for row in rows) for m in ("skeleton", "depth", "thermal", "video")}
    assert counts == {"skeleton": 8, "depth": 3, "thermal": 3, "video": 3}
    depth = next(row for row in rows if row["modality"] == "depth")
    assert depth["path"] == "nturgb+d_depth/S001C001P001R001A002"
    assert (depth["num_frames"], depth["camera"], depth["subject"]) == (6, 1, 1)


@pytest.mark.parametrize(
    ("left_out", "expected"),
    [({"subjects": [1]}, {(2, 1, 0), (2, 2, 1)}), ({"repetitions": [2], "classes": [1]}, {(1, 1, 0), (2, 1, 0)}),
     ({}, set())],
)  # fmt: skip
def test_what_is_left_out_fits_in_every_respect_that_is_named(left_out, expected):
    rule = {"subjects": None, "repetitions": None, "classes": None} | left_out
    films = Films(senses=["video"], unfilmed=[rule], rooms=ROOMS, **SIZE)
    asked = [(1, 1, 0), (2, 1, 0), (2, 2, 1)]
    assert {who for who in asked if films.filmed(*who)} == expected


def test_only_the_senses_asked_for_are_written_and_they_are_the_same(world, tmp_path):
    films = FILMS.model_copy(update={"senses": ["video"]})
    synthesize(
        World(**SETTINGS, films=films), INLINE, row="demo", out=tmp_path / "demo", page=tmp_path / "pages" / "demo"
    )
    found, every = digests(tmp_path / "demo"), digests(world)
    assert found == {name: every[name] for name in every if name.endswith((".skeleton", "_rgb.mp4"))}


@pytest.mark.parametrize(
    "change",
    [{"wall_behind_m": (3.0, 3.0)}, {"floor_brightness": (0.9, 0.9)}, {"floor_tint": (0.2, 0.2, 1.0)},
     {"wall_brightness": (0.1, 0.1)}, {"wall_tint": (1.0, 0.2, 0.2)}, {"things": 9}],
)  # fmt: skip
def test_every_trait_of_a_room_shows(change):
    pictures = []
    for rooms in (ROOMS, ROOMS | change):
        films = Films(senses=["video"], unfilmed=[], rooms=rooms, **SIZE)
        _, film = all_senses(World(**SETTINGS, films=films), films, Performance(1, 1, 0))
        pictures.append(film.rgb_THW3.astype(int))
    assert (np.abs(pictures[0] - pictures[1]).max(axis=-1) > 30).mean() > 0.01


def test_the_page_counts_clips_and_shows_two_actions_outside_the_stamped_folder(world):
    page = pages.read(world.parent / "pages" / "demo" / "page.json")
    assert (page.stage, page.row) == ("synthesize", "demo")
    assert page.tables[0].rows == [["raise left arm", 4, 1], ["raise right arm", 4, 2]]
    assert [image.file for image in page.images] == ["S001C001P001R001A002.png", "S001C001P001R002A001.png"]
    assert not list(world.rglob("*.json"))


def sheet(path):
    """The panels of an overlay, without its names: rows, columns, and the pixels of each."""
    picture = np.asarray(Image.open(path)).astype(int)
    shown = picture[overlay._HEAD :, overlay._SIDE :]
    rows, columns = len(shown) // 3, shown.shape[1] // 4
    return shown.reshape(3, rows, 4, columns, 3).swapaxes(1, 2)


def test_the_overlay_shows_three_frames_in_four_views_with_bones(world):
    views = sheet(world.parent / "pages" / "demo" / "S001C001P001R001A002.png")
    bones = (views == (0, 255, 80)).all(axis=-1)
    assert (bones.sum(axis=(2, 3)) > 50).all()
    hidden = (views == (255, 220, 0)).all(axis=-1) | (views == 255).all(axis=-1) | (views == 30).all(axis=-1)  # names
    assert (bones == bones[:, :1])[~hidden].all()
    warm = views[:, 2, :, :, 0]
    beside = np.roll(bones[:, 2], 6, axis=2) & ~bones[:, 2]
    assert warm[beside].mean() > 1.5 * warm[~beside].mean()


def test_the_overlay_is_cut_to_the_person(tmp_path):
    skeleton, film = all_senses(World(**SETTINGS, films=FILMS), FILMS, Performance(1, 1, 0))
    overlay.draw(tmp_path / "a.png", skeleton, film, FILMS.lens)
    rows, columns = np.nonzero((sheet(tmp_path / "a.png") == (0, 255, 80)).all(axis=-1).any(axis=(0, 1)))
    height, width = sheet(tmp_path / "a.png").shape[2:4]
    assert (rows.max() - rows.min()) / height > 0.5
    assert rows.min() > 0 < columns.min()
    assert width < height  # of a film that is wider than high


def test_the_overlay_says_what_columns_frames_and_boxes_are(tmp_path):
    skeleton, film = all_senses(World(**SETTINGS, films=FILMS), FILMS, Performance(1, 1, 0))
    renamed = replace(film, boxes=replace(film.boxes, labels=("w",) * len(film.boxes.labels)))
    for name, shown in (("a", film), ("b", renamed)):
        overlay.draw(tmp_path / f"{name}.png", skeleton, shown, FILMS.lens)
    picture = np.asarray(Image.open(tmp_path / "a.png")).astype(int)
    assert (picture[: overlay._HEAD, overlay._SIDE :] < 100).any()
    assert (picture[overlay._HEAD :, : overlay._SIDE] < 100).any()
    assert (sheet(tmp_path / "a.png") != sheet(tmp_path / "b.png")).any()


def test_the_overlay_shows_frames_in_which_the_tracker_had_the_body(tmp_path):
    skeleton, film = all_senses(World(**SETTINGS, films=FILMS), FILMS, Performance(1, 1, 0))
    xyz_MTV3 = skeleton.xyz_MTV3.copy()
    xyz_MTV3[:, : skeleton.num_frames // 2] = np.nan
    overlay.draw(tmp_path / "a.png", replace(skeleton, xyz_MTV3=xyz_MTV3), film, FILMS.lens)
    assert ((sheet(tmp_path / "a.png") == (0, 255, 80)).all(axis=-1).sum(axis=(1, 2, 3)) > 50).all()


def test_a_radiometric_camera_gives_the_temperatures_of_the_world_back(tmp_path):
    films = FILMS.model_copy(update={"senses": ["radiometric"]})
    world = World(**(SETTINGS | {"repertoire": "demo_home"}), films=films)
    out = tmp_path / "demo_home"
    synthesize(world, INLINE, row="demo_home", out=out, page=tmp_path / "pages")
    ingest.ingest(ingest.Checks(max_rejected=0.0), dataset="demo_home", source=out, out=tmp_path / "home.parquet")
    rows = [
        row for row in tables.read_table(tmp_path / "home.parquet", CLIPS).to_pylist() if row["modality"] == "thermal"
    ]
    assert [row["clip_id"] for row in rows] == [
        f"demo_home/S001C001P001R00{r}A00{a}" for r, a in ((1, 2), (2, 1), (2, 2))
    ]
    footage = thermal_png.footage(out / rows[0]["path"])
    assert (footage.layout, footage.num_frames) == ("grey16", 6)
    _, film = all_senses(world, films, Performance(1, 1, 1))
    celsius = to_celsius(footage.frames(range(6)), SENSORS["centikelvin"])
    np.testing.assert_allclose(celsius, film.celsius_THW, atol=0.006)
