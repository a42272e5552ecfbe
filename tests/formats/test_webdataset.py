import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from pipeline.core.errors import FormatError
from pipeline.formats import webdataset
from pipeline.formats.webdataset import Sample


def jpeg(shade: int = 9) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (8, 6), (shade, shade, shade)).save(content, "JPEG")
    return content.getvalue()


def samples(number=3, **changes):
    one = {"ending": "jpg", "picture": jpeg(), "facts": {"a": 1}}
    return [Sample(**({"key": f"{k:09d}", "text": f"a  cup\n{k}", **one} | changes)) for k in range(number)]


def packed(path, members, *, form=tarfile.PAX_FORMAT, mtime=1.5):
    """As img2dataset's writer does: fractional times, so that every member has a pax header before it."""
    with tarfile.open(path, "w", format=form) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), mtime
            tar.addfile(member, io.BytesIO(content))
    return path


def test_what_is_written_is_read_by_key_text_and_picture(tmp_path):
    webdataset.write(tmp_path / "00000.tar", samples())
    shard = webdataset.index(tmp_path / "00000.tar")
    assert [shard.key(number) for number in range(3)] == ["000000000", "000000001", "000000002"]
    assert list(shard.texts()) == [shard.text(number) for number in range(3)] == ["a cup 0", "a cup 1", "a cup 2"]
    assert shard.picture(2) == jpeg()
    assert shard.left_out == {}
    with tarfile.open(tmp_path / "00000.tar") as tar:  # what others read
        assert tar.getnames()[:3] == ["000000000.jpg", "000000000.json", "000000000.txt"]
        assert json.load(tar.extractfile("000000000.json")) == {"a": 1}


def test_the_same_samples_are_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        webdataset.write(tmp_path / name, samples())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_every_form_of_tar_is_read_as_tarfile_reads_it(tmp_path, form):
    long = "f/" * 60 + "x" * 90 if form != tarfile.USTAR_FORMAT else "f/" * 60 + "x" * 20
    mtime = 1.5 if form == tarfile.PAX_FORMAT else 1
    path = packed(
        tmp_path / "a.tar", [(f"{long}.jpg", jpeg(1)), (f"{long}.txt", b"one"), ("b.PNG", jpeg(2)), ("b.txt", b"two")],
        form=form, mtime=mtime,
    )  # fmt: skip
    shard = webdataset.index(path)
    with tarfile.open(path) as tar:
        expected = [(member.name, member.offset_data, member.size) for member in tar]
    assert [shard.key(0), shard.key(1)] == [long, "b"]
    found = [(int(a), int(b)) for row in shard.spans_N4 for a, b in (row[:2], row[2:])]
    assert found == [(start, size) for _, start, size in expected]
    assert list(shard.texts()) == ["one", "two"]


def test_samples_without_text_or_picture_are_counted_and_left_out(tmp_path):
    members = [
        ("a.jpg", jpeg()), ("a.txt", b"fine"),
        ("b.jpg", jpeg()), ("b.json", b"{}"),
        ("c.txt", b"words"),
        ("d.jpg", jpeg()), ("d.txt", b""),
        ("a.jpg", jpeg()), ("a.txt", b"again"),
        ("e.jpg", jpeg()), ("e.txt", b"x" * (1 << 17)),
        ("../f.jpg", jpeg()), ("/g.jpg", jpeg()), ("._h.jpg", jpeg()),
    ]  # fmt: skip
    shard = webdataset.index(packed(tmp_path / "a.tar", members))
    assert shard.keys_N.tolist() == [b"a"]
    assert shard.left_out == {
        "key given twice": 1, "name that is no key": 3, "no picture": 1, "no text": 2, "text too long": 1
    }  # fmt: skip


def test_links_and_devices_are_passed_over(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name, kind in (("s.jpg", tarfile.SYMTYPE), ("h.txt", tarfile.LNKTYPE), ("p.jpg", tarfile.FIFOTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
        folder = tarfile.TarInfo("x")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in (("a.jpg", jpeg()), ("a.txt", b"fine")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    shard = webdataset.index(path)
    assert shard.keys_N.tolist() == [b"a"]
    assert shard.left_out == {"no file": 3}


def test_a_text_that_is_no_utf8_is_empty(tmp_path):
    shard = webdataset.index(packed(tmp_path / "a.tar", [("a.jpg", jpeg()), ("a.txt", b"caf\xe9")]))
    assert shard.text(0) == ""


@pytest.mark.parametrize(("share", "reason"), [(0.3, "cut short"), (0.6, "cut short"), (0.97, "cut short")])
def test_a_tar_that_is_cut_short_is_one_line(tmp_path, share, reason):
    webdataset.write(tmp_path / "a.tar", samples(20))
    content = (tmp_path / "a.tar").read_bytes()
    end = len(content.rstrip(b"\0"))
    (tmp_path / "a.tar").write_bytes(content[: int(end * share)])
    with pytest.raises(FormatError, match=reason):
        webdataset.index(tmp_path / "a.tar")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cut short"),
        (bytes(10240), "an empty shard"),
        (b"x" * 2048, "not a tar of image-text samples"),
        (b"\x1f\x8b" + b"x" * 2048, "unpack it first"),
    ],
)
def test_what_is_no_shard_is_one_line(tmp_path, content, reason):
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(FormatError, match=reason):
        webdataset.index(tmp_path / "a.tar")


def test_an_empty_shard_says_what_was_left_out(tmp_path):
    path = packed(tmp_path / "a.tar", [("a.jpg", jpeg()), ("b.txt", b"b"), ("c.txt", b"c")])
    with pytest.raises(FormatError, match=r"an empty shard: .* \(left out: no picture \(2\), no text \(1\)\)"):
        webdataset.index(path)


def test_a_size_that_lies_is_not_believed(tmp_path):
    path = packed(tmp_path / "a.tar", [("a.jpg", jpeg()), ("a.txt", b"fine")], form=tarfile.USTAR_FORMAT, mtime=1)
    content = bytearray(path.read_bytes())
    content[124:136] = b"\x80" + (1 << 60).to_bytes(11, "big")
    content[148:156] = b" " * 8
    content[148:156] = f"{sum(content[:512]):06o}\0 ".encode()
    path.write_bytes(bytes(content))
    with pytest.raises(FormatError, match="cut short"):
        webdataset.index(path)


def test_a_shard_that_shrinks_after_it_was_indexed_is_one_line(tmp_path):
    webdataset.write(tmp_path / "a.tar", samples(20))
    shard = webdataset.index(tmp_path / "a.tar")
    (tmp_path / "a.tar").write_bytes((tmp_path / "a.tar").read_bytes()[:3000])
    with pytest.raises(FormatError, match="since it was indexed"):
        shard.picture(19)


def test_the_shards_of_a_folder_are_its_tars(tmp_path):
    with pytest.raises(FormatError, match="expected image-text shards"):
        webdataset.shard_paths(tmp_path)
    for name in ("00001.tar", "00000.tar", "00000_stats.json", "00000.parquet"):
        (tmp_path / name).touch()
    assert [path.name for path in webdataset.shard_paths(tmp_path)] == ["00000.tar", "00001.tar"]


def test_an_index_is_small_and_numbers_only(tmp_path):
    webdataset.write(tmp_path / "a.tar", samples(50))
    shard = webdataset.index(tmp_path / "a.tar")
    assert shard.keys_N.dtype.kind == "S"
    assert shard.spans_N4.dtype == np.int64
    assert shard.keys_N.nbytes + shard.spans_N4.nbytes < 50 * 64
