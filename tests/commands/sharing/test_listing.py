"""`unseen features list, info, verify` and those of weights: what a user reads, and what exit codes say."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.core.errors import DataError, ParamsError
from pipeline.models import checkpoint
from tests.sharing import made


def run(*words: str, code: int = 0) -> list[str]:
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout.splitlines()


def test_every_store_is_listed_with_its_row_groups_and_arrays(finished: Path) -> None:
    lines = run("features", "list")
    assert [line for line in lines if not line.startswith(" ")] == [
        "align/demo-net/scores  3 kB, align@demo-net, as large as in dvc.lock",
        "embed/demo-t  2 kB, embed@demo-t, as large as in dvc.lock",
        "extract/demo-net  3 kB, extract@demo-net, as large as in dvc.lock",
        "preprocess/demo/skeleton-r  4 kB, preprocess@demo-skeleton-r, as large as in dvc.lock",
    ]
    assert "  s-0  12 ids; pooled 12x3 float32" in lines
    assert "  clips  12 ids; array 60x3 float32, array.offsets 13 int64" in lines


def test_a_store_of_no_row_or_of_another_size_is_said(finished: Path) -> None:
    (finished / made.STORE).rename(finished / "features/extract/old.zarr")
    file = finished / made.TEXTS / "zarr.json"
    file.write_text(file.read_text() + " ")
    lines = run("features", "list")
    assert any(line.startswith("extract/old") and line.endswith("of no row of params.yaml") for line in lines)
    assert any(line.startswith("embed/demo-t") and line.endswith("of another size than in dvc.lock") for line in lines)
    (finished / "dvc.lock").unlink()
    assert any(line.endswith("embed@demo-t, not in dvc.lock") for line in run("features", "list"))


def test_a_store_that_cannot_be_opened_does_not_hide_the_others(finished: Path) -> None:
    (finished / made.TEXTS / "zarr.json").write_text("{")
    lines = run("features", "list")
    assert any(line.endswith("is cut short or changed; run `dvc repro embed@demo-t`") for line in lines)
    assert any(line.startswith("preprocess/") for line in lines)


def test_an_array_that_cannot_be_described_does_not_hide_the_others(finished: Path) -> None:
    (finished / made.TEXTS / "label/pooled/zarr.json").write_text("{" + " " * 10)
    lines = run("features", "list")
    assert any("is missing or cut short; run `dvc repro embed@demo-t`" in line for line in lines)
    file = finished / made.STORE / "s-0/pooled/zarr.json"
    file.write_bytes(b"{" * file.stat().st_size)  # as long as its manifest says
    lines = run("features", "list")
    assert any("file 's-0/pooled/zarr.json' is cut short or changed; run `dvc repro extract" in line for line in lines)
    assert any(line.startswith("preprocess/") for line in lines)


def test_info_tells_attributes_settings_and_hashes(finished: Path) -> None:
    lines = run("features", "info", "extract/demo-net")
    assert lines[:2] == ["extract/demo-net", "  row: extract@demo-net, as dvc.lock has it"]
    assert '  params extract.rows.demo-net: {"seed": 0}' in lines
    assert any(line.startswith(f"  made of {made.NET} ") for line in lines)
    assert {"  encoder: net", "  group s-0: 12 ids", "    training_classes: [0, 1]"} <= set(lines)
    assert "    array pooled 12x3 float32" in lines
    assert run("features", "info", made.STORE) == lines  # a path is understood as well
    assert run("features", "info", "extract") == lines


def test_info_of_a_store_that_was_changed_says_so(finished: Path) -> None:
    file = finished / made.STORE / "zarr.json"
    file.write_text(file.read_text() + " ")
    assert "is not what dvc.lock has recorded" in run("features", "info", "extract")[1]


def test_a_wrong_name_is_answered_with_the_right_one(finished: Path) -> None:
    with pytest.raises(DataError, match=r"no features 'extract/demo-nte' .*did you mean 'extract/demo-net'\?.* list"):
        run("features", "info", "extract/demo-nte")
    for kind in ("features", "weights"):
        with pytest.raises(DataError, match=r"x' below features/"):
            run(kind, "info", "x" * 300)  # longer than a file's name can be


def test_outside_of_a_checkout_the_commands_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=r"params.yaml"):
        run("features", "list")


def test_sound_stores_have_no_faults(finished: Path) -> None:
    assert run("features", "verify") == []
    assert run("weights", "verify") == []


def test_a_flipped_bit_is_a_line_and_an_exit_code(finished: Path) -> None:
    file = finished / made.STORE / "s-0/pooled/c/0/0"
    content = bytearray(file.read_bytes())
    content[5] ^= 4
    file.write_bytes(content)
    damaged, other = run("features", "verify", code=1)
    assert "array 's-0/pooled', shard 'c/0/0': the checksum of chunk 0 does not fit" in damaged
    assert other.startswith(f"{made.STORE}: is not what dvc.lock has recorded")
    assert run("features", "verify", "embed") == []


def test_what_checksums_do_not_cover_is_found_by_the_hash_of_dvc(finished: Path) -> None:
    file = finished / made.STORE / "s-0/zarr.json"
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 7'))
    (line,) = run("features", "verify", code=1)
    assert "run `dvc checkout features/extract/demo-net.zarr`, or `dvc repro extract@demo-net`" in line


def test_weights_are_listed_and_have_a_card(finished: Path) -> None:
    assert run("weights", "list") == [
        "pretrain/demo-net  pretrain@demo-net, as large as in dvc.lock",
        "  s-0.safetensors  412 B, 9 values, taught 2 classes",
    ]
    lines = run("weights", "info", "pretrain/demo-net")
    assert "    classes seen: 2: a, b" in lines
    assert "    classes unseen: 2" in lines
    assert "    selected: epoch 2 of 2, by the loss of 4 held-out clips of the classes seen" in lines
    assert any(line.startswith("    SHA-256: ") for line in lines)


def rewritten(finished: Path, name: str = "s-0", **changes: object) -> list[str]:
    meta = {"dataset": "demo", "split_table": "xs", "split": "s", "seed": 0, "training_classes": [0], **changes}
    (finished / made.NET / "s-0.safetensors").unlink(missing_ok=True)
    checkpoint.write(finished / made.NET / f"{name}.safetensors", {"map": np.eye(2)}, meta)
    made.lock(finished)
    return run("weights", "verify", code=1)


def test_weights_that_saw_an_unseen_class_are_refused(finished: Path) -> None:
    own = rewritten(finished, training_classes=[0, 1], unseen_classes=[1])
    assert own == [f"{finished_path()}: trained on classes [1], which split 's' calls unseen"]
    of_table = rewritten(finished, training_classes=[0, 2])  # they keep silent about it
    assert of_table == [f"{finished_path()}: trained on classes [2], which split 's' calls unseen"]


def finished_path() -> str:
    return f"{made.NET}/s-0.safetensors"


def test_weights_without_a_split_of_their_own_are_asked_about_their_rows(finished: Path) -> None:
    meta = {"split": "s", "seed": 0, "training_classes": [1, 2]}
    checkpoint.write(finished / made.SCORES / "weights/s-0.safetensors", {"map": np.eye(2)}, meta)
    made.lock(finished)
    (line,) = run("weights", "verify", code=1)
    assert line == f"{made.SCORES}/weights/s-0.safetensors: trained on classes [2], which split 's' calls unseen"


def test_weights_under_another_name_or_without_metadata_are_refused(finished: Path) -> None:
    (line,) = rewritten(finished, name="s-1")
    assert "its name should be s-0.safetensors" in line
    (finished / made.NET / "s-1.safetensors").unlink()
    (line,) = rewritten(finished, training_classes=7)
    assert "should be lists of class ids" in line
    assert "    classes seen: not said" in run("weights", "info", "pretrain")
    file = finished / made.NET / "s-0.safetensors"
    header = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    made.lock(finished)
    assert "weights without readable metadata 'unseen'" in run("weights", "verify", code=1)[0]
    file.write_bytes(file.read_bytes()[:-2])
    assert "not safetensors, or cut short" in run("weights", "verify", code=1)[0]
