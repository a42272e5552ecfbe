import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from pipeline.core.errors import FormatError
from pipeline.formats import depth_png, png, shared


@pytest.fixture
def clip(tmp_path):
    depth_mm = np.random.default_rng(0).integers(0, 65536, (4, 12, 16), dtype=np.uint16)
    depth_png.write(tmp_path / "clip", depth_mm)
    return tmp_path / "clip", depth_mm


def test_millimetres_come_back_as_written(clip):
    folder, depth_mm = clip
    assert np.array_equal(depth_png.read(folder), depth_mm)
    assert np.array_equal(depth_png.read(folder, [1, 1, 3]), depth_mm[[1, 1, 3]])


def test_frames_are_named_from_one_as_released(clip):
    assert sorted(path.name for path in clip[0].iterdir())[:2] == ["Depth-00000001.png", "Depth-00000002.png"]


def test_eight_bits_are_refused_where_millimetres_are_expected(clip):
    png.write_grey(clip[0] / "Depth-00000002.png", np.zeros((12, 16), np.uint8))
    with pytest.raises(FormatError, match=r"Depth-00000002\.png: 8-bit PNG where 16-bit millimetres"):
        depth_png.read(clip[0])


def test_a_missing_frame_is_named(clip):
    (clip[0] / "Depth-00000002.png").unlink()
    with pytest.raises(FormatError, match="frame 2 is missing"):
        depth_png.read(clip[0])


def test_a_frame_in_both_variants_is_refused(clip):
    (clip[0] / "MDepth-00000002.png").write_bytes((clip[0] / "Depth-00000002.png").read_bytes())
    with pytest.raises(FormatError, match="a frame number occurs twice"):
        depth_png.read(clip[0])


def test_the_masked_variant_reads_alike(clip):
    folder, depth_mm = clip
    for path in list(folder.iterdir()):
        path.rename(folder / f"M{path.name}")
    assert np.array_equal(depth_png.read(folder), depth_mm)


def test_one_frame_is_no_clip(tmp_path):
    depth_png.write(tmp_path / "clip", np.ones((1, 4, 4), np.uint16))
    with pytest.raises(FormatError, match=r"1 files .* at least 2"):
        depth_png.read(tmp_path / "clip")


def test_a_change_of_size_is_refused(clip):
    png.write_grey(clip[0] / "Depth-00000003.png", np.zeros((6, 8), np.uint16))
    with pytest.raises(FormatError, match="picture size changes"):
        depth_png.read(clip[0])


def test_a_colour_picture_is_refused(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(FormatError, match="grey PNG of 8 or 16 bit was expected, found mode 'RGB'"):
        png.read_grey(tmp_path / "a.png")


def test_frames_that_would_fill_the_memory_are_refused(clip, monkeypatch):
    monkeypatch.setattr(shared, "MAX_BYTES", 3 * 12 * 16 * 2)
    assert len(depth_png.read(clip[0], [0, 1, 2])) == 3
    with pytest.raises(FormatError, match="4 frames of 16 x 12 pixels are more than"):
        depth_png.read(clip[0])


def store(path, *chunks):
    """A PNG of these chunks, each with the right sum."""
    whole = [
        len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big") for name, body in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(whole))
    return path


SIZE_3_4 = struct.pack(">II", 4, 3) + bytes([16, 0, 0, 0, 0])
ROWS = zlib.compress(b"".join(b"\0" + bytes(range(8 * row, 8 * row + 8)) for row in range(3)))
END = (b"IEND", b"")


def test_a_picture_in_several_chunks_among_others_is_read(tmp_path):
    hostile = (b"iCCP", b""), (b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20))), (b"eXIf", b"x")
    path = store(tmp_path / "a.png", (b"IHDR", SIZE_3_4), *hostile, (b"IDAT", ROWS[:5]), (b"IDAT", ROWS[5:]), END)
    assert png.read_grey(path).tolist() == np.arange(24, dtype=np.uint8).view(">u2").reshape(3, 4).tolist()


@pytest.mark.parametrize("bits", [8, 16])
def test_an_interlaced_picture_is_read(tmp_path, bits):
    kind = np.dtype(">u2" if bits == 16 else "u1")
    picture = np.random.default_rng(0).integers(0, 1 << bits, (11, 13)).astype(kind)
    passes = [picture[y::down, x::across] for x, y, across, down in png._PASSES]
    rows = b"".join(b"\0" + row.tobytes() for part in passes if part.size for row in part)
    size = struct.pack(">II", 13, 11) + bytes([bits, 0, 0, 0, 1])
    path = store(tmp_path / "a.png", (b"IHDR", size), (b"IDAT", zlib.compress(rows)), END)
    assert png.read_grey(path).tolist() == picture.tolist()


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        (((b"IHDR", SIZE_3_4), (b"IDAT", zlib.compress(bytes(9 * 2))), END), "unpack to 27 bytes, found 18"),
        (((b"IHDR", SIZE_3_4), (b"IDAT", zlib.compress(bytes(9 * 4))), END), "unpack to 27 bytes, found more"),
        (((b"IHDR", SIZE_3_4), (b"IDAT", ROWS[:-2]), END), "unpack to 27 bytes, found 27: it is cut short"),
        (((b"IHDR", SIZE_3_4), (b"IDAT", ROWS)), "no end in it"),
        (((b"IHDR", SIZE_3_4), END), "unpack to 27 bytes, found 0"),
        (((b"IDAT", ROWS), (b"IHDR", SIZE_3_4), END), "the header is not the first chunk"),
        ((END,), "the header is not the first chunk"),
        (((b"IHDR", SIZE_3_4[:9]), END), "a header of 9 bytes"),
        (((b"IHDR", struct.pack(">II", 0, 3) + bytes([16, 0, 0, 0, 0])), END), "0 x 3 pixels"),
        (((b"IHDR", SIZE_3_4), (b"IDAT", b"junk"), END), "incorrect header check"),
    ],
)
def test_a_picture_that_is_not_all_there_is_refused(tmp_path, chunks, message):
    with pytest.raises(FormatError, match=rf"a\.png: not a readable PNG \(.*{message}"):
        png.read_grey(store(tmp_path / "a.png", *chunks))


def test_a_chunk_longer_than_any_file_is_refused(tmp_path):
    path = store(tmp_path / "a.png", (b"IHDR", SIZE_3_4), (b"IDAT", ROWS), END)
    raw = bytearray(path.read_bytes())
    raw[33:37] = b"\x80\0\0\0"
    path.write_bytes(raw)
    with pytest.raises(FormatError, match="a chunk of 2147483648 bytes has"):
        png.read_grey(path)


def test_a_folder_in_place_of_a_picture_is_said(tmp_path):
    with pytest.raises(FormatError, match="a folder, expected a PNG picture"):
        png.read_grey(tmp_path)


def test_a_gap_of_a_hundred_million_frames_is_found_at_once(clip):
    (clip[0] / "Depth-00000004.png").rename(clip[0] / "Depth-99999999.png")
    with pytest.raises(FormatError, match="frame 4 is missing"):
        depth_png.read(clip[0])


def test_a_picture_of_a_billion_pixels_is_refused_unread(tmp_path):
    size = struct.pack(">II", 40_000, 40_000) + bytes([16, 0, 0, 0, 0])
    store(tmp_path / "a.png", (b"IHDR", size), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    with pytest.raises(FormatError, match=r"a\.png: 40000 x 40000 pixels is more than this code reads"):
        png.read_grey(tmp_path / "a.png")


def test_any_damage_is_read_or_refused_but_never_crashes(clip):
    path = clip[0] / "Depth-00000001.png"
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(200):
        data = bytearray(good[: rng.integers(1, len(good) + 1)])
        data[rng.integers(0, len(data))] ^= 1 << rng.integers(0, 8)
        path.write_bytes(bytes(data))
        with suppress(FormatError):  # any other error fails the test
            assert png.read_grey(path).ndim == 2


def test_a_real_16_bit_depth_picture_is_read_as_recorded(real_data):
    picture = png.read_grey(real_data / "thermal" / "sample_depth.png")
    assert picture.shape == (424, 512)
    assert picture.dtype == np.uint16
