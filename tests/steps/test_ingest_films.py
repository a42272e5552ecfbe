"""What ingest makes of filmed recordings: folders as clips, and every fault a reason."""

import numpy as np
import pytest

from pipeline.core import stamp, tables
from pipeline.core.errors import DataError, FormatError
from pipeline.core.schemas import CLIPS
from pipeline.formats import depth_png, ntu_skeleton, png, video
from pipeline.formats.shared import Skeleton
from pipeline.steps import ingest

NAME = "S001C001P001R001A00{}"


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "demo"
    rng = np.random.default_rng(0)
    for clip in (1, 2, 3):
        frames = rng.integers(500, 4000, (4, 16, 24), dtype=np.uint16)
        depth_png.write(folder / "nturgb+d_depth" / NAME.format(clip), frames)
        rgb = rng.integers(0, 255, (4, 16, 24, 3), dtype=np.uint8)
        video.write(folder / "rgb" / f"{NAME.format(clip)}_rgb.mp4", rgb, frames_per_second=9, codec="libx264")
        video.write(folder / "ir" / f"{NAME.format(clip)}_ir.avi", rgb[..., 0], frames_per_second=9, codec="mpeg4")
    return folder


def listed(source, at_most=1.0):
    if not stamp.stamp_path(source).exists():
        stamp.write(source, stamp.scan(source))
    out = source.with_name("clips.parquet")
    ingest.ingest(ingest.Checks(max_rejected=at_most), dataset="demo", source=source, out=out)
    rows = tables.read_table(out, CLIPS).to_pylist()
    return {(row["clip_id"].removeprefix("demo/"), row["modality"]): row for row in rows}


def reason(source, modality, clip=1):
    return listed(source)[NAME.format(clip), modality]["reason"]


def test_good_films_are_accepted_in_every_modality(source):
    rows = listed(source, at_most=0.0)
    assert len(rows) == 9
    assert {row["num_frames"] for row in rows.values()} == {4}


@pytest.mark.parametrize("content", [b"", b"junk" * 99])
def test_a_broken_video_is_rejected(source, content):
    (source / "rgb" / f"{NAME.format(1)}_rgb.mp4").write_bytes(content)
    assert reason(source, "video").startswith("unreadable: does not decode as video")
    assert reason(source, "video", clip=2) is None


def test_a_video_of_one_frame_is_rejected(source):
    path = source / "rgb" / f"{NAME.format(1)}_rgb.mp4"
    video.write(path, np.zeros((1, 16, 24, 3), np.uint8), frames_per_second=9, codec="libx264")
    assert reason(source, "video") == "unreadable: 1 frames decode, a clip needs at least 2; replace the file"


def test_eight_bit_depth_is_rejected(source):
    png.write_grey(source / "nturgb+d_depth" / NAME.format(1) / "Depth-00000001.png", np.zeros((16, 24), np.uint8))
    expected = "unreadable: Depth-00000001.png: 8-bit PNG where 16-bit millimetres are expected"
    assert reason(source, "depth").startswith(expected)


def test_different_frame_counts_reject_the_films_of_that_clip(source):
    (source / "nturgb+d_depth" / NAME.format(1) / "Depth-00000004.png").unlink()
    rows = listed(source)
    for modality in ("depth", "thermal", "video"):
        told = rows[NAME.format(1), modality]["reason"].removeprefix("frame counts differ: ")
        assert set(told.split(", ")) == {"depth 3", "thermal 4", "video 4"}
    assert reason(source, "depth", clip=2) is None


def test_an_empty_picture_among_the_depth_frames_is_rejected(source):
    (source / "nturgb+d_depth" / NAME.format(1) / "Depth-00000001.png").write_bytes(b"")
    assert "Depth-00000001.png: not a readable PNG" in reason(source, "depth")


def test_a_joint_that_is_no_number_rejects_the_skeleton_and_leaves_the_films(source):
    xyz_MTV3 = np.random.default_rng(0).normal(size=(1, 4, 25, 3)).astype(np.float32)
    xyz_MTV3[0, 2, 7, 1] = np.nan
    pixels = np.zeros((1, 4, 25, 2), np.float32)
    ntu_skeleton.write(source / f"{NAME.format(1)}.skeleton", Skeleton("ntu25", xyz_MTV3, (1,)), pixels, pixels)
    rows = listed(source)
    assert rows[NAME.format(1), "skeleton"]["reason"] == "non-finite: 1 of 4 frames, first 2"
    assert rows[NAME.format(1), "depth"]["reason"] is None


@pytest.mark.parametrize("path", ["../secret_rgb.mp4", "/etc/{}_rgb.mp4", "rgb/../../{}_rgb.mp4"])
def test_a_stamp_that_leads_out_of_the_source_is_refused_unread(source, path):
    line = f"{'0' * 64} 9 {path.format(NAME.format(1))}\n"
    header = "# unseen stamp, version 1: sha256, bytes, path\n"
    stamp.stamp_path(source).write_text(header + line)
    with pytest.raises(FormatError, match="line 2: expected 'sha256 bytes path' with a path inside the folder"):
        listed(source)


def test_a_film_that_is_a_link_out_of_the_source_is_refused(source, tmp_path):
    film = source / "rgb" / f"{NAME.format(1)}_rgb.mp4"
    film.rename(tmp_path / "elsewhere.mp4")
    film.symlink_to(tmp_path / "elsewhere.mp4")
    with pytest.raises(DataError, match="leads out of"):
        listed(source)


def test_the_real_corrupt_clip_is_rejected_and_the_others_stay(source, real_data):
    film = source / "rgb" / f"{NAME.format(1)}_rgb.mp4"
    film.write_bytes((real_data / "videos" / "corrupted.mp4").read_bytes())
    rows = listed(source)
    assert rows[NAME.format(1), "video"]["reason"].startswith("unreadable: does not decode as video")
    assert [row["clip_id"] for row in rows.values() if row["reason"]] == [f"demo/{NAME.format(1)}"]


def test_a_changed_frame_is_noticed(source):
    listed(source)
    path = source / "nturgb+d_depth" / NAME.format(2) / "Depth-00000002.png"
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(bytes(data))
    assert reason(source, "depth", clip=2) == "changed file: its content is not what the stamp says"


def test_two_files_for_one_clip_are_named(source):
    (source / "again").mkdir()
    first = source / "ir" / f"{NAME.format(1)}_ir.avi"
    (source / "again" / first.name).write_bytes(first.read_bytes())
    duplicates = [row for row in listed(source).values() if (row["reason"] or "").startswith("duplicate clip")]
    assert [row["path"] for row in duplicates] == [f"ir/{first.name}"]
    assert "again/" in duplicates[0]["reason"]
