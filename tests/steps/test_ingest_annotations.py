"""Datasets whose clips annotation files tell: what they name that is not there, and what is there under no label."""

import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.io import savemat

from pipeline.commands import raw
from pipeline.core import stamp, tables
from pipeline.core.errors import DataError, FormatError
from pipeline.core.schemas import CLIPS
from pipeline.formats import depth_png, ntu_skeleton, video
from pipeline.formats.shared import Skeleton
from pipeline.steps import ingest


def ingested(source, dataset, scan=True):
    """Rows by clip id, without the dataset's name."""
    if scan:
        stamp.write(source, stamp.scan(source))
    out = source.parent / "clips.parquet"
    ingest.ingest(ingest.Checks(max_rejected=1.0), dataset=dataset, source=source, out=out)
    return {row["clip_id"].removeprefix(f"{dataset}/"): row for row in tables.read_table(out, CLIPS).to_pylist()}


def reasons(source, dataset):
    return {clip_id: row["reason"] for clip_id, row in ingested(source, dataset).items()}


def film(path, seed=0, num_frames=4):
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = np.random.default_rng(seed).integers(0, 255, (num_frames, 16, 24, 3), dtype=np.uint8)
    video.write(path, rgb, frames_per_second=4, codec="libx264")


@pytest.fixture
def source(tmp_path):
    return tmp_path / "raw"


class TestPku:
    @pytest.fixture
    def pku(self, source):
        """One recording of ten frames; labels of it and of one that is not there."""
        for folder in ("skeleton", "label"):
            (source / folder).mkdir(parents=True)
        frames = np.random.default_rng(0).uniform(0.1, 1, (10, 150)).round(3)
        (source / "skeleton/0002-L.txt").write_text("\n".join(" ".join(map(str, frame)) for frame in frames))
        (source / "label/0002-L.txt").write_text("3,1,4,2\n3,5,10,2\n5,8,11,1\n5,12,20,1\n")
        (source / "label/0003-R.txt").write_text("1,1,4,2\n")
        return source

    def test_every_label_is_a_clip_and_what_lies_outside_is_rejected(self, pku):
        rows = ingested(pku, "pku_mmd")
        assert {clip_id: (row["class_id"], row["num_frames"]) for clip_id, row in rows.items()} == {
            "0002-L#frames=0-4": (2, 4),
            "0002-L#frames=4-10": (2, 6),
            "0002-L#frames=7-11": (4, 0),
            "0002-L#frames=11-20": (4, 0),
            "0003-R#frames=0-4": (0, 0),
        }
        assert rows["0002-L#frames=0-4"]["path"] == "skeleton/0002-L.txt#frames=0-4"
        outside = "lies outside the 10 frames; the label file and the recording do not belong together"
        assert rows["0002-L#frames=7-11"]["reason"] == f"unreadable: part 7-11 {outside}"
        assert rows["0002-L#frames=11-20"]["reason"] == f"unreadable: part 11-20 {outside}"

    def test_a_label_file_of_a_recording_that_is_not_there_is_rejected(self, pku):
        row = ingested(pku, "pku_mmd")["0003-R#frames=0-4"]
        assert row["reason"] == "missing file: label/0003-R.txt names it, the folder has no such skeleton"
        assert (row["path"], row["num_bytes"], row["content_hash"]) == ("0003-R#frames=0-4", 0, "")

    def test_one_part_under_two_classes_is_a_clip_and_a_duplicate(self, pku):
        (pku / "label/0002-L.txt").write_text("3,1,4,2\n4,1,4,2\n4,1,4,2\n")
        found = reasons(pku, "pku_mmd")
        assert found["0002-L#frames=0-4"] is None
        duplicate = "duplicate clip: skeleton/0002-L.txt#frames=0-4 is the same recording"
        path = "skeleton/0002-L.txt#frames=0-4"
        assert (found[path], found[f"{path} (2)"]) == (duplicate, duplicate)

    def test_a_broken_label_file_is_one_clear_line(self, pku):
        (pku / "label/0002-L.txt").write_text("3,1,4\n")
        with pytest.raises(FormatError, match=r"0002-L\.txt: line 1: expected 'class,first,last,confidence'"):
            ingested(pku, "pku_mmd")

    def test_a_label_file_that_changed_since_the_stamp_is_refused(self, pku):
        stamp.write(pku, stamp.scan(pku))
        (pku / "label/0002-L.txt").write_text("4,1,4,2\n3,5,10,2\n5,8,11,1\n5,12,20,1\n")
        with pytest.raises(DataError, match=r"0002-L\.txt: changed file: .*; run `unseen raw scan pku_mmd`"):
            ingested(pku, "pku_mmd", scan=False)

    def test_recordings_without_a_label_and_absent_lists_are_told(self, pku, capsys):
        (pku / "label/0002-L.txt").unlink()
        (pku / "cross-view.txt").write_text("h\n0003-R,0009-L\nh\n0002-L\n")
        ingested(pku, "pku_mmd")
        told = capsys.readouterr().err
        assert "pku_mmd: 1 recordings without a label, first skeleton/0002-L.txt" in told
        assert "pku_mmd: no list 'xsub' in" in told
        assert "pku_mmd: 2 names on its lists without a recording, first '0003-R'" in told

    def test_a_scan_counts_annotations_and_lists(self, pku):
        (pku / "cross-view.txt").write_text("h\n0002-L\nh\n0003-R\n")
        assert raw.scan("pku_mmd", pku) == raw.Scan({"annotation": 2, "list": 1, "skeleton": 1}, [])


class TestKinetics:
    def test_a_video_that_is_gone_and_a_label_that_is_no_class_are_rejected(self, source):
        film(source / "val/aaaaaaaaaaa_000001_000011.mp4")
        film(source / "val/bbbbbbbbbbb.mp4", seed=1)
        lines = ["abseiling,aaaaaaaaaaa", "no such thing,bbbbbbbbbbb", "air drumming,ccccccccccc"]
        text = "\n".join(["label,youtube_id,time_start,time_end,split", *(f"{line},1,11,val" for line in lines)])
        (source / "val.csv").write_text(text)
        rows = ingested(source, "kinetics400")
        assert [row["test_lists"] for row in rows.values()] == [["official"]] * 3
        assert {clip_id: row["reason"] for clip_id, row in rows.items()} == {
            "aaaaaaaaaaa": None,
            "bbbbbbbbbbb": "unknown class: 'no such thing' is none of the 400 of kinetics400",
            "ccccccccccc": "missing file: val.csv names it, the folder has no such video",
        }

    def test_a_list_without_a_row_says_so(self, source):
        film(source / "aaaaaaaaaaa.mp4")
        (source / "train.csv").write_text("label,youtube_id,time_start,time_end,split\n")
        with pytest.raises(DataError, match=r"train\.csv tells no clip; bring the released file and scan it again"):
            ingested(source, "kinetics400")

    def test_a_video_on_both_sides_is_refused(self, source):
        film(source / "aaaaaaaaaaa.mp4")
        for split in ("train", "val"):
            (source / f"{split}.csv").write_text(f"label,youtube_id,split\nabseiling,aaaaaaaaaaa,{split}\n")
        with pytest.raises(DataError, match="list 'official': 'aaaaaaaaaaa' both trains and tests"):
            ingested(source, "kinetics400")


class TestActivityNet:
    def test_segments_that_cannot_be_or_lie_outside_are_rejected(self, source):
        film(source / "v_aaaaaaaaaaa.mp4", num_frames=8)
        segments = [[0.0, 1.0], [1.0, 1.0], [5.0, 9.0]]
        told = [{"segment": segment, "label": "Arm wrestling"} for segment in segments]
        database = {"aaaaaaaaaaa": {"subset": "training", "annotations": told}}
        (source / "activity_net.v1-3.min.json").write_text(json.dumps({"database": database}))
        assert reasons(source, "activitynet") == {
            "aaaaaaaaaaa#seconds=0-1": None,
            "aaaaaaaaaaa#annotation=1": "segment: 1.0 to 1.0 seconds cannot be",
            "aaaaaaaaaaa#seconds=5-9": "unreadable: part 5.0-9.0 seconds lies outside the 8 frames",
        }


class TestKineticsSkeleton:
    @pytest.mark.parametrize("label", [400, 2**31, 10**30])
    def test_a_class_that_no_table_holds_rejects_the_clip_alone(self, source, label):
        skeletons = [{"frame_index": 0, "skeleton": [{"pose": [0.5] * 36, "score": [1.0] * 18}]}]
        source.mkdir()
        for name, index in (("a", 0), ("b", label)):
            (source / "kinetics_val").mkdir(exist_ok=True)
            poses = {"data": skeletons, "label": name, "label_index": index}
            (source / f"kinetics_val/{name * 11}.json").write_text(json.dumps(poses))
        told = {name * 11: {"has_skeleton": True, "label_index": index} for name, index in (("a", 0), ("b", label))}
        (source / "kinetics_val_label.json").write_text(json.dumps(told))
        found = reasons(source, "kinetics_skeleton")
        assert found["a" * 11] is None
        assert found["b" * 11] == f"unknown class: {label} is none of the 400 of kinetics_skeleton"


class TestNtuPickle:
    def test_an_annotation_pickle_gives_the_clips_that_skeleton_files_would(self, source, capsys):
        names = [f"S001C002P00{number}R001A003" for number in (1, 2, 3)]
        xyz = np.random.default_rng(0).normal(size=(3, 1, 5, 25, 3)).astype(np.float32)
        source.mkdir()
        notes = [
            {"frame_dir": name, "label": 2 if name != names[2] else 7, "total_frames": 5, "keypoint": joints}
            for name, joints in zip([*names, "S018C001P001R001A003"], [*xyz, xyz[0]], strict=True)
        ]
        split = {"xsub_train": names}
        (source / "ntu60_3danno.pkl").write_bytes(pickle.dumps({"split": split, "annotations": notes}))
        pixels = np.zeros((1, 5, 25, 2), np.float32)
        ntu_skeleton.write(source / f"{names[1]}.skeleton", Skeleton("ntu25", xyz[1], (1,)), pixels, pixels)
        rows = ingested(source, "ntu60")
        first = rows[names[0]]
        assert (first["class_id"], first["subject"], first["camera"], first["num_frames"]) == (2, 1, 2, 5)
        assert first["path"] == f"ntu60_3danno.pkl#clip={names[0]}"
        assert rows[names[1]]["path"] == f"{names[1]}.skeleton"
        twice = rows[f"ntu60_3danno.pkl#clip={names[1]}"]
        assert twice["reason"] == f"duplicate clip: {names[1]}.skeleton is the same recording"
        assert rows[names[2]]["reason"] == "unknown class: its file name says 2, ntu60_3danno.pkl says 7"
        assert not [clip_id for clip_id in rows if "S018" in clip_id]
        assert "ntu60: 1 clips of ntu60_3danno.pkl are named as none of its recordings" in capsys.readouterr().err


HEADER = "clip_id,modality,path,label,subject,split"


class TestManifest:
    @pytest.fixture
    def own(self, source):
        film(source / "one.mp4")
        film(source / "two.mp4", seed=1)
        frames = np.random.default_rng(0).integers(500, 4000, (4, 16, 24), dtype=np.uint16)
        depth_png.write(source / "depths/one", frames)
        (source / "classes.csv").write_text("class_id,name,context\n0,pour water,\n1,stir,\n")
        return source

    def write(self, source, *rows):
        (source / "manifest.csv").write_text("\n".join([HEADER, *rows]))

    def test_films_and_folders_are_clips_in_their_modality(self, own):
        self.write(own, "a,video,one.mp4,stir,1,train", "d,depth,depths/one,stir,,", "t,thermal,two.mp4,stir,2,test")
        rows = ingested(own, "manifest")
        found = {clip_id: (row["modality"], row["class_id"], row["reason"]) for clip_id, row in rows.items()}
        assert found == {"a": ("video", 1, None), "d": ("depth", 1, None), "t": ("thermal", 1, None)}
        assert [rows[clip]["train_lists"] for clip in "adt"] == [["own"], None, None]
        assert [rows[clip]["test_lists"] for clip in "adt"] == [None, None, ["own"]]

    def test_parts_of_one_film_are_clips_of_their_own(self, own):
        self.write(own, "a,video,one.mp4#frames=0-2,stir,,", "b,video,one.mp4#seconds=0.5-1,stir,,")
        rows = ingested(own, "manifest")
        assert {clip_id: (row["num_frames"], row["reason"]) for clip_id, row in rows.items()} == {
            "a": (2, None),
            "b": (2, None),
        }

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ("b,video,../one.mp4,stir,,", "path leads out: '../one.mp4' is no path inside the folder of the list"),
            ("b,video,/etc/passwd,stir,,", "path leads out: '/etc/passwd' is no path inside the folder of the list"),
            ("b,video,gone.mp4,stir,,", "missing file: manifest.csv names it, the folder has no such video"),
            ("b,sound,two.mp4,stir,,", "unknown modality: 'sound' is none of boxes, depth, skeleton, thermal, video"),
            ("b,video,two.mp4,,,", "no label: the row names no class"),
            ("b,video,two.mp4,fry,,", "unknown class: 'fry' is none of the 2 of manifest"),
            ("b,video,two.mp4,stir,,both", "unknown split: 'both' is neither train nor test nor empty"),
            (
                "b,skeleton,classes.csv,stir,,",
                "unknown format: classes.csv is a list of this folder and no recording; name the recording",
            ),
        ],
    )
    def test_a_row_that_cannot_be_used_is_rejected_with_its_reason(self, own, row, reason):
        self.write(own, "a,video,one.mp4,stir,1,train", row)
        assert reasons(own, "manifest") == {"a": None, "b": reason}

    def test_depth_may_be_a_matlab_file(self, own):
        depth_mm_HWT = np.random.default_rng(0).integers(500, 4000, (240, 320, 3)).astype(float)
        savemat(own / "a_depth.mat", {"d_depth": depth_mm_HWT}, do_compression=True)
        self.write(own, "a,depth,a_depth.mat,stir,1,train", "b,depth,depths/one,stir,1,train")
        rows = ingested(own, "manifest")
        found = {clip_id: (row["path"], row["num_frames"], row["reason"]) for clip_id, row in rows.items()}
        assert found == {"a": ("a_depth.mat", 3, None), "b": ("depths/one", 4, None)}

    def test_a_subject_may_be_any_text(self, own):
        self.write(own, "a,video,one.mp4,stir,7,train", "b,video,two.mp4,stir,zoë b.,test")
        rows = ingested(own, "manifest")
        assert {clip_id: (row["subject"], row["reason"]) for clip_id, row in rows.items()} == {
            "a": (7, None),
            "b": (8, None),
        }

    @pytest.mark.parametrize("rows", [("one.mp4", "two.mp4"), ("two.mp4", "one.mp4")])
    def test_of_a_repeated_clip_the_later_row_is_rejected_whatever_its_path(self, own, rows):
        first, later = rows
        self.write(own, f"a,video,{first},stir,1,train", f"a,video,{later},stir,1,test")
        found = ingested(own, "manifest")
        assert found["a"]["path"] == first
        assert (found["a"]["reason"], found["a"]["train_lists"]) == (None, ["own"])
        reason = "repeated clip id: row 2 names 'a' in video, as row 1 does; give it another clip_id"
        assert (found["a (row 2)"]["path"], found["a (row 2)"]["reason"]) == (later, reason)

    def test_a_class_list_needs_no_context(self, own):
        self.write(own, "a,video,one.mp4,stir,1,train")
        (own / "classes.csv").write_text("class_id,name\n0,pour water\n1,stir\n")
        assert reasons(own, "manifest") == {"a": None}

    def test_a_row_without_an_id_is_rejected_under_its_number(self, own):
        self.write(own, "a,video,one.mp4,stir,1,train", ",video,two.mp4,stir,,")
        assert reasons(own, "manifest")["row 2"] == "no clip id: '' cannot name a clip"

    def test_a_clip_of_two_classes_is_rejected_in_every_modality(self, own):
        clips = ["a,video,one.mp4,stir,,", "a,depth,depths/one,pour water,,", "b,video,two.mp4,stir,,"]
        self.write(own, *clips, "b,thermal,two.mp4,fry,,")
        stamp.write(own, stamp.scan(own))
        out = own.parent / "clips.parquet"
        ingest.ingest(ingest.Checks(max_rejected=1.0), dataset="manifest", source=own, out=out)
        found = {(row["clip_id"], row["modality"]): row["reason"] for row in tables.read_table(out, CLIPS).to_pylist()}
        differ = "classes differ: depth 0, video 1; give the clip one label in all modalities"
        assert found["manifest/a", "video"] == found["manifest/a", "depth"] == differ
        assert found["manifest/b", "video"] is None

    def test_an_empty_list_says_so(self, own):
        self.write(own)
        with pytest.raises(FormatError, match=r"manifest\.csv: no clip in it; give every clip a row: clip_id, modal"):
            ingested(own, "manifest")

    def test_a_folder_of_frames_has_no_parts(self, own):
        self.write(own, "a,video,one.mp4,stir,,", "d,depth,depths/one#frames=0-2,stir,,")
        told = "unreadable: a folder of depth frames has no parts; give each clip its own folder"
        assert reasons(own, "manifest") == {"a": None, "d": told}

    def test_one_film_under_two_classes_is_a_clip_and_a_duplicate(self, own):
        self.write(own, "a,video,one.mp4,stir,,", "b,video,one.mp4,pour water,,", "t,thermal,one.mp4,stir,,")
        twice = "duplicate content: one.mp4 is a clip already, under another name"
        assert reasons(own, "manifest") == {"a": None, "b": twice, "t": None}

    def test_one_part_under_two_names_is_a_clip_and_a_duplicate(self, own):
        parts = ["one.mp4#frames=0-2", "one.mp4#frames=0-2", "one.mp4#frames=0-3"]
        self.write(own, *(f"{name},video,{part},stir,," for name, part in zip("abc", parts, strict=True)))
        assert [reason is None for reason in reasons(own, "manifest").values()] == [True, False, True]

    def test_parquet_with_numbers_and_gaps_says_the_same(self, own):
        self.write(own, "a,video,one.mp4,stir,1,train", "b,video,two.mp4,stir,,")
        told = ingested(own, "manifest")
        (own / "manifest.csv").unlink()
        columns = {
            "clip_id": ["a", "b"],
            "modality": ["video"] * 2,
            "path": ["one.mp4", "two.mp4"],
            "label": ["stir"] * 2,
            "subject": pa.array([1.0, None]),
            "split": ["train", None],
        }
        pq.write_table(pa.table(columns), own / "manifest.parquet")
        assert ingested(own, "manifest") == told

    def test_a_list_without_a_column_or_a_class_list_is_one_clear_line(self, own):
        (own / "manifest.csv").write_text("clip_id,modality,path,label\na,video,one.mp4,stir\n")
        with pytest.raises(
            FormatError, match=r"manifest\.csv: expected the columns clip_id, modality, path, label, sub"
        ):
            ingested(own, "manifest")
        self.write(own, "a,video,one.mp4,stir,1,train")
        (own / "classes.csv").unlink()
        with pytest.raises(DataError, match=r"no classes\.csv in it; list the classes there"):
            ingested(own, "manifest")

    def test_two_classes_that_differ_in_no_letter_are_refused(self, own):
        self.write(own, "a,video,one.mp4,stir,1,train")
        (own / "classes.csv").write_text("class_id,name,context\n0,sit-down,\n1,sit down,\n")
        with pytest.raises(DataError, match="two classes differ in no letter"):
            ingested(own, "manifest")

    def test_a_class_list_of_the_users_does_not_replace_one_that_ships(self, source):
        film(source / "brush_hair/x.avi".replace(".avi", ".mp4"))
        (source / "classes.csv").write_text("class_id,name,context\n0,a,\n1,b,\n")
        assert reasons(source, "hmdb51") == {"x": None}
