import random
import struct
from pathlib import Path

import pytest
from PIL import Image

from pipeline.core.errors import FormatError
from pipeline.formats import picture_size


def saved(path: Path, form: str, size=(31, 17), **more) -> Path:
    Image.new("RGB", size, (200, 10, 10)).save(path, format=form, **more)
    return path


@pytest.mark.parametrize(
    ("form", "more"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"comment": b"\xff\xc0" * 90}),
        ("JPEG", {"exif": Image.Exif().tobytes() + b"\x00" * 500}),
    ],
)
def test_the_size_is_the_one_that_pillow_finds(tmp_path, form, more):
    for size in ((31, 17), (1, 900), (640, 480)):
        path = saved(tmp_path / "a", form, size, **more)
        with Image.open(path) as picture:
            assert picture_size.read(path) == picture.size == size


def test_fill_bytes_and_markers_without_length_are_stepped_over(tmp_path):
    path = saved(tmp_path / "a", "JPEG")
    content = path.read_bytes()
    path.write_bytes(content[:2] + b"\xff\xff\xff\x01\xff\xd0" + content[2:])
    assert picture_size.read(path) == (31, 17)


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"GIF89a", b"\xff\xd8", b"\xff\xd8" * 9, b"\xff\xd8\xff\xe0\x00\x00" + b"\x00" * 99, png(0, 5),
        png(1 << 31, 5), png(70000, 70000), png(5, 5)[:-1], png(5, 5).replace(b"IHDR", b"tEXt"),
        b"\xff\xd8" + b"\xff\xe0\x00\x02" * 100_000,
    ],
    ids=lambda content: ascii(content[:20]),
)  # fmt: skip
def test_what_has_no_size_is_one_clear_line(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(FormatError, match="not a readable picture"):
        picture_size.read(tmp_path / "a")


def test_a_folder_is_no_picture(tmp_path):
    with pytest.raises(FormatError, match="a folder, expected a JPEG or PNG picture"):
        picture_size.read(tmp_path)


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_damaged_header_gives_a_size_or_that_line_and_nothing_else(tmp_path, form):
    whole = saved(tmp_path / "a", form).read_bytes()
    rng = random.Random(0)
    for _ in range(500):
        content = bytearray(whole[: rng.randrange(1, len(whole) + 1)])
        for _ in range(rng.randint(0, 4)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        (tmp_path / "b").write_bytes(content)
        try:
            size = picture_size.read(tmp_path / "b")
        except FormatError:
            continue
        assert 0 < min(size) <= max(size) < 1 << 16
