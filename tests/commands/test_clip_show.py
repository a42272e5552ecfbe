"""`unseen clip show` as a user types it, over a small checkout that ingest and preprocess have been through."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from scipy.io import savemat
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.compute.shared import Compute
from pipeline.core import stamp
from pipeline.core.errors import UnseenError
from pipeline.formats import depth_png, ntu_skeleton, video
from pipeline.formats.shared import Skeleton
from pipeline.sources.decoding import Row
from pipeline.steps import ingest, preprocess
from tests.recognition import toy

NAME = "S001C001P001R002A001"
ROWS = {
    f"demo-{modality}-{recipe}": {
        "dataset": "demo",
        "source": "data/synthesize/demo",
        "modality": modality,
        "recipe": recipe,
        "options": options,
        "boxes": False,
    }
    for modality, (recipe, options, *_) in toy.SENSES.items()
}
ROWS["demo-skeleton-whole50"] = {
    **ROWS["demo-skeleton-dvta50"],
    "recipe": "whole50",
    "options": {"num_frames": 8, "num_bodies": 1, "smoothing": 3, "up": "y"},
}
Show = Callable[..., str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recordings in four senses; the last one's films differ in length, the second has no skeleton any more."""
    folder = tmp_path_factory.mktemp("world")
    draw = np.random.default_rng(0)
    toy.write_recordings(folder)
    for sense in ("thermal", "video"):
        for path in toy.files(folder, sense)[:2]:
            frames = draw.integers(0, 256, (5, 16, 24, 3)[: 3 if sense == "thermal" else 4], dtype=np.uint8)
            video.write(path, frames, frames_per_second=10, codec="ffv1" if sense == "thermal" else "libx264")
    toy.files(folder, "skeleton")[1].write_text("0\n")
    source = folder / "data/synthesize/demo"
    stamp.write(source, stamp.scan(source))
    out = folder / "data/ingest/demo.parquet"
    ingest.ingest(ingest.Checks(max_rejected=1), dataset="demo", source=source, out=out)
    for key, row in ROWS.items():
        if key != "demo-skeleton-whole50":
            preprocess.preprocess(
                Row(**row),
                preprocess.Checks(max_rejected=1),
                Compute(engine="inline", num_workers=1),
                key=key,
                clips=out,
                source=source,
                out=folder / f"features/preprocess/demo/{row['modality']}-{row['recipe']}.zarr",
                cache=folder / ".cache",
            )
    tree = {"ingest": {"rows": {"demo": {"source": "data/synthesize/demo"}}}, "preprocess": {"rows": ROWS}}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree))
    return folder


@pytest.fixture
def show(made: Path, monkeypatch: pytest.MonkeyPatch) -> Show:
    """Runs the command in the checkout; what it printed. An error is raised as the command line raises it."""
    monkeypatch.chdir(made)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["clip", "show", *arguments])
        if isinstance(result.exception, UnseenError):
            raise type(result.exception)(f"{result.output}{result.exception}")
        assert result.exit_code == 0, result.output
        return " ".join(result.output.split())

    return run


def height(file: str) -> int:
    with Image.open(file) as picture:
        return picture.height


def test_a_clip_of_the_pipeline_is_told_and_drawn_with_its_prepared_arrays(show: Show) -> None:
    told = show(f"demo/{NAME}", "--modality", "skeleton")
    assert f"clip demo/{NAME} modality skeleton class raise left arm (0) file data/synthesize/demo/{NAME}" in told
    assert "frames 12, the file says no rate joints 25 (ntu25) people 2" in told
    assert "prepared demo-skeleton-dvta50: recipe dvta50, array 3 x 9 x 25 x 2," in told
    assert "prepared demo-skeleton-whole50: not prepared yet; run `dvc repro preprocess@demo-skeleton-whole50`" in told
    file = f"reports/clips/demo-{NAME}-skeleton.png"
    assert told.endswith(f"picture {file}")
    with Image.open(file) as picture:
        assert picture.format == "PNG"
        assert picture.height > 2 * 112  # two strips and their titles


@pytest.mark.parametrize(
    ("sense", "size"),
    [
        ("depth", "frames 5, the file says no rate size 24 x 18 pixels, depth_mm"),
        ("thermal", "frames 5, 10 a second size 24 x 16 pixels, grey8"),
        ("video", "frames 5, 10 a second size 24 x 16 pixels, rgb"),
    ],
)
def test_every_sense_has_a_strip(show: Show, sense: str, size: str) -> None:
    told = show(f"demo/{NAME}", "--modality", sense, "--out", "a.png")
    assert size in told
    assert ("prepared" in told) == (sense != "video")  # whose recordings no row prepares
    assert height("a.png") == (1 if sense == "video" else 2) * (112 + 20)


def test_a_gif_moves_and_lasts_as_long_as_the_film(show: Show) -> None:
    show(f"demo/{NAME}", "--modality", "thermal", "--out", "a.gif")
    with Image.open("a.gif") as moving:
        assert (moving.format, moving.n_frames, moving.info["duration"], moving.info["loop"]) == ("GIF", 5, 100, 0)
        first = np.asarray(moving.convert("RGB"))
        moving.seek(3)
        assert (first != np.asarray(moving.convert("RGB"))).any()


def test_the_strip_shows_the_frames_of_the_file(show: Show, tmp_path: Path) -> None:
    """A film whose frame t has brightness 25 t: of ten frames the strip shows each once."""
    levels = np.arange(10, dtype=np.uint8) * 25
    video.write(
        tmp_path / "a.avi", np.broadcast_to(levels[:, None, None], (10, 32, 32)), frames_per_second=5, codec="ffv1"
    )
    show(str(tmp_path / "a.avi"), "--modality", "video", "--out", str(tmp_path / "a.png"))
    with Image.open(tmp_path / "a.png") as picture:
        strip = np.asarray(picture.convert("L")).astype(int)
    shown = [int(strip[18 + 56, 56 + frame * (112 + 2)]) for frame in range(10)]
    assert shown == pytest.approx(levels, abs=2)


def test_a_file_is_prepared_by_the_rows_of_its_modality_or_by_the_one_asked_for(show: Show) -> None:
    file = f"data/synthesize/demo/{NAME}.skeleton"
    told = show(file)
    assert told.startswith(f"file {file} modality skeleton frames 12")
    assert "demo-skeleton-dvta50: recipe dvta50, array 3 x 9 x 25 x 2" in told
    assert "demo-skeleton-whole50: recipe whole50, array 3 x 8 x 25 x 1" in told
    assert "whole50" not in show(file, "--row", "demo-skeleton-dvta50")


def test_a_row_of_preprocess_tells_the_modality(show: Show) -> None:
    assert "modality depth" in show(f"demo/{NAME}", "--row", "demo-depth-metric")
    film = f"data/synthesize/demo/nturgb+d_ir/{NAME}_ir.avi"
    assert "modality thermal" in show(film, "--row", "demo-thermal-display")


def test_a_part_of_a_file_is_named_as_in_the_clips_table(show: Show) -> None:
    film = f"data/synthesize/demo/nturgb+d_rgb/{NAME}_rgb.mp4"
    told = show(f"{film}#frames=1-4", "--modality", "video")
    assert f"file {film} part frames=1-4 modality video frames 3" in told


def test_a_recipe_that_refuses_a_file_says_why_and_the_file_is_drawn_all_the_same(show: Show, tmp_path: Path) -> None:
    xyz = np.full((1, 4, 25, 3), np.nan, np.float32)
    xyz[0, :, :5] = 1.0
    whole = np.ones((1, 4, 25, 3), np.float32)
    whole[0, 1:, 3] = np.inf
    ntu_skeleton.write(tmp_path / f"{NAME}.skeleton", Skeleton("ntu25", whole, (1,)), whole[..., :2], whole[..., :2])
    told = show(str(tmp_path / f"{NAME}.skeleton"), "--row", "demo-skeleton-dvta50", "--out", str(tmp_path / "a.png"))
    assert "rejected non-finite: 3 of 4 frames, first 1" in told


def test_a_rejected_clip_says_why(show: Show) -> None:
    last = f"demo/{toy.NAMES[2]}"
    told = show(last, "--modality", "video")
    assert "rejected frame counts differ: depth 5, thermal 6, video 6" in told
    with pytest.raises(UnseenError, match=r"rejected +empty: no body(?s:.*)nothing to draw; see above why"):
        show(f"demo/{toy.NAMES[1]}", "--modality", "skeleton")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([f"demo/{NAME}"], "recorded as depth, skeleton, thermal and video; say which with --modality"),
        ([f"demo/{NAME}", "--modality", "smell"], "no smell of this clip, only depth, skeleton, thermal and video"),
        (["demo/S001C001P001R002A002", "--modality", "depth", "--row", "demo-thermal-display"], "prepares thermal of"),
        ([f"demo/{NAME}", "--row", "demo-depth"], "has no row 'demo-depth' .did you mean 'demo-depth-metric'"),
        ([f"demo/{NAME[:-1]}7", "--modality", "depth"], f"did you mean .*demo/{NAME}"),
        ([NAME], f"did you mean demo/{NAME}?"),
        (["xyz"], "neither a file nor a clip of data/ingest/demo.parquet; ids look like demo/S001"),
        ([f"data/synthesize/demo/nturgb+d_rgb/{NAME}_rgb.mp4"], "could be thermal or video; say which"),
        ([f"data/synthesize/demo/nturgb+d_depth/{NAME}"], "could be depth or thermal; say which"),
        (["params.yaml"], "not a clip by its ending"),
        (["data"], "not a clip by its ending, or an empty folder"),
        (["params.yaml", "--modality", "video"], "ends in '.yaml'; a clip of video is one of"),
        ([f"demo/{NAME}", "--out", "a.jpg"], r"a\.jpg: a clip is drawn into a \.png or, moving, a \.gif"),
    ],
)
def test_mistakes_are_told_in_one_line(show: Show, arguments: list[str], message: str) -> None:
    with pytest.raises(UnseenError, match=message):
        show(*arguments)


def test_outside_of_a_checkout_a_file_is_drawn_and_an_id_is_refused(
    show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    depth_png.write(tmp_path / "clip", np.full((3, 6, 8), 900, np.uint16))
    told = show("clip", "--modality", "depth")
    assert "frames 3" in told
    assert "prepared" not in told
    with pytest.raises(UnseenError, match="no clips table in data/ingest that could know it"):
        show("demo/a")


@pytest.mark.parametrize(
    ("name", "key", "shape", "told"),
    [
        ("a1_s1_t1_skeleton.mat", "d_skel", (20, 3, 4), "modality skeleton frames 4"),
        ("a1_s1_t1_depth.mat", "d_depth", (240, 320, 2), "modality depth frames 2"),
    ],
)
def test_a_name_of_utd_tells_the_modality(
    show: Show, tmp_path: Path, name: str, key: str, shape: tuple[int, ...], told: str
) -> None:
    drawn = np.arange(np.prod(shape)).reshape(shape) % 1000 / (1 if key == "d_depth" else 1000)
    savemat(tmp_path / name, {key: drawn})
    assert told in show(str(tmp_path / name), "--out", str(tmp_path / "a.png"))
    savemat(tmp_path / "other.mat", {key: drawn})
    with pytest.raises(UnseenError, match=r"other\.mat: could be skeleton or depth; say which"):
        show(str(tmp_path / "other.mat"))


def test_a_changed_recording_is_told_and_its_prepared_array_still_drawn(show: Show, made: Path) -> None:
    file = toy.files(made, "skeleton")[0]
    before = file.read_bytes()
    file.write_bytes(before + b"\n")
    try:
        told = show(f"demo/{NAME}", "--modality", "skeleton", "--out", "a.png")
    finally:
        file.write_bytes(before)
    assert "unread" in told
    assert "has changed since it was scanned; run `unseen raw scan demo`" in told
    assert height("a.png") == 112 + 20
