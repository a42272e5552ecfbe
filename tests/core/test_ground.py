"""The small parts of the ground: outputs, hashing, seeds, rejects, resume, runs, progress, command."""

import io
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from pipeline.core import command, hashing, outputs, progress, resume, runs, seeds
from pipeline.core.errors import DataError
from pipeline.core.rejects import Rejects


def test_an_output_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out.txt"
    with outputs.whole(path) as scratch:
        scratch.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"


def test_a_failure_keeps_the_old_output_and_leaves_no_scratch(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), outputs.whole_folder(path) as scratch:
        (scratch / "half" / "there").write_text("x")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_written_anew_is_never_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is killed at any moment has left the old file or the new one."""
    path = tmp_path / "state"
    path.write_text("old")

    def killed(self: Path, target: Path) -> Path:
        assert target.read_text() == "old"
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt), outputs.whole(path) as scratch:
        scratch.write_text("new")
    assert path.read_text() == "old"


def test_a_file_never_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "precious").write_text("mine")
    with pytest.raises(DataError, match="reports: a folder; give the path of the file to write"):
        outputs.write_json(folder, {})
    assert (folder / "precious").read_text() == "mine"
    assert list(tmp_path.iterdir()) == [folder]


def test_what_a_killed_writer_left_is_cleaned(tmp_path: Path) -> None:
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "stale").touch()
    with outputs.whole_folder(tmp_path / "out"):
        pass
    assert list((tmp_path / "out").iterdir()) == []


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        outputs.write_json(tmp_path / "x.json", {"a": float("nan")})
    assert not (tmp_path / "x.json").exists()


def test_digests_are_those_of_the_standard(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, example B.1
    assert hashing.file_digest(tmp_path / "abc") == expected
    assert hashing.path_digest(tmp_path / "abc") == expected


def test_a_folder_digest_sees_content_and_names(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    first = hashing.path_digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert hashing.path_digest(tmp_path) != first
    (tmp_path / "b").rename(tmp_path / "a")
    assert hashing.path_digest(tmp_path) == first


def test_a_named_generator_depends_on_every_name() -> None:
    draws = {
        seeds.generator(*names).integers(1 << 60) for names in [(0, "a", 1), (0, "a", 2), (0, "b", 1), (1, "a", 1)]
    }
    assert len(draws) == 4
    assert np.array_equal(seeds.generator(0, "a").normal(size=3), seeds.generator(0, "a").normal(size=3))


def test_rejects_fail_above_the_threshold_and_count_by_reason() -> None:
    rejects = Rejects("ingest")
    rejects.add("b", "empty: no body")
    rejects.add("a", "truncated: line 3")
    rejects.check(total=10, at_most=0.2)
    with pytest.raises(
        DataError,
        match=r"2 of 10 items rejected, at most 10% may be: empty \(1\), truncated \(1\); first: a: truncated: line 3",
    ):
        rejects.check(total=10, at_most=0.1)
    assert rejects.to_json() == [["a", "truncated: line 3"], ["b", "empty: no body"]]


def test_a_killed_stage_goes_on_where_it_stopped(tmp_path: Path) -> None:
    made: list[str] = []

    def part(name: str, *, fail: bool = False) -> None:
        def make(folder: Path) -> None:
            made.append(name)
            (folder / f"{name}.txt").write_text(name)
            if fail:
                raise RuntimeError

        resume.Parts("pretrain", "row", tmp_path / "cache").part(name, {"row": 1}, make, tmp_path / "out")

    part("s0")
    with pytest.raises(RuntimeError):
        part("s1", fail=True)
    part("s0")
    part("s1")
    assert made == ["s0", "s1", "s1"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["s0.txt", "s1.txt"]


def test_parts_of_another_key_are_not_taken(tmp_path: Path) -> None:
    for value in (1, 2):
        parts = resume.Parts("pretrain", "row", tmp_path / "cache")
        parts.part("s0", {"value": value}, lambda folder, v=value: (folder / "v").write_text(str(v)), tmp_path / "out")
    assert (tmp_path / "out" / "v").read_text() == "2"


def test_how_far_a_part_is_goes_with_the_part(tmp_path: Path) -> None:
    parts = resume.Parts("pretrain", "row", tmp_path)
    state = parts.unfinished("a", {"x": 1})
    assert parts.unfinished("a", {"x": 2}) != state

    def killed(folder: Path) -> None:
        state.write_text("half")
        raise KeyboardInterrupt

    def goes_on(folder: Path) -> None:
        (folder / "w").write_text(state.read_text())

    with pytest.raises(KeyboardInterrupt):
        parts.finish("a", {"x": 1}, killed)
    finished = parts.finish("a", {"x": 1}, goes_on)
    assert (finished / "w").read_text() == "half"
    assert list(parts.folder.iterdir()) == [finished]


def test_who_assists_computes_along_and_keeps_nothing(tmp_path: Path) -> None:
    parts, done = resume.Parts("pretrain", "row", tmp_path), []

    def make(folder: Path) -> None:
        done.append((folder / "w").write_text("x"))

    parts.assist("a", {"x": 1}, make)
    assert (len(done), parts.folder.exists()) == (1, False)
    parts.finish("a", {"x": 1}, make)
    parts.assist("a", {"x": 1}, make)  # rank 0 has it already, so nobody computes
    assert len(done) == 2


def test_a_finished_stage_keeps_the_parts_it_is_made_of_and_no_others(tmp_path: Path) -> None:
    parts = resume.Parts("pretrain", "row", tmp_path)
    for value in (1, 2):  # the second after an edit, say
        last = parts.part("s0", {"value": value}, lambda folder: None, tmp_path / "out")
    parts.keep_only([last])
    assert list(tmp_path.glob("parts/**/s0*")) == [last]


def test_the_run_log_has_a_line_for_success_and_for_failure(tmp_path: Path) -> None:
    with runs.recorded("align", "a", tmp_path) as facts:
        facts["num_clips"] = 3
    with runs.recorded("align", "a", tmp_path, writes=False):
        pass
    with pytest.raises(ZeroDivisionError), runs.recorded("align", "b", tmp_path):
        _ = 1 / 0
    lines = [json.loads(line) for line in (tmp_path / "runs" / "align.jsonl").read_text().splitlines()]
    assert [(line["row"], line["state"]) for line in lines] == [("a", "finished"), ("b", "failed: ZeroDivisionError")]
    assert lines[0]["num_clips"] == 3


def test_progress_passes_every_item_and_prints_plain_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    assert list(progress.track(iter("abc"), total=3, what="clips")) == ["a", "b", "c"]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("clips: 1/3, ")


def test_a_loop_tells_how_things_are_only_where_that_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def told() -> str:
        asked.append(1)
        return "loss 0.5"

    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    with progress.live(5, "encoder", done=2) as advance:
        for _ in range(3):
            advance(told)
    with progress.live(5, "encoder", shown=False) as advance:
        advance(told)
    lines = capsys.readouterr().err.splitlines()
    assert [line.rsplit(", ", 1)[0] for line in lines] == ["encoder: 3/5, loss 0.5", "encoder: 4/5, loss 0.5"]
    assert len(asked) == 2


def test_a_terminal_gets_a_bar_with_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    with progress.live(4, "encoder") as advance:
        for step in range(4):
            advance(lambda step=step: f"loss {step}")
    assert "encoder: loss 0" in terminal.getvalue()
    assert "4/4" in terminal.getvalue()


def test_a_bar_tells_count_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    slow = (time.sleep(0.2) or item for item in "abc")
    assert list(progress.track(slow, total=3, what="clips")) == ["a", "b", "c"]
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert re.search(r"clips .*3/3 \d[\d.]*/s 0:00:00", plain)
    assert [progress.rate(speed) for speed in (12.34, 1, 0.05)] == ["12.3/s", "1.0/s", "3.0/min"]


def test_of_several_processes_each_leaves_its_error_for_who_has_started_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def app() -> None:
        raise DataError("x.parquet: two\nlines")

    def bereft() -> None:
        raise RuntimeError("[pair.cc:554] Connection closed by peer")

    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(tmp_path / "error.json"))
    for failing in (app, bereft):
        with pytest.raises(SystemExit) as caught:
            command.guarded(failing)
        assert caught.value.code == 1
    assert capsys.readouterr().err == ""
    assert json.loads((tmp_path / "error.json").read_text()) == {"message": "x.parquet: two lines"}


def test_what_a_file_says_cannot_break_the_line_or_steer_the_terminal() -> None:
    assert str(DataError("a.pkl: asks for x\ny\x1b[2J\x00 of \udcff")) == r"a.pkl: asks for x y\x1b[2J\x00 of \udcff"
    assert str(DataError("kitchen/ünï 名.mp4: gone")) == "kitchen/ünï 名.mp4: gone"
    assert str(DataError("x" * 9000)) == "x" * 2000 + " ... (9000 characters)"


def test_an_error_a_user_can_mend_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    def app() -> None:
        raise DataError("x.parquet: two\nlines")

    with pytest.raises(SystemExit) as caught:
        command.guarded(app)
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: x.parquet: two lines\n"


def test_what_the_disk_refuses_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as caught:
        command.guarded(lambda: outputs.write_json(tmp_path / "file" / "x.json", {}))
    assert caught.value.code == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'file'}: File exists; give another path")


def test_an_error_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(FileNotFoundError):
        command.guarded(lambda: Path("nowhere").read_text())


def test_the_command_answers_help() -> None:
    from pipeline.cli import app

    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert {"profile", "raw"} <= set(result.output.split())
    assert isinstance(app, typer.Typer)


def test_time_left_appears_from_the_second_epoch_on_however_long_an_epoch_takes() -> None:
    with progress._bars() as bar:
        now = 0.0
        bar.get_time = lambda: now
        task = bar.add_task("encoder", total=4)
        left = []
        for _ in range(3):
            now += 3600.0
            bar.update(task, advance=1)
            left.append(bar.tasks[0].time_remaining)
    assert left == [None, 7200, 3600]
