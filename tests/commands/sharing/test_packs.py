"""`export` and `import`: from a finished checkout into an empty one, and what is refused on the way."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.sharing import exporting, importing, project
from pipeline.core.dvc_hash import content_hash
from pipeline.core.errors import DataError, UnseenError
from pipeline.core.hashing import file_digest
from pipeline.formats import pack
from tests.commands.sharing.exchange import exported, files, run, take
from tests.conftest import ROOT
from tests.sharing import made

WANTED = {*made.TABLES, "data/prompt/pages/demo", made.TEXTS, made.STORE}


def test_the_same_rows_make_the_same_bytes(finished: Path) -> None:
    first = exported(finished).read_bytes()
    for file in finished.rglob("*"):
        os.utime(file, (1, 1))
    assert exported(finished).read_bytes() == first
    manifest = pack.read_manifest(finished.parent / "demo.pack")
    assert {out.path for row in manifest.rows for out in row.outs} == WANTED
    assert manifest.evaluates == ["align@demo-net", "evaluate@demo-net"]
    assert [row.name for row in manifest.upstream] == ["preprocess@demo-skeleton-r", "pretrain@demo-net"]
    assert str(finished).encode() not in first


def test_a_pack_is_a_plain_tar(finished: Path) -> None:
    listed = subprocess.run(["tar", "tvf", exported(finished)], capture_output=True, text=True)
    assert (listed.returncode, listed.stderr) == (0, "")
    lines = [line.split() for line in listed.stdout.splitlines()]
    assert {(line[0], line[1], line[3]) for line in lines} == {("-rw-r--r--", "0/0", "1970-01-01")}
    assert lines[0][-1] == "manifest.json"
    assert lines[1:] == sorted(lines[1:], key=lambda line: line[-1])


def test_the_commands_say_what_goes_and_what_stays(finished: Path) -> None:
    out = finished.parent / "demo.pack"
    told = run("features", "export", "extract/demo-net", "--out", out, "--licence", "CC-BY-4.0", "--note", "hello")
    assert f"rests on {made.NET}, MD5 {content_hash(finished / made.NET)}, which is not in the pack" in told
    assert f"holds {made.STORE}, MD5 {content_hash(finished / made.STORE)}, of extract@demo-net" in told
    assert "suffices for align@demo-net, evaluate@demo-net" in told
    assert run("features", "info", out) == told
    assert {"licence: CC-BY-4.0", "note: hello"} <= set(told.splitlines())


def test_an_empty_clone_computes_the_same_numbers(finished: Path, clone: Path) -> None:
    """With the command that import prints, by DVC itself."""
    file = exported(finished)
    os.chdir(clone)
    told = run("features", "import", file)
    command = next(line for line in told.splitlines() if line.startswith("to compute")).partition(": ")[2]
    assert command == "dvc repro -s fingerprint align@demo-net evaluate@demo-net"
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(command.split(), cwd=clone, env=env, check=True, capture_output=True)
    assert (clone / made.NUMBERS).read_bytes() == (finished / made.NUMBERS).read_bytes()
    # DVC takes what was imported for made, and has a copy: `dvc checkout` brings it back.
    status = subprocess.run(["dvc", "status", "--json"], cwd=clone, env=env, capture_output=True, text=True, check=True)
    changed = json.loads(status.stdout.splitlines()[-1])
    imported = [changed.get(row, []) for row in ("ingest@demo", "split@demo-xs", "embed@demo-t", "extract@demo-net")]
    assert not any("changed outs" in change for changes in imported for change in changes)
    (clone / made.STORE / "zarr.json").unlink()
    subprocess.run(["dvc", "checkout", made.STORE], cwd=clone, env=env, check=True, capture_output=True)
    assert content_hash(clone / made.STORE) == content_hash(finished / made.STORE)
    recorded, made_there = (yaml.safe_load((folder / "dvc.lock").read_text())["stages"] for folder in (clone, finished))
    assert recorded["extract@demo-net"] == made_there["extract@demo-net"]


def test_weights_travel_with_their_card(finished: Path, clone: Path) -> None:
    file = exported(finished, "pretrain/demo-net", kind="weights")
    done = take(file, clone, kind="weights")
    assert set(done.placed) == {made.NET, *made.TABLES[:2]}
    (kept,) = (clone / importing.KEPT).iterdir()
    page, card = (kept / "card.md").read_text(), json.loads((kept / "card.json").read_text())
    assert "Licence: CC-BY-4.0" in page
    assert "classes seen: 2: a, b" in page
    (weights,) = card["weights"][0]["files"]
    assert weights["sha256"] == file_digest(clone / weights["path"])
    assert (weights["classes_seen"], weights["classes_unseen"]) == ([0, 1], [2])
    assert card["weights"][0]["params"] == {"pretrain.rows.demo-net": {"seed": 0}}
    os.chdir(clone)
    assert "imported from a pack under the licence: CC-BY-4.0" in run("weights", "info", "pretrain")
    assert run("weights", "verify") == ""
    (kept / "manifest.json").write_text('{"format": "of another version"}')
    assert "imported from a pack" not in run("weights", "info", "pretrain")


def test_importing_twice_changes_nothing(finished: Path, clone: Path) -> None:
    file = exported(finished)
    take(file, clone)
    before = files(clone)
    done = take(file, clone)
    assert (done.placed, set(done.as_before)) == ([], WANTED)
    assert files(clone) == before


def test_what_came_under_a_licence_goes_on_under_it(finished: Path, clone: Path, tmp_path: Path) -> None:
    take(exported(finished, "pretrain/demo-net", kind="weights"), clone, kind="weights")
    again = partial(exporting.Request, "weights", ["pretrain/demo-net"], note="")
    with pytest.raises(DataError, match=r"came in a pack under 'CC-BY-4.0': say --licence 'CC-BY-4.0', or leave it"):
        exporting.export(again(licence="MIT"), tmp_path / "other.pack", project.read(clone))
    assert not (tmp_path / "other.pack").exists()
    exporting.export(again(licence="CC-BY-4.0"), tmp_path / "same.pack", project.read(clone))


def test_what_is_there_and_differs_is_replaced_only_when_told(finished: Path, clone: Path) -> None:
    file = exported(finished)
    other = clone / made.TABLES[1]
    other.parent.mkdir(parents=True)
    other.write_text("mine")
    before = files(clone)
    with pytest.raises(DataError, match=r"data/split/demo-xs.parquet is there and differs .* give --force"):
        take(file, clone)
    assert files(clone) == before
    assert set(take(file, clone, force=True).placed) == WANTED
    assert content_hash(other) == content_hash(finished / made.TABLES[1])
    assert not list(clone.rglob("*.partial"))


def test_a_row_of_other_settings_is_placed_and_not_taken_for_made(finished: Path, clone: Path) -> None:
    params = {**made.PARAMS, "extract": {"rows": {"demo-net": {"seed": 1}}}, "prompt": {"rows": {"other": {"seed": 0}}}}
    (clone / "params.yaml").write_text(yaml.safe_dump(params))
    done = take(exported(finished), clone)
    assert set(done.unlike) == {"extract@demo-net", "prompt@demo"}
    assert made.STORE in done.placed
    assert set(done.recorded) == {"ingest@demo", "split@demo-xs", "embed@demo-t"}
    assert set(yaml.safe_load((clone / "dvc.lock").read_text())["stages"]) == set(done.recorded)
    assert "params.yaml has other settings for it" in "\n".join(importing.lines(done))


def test_what_dvc_lock_alone_has_is_not_replaced_without_a_word(finished: Path, clone: Path) -> None:
    """Own results that are recorded, but not checked out, as after `git clone`."""
    file = exported(finished)
    own = (finished / "dvc.lock").read_text().replace(content_hash(finished / made.STORE), "1" * 32 + ".dir")
    (clone / "dvc.lock").write_text(own)
    before = files(clone)
    with pytest.raises(
        DataError, match=r"demo-net.zarr: dvc.lock has recorded other bytes than the pack's; .* --force"
    ):
        take(file, clone)
    assert files(clone) == before
    assert "extract@demo-net" in take(file, clone, force=True).recorded
    assert content_hash(finished / made.STORE) in (clone / "dvc.lock").read_text()


def test_what_dvc_lock_says_of_the_same_outputs_stays(finished: Path, clone: Path) -> None:
    """Else a pack could have `dvc repro` pass over what has to be made anew."""
    file = exported(finished)
    own = (finished / "dvc.lock").read_text().replace(content_hash(finished / made.NET), "1" * 32 + ".dir")
    (clone / "dvc.lock").write_text(own)
    done = take(file, clone)
    assert done.unlike == {"extract@demo-net": "dvc.lock has the same outputs, made of other inputs or settings"}
    assert made.STORE in done.placed
    assert (clone / "dvc.lock").read_text() == own
    told = "\n".join(importing.lines(done))
    assert "the word of who packed them" in told
    assert take(file, clone, force=True).unlike == {}
    assert content_hash(finished / made.NET) in (clone / "dvc.lock").read_text()


def test_an_import_beside_another_command_of_dvc_says_what_is_left_to_do(finished: Path, clone: Path) -> None:
    file = exported(finished)
    told = r"outputs are in place, DVC could not record them: .* then run this again"
    with Repo(str(clone)) as repo, repo.lock, pytest.raises(DataError, match=told):
        take(file, clone)
    done = take(file, clone)
    assert done.placed == []
    assert "extract@demo-net" in done.recorded


def test_a_folder_without_dvc_gets_the_files_alone(finished: Path, clone: Path) -> None:
    (clone / ".dvc/config").unlink()
    (clone / ".dvc").rmdir()
    assert take(exported(finished), clone).recorded == []
    assert not (clone / "dvc.lock").exists()


@pytest.mark.parametrize("licence", ["", "  "])
def test_a_pack_needs_a_licence(finished: Path, licence: str) -> None:
    request = exporting.Request("features", ["extract"], licence, "")
    with pytest.raises(DataError, match=r"--licence: say who may use the pack"):
        exporting.export(request, finished.parent / "a.pack", project.read(finished))
    result = CliRunner().invoke(app, ["features", "export", "extract", "--out", "a.pack"])
    assert (result.exit_code, "--licence" in result.output) == (2, True)


def damage(path: str, place: int) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        content = bytearray((folder / path).read_bytes())
        content[place] ^= 1
        (folder / path).write_bytes(content)
        made.lock(folder)

    return apply


@pytest.mark.parametrize(
    ("names", "change", "message"),
    [
        (["preprocess"], lambda folder: None, r"recordings in another shape, which a pack never holds"),
        ([], lambda folder: None, r"name what to export"),
        (["extract/no"], lambda folder: None, r"no features 'extract/no'"),
        (["extract"], damage(f"{made.STORE}/s-0/pooled/c/0/0", 3), r"nothing is packed: .*checksum of chunk 0"),
        (["extract"], damage(made.TABLES[1], -1), r"nothing is packed: .*demo-xs.parquet: not a parquet table"),
        (["extract"], lambda folder: (folder / made.TABLES[0]).unlink(), r"data/ingest/demo.parquet: not there; run"),
        (["extract"], lambda folder: (folder / "dvc.lock").unlink(), r"dvc.lock does not say what it was made of"),
        (["align"], lambda folder: (folder / f"{made.SCORES}/strip.png").write_text(""), r"is not what dvc.lock has"),
    ],
)
def test_what_must_not_or_cannot_be_packed_is_refused(
    finished: Path, names: list[str], change: Callable[[Path], None], message: str
) -> None:
    change(finished)
    request = exporting.Request("features", names, "CC0-1.0", "")
    with pytest.raises(DataError, match=message):
        exporting.export(request, finished.parent / "a.pack", project.read(finished))
    assert not (finished.parent / "a.pack").exists()


def test_pictures_stay_where_they_are(finished: Path) -> None:
    (finished / made.SCORES / "strip.png").write_text("")
    made.lock(finished)
    with pytest.raises(DataError, match=r"strip.png: neither a store nor weights, a table, JSON or CSV"):
        exported(finished, "align")


def test_rows_that_need_more_than_the_pack_are_named(finished: Path) -> None:
    tree = made.stages()
    tree["stages"]["align"]["do"]["deps"].append("features/extract/other.zarr")
    (finished / "dvc.yaml").write_text(yaml.safe_dump(tree))
    manifest = pack.read_manifest(exported(finished))
    assert manifest.evaluates == []
    assert manifest.lacking == {"align@demo-net": ["features/extract/other.zarr"]}


def test_a_pack_of_the_other_kind_names_the_right_command(finished: Path, clone: Path) -> None:
    with pytest.raises(DataError, match=r"a pack of features; run `unseen features import"):
        take(exported(finished), clone, kind="weights")


def test_a_disk_that_is_too_small_is_said_before_anything_is_written(
    finished: Path, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = exported(finished)
    monkeypatch.setattr(importing.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 100}))
    before = files(clone)
    with pytest.raises(DataError, match=r"100 B are free, the pack needs \d+ kB; make room"):
        take(file, clone)
    assert files(clone) == before


def test_an_error_while_outputs_are_placed_undoes_it_all(
    finished: Path, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = exported(finished)
    (clone / made.TABLES[0]).parent.mkdir(parents=True)
    (clone / made.TABLES[0]).write_text("mine")
    before, rename = files(clone), Path.rename

    def failing(path: Path, target: Path) -> Path:
        if target.name == "demo-xs.parquet":
            raise PermissionError(13, "Permission denied", str(target))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(PermissionError):
        take(file, clone, force=True)
    assert files(clone) == before


def test_more_than_the_limit_is_refused_until_it_is_raised(finished: Path, clone: Path) -> None:
    file = exported(finished)
    os.chdir(clone)
    with pytest.raises(UnseenError, match=r"more than the 1 kB that are let in; give a larger --max-size"):
        run("features", "import", file, "--max-size", "1kB")
    with pytest.raises(UnseenError, match=r"--max-size: a number and a unit .* not 'nan'"):
        run("features", "import", file, "--max-size", "nan")
    run("features", "import", file, "--max-size", "1MB")
