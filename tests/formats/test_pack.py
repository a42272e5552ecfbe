"""The bytes of packs: canonical, and nothing else is taken for one."""

import io
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from pipeline.core.errors import DataError, FormatError
from pipeline.formats import pack
from pipeline.formats.pack import Manifest, PackedFile
from tests.fuzz import packs

NAME = "features/extract/a.zarr/s-0/x"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    packs.make(tmp_path)
    return tmp_path / "a.pack"


def read(path: Path, max_bytes: int = 1 << 20) -> dict[str, bytes]:
    """All files of a pack, through the reader."""
    out = path.with_name("out")
    with pack.opened(path, max_bytes) as opened:
        return {each.path: (out / each.path).read_bytes() for each in opened.extract(lambda each: out / each.path)}


def forged(path: Path, files: list[PackedFile], contents: dict[str, bytes] | None = None) -> Path:
    """A pack of any names, written without the checks of the writer; without contents only its manifest."""
    with pack.opened(path, 1 << 20) as opened:
        manifest = msgspec.structs.replace(opened.manifest, files=files)
    content = msgspec.json.encode(manifest)
    out = io.BytesIO()
    for name, data in [(pack.MANIFEST, content), *(contents or {}).items()]:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        out.write(info.tobuf(tarfile.USTAR_FORMAT, "ascii", "replace") + data + bytes(-len(data) % 512))
    out.write(bytes(1024))
    path.write_bytes(out.getvalue())
    return path


def test_what_is_written_is_read(path: Path) -> None:
    assert read(path) == packs.CONTENTS


def test_the_bytes_of_a_pack_follow_from_its_files(path: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    packs.make(tmp_path / "again")
    assert (tmp_path / "again/a.pack").read_bytes() == path.read_bytes()
    assert path.read_bytes()[-1024:] == bytes(1024)
    assert subprocess.run(["tar", "tf", path], capture_output=True, text=True).stdout.split() == [
        "manifest.json",
        *sorted(packs.CONTENTS),
    ]


@pytest.mark.parametrize("place", ["header", "content", "padding", "manifest's header", "manifest's padding", "end"])
def test_every_byte_is_checked(path: Path, place: str) -> None:
    content = bytearray(path.read_bytes())
    at = content.index(bytes(600)) if place == "content" else 0
    size = int(content[124:135], 8)
    places = {
        "header": content.rindex(b"ustar"),
        "content": at + 300,
        "padding": at + 601,
        "manifest's header": 100,
        "manifest's padding": 512 + size,
        "end": len(content) - 5,
    }
    content[places[place]] ^= 1
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"the pack is damaged|does not begin with manifest.json"):
        read(path)


@pytest.mark.parametrize("change", [-1, -1024, 1, 512])
def test_a_pack_that_is_too_short_or_too_long_is_refused_unread(path: Path, change: int) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:change] if change < 0 else content + bytes(change))
    with pytest.raises(FormatError, match=rf"has {len(content) + change} bytes, by its manifest {len(content)}"):
        read(path)


BAD_NAMES = [
    "../x",
    "/etc/x",
    "a//b",
    "a/./b",
    "a/../b",
    ".hidden",
    "a\\b",
    "a b",
    "a\x00b",
    "C:x",
    "ä",
    "x" * 101,
    "/".join("x" * 25),
]


@pytest.mark.parametrize("name", [*BAD_NAMES, "", "a/", "a.partial", "a.partial/b", "__pycache__/x", pack.MANIFEST])
def test_names_that_could_leave_their_folder_are_refused_by_reader_and_writer(path: Path, name: str) -> None:
    entry = [PackedFile(name, 0, "0" * 64)]
    with pack.opened(path, 1 << 20) as opened:
        manifest = msgspec.structs.replace(opened.manifest, files=entry)
    with pytest.raises(DataError, match=r"is no name that a pack may hold"):
        pack.write(path.with_name("b.pack"), manifest, lambda each: b"")
    with pytest.raises(FormatError, match=r"is no name that a pack may hold"):
        read(forged(path, entry))
    assert not path.with_name("b.pack").exists()


def entries(*names: str) -> list[PackedFile]:
    return pack.listed((name, b"") for name in names)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([*entries("a"), *entries("a")], r"'a' stands twice in the manifest"),
        ([*entries("b"), *entries("a")], r"'a' stands twice in the manifest, or out of order"),
        (entries("a/B/x", "a/b/y"), r"'a/b' and 'a/B' differ in case alone"),
        (entries("A.json", "a.json"), r"'a.json' and 'A.json' differ in case alone"),
        (entries("a", "a-b", "a/b"), r"'a' is a file and a folder"),
        ([PackedFile("a", -1, "0" * 64)], r"a size from 0 to 8 GiB"),
        ([PackedFile("a", 8 << 30, "0" * 64)], r"a size from 0 to 8 GiB"),
        ([PackedFile("a", 1, "zz")], r"and a SHA-256 are needed"),
        (
            [PackedFile("a", 3 << 20, "0" * 64)],
            r"holds 3 MB, more than the 1 MB that are let in; give a larger --max-size",
        ),
    ],
)
def test_manifests_that_could_mislead_are_refused(path: Path, files: list[PackedFile], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read(forged(path, files))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, tarfile.XHDTYPE])
def test_links_devices_and_folders_are_refused(path: Path, kind: bytes) -> None:
    content = bytearray(path.read_bytes())
    info = tarfile.TarInfo("card.md")
    info.type, info.linkname = kind, "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    info.size = len(packs.CONTENTS["card.md"])
    at = content.index(pack.header("card.md", info.size))
    content[at : at + 512] = info.tobuf(tarfile.USTAR_FORMAT)
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"'card.md' does not stand where its manifest says"):
        read(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tree: tree | {"version": 2}, r"version 2, this code reads 'unseen pack' version 1"),
        (lambda tree: tree | {"format": "other"}, r"'other' version 1"),
        (lambda tree: tree | {"kind": "virus"}, r"manifest.json is not as packs have it"),
        (lambda tree: tree | {"more": 1}, r"manifest.json is not as packs have it"),
        (lambda tree: {"format": "unseen pack", "version": 1}, r"manifest.json is not as packs have it"),
        (lambda tree: [], r"manifest.json is not as packs have it"),
    ],
)
def test_other_manifests_are_refused(path: Path, change: Callable[[dict], object], message: str) -> None:
    with pack.opened(path, 1 << 20) as opened:
        tree = msgspec.to_builtins(opened.manifest)
    content = msgspec.json.encode(change(tree))
    path.write_bytes(pack.header(pack.MANIFEST, len(content)) + content + bytes(-len(content) % 512 + 1024))
    with pytest.raises(FormatError, match=message):
        read(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", bytes(2000), b"x" * 2000])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pack").write_bytes(content)
    with pytest.raises(FormatError, match=r"does not begin with manifest.json; expected a pack"):
        read(tmp_path / "a.pack")
    with pytest.raises(FormatError, match=r"no such file; expected a pack"):
        read(tmp_path / "none.pack")


def test_a_file_that_changes_while_it_is_packed_is_refused(path: Path) -> None:
    manifest: Manifest = pack.read_manifest(path)
    for content in (bytes(599), bytes(601), b"x" + bytes(599)):
        with pytest.raises(DataError, match=rf"{NAME}: has changed while it was packed"):
            pack.write(
                path, manifest, lambda each, other=content: other if each.path == NAME else packs.CONTENTS[each.path]
            )
    assert read(path) == packs.CONTENTS


def test_more_files_than_a_manifest_can_list_are_refused_before_they_are_packed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = pack.read_manifest(path)
    monkeypatch.setattr(pack, "_MAX_MANIFEST_BYTES", 100)
    with pytest.raises(DataError, match=r"3 files are more than one pack can list; make several packs"):
        pack.write(path.with_name("b.pack"), manifest, lambda each: b"")
    with pytest.raises(FormatError, match=r"does not begin with manifest.json"):
        pack.read_manifest(path)
