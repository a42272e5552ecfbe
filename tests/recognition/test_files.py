"""Which files of a folder are clips of a sense."""

from pathlib import Path

from pipeline.recognition import files


def test_a_folder_of_utd_mhad_gives_each_sense_its_own_files(tmp_path: Path) -> None:
    """Those of both senses end in .mat; one of another name is tried."""
    for name in ("a1_s1_t1_depth.mat", "a1_s1_t1_skeleton.mat", "mine.mat"):
        (tmp_path / name).touch()
    named = {sense: [path.name for path in files.clips([tmp_path], sense)] for sense in ("depth", "skeleton")}
    assert named == {"depth": ["a1_s1_t1_depth.mat", "mine.mat"], "skeleton": ["a1_s1_t1_skeleton.mat", "mine.mat"]}
