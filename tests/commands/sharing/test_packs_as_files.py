"""Packs as files: verified where they lie, and never written over something else."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.core.errors import DataError, UnseenError
from tests.commands.sharing.exchange import exported, files, run
from tests.commands.sharing.test_forged_packs import flipped, relabelled, remade
from tests.sharing import made


@pytest.mark.parametrize(("kind", "name"), [("features", "extract/demo-net"), ("weights", "pretrain/demo-net")])
def test_a_pack_is_verified_where_it_lies(finished: Path, tmp_path: Path, kind: str, name: str) -> None:
    file = exported(finished, name, kind="features" if kind == "features" else "weights")
    (tmp_path / "nowhere").mkdir()
    os.chdir(tmp_path / "nowhere")
    assert run(kind, "verify", file) == ""
    assert list(Path().iterdir()) == []
    content = bytearray(file.read_bytes())
    content[-2000] ^= 1
    file.write_bytes(content)
    assert "the pack is damaged, get it anew" in run(kind, "verify", file, code=1)
    file.write_bytes(content[:-1])
    assert "by its manifest" in run(kind, "verify", file, code=1)


@pytest.mark.parametrize(
    ("names", "told"),
    [([], "stores:"), (["extract"], "stores:"), (["PACK"], "packs:"), (["PACK", "extract"], "packs and")],
)
def test_what_was_found_sound_is_named(finished: Path, names: list[str], told: str) -> None:
    file = str(exported(finished))
    words = [file if name == "PACK" else name for name in names]
    assert CliRunner().invoke(app, ["features", "verify", *words]).stderr.splitlines()[-1].startswith(told)


def test_the_faults_of_a_forged_pack_are_all_told(finished: Path) -> None:
    file = exported(finished)
    first = remade(file, flipped).rename(finished.parent / "first.pack")
    second = finished.parent / "second.pack"
    (finished.parent / "unpacked").rename(finished.parent / "before")
    remade(file, relabelled).rename(second)
    told = run("features", "verify", first, second, "embed", code=1)
    assert f"{first}: {made.STORE}: array 's-0/pooled', shard 'c/0/0': the checksum of chunk 0 does not fit" in told
    assert f"{second}: {made.STORE} is not what its row has made" in told


def test_a_pack_of_the_other_kind_names_the_command_that_verifies_it(finished: Path) -> None:
    file = exported(finished)
    with pytest.raises(DataError, match=rf"{file}: a pack of features; run `unseen features verify {file}`"):
        run("weights", "verify", file)


def test_another_file_is_no_pack_and_no_name(finished: Path) -> None:
    assert "dvc.yaml: does not begin with manifest.json; expected a pack" in run(
        "features", "verify", "dvc.yaml", code=1
    )
    with pytest.raises(UnseenError, match=r"no features 'no.pack' below features/"):
        run("features", "verify", "no.pack")


def test_a_file_that_is_not_this_pack_stays(finished: Path) -> None:
    out = finished.parent / "mine.txt"
    words = ("features", "export", "extract/demo-net", "--out", out, "--licence", "CC0-1.0")
    out.write_text("mine")
    with pytest.raises(DataError, match=r"mine.txt is there and is not this pack; name another file, or give --force"):
        run(*words)
    assert out.read_text() == "mine"
    run(*words, "--force")
    written, state = out.read_bytes(), out.stat()
    before = files(finished.parent)
    run(*words)
    assert out.stat().st_mtime_ns == state.st_mtime_ns
    out.write_bytes(written[:-600] + b"x" + written[-599:])
    with pytest.raises(DataError, match=r"is there and is not this pack"):
        run(*words)
    with pytest.raises(DataError, match=r"is there and is not this pack"):
        run(*words[:-1], "CC-BY-4.0")
    run(*words, "--force")
    assert files(finished.parent) == before
