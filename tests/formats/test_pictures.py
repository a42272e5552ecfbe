import io

import numpy as np
import pytest
from PIL import Image

from pipeline.core.errors import FormatError
from pipeline.formats import pictures


def halves(form: str, size=(40, 20)) -> bytes:
    """Left red, right blue."""
    picture = Image.new("RGB", size, (255, 0, 0))
    picture.paste((0, 0, 255), (size[0] // 2, 0, size[0], size[1]))
    content = io.BytesIO()
    picture.save(content, form, **({"quality": 95, "subsampling": 0} if form == "JPEG" else {}))
    return content.getvalue()


def whole(width, height):
    return 0.0, 0.0, float(width), float(height)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_every_format_is_decoded_cut_and_resized(form, tmp_path):
    content = halves(form)
    (tmp_path / "a").write_bytes(content)
    for source in (content, tmp_path / "a"):
        made = np.asarray(pictures.resized(source, "a", whole, (4, 8)))
        assert made.shape == (4, 8, 3)
        assert made[2, 1, 0] > 200 > 60 > made[2, 1, 2]
        right = np.asarray(pictures.resized(source, "a", lambda w, h: (w / 2, 0, w / 2, h), (4, 4)))
        assert (right[..., 2] > 150).all()
    assert pictures.decode(content, "a").size == pictures.read(tmp_path / "a").size == (40, 20)
    assert pictures.read(tmp_path / "a", [20, 5, 10, 6]).size == (10, 6)


def test_a_large_jpeg_is_unpacked_small_and_looks_the_same(monkeypatch):
    content = halves("JPEG", (1600, 800))
    fast = np.asarray(pictures.resized(content, "a", whole, (50, 100)), int)
    monkeypatch.setattr(Image.Image, "draft", lambda *args: None)
    slow = np.asarray(pictures.resized(content, "a", whole, (50, 100)), int)
    assert np.abs(fast - slow).mean() < 2


def test_grey_and_transparent_pictures_become_colour():
    for mode, shade in (("L", 9), ("RGBA", (9, 9, 9, 0)), ("P", 9)):
        content = io.BytesIO()
        Image.new(mode, (6, 6), shade).save(content, "PNG")
        assert np.asarray(pictures.resized(content.getvalue(), "a", whole, (3, 3))).shape == (3, 3, 3)


@pytest.mark.parametrize("content", [b"", b"GIF89a", halves("JPEG")[:200], halves("PNG")[:60], b"\xff" * 99])
def test_what_does_not_decode_is_one_line_that_names_it(content):
    for read in (lambda: pictures.decode(content, "x"), lambda: pictures.resized(content, "x", whole, (3, 3))):
        with pytest.raises(FormatError, match="x: not a readable picture"):
            read()


def test_a_bomb_is_refused_by_its_header(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 99)
    with pytest.raises(FormatError, match="40 x 20 pixels, at most 99"):
        pictures.decode(halves("PNG"), "x")
