"""A remote that is a folder, such as a mounted disk of the team."""

from pathlib import Path

from tests.sharing import made
from tests.sharing.conftest import Clone, check_second_clone


def with_remote(first: Clone, folder: Path) -> None:
    """What `dvc remote add --default team FOLDER` writes, without another process."""
    with (first.folder / ".dvc/config").open("a") as config:
        config.write(f"    remote = team\n['remote \"team\"']\n    url = {folder}\n")


def test_a_second_clone_has_all_and_nothing_to_do(first: Clone, tmp_path: Path) -> None:
    before = (first.folder / ".dvc/config").read_text()
    first.run("dvc", "remote", "add", "--default", "team", str(tmp_path / "remote"))
    added = (first.folder / ".dvc/config").read_text()
    (first.folder / ".dvc/config").write_text(before)
    with_remote(first, tmp_path / "remote")
    assert (first.folder / ".dvc/config").read_text() == added
    check_second_clone(first)


def test_repro_pulls_what_it_needs_and_computes_the_rest(first: Clone, tmp_path: Path) -> None:
    """`dvc repro --pull --allow-missing` after an edit of a late row fetches its inputs, and nothing before them."""
    with_remote(first, tmp_path / "remote")
    first.run("dvc", "push")
    first.commit("name the remote")
    second = first.cloned("second")
    file = second.folder / "params.yaml"
    file.write_text(file.read_text().replace("ridge: 0.5", "ridge: 0.25"))
    told = second.run("dvc", "repro", "--pull", "--allow-missing", "evaluate@demo-net")
    assert "Running stage 'align@demo-net'" in told
    assert "Running stage 'extract@demo-net'" not in told
    assert (second.folder / made.STORE).is_dir()
    assert not (second.folder / made.ARRAYS).exists()


def test_runs_travel_with_the_run_cache(first: Clone, tmp_path: Path) -> None:
    """What one clone has computed under other settings, another takes from the remote instead of running it."""
    with_remote(first, tmp_path / "remote")
    first.commit("name the remote")
    second = first.cloned("second")
    file = first.folder / "params.yaml"
    settings = file.read_text().replace("ridge: 0.5", "ridge: 0.25")
    file.write_text(settings)
    assert "Running stage 'align@demo-net'" in first.run("dvc", "repro", "align@demo-net")
    first.run("dvc", "push", "--run-cache")
    second.run("dvc", "pull", "--run-cache", "--allow-missing")
    (second.folder / "params.yaml").write_text(settings)
    told = second.run("dvc", "repro", "align@demo-net")
    assert "Stage 'align@demo-net' is cached - skipping run" in told
    assert "Running stage 'align@demo-net'" not in told


def test_an_empty_remote_is_said_by_name(first: Clone, tmp_path: Path) -> None:
    with_remote(first, tmp_path / "remote")
    first.commit("name the remote")
    told = first.cloned("second").run("dvc", "pull", code=1)
    assert made.STORE in told
