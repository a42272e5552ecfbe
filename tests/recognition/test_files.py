"""Which files of a folder are clips of a sense."""

from pathlib import Path

from pipeline.recognition import files


def test_a_folder_of_utd_mhad_gives_each_sense_its_own_files(tmp_path: Path) -> None:
    """Those of both senses end in .mat; one of another name is tried."""
    for name in ("a1_s1_t1_depth.mat", "a1_s1_t1_skeleton.mat", "mine.mat"):
        (tmp_path / name).touch()
    named = {sense: [path.name for path in files.clips([tmp_path], sense)] for sense in ("depth", "skeleton")}
    assert named == {"depth": ["a1_s1_t1_depth.mat", "mine.mat"], "skeleton": ["a1_s1_t1_skeleton.mat", "mine.mat"]}


def test_lists_beside_the_clips_of_a_folder_are_no_clips(tmp_path: Path) -> None:
    """A table of joints is read where it is named."""
    for name in ("manifest.csv", "classes.csv", "one.skeleton"):
        (tmp_path / name).touch()
    assert [path.name for path in files.clips([tmp_path], "skeleton")] == ["one.skeleton"]
    named = tmp_path / "joints.csv"
    named.touch()
    assert files.clips([named], "skeleton") == [named]
