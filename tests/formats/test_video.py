import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.core.errors import FormatError
from pipeline.formats import shared, video


def moving_square(num_frames: int = 20) -> np.ndarray:
    frames = np.zeros((num_frames, 48, 64, 3), np.uint8)
    for t in range(num_frames):
        frames[t, 10:20, 2 * t : 2 * t + 10] = 255
    return frames


def sequential(path: Path) -> np.ndarray:
    with av.open(str(path), metadata_errors="ignore") as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(container.streams.video[0])])


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mpeg4"), ("a.mkv", "ffv1")])
def test_a_frame_by_index_is_the_frame_of_sequential_decoding(tmp_path, name, codec):
    video.write(tmp_path / name, moving_square(), frames_per_second=30, codec=codec)
    whole = sequential(tmp_path / name)
    indices = [0, 3, 3, 7, 19]
    assert len(whole) == 20
    assert np.array_equal(video.read(tmp_path / name, indices), whole[indices])


def test_the_square_is_where_its_frame_number_says(tmp_path):
    video.write(tmp_path / "a.mp4", moving_square(), frames_per_second=30, codec="libx264")
    bright = video.read(tmp_path / "a.mp4", [4, 11], "gray") > 128
    assert [int(picture.any(axis=0).argmax()) for picture in bright] == pytest.approx([8, 22], abs=1)


def test_facts_count_what_decodes(tmp_path):
    video.write(tmp_path / "a.avi", moving_square(9), frames_per_second=25, codec="mpeg4")
    assert video.facts(tmp_path / "a.avi") == video.VideoFacts(9, 48, 64, 25.0, 8)


@pytest.mark.parametrize(("dtype", "pixels", "bits"), [(np.uint8, "gray", 8), (np.uint16, "gray16le", 16)])
def test_lossless_grey_video_comes_back_bit_for_bit(tmp_path, dtype, pixels, bits):
    counts = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (5, 24, 32), dtype=dtype)
    video.write(tmp_path / "a.avi", counts, frames_per_second=30, codec="ffv1")
    assert np.array_equal(video.read(tmp_path / "a.avi", range(5), pixels), counts)
    assert video.facts(tmp_path / "a.avi").bits == bits


def test_the_same_frames_give_the_same_file(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        video.write(tmp_path / name, moving_square(), frames_per_second=30, codec="libx264")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_reading_past_the_end_is_refused(tmp_path):
    video.write(tmp_path / "a.avi", moving_square(9), frames_per_second=25, codec="mpeg4")
    with pytest.raises(FormatError, match=r"frame 9 was asked for, the file ends before"):
        video.read(tmp_path / "a.avi", [0, 9])


def test_one_frame_is_no_clip(tmp_path):
    video.write(tmp_path / "a.mp4", moving_square(1), frames_per_second=30, codec="libx264")
    with pytest.raises(FormatError, match="1 frames decode, a clip needs at least 2"):
        video.facts(tmp_path / "a.mp4")


@pytest.mark.parametrize("content", [b"", b"\x00" * 4096, b"no video at all"])
def test_what_is_no_video_is_refused_with_its_path(tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.mp4: (does not decode|no video stream)"):
        video.facts(tmp_path / "a.mp4")


def test_a_video_in_a_code_that_nothing_here_decodes_is_refused(tmp_path):
    path = tmp_path / "a.mkv"
    video.write(path, moving_square(3), frames_per_second=9, codec="ffv1")
    path.write_bytes(path.read_bytes().replace(b"V_FFV1", b"V_MINE"))
    with pytest.raises(FormatError, match=r"a\.mkv: no decoder for its video; convert it, say to H\.264"):
        video.facts(path)


@pytest.mark.parametrize(
    ("pixels", "layout"), [("gray16le", "grey16"), ("gray10le", "grey8"), ("yuv420p10le", "grey8")]
)
def test_only_pictures_of_one_channel_and_16_bits_are_counts(tmp_path, pixels, layout):
    """FFmpeg stretches ten bits to sixteen: a radiometric count of 500 would come back as 32031."""
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=9)
        stream.height, stream.width, stream.pix_fmt = 16, 24, pixels
        frame = av.VideoFrame(24, 16, pixels)
        for plane in frame.planes:
            np.asarray(memoryview(plane)).view(np.uint16)[:] = 500
        container.mux([*stream.encode(frame), *stream.encode(frame), *stream.encode(None)])
    footage = video.grey_footage(path)
    assert footage.layout == layout
    if layout == "grey16":
        assert (footage.frames([0, 1]) == 500).all()


def test_frames_that_would_fill_the_memory_are_refused(tmp_path, monkeypatch):
    video.write(tmp_path / "a.mp4", moving_square(), frames_per_second=30, codec="libx264")
    monkeypatch.setattr(shared, "MAX_BYTES", 3 * 48 * 64 * 3)
    assert video.read(tmp_path / "a.mp4", [0, 1, 9]).shape == (3, 48, 64, 3)
    with pytest.raises(FormatError, match=r"a\.mp4: 4 frames of 64 x 48 pixels are more than .*; make the pictures sm"):
        video.read(tmp_path / "a.mp4", [0, 1, 9, 9])


def test_any_damage_is_read_or_refused_but_never_crashes(tmp_path):
    video.write(tmp_path / "a.avi", moving_square(), frames_per_second=30, codec="mpeg4")
    good = (tmp_path / "a.avi").read_bytes()
    rng = np.random.default_rng(0)
    for case in range(60):
        data = bytearray(good[: rng.integers(1, len(good) + 1)])
        for place in rng.integers(0, len(data), 8):
            data[place] = rng.integers(0, 256)
        (tmp_path / "b.avi").write_bytes(bytes(data))
        with suppress(FormatError):  # any other error fails the test
            assert video.facts(tmp_path / "b.avi").num_frames >= 2, case


def test_real_clips_give_the_frames_of_sequential_decoding(real_data):
    counts = {}
    for path in sorted((real_data / "videos").glob("*")):
        if path.name == "corrupted.mp4":
            continue
        counts[path.name[:5]] = video.facts(path).num_frames
        assert np.array_equal(video.read(path, [5, 30]), sequential(path)[[5, 30]])
    # "Truma" promises 49 frames in its header and holds 48; "hmdb5" has a title that is not UTF-8.
    assert counts == {"SOX5y": 332, "Truma": 48, "hmdb5": 83, "v_Soc": 240}


def test_the_real_corrupt_clip_is_refused(real_data):
    with pytest.raises(FormatError, match=r"corrupted\.mp4: does not decode"):
        video.facts(real_data / "videos" / "corrupted.mp4")


def test_a_list_of_other_files_is_no_video(tmp_path):
    frames = np.zeros((3, 16, 16, 3), np.uint8)
    video.write(tmp_path / "real.avi", frames, frames_per_second=10, codec="mpeg4")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile real.avi\n")
    with pytest.raises(FormatError, match=r"list\.mp4: does not decode as video"):
        video.facts(tmp_path / "list.mp4")


def test_a_folder_or_a_pipe_in_place_of_a_video_is_said(tmp_path):
    os.mkfifo(tmp_path / "p.mp4")
    for path, found in ((tmp_path, "a folder"), (tmp_path / "p.mp4", "a pipe")):
        with pytest.raises(FormatError, match=f"{found}, expected a video"):
            video.facts(path)


def test_the_size_is_that_of_the_pictures_whatever_the_header_says(tmp_path):
    path = tmp_path / "a.avi"
    video.write(path, np.zeros((3, 16, 24, 3), np.uint8), frames_per_second=10, codec="mpeg4")
    content = bytearray(path.read_bytes())
    header = content.index(b"strf") + 12  # after its name, its length and the length of what follows: width, height
    content[header : header + 8] = (80).to_bytes(4, "little") + (64).to_bytes(4, "little")
    path.write_bytes(content)
    found = video.facts(path)
    assert (found.height, found.width) == video.read(path, [0]).shape[1:3] == (16, 24)


def test_pictures_of_two_sizes_are_no_clip(tmp_path):
    path = tmp_path / "a.avi"
    with av.open(path, "w") as container:
        stream = container.add_stream("mjpeg", rate=10, width=32, height=32, pix_fmt="yuvj420p")
        for number, side in enumerate((32, 32, 16)):
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.width = encoder.height = side
            encoder.pix_fmt, encoder.time_base = "yuvj420p", Fraction(1, 10)
            picture = av.VideoFrame.from_ndarray(np.zeros((side, side, 3), np.uint8)).reformat(format="yuvj420p")
            picture.pts = number
            for packet in [*encoder.encode(picture), *encoder.encode(None)]:
                packet.stream = stream
                container.mux(packet)
    with pytest.raises(FormatError, match="the picture size changes within the clip"):
        video.facts(path)
