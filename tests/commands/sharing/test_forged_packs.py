"""Packs whose maker can compute every hash: what `import` refuses all the same."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from pipeline.commands.sharing import exporting, importing
from pipeline.core.errors import FormatError
from pipeline.formats import pack
from pipeline.formats.pack import Manifest
from tests.commands.sharing.exchange import exported, files, take
from tests.sharing import made


def remade(file: Path, edit: Callable[[Manifest, dict[str, bytes]], Manifest], *, sized: bool = True) -> Path:
    """A pack whose manifest and files were changed by one who can compute hashes and, where `sized`, sizes."""
    contents: dict[str, bytes] = {}
    with pack.opened(file, 1 << 30) as opened:
        folder = file.parent / "unpacked"
        for each in opened.extract(lambda each: folder / each.path):
            contents[each.path] = (folder / each.path).read_bytes()
        manifest = edit(opened.manifest, contents)
    if sized:
        for path in [out.path for row in manifest.rows for out in row.outs]:
            sizes = [len(content) for name, content in contents.items() if f"{name}/".startswith(f"{path}/")]
            nfiles = None if path in contents else len(sizes)
            manifest = rows(manifest, path, size=sum(sizes), nfiles=nfiles)
    manifest = msgspec.structs.replace(manifest, files=pack.listed(contents.items()))
    out = file.parent / "forged.pack"
    pack.write(out, manifest, lambda each: contents[each.path])
    return out


def rows(manifest: Manifest, of: str, **changes: object) -> Manifest:
    """The manifest with another entry for one output."""
    changed = [
        msgspec.structs.replace(
            row, outs=[msgspec.structs.replace(out, **changes) if out.path == of else out for out in row.outs]
        )
        for row in manifest.rows
    ]
    return msgspec.structs.replace(manifest, rows=changed)


def with_file(name: str, content: bytes) -> Callable[[Manifest, dict[str, bytes]], Manifest]:
    def edit(manifest: Manifest, contents: dict[str, bytes]) -> Manifest:
        contents[name] = content
        return manifest

    return edit


def flipped(manifest: Manifest, contents: dict[str, bytes]) -> Manifest:
    name = f"{made.STORE}/s-0/pooled/c/0/0"
    contents[name] = bytes([contents[name][0] ^ 1]) + contents[name][1:]
    return manifest


def relabelled(manifest: Manifest, contents: dict[str, bytes]) -> Manifest:
    name = f"{made.STORE}/s-0/zarr.json"
    contents[name] = contents[name].replace(b'"seed": 0', b'"seed": 7')
    return manifest


def swollen(name: str, content: bytes, times: int) -> Callable[[Manifest, dict[str, bytes]], Manifest]:
    """A file of a few bytes again and again, which as values of Python would take twenty times as much."""
    return with_file(name, b"[0" + content * times + b"]")


def headed(name: str) -> Callable[[Manifest, dict[str, bytes]], Manifest]:
    text = b'{"__metadata__": {"unseen": "[' + b"[]," * (6 << 20) + b'0]"}}'
    return with_file(name, len(text).to_bytes(8, "little") + text)


def moved(path: str) -> Callable[[Manifest, dict[str, bytes]], Manifest]:
    def edit(manifest: Manifest, contents: dict[str, bytes]) -> Manifest:
        for name in list(contents):
            contents[name.replace(made.STORE, path)] = contents.pop(name)
        return rows(manifest, made.STORE, path=path)

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (flipped, r"refused, nothing was changed: .*extract/demo-net.zarr: array 's-0/pooled'.* checksum of chunk 0"),
        (relabelled, r"features/extract/demo-net.zarr is not what its row has made"),
        (with_file(f"{made.STORE}/s-0/more.pkl", b"cos\nsystem\n."), r"file 's-0/more.pkl' is not in its manifest"),
        (with_file("data/prompt/pages/demo/x.pkl", b"cos\nsystem\n."), r"x.pkl: neither a store nor weights"),
        (with_file("data/prompt/pages/demo/x.json", b"\x80\x04."), r"x.json: not readable as json"),
        (with_file("data/prompt/pages/demo/x.safetensors", b"\x80\x04."), r"x.safetensors: not safetensors"),
        (with_file("pipeline/cli/app.py", b"evil"), r"'pipeline/cli/app.py' belongs to no row"),
        (moved("features/extract"), r"'features/extract' is no output that a pack may hold"),
        (moved("data/raw/demo"), r"'data/raw/demo' is no output that a pack may hold"),
        (moved("features/preprocess/demo.zarr"), r"'features/preprocess/demo.zarr' is no output"),
        (moved("reports/evaluate/x"), r"'reports/evaluate/x' is no output that a pack may hold"),
        (lambda m, _: rows(m, made.STORE, path="features/extract/../../x"), r"is no output that a pack may hold"),
        (lambda m, _: rows(m, made.STORE, path="/etc/passwd"), r"'/etc/passwd' is no output that a pack may hold"),
        (lambda m, _: rows(m, made.TABLES[0], md5="0" * 32), r"data/ingest/demo.parquet is not what its row has made"),
        (lambda m, _: rows(m, made.TABLES[0], md5="0" * 32 + ".dir"), r"'data/ingest/demo.parquet' belongs to no row"),
        (
            lambda m, _: rows(m, made.TEXTS, path=f"{made.STORE}/inner"),
            r"one output lies in another, 'features/extract/demo-net.zarr'",
        ),
    ],
)
def test_a_forged_pack_is_refused_and_nothing_changes(
    finished: Path, clone: Path, edit: Callable[[Manifest, dict[str, bytes]], Manifest], message: str
) -> None:
    forged = remade(exported(finished), edit)
    before = files(clone)
    with pytest.raises(FormatError, match=message):
        take(forged, clone)
    assert files(clone) == before
    assert not list(clone.rglob("*.partial"))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (swollen(f"{made.STORE}/zarr.json", b",[]", 8 << 20), r"demo-net.zarr/zarr.json: larger than 16 MiB"),
        (swollen("data/prompt/pages/demo/x.json", b",[]", 24 << 20), r"x.json: larger than 64 MiB"),
        (swollen("data/prompt/pages/demo/x.csv", b",ab", 8 << 20), r"x.csv: larger than 16 MiB"),
        (headed("data/prompt/pages/demo/x.safetensors"), r"x.safetensors: a header of 19 MB, more than the 16 MiB"),
        (swollen("data/prompt/pages/demo/x.json", b",[]", 10 << 20), r"demo is not what its row has made"),
    ],
)
def test_what_would_take_much_memory_is_refused_or_never_built(
    finished: Path, clone: Path, edit: Callable[[Manifest, dict[str, bytes]], Manifest], message: str
) -> None:
    forged = remade(exported(finished), edit)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match=message):
            take(forged, clone)
        assert tracemalloc.get_traced_memory()[1] < 150 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("changes", [{"size": 1}, {"size": 1 << 60}, {"nfiles": 1}])
def test_sizes_that_are_not_those_of_the_files_never_reach_dvc_lock(
    finished: Path, clone: Path, changes: dict[str, int]
) -> None:
    forged = remade(exported(finished), lambda manifest, _: rows(manifest, made.STORE, **changes), sized=False)
    with pytest.raises(FormatError, match=r"'features/extract/demo-net.zarr' has other files or bytes"):
        take(forged, clone)


def test_a_row_that_stands_twice_is_refused(finished: Path, clone: Path) -> None:
    twice = remade(exported(finished), lambda m, _: msgspec.structs.replace(m, rows=[*m.rows, m.rows[0]]))
    with pytest.raises(FormatError, match=r"stands twice among the rows"):
        take(twice, clone)


@pytest.mark.parametrize("md5", ["", "../../x", "0" * 31])
def test_a_hash_that_is_none_is_refused(finished: Path, clone: Path, md5: str) -> None:
    forged = remade(exported(finished), lambda manifest, _: rows(manifest, made.STORE, md5=md5))
    with pytest.raises(FormatError, match=r"'features/extract/demo-net.zarr': an MD5 as in dvc.lock"):
        take(forged, clone)


def test_a_command_that_a_pack_names_is_never_shown(finished: Path, clone: Path) -> None:
    """What import prints is pasted into a shell: only rows that this checkout has."""
    evil = ["align@demo-net", "x; rm -rf ~", "$(touch y)"]
    forged = remade(exported(finished), lambda manifest, _: msgspec.structs.replace(manifest, evaluates=evil))
    done = take(forged, clone)
    assert done.evaluates == ["align@demo-net"]


def test_texts_of_a_pack_cannot_command_a_terminal(finished: Path, clone: Path) -> None:
    evil = msgspec.structs.replace
    forged = remade(exported(finished), lambda manifest, _: evil(manifest, licence="\x1b[2Jfree", note="a\nb\x07"))
    told = "\n".join([*exporting.read(forged), *importing.lines(take(forged, clone))])
    assert "\x1b" not in told
    assert "\x07" not in told
    assert "licence: \\x1b[2Jfree" in told
