import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands import raw
from pipeline.core import stamp
from pipeline.core.errors import DataError, ParamsError


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "utd_mhad"
    (folder / "Skeleton").mkdir(parents=True)
    for name in ("Skeleton/a1_s1_t1_skeleton.mat", "Skeleton/a1_s1_t2_skeleton.mat", "readme.txt", "Skeleton/x.mat"):
        (folder / name).write_text(name)
    return folder


def test_a_scan_stamps_every_file_and_counts_those_it_knows(folder):
    found = raw.scan("utd_mhad", folder)
    assert found == raw.Scan({"skeleton": 2}, ["Skeleton/x.mat", "readme.txt"])
    assert [file.path for file in stamp.read(folder)] == [
        "Skeleton/a1_s1_t1_skeleton.mat",
        "Skeleton/a1_s1_t2_skeleton.mat",
        "Skeleton/x.mat",
        "readme.txt",
    ]


def test_a_scan_says_what_it_found_and_what_it_does_not_know(folder, capsys):
    raw.scan("utd_mhad", folder)
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith(f"utd_mhad: 2 skeleton files in {folder}; ")
    assert told[1] == "utd_mhad: 2 files that it does not know, first Skeleton/x.mat"


def test_an_unknown_dataset_is_told_the_datasets_and_the_corpora(folder):
    with pytest.raises(ParamsError, match=r"no dataset 'visualgenome'.*'utd_mhad'.*'visual_genome'"):
        raw.scan("visualgenome", folder)


def test_a_scan_knows_the_class_list_that_a_user_brings(folder):
    for name in ("manifest.csv", "classes.csv", "Skeleton/classes.csv"):
        (folder / name).touch()
    found = raw.scan("manifest", folder)
    assert found.num_known["annotation"] == 2
    assert "classes.csv" not in found.unknown


def test_a_scan_of_a_foreign_folder_says_so(folder, capsys):
    assert raw.scan("ntu60", folder).num_known == {}
    assert "ntu60: no file of this dataset in" in capsys.readouterr().err


def test_a_dataset_or_a_folder_that_is_not_there_leaves_no_stamp(folder):
    with pytest.raises(ParamsError, match=r"the datasets are .* begin with `unseen dataset new utd FOLDER`"):
        raw.scan("utd", folder)
    with pytest.raises(DataError, match="no such folder"):
        raw.scan("utd_mhad", folder / "gone")
    assert not list(folder.parent.glob("*.stamp"))


def test_lists_and_annotations_are_known_by_their_names(tmp_path):
    folder = tmp_path / "hmdb51"
    (folder / "wave").mkdir(parents=True)
    for name in ("wave/#1 (a).avi", "wave_test_split1.txt", "wave_test_split2.txt", "notes.md"):
        (folder / name).write_text(name)
    assert raw.scan("hmdb51", folder) == raw.Scan({"list": 2, "video": 1}, ["notes.md"])
    assert raw.scan("kinetics400", folder).num_known == {}
    (folder / "val.csv").write_text("x")
    assert raw.scan("kinetics400", folder).num_known == {"annotation": 1}


def test_a_scene_graph_corpus_is_scanned_like_a_dataset(tmp_path):
    folder = tmp_path / "visual_genome"
    (folder / "VG_100K").mkdir(parents=True)
    for name in ("objects.json", "object_alias.txt", "VG_100K/1.jpg", "notes.md"):
        (folder / name).write_text(name)
    assert raw.scan("visual_genome", folder) == raw.Scan({"alias": 1, "annotation": 1, "picture": 1}, ["notes.md"])
    assert len(stamp.read(folder)) == 4


def test_a_folder_of_shards_is_scanned_under_any_name(tmp_path, capsys):
    folder = tmp_path / "laion"
    folder.mkdir()
    for name in ("00000.tar", "00001.tar", "00000_stats.json", "00000.parquet", "notes.md"):
        (folder / name).write_text(name)
    assert raw.scan("laion", folder) == raw.Scan({"list": 1, "shard": 2, "statistics": 1}, ["notes.md"])
    assert [file.path for file in stamp.read(folder)][:2] == ["00000.parquet", "00000.tar"]
    assert "laion: 1 list files, 2 shard files, 1 statistics files in" in capsys.readouterr().err


def test_a_name_of_nothing_with_no_shards_is_told_what_would_do(folder):
    with pytest.raises(ParamsError, match=r"no dataset 'laion'.*there is no \*\.tar in .*utd_mhad"):
        raw.scan("laion", folder)


def test_an_empty_folder_is_refused_and_leaves_no_stamp(tmp_path):
    (tmp_path / "utd_mhad" / "Skeleton").mkdir(parents=True)
    with pytest.raises(DataError, match="utd_mhad: an empty folder, so there is nothing to scan; link or copy"):
        raw.scan("utd_mhad", tmp_path / "utd_mhad")
    assert not list(tmp_path.glob("*.stamp"))


def test_a_mistyped_dataset_is_asked_about(folder):
    with pytest.raises(ParamsError, match=r"no dataset 'utd_mhda' \(did you mean 'utd_mhad'\?\): the datasets are"):
        raw.scan("utd_mhda", folder)


def test_a_scan_outside_of_a_checkout_says_where_to_go(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["raw", "scan", "utd_mhad"])
    assert isinstance(done.exception, ParamsError)
    assert str(done.exception).startswith("data/raw/utd_mhad: there is no dvc.yaml in ")
