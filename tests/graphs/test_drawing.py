import zlib
from contextlib import suppress

import pytest
from PIL import Image

from pipeline.core.errors import FormatError
from pipeline.formats import pictures
from pipeline.graphs import drawing
from pipeline.graphs.scene import Relation, SceneObject, scene_graph

GRAPH = scene_graph(
    "7", "", (100, 50),
    [SceneObject(n, (f"thing {n}",), box_xywh=(10.0 * n, 5.0, 8.0, 8.0) if n else None) for n in range(5)],
    [Relation(0, 1, "on"), Relation(1, 2, "near"), Relation(2, 3, "near")],
)  # fmt: skip


def test_the_nearest_objects_are_drawn():
    assert drawing.neighbourhood(GRAPH, [1], 3) == [0, 1, 2]
    assert drawing.neighbourhood(GRAPH, [1], 9) == [0, 1, 2, 3]
    assert drawing.neighbourhood(GRAPH, [4], 9) == [4]


def test_a_drawing_shows_picture_boxes_and_marks_and_is_the_same_twice():
    plain = drawing.draw(GRAPH, [0, 1, 2], [], None)
    assert plain.tobytes() == drawing.draw(GRAPH, [0, 1, 2], [], None).tobytes()
    assert plain.tobytes() != drawing.draw(GRAPH, [0, 1, 2], [1], None).tobytes()
    green = Image.new("RGB", (100, 50), (0, 200, 0))
    assert drawing.draw(GRAPH, [0], [], green).getpixel((300, 150)) == (0, 200, 0)


def test_a_picture_is_cut_to_its_region_and_a_missing_one_is_none(tmp_path):
    picture = Image.new("RGB", (20, 10))
    picture.putpixel((5, 5), (255, 0, 0))
    picture.save(tmp_path / "a.png")
    assert drawing.load_picture(tmp_path / "a.png", [5, 5, 4, 3]).size == (4, 3)
    assert drawing.load_picture(tmp_path / "a.png", [5, 5, 4, 3]).getpixel((0, 0)) == (255, 0, 0)
    assert drawing.load_picture(tmp_path / "none.png", None) is None


@pytest.mark.parametrize("content", [b"no picture", b"\x89PNG\r\n\x1a\n" + b"\x00" * 30])
def test_a_file_that_is_no_picture_is_one_clear_line(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(FormatError, match="not a readable picture"):
        drawing.load_picture(tmp_path / "a.png", None)


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 10)
    Image.new("RGB", (20, 10)).save(tmp_path / "a.png")
    with pytest.raises(FormatError, match="at most 10"):
        drawing.load_picture(tmp_path / "a.png", None)


@pytest.mark.parametrize("chunk", [b"iCCP", b"zTXt", b"IDAT"])
def test_a_damaged_chunk_of_a_picture_is_one_clear_line(tmp_path, chunk):
    Image.new("RGB", (4, 3)).save(tmp_path / "a.png")
    raw = (tmp_path / "a.png").read_bytes()
    empty = b"\0\0\0\0" + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    for place, content in ((33, empty), (33, b"\x80" + empty[1:]), (len(raw) - 12, empty[:7])):
        (tmp_path / "a.png").write_bytes(raw[:place] + content + raw[place:])
        with suppress(FormatError):
            drawing.load_picture(tmp_path / "a.png", None)
