import dataclasses
import shutil
from collections import Counter

import numpy as np
import pytest
from scipy.io import savemat

from pipeline.commands import raw
from pipeline.core import stamp, tables
from pipeline.core.errors import DataError, FormatError
from pipeline.core.schemas import CLIPS
from pipeline.datasets import ntu60
from pipeline.datasets.shared import FileList
from pipeline.formats import ntu_names, ntu_skeleton
from pipeline.formats.shared import Skeleton
from pipeline.steps import ingest


def write(source, name, *, num_frames=5, seed=0, edit=None):
    xyz_V3T = np.random.default_rng([seed, *name.encode()]).normal(size=(20, 3, num_frames))
    if edit:
        edit(xyz_V3T)
    (source / name).parent.mkdir(parents=True, exist_ok=True)
    savemat(source / f"{name}_skeleton.mat", {"d_skel": xyz_V3T})


@pytest.fixture
def source(tmp_path):
    source = tmp_path / "raw"
    for name in ("a1_s1_t1", "a2_s2_t1", "a27_s8_t4"):
        write(source, name)
    return source


def ingested(source, *, dataset="utd_mhad", max_rejected=1.0, scan=True):
    if scan:
        stamp.write(source, stamp.scan(source))
    out = source.parent / "clips.parquet"
    checks = ingest.Checks(max_rejected=max_rejected)
    ingest.ingest(checks, dataset=dataset, source=source, out=out)
    return {row["path"].removesuffix("_skeleton.mat"): row for row in tables.read_table(out, CLIPS).to_pylist()}


def reason(source, name, **how):
    return ingested(source, **how)[name]["reason"]


def test_a_good_clip_is_told_in_full(source):
    rows = ingested(source, max_rejected=0.0)
    content = next(file for file in stamp.read(source) if file.path.startswith("a27"))
    assert rows["a27_s8_t4"] == {
        "clip_id": "utd_mhad/a27_s8_t4",
        "modality": "skeleton",
        "class_id": 26,
        "subject": 8,
        "camera": None,
        "setup": None,
        "replication": 4,
        "train_lists": None,
        "test_lists": None,
        "path": "a27_s8_t4_skeleton.mat",
        "num_frames": 5,
        "num_bytes": content.num_bytes,
        "content_hash": content.content_hash,
        "reason": None,
    }
    assert len(rows) == 3


def test_files_of_other_names_are_no_clips(source):
    (source / "notes.txt").write_text("x")
    (source / "a1_s1_t1_inertial.mat").write_text("x")
    assert len(ingested(source, max_rejected=0.0)) == 3


def test_a_folder_that_has_changed_since_its_scan_is_told_by_its_files(source):
    for file in source.iterdir():
        file.rename(source / f"old_{file.name}.txt")
    stamp.write(source, stamp.scan(source))
    write(source, "a1_s1_t1")
    with pytest.raises(DataError, match=r"since its scan 1 file appeared \(a1_s1_t1_skeleton\.mat\); run `unseen raw"):
        ingested(source, scan=False)


def test_a_sample_reads_few_clips_and_lists_all(source):
    (source / "a3_s1_t1_skeleton.mat").write_bytes(b"no recording")
    stamp.write(source, stamp.scan(source))
    rows, read, seconds = ingest.sampled("utd_mhad", source, 4)
    assert [row.reason for row in rows] == [None] * 4
    assert [row.reason is None for row in read["skeleton"]] == [True, True, True, False]
    assert seconds["skeleton"] > 0
    rows, read, _ = ingest.sampled("utd_mhad", source, 2)
    assert (len(rows), len(read["skeleton"])) == (4, 2)


def poke(value):
    def edit(xyz_V3T):
        xyz_V3T[3, 1, 2] = value

    return edit


def blank(value):
    def edit(xyz_V3T):
        xyz_V3T[:] = value

    return edit


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_a_coordinate_that_is_no_number_is_rejected(source, value):
    write(source, "a3_s1_t1", edit=poke(value))
    assert reason(source, "a3_s1_t1") == "non-finite: 1 of 5 frames, first 2"


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_a_clip_without_a_body_in_any_frame_is_rejected(source, value):
    write(source, "a3_s1_t1", edit=blank(value))
    assert reason(source, "a3_s1_t1") == "empty: no body in any of 5 frames"


def test_a_clip_without_frames_is_rejected(source):
    write(source, "a3_s1_t1", num_frames=0)
    assert reason(source, "a3_s1_t1") == "empty: no body in any of 0 frames"


def test_a_body_that_is_away_in_some_frames_is_no_fault(source):
    def leave(xyz_V3T):
        xyz_V3T[:, :, 1:3] = np.nan

    write(source, "a3_s1_t1", edit=leave)
    assert reason(source, "a3_s1_t1") is None


def test_a_truncated_file_is_rejected_without_its_folder_in_the_reason(source):
    file = source / "a2_s2_t1_skeleton.mat"
    file.write_bytes(file.read_bytes()[:-100])
    assert reason(source, "a2_s2_t1").startswith("unreadable: truncated")
    assert str(source) not in reason(source, "a2_s2_t1")


def test_a_file_that_is_no_matlab_file_is_rejected(source):
    (source / "a2_s2_t1_skeleton.mat").write_text("hello")
    assert reason(source, "a2_s2_t1") == "unreadable: not a MATLAB 5 file"


def test_the_second_of_two_files_with_the_same_bytes_is_rejected(source):
    shutil.copy(source / "a27_s8_t4_skeleton.mat", source / "a3_s1_t1_skeleton.mat")
    rows = ingested(source)
    assert rows["a27_s8_t4"]["reason"] is None
    assert rows["a3_s1_t1"]["reason"] == "duplicate content: the same bytes as a27_s8_t4_skeleton.mat"


def test_the_second_file_of_a_recording_is_rejected_and_keeps_a_row(source):
    write(source, "copy/a1_s1_t1", seed=1)
    rows = ingested(source)
    assert rows["a1_s1_t1"]["reason"] is None
    assert rows["copy/a1_s1_t1"]["clip_id"] == "utd_mhad/copy/a1_s1_t1_skeleton.mat"
    assert rows["copy/a1_s1_t1"]["reason"] == "duplicate clip: a1_s1_t1_skeleton.mat is the same recording"


@pytest.mark.parametrize("number", [0, 28, 99])
def test_a_class_that_is_none_of_the_dataset_is_rejected(source, number):
    write(source, f"a{number}_s1_t1")
    assert reason(source, f"a{number}_s1_t1") == f"unknown class: {number} is none of the 27 of utd_mhad"


def test_what_changed_since_the_stamp_is_rejected(source):
    ingested(source)
    with (source / "a1_s1_t1_skeleton.mat").open("ab") as file:
        file.write(b"more")
    flipped = bytearray((source / "a2_s2_t1_skeleton.mat").read_bytes())
    flipped[-1] ^= 1
    (source / "a2_s2_t1_skeleton.mat").write_bytes(flipped)
    (source / "a27_s8_t4_skeleton.mat").unlink()
    reasons = {path: row["reason"] for path, row in ingested(source, scan=False).items()}
    assert reasons["a1_s1_t1"].startswith("changed file: the stamp says ")
    assert reasons["a2_s2_t1"] == "changed file: its content is not what the stamp says"
    assert reasons["a27_s8_t4"].startswith("missing file: ")


def test_too_many_rejects_fail_with_counts_and_leave_no_table(source):
    (source / "a1_s1_t1_skeleton.mat").write_text("hello")
    write(source, "a3_s1_t1", edit=blank(0.0))
    assert len(ingested(source, max_rejected=0.5)) == 4
    (source.parent / "clips.parquet").unlink()
    with pytest.raises(DataError, match=r"2 of 4 items rejected, at most 49% may be: empty \(1\), unreadable \(1\)"):
        ingested(source, max_rejected=0.49)
    assert not (source.parent / "clips.parquet").exists()


def test_a_source_without_a_stamp_says_how_to_make_one(source):
    with pytest.raises(DataError, match="no stamp; run `unseen raw scan raw`"):
        ingested(source, scan=False)


def test_a_source_without_a_clip_of_the_dataset_says_so_in_one_line(source):
    with pytest.raises(DataError, match="none of 3 files is named as those of ntu60") as refused:
        ingested(source, dataset="ntu60")
    assert "\n" not in str(refused.value)


def test_two_runs_write_the_same_bytes(source):
    ingested(source)
    out = source.parent / "clips.parquet"
    first = out.read_bytes()
    ingested(source)
    assert out.read_bytes() == first


@pytest.fixture
def ntu(tmp_path, monkeypatch):
    """A folder of two NTU recordings, and a list that names one of them and one that is not there."""
    source = tmp_path / "ntu"
    source.mkdir()
    for number in (1, 2):
        xyz_MTV3 = np.random.default_rng(number).normal(size=(1, 4, 25, 3)).astype(np.float32)
        pixels = np.zeros((1, 4, 25, 2), np.float32)
        path = source / f"S001C001P001R001A00{number}.skeleton"
        ntu_skeleton.write(path, Skeleton("ntu25", xyz_MTV3, (1,)), pixels, pixels)
    short = dataclasses.replace(
        ntu60.DATASET, missing_skeletons=FileList("missing.txt", 2, ntu_names.read_missing_skeletons)
    )
    monkeypatch.setattr(ntu60, "DATASET", short)
    return source


def test_recordings_on_the_owners_list_are_rejected(ntu):
    (ntu / "missing.txt").write_text("A header\nS001C001P001R001A002\nS009C001P001R001A002\n")
    rows = ingested(ntu, dataset="ntu60")
    assert rows["S001C001P001R001A001.skeleton"]["reason"] is None
    assert rows["S001C001P001R001A002.skeleton"]["reason"] == "missing skeleton: listed so by the dataset's owners"


def test_a_list_of_the_wrong_length_is_refused(ntu):
    (ntu / "missing.txt").write_text("S001C001P001R001A002\n")
    with pytest.raises(FormatError, match=r"expected 2 recordings .* found 1"):
        ingested(ntu, dataset="ntu60")


def test_a_list_that_changed_since_the_stamp_is_refused(ntu):
    (ntu / "missing.txt").write_text("S001C001P001R001A002\nS009C001P001R001A002\n")
    stamp.write(ntu, stamp.scan(ntu))
    (ntu / "missing.txt").write_text("S001C001P001R001A001\nS009C001P001R001A002\n")
    with pytest.raises(DataError, match=r"missing\.txt: changed file: .*; run `unseen raw scan ntu60`"):
        ingested(ntu, dataset="ntu60", scan=False)


def test_a_list_that_is_absent_is_told(ntu, capsys):
    assert [row["reason"] for row in ingested(ntu, dataset="ntu60").values()] == [None, None]
    assert "ntu60: no missing.txt in" in capsys.readouterr().err


def test_the_whole_of_utd_mhad_ingests_through_a_link(real_data, tmp_path):
    source = tmp_path / "utd_mhad"
    source.symlink_to(real_data / "utd-mhad" / "Skeleton")
    raw.scan("utd_mhad", source)
    rows = ingested(source, max_rejected=0.0, scan=False).values()
    assert len(rows) == 861
    assert (min(row["num_frames"] for row in rows), max(row["num_frames"] for row in rows)) == (41, 125)
    # 27 actions x 8 subjects x 4 trials but three, which the owners found damaged.
    per_class = Counter(row["class_id"] for row in rows)
    assert [class_id for class_id in range(27) if per_class[class_id] != 32] == [7, 22, 26]
    assert {per_class[class_id] for class_id in (7, 22, 26)} == {31}
    assert set(Counter(row["subject"] for row in rows)) == set(range(1, 9))
