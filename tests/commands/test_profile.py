from pathlib import Path

import pytest
import yaml

from pipeline.commands import profile
from pipeline.core import dag, params, stamp
from pipeline.core.errors import DataError, FormatError, ParamsError
from pipeline.models import open_clips
from pipeline.steps import compare, finetune, retrieve

DVC_YAML = "stages:\n  embed:\n    foreach: ${embed.rows}\n    do: {cmd: x, outs: ['features/embed/${key}']}\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout on profile one (rows a, b), where profile two has rows b, c."""
    shelf = tmp_path / "profiles"
    shelf.mkdir()
    (shelf / "one.yaml").write_text("# the first\nembed: {rows: {a: {}, b: {}}}\n")
    (shelf / "two.yaml").write_text("# the second\nembed: {rows: {b: {}, c: {}}}\n")
    monkeypatch.setattr(profile, "PROFILES", shelf)
    root = tmp_path / "checkout"
    for key in "ab":
        (root / "features" / "embed" / key).mkdir(parents=True)
    (root / "dvc.yaml").write_text(DVC_YAML)
    (root / "params.yaml").write_text(profile.text("one", root / "dvc.yaml"))
    stages = {f"embed@{key}": {"cmd": "x", "outs": [{"path": f"features/embed/{key}"}]} for key in "ab"}
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    return root


def test_a_new_profile_removes_what_it_has_no_rows_for(root: Path) -> None:
    assert profile.use("two", root, force=False) == ["embed@a"]
    assert (root / "params.yaml").read_text() == profile.text("two", root / "dvc.yaml")
    assert [p.name for p in (root / "features" / "embed").iterdir()] == ["b"]
    assert list(yaml.safe_load((root / "dvc.lock").read_text())["stages"]) == ["embed@b"]


def test_an_edited_file_is_kept_unless_told(root: Path) -> None:
    (root / "params.yaml").write_text("mine: 1\n")
    with pytest.raises(DataError, match="holds edits of yours"):
        profile.use("two", root, force=False)
    assert (root / "params.yaml").read_text() == "mine: 1\n"
    profile.use("two", root, force=True)
    assert (root / "params.yaml").read_text() == profile.text("two", root / "dvc.yaml")


@pytest.mark.parametrize(("old", "new"), [("b: {}", "b: {model: x}"), ("# Profile", "# My notes\n# Profile")])
def test_an_edit_anywhere_counts_and_the_message_says_how_to_keep_it(root: Path, old: str, new: str) -> None:
    file, mine = root / "params.yaml", root / "mine.yaml"
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=rf"`cp {file} mine.yaml`; `unseen profile use mine.yaml` leads back"):
        profile.use("two", root, force=False)
    mine.write_bytes(file.read_bytes())
    edited = yaml.safe_load(file.read_bytes())
    profile.use("two", root, force=True)
    profile.use(str(mine), root, force=False)
    assert yaml.safe_load(file.read_bytes()) == edited


def test_a_misspelt_stage_removes_nothing(root: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("embd: {rows: {a: {}}}\n")
    with pytest.raises(ParamsError, match=r"mine.yaml: section 'embd' belongs to no stage; there are \['embed', 'rep"):
        profile.use(str(mine), root, force=False)
    assert (root / "features" / "embed" / "a").is_dir()


def test_a_profile_of_ones_own_is_a_file(root: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("embed: {defaults: {model: {}}, rows: {a: {}, d: {}}}\n")
    assert profile.use(str(mine), root, force=False) == ["embed@b"]
    assert yaml.safe_load((root / "params.yaml").read_text()) == {
        "embed": {"rows": {"a": {"model": {}}, "d": {"model": {}}}}
    }
    assert str(tmp_path) not in (root / "params.yaml").read_text()
    mine.write_text("embed: {rows: {d: {}}}\n")
    assert profile.use(str(mine), root, force=False) == ["embed@a"]  # params.yaml itself was not edited


def test_a_params_file_of_a_profile_that_has_changed_since_is_not_edited(root: Path) -> None:
    profile.use("one", root, force=True)
    (profile.PROFILES / "one.yaml").write_text("# the first\nembed: {rows: {a: {}}}\n")
    assert profile.use("two", root, force=False) == ["embed@a"]


def test_a_file_that_is_no_text_counts_as_edited(root: Path) -> None:
    (root / "params.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="holds edits of yours"):
        profile.use("two", root, force=False)


@pytest.mark.parametrize("lock", ["<<<<<<< ours\na: [", "- 1"])
def test_a_broken_lock_is_one_line_and_changes_nothing(root: Path, lock: str) -> None:
    (root / "dvc.lock").write_text(lock)
    with pytest.raises(FormatError, match=r"dvc.lock: .*restore it with `git checkout dvc.lock`"):
        profile.use("two", root, force=False)
    assert (root / "params.yaml").read_text() == profile.text("one", root / "dvc.yaml")


def test_a_folder_that_is_no_checkout_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"dvc.yaml: no such file; run this in the folder of the checkout"):
        profile.use("demo", tmp_path, force=False)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_cannot_remove_anything_outside_the_columns(root: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    paths = ["../precious", "data/../../precious", str(tmp_path / "precious")]
    lock = {"stages": {"embed@z": {"outs": [{"path": path} for path in paths]}}}
    (root / "dvc.lock").write_text(yaml.safe_dump(lock))
    profile.use("two", root, force=False)
    assert (tmp_path / "precious").exists()


def test_a_fresh_checkout_needs_no_lock(root: Path) -> None:
    (root / "dvc.lock").unlink()
    (root / "params.yaml").unlink()
    assert profile.use("one", root, force=False) == []


def test_an_unknown_profile_lists_those_there_are(root: Path) -> None:
    with pytest.raises(ParamsError, match=r"no profile 'three': no file has this name; expected .*\['one', 'two'\]"):
        profile.use("three", root, force=False)
    with pytest.raises(ParamsError, match=r"this is a folder; expected a file of your own, or one of"):
        profile.use(str(root), root, force=False)


def test_a_profile_opens_with_what_it_is_for(root: Path) -> None:
    assert profile.summary("one") == "the first"


@pytest.mark.parametrize("name", profile.names())
def test_rows_that_fine_tune_are_understood_and_compared_with_rows_there_are(name: str) -> None:
    """Rows at full scale are run by nobody in the tests."""
    tree = profile.tree(name)
    rows = {key: finetune.Row.model_validate(row) for key, row in tree["finetune"]["rows"].items()}
    for row in rows.values():
        assert row.start.removeprefix("features/finetune/") in rows or open_clips.read_start(Path(row.start))
        assert set(row.data.corpora) <= set(tree["graph"]["rows"])
    for row in (compare.Row.model_validate(row) for row in tree["compare"]["rows"].values()):
        asked = {"data": {"corpora", "compositions", "general"}, "selection": True, "shards": True}
        held_out = [rows[key].model_dump(include=asked) for key in (row.start, *row.tuned)]
        assert all(each == held_out[0] for each in held_out)  # else `compare` refuses them


@pytest.mark.parametrize("name", profile.names())
def test_rows_of_retrieve_ask_rows_of_bind_and_splits_that_there_are(name: str) -> None:
    tree = profile.tree(name)
    for row in (retrieve.Row.model_validate(row) for row in tree["retrieve"]["rows"].values()):
        assert row.bound in tree["bind"]["rows"]
        assert f"{row.dataset}-{row.split_table}" in tree["split"]["rows"]


def test_a_source_that_nobody_has_scanned_is_told_to_the_stage_that_reads_it(root: Path) -> None:
    stage = "do: {cmd: x, deps: ['${item.source}.stamp'], outs: ['data/ingest/${key}']}"
    (root / "dvc.yaml").write_text(f"{DVC_YAML}  ingest:\n    foreach: ${{ingest.rows}}\n    {stage}\n")
    mine = root.parent / "mine.yaml"
    mine.write_text("ingest: {rows: {kitchen: {}, garden: {}}}\n")
    (root / "data/raw/garden").mkdir(parents=True)
    (root / "data/raw/garden/a").touch()
    stamp.write(root / "data/raw/garden", stamp.scan(root / "data/raw/garden"))
    profile.use(str(mine), root, force=False)
    instances = dag.instances(root / "dvc.yaml", params.read(root / "params.yaml"))
    assert profile.unscanned(instances, root) == [root / "data/raw/kitchen"]
    with pytest.raises(DataError, match=r"raw/kitchen: no such folder; link .*, and run `unseen raw scan kitchen`"):
        stamp.read(root / "data/raw/kitchen")
    assert profile.how_to_scan(root / "data/raw/garden").endswith("not scanned yet; run `unseen raw scan garden`")


def test_a_mistyped_profile_is_asked_about() -> None:
    with pytest.raises(ParamsError, match=r"no profile 'utd_mhda' \(did you mean 'utd_mhad'\?\)"):
        profile.file("utd_mhda")
