import csv
import dataclasses
import itertools
import re
from collections import Counter

import numpy as np
import pytest

from pipeline.core import params, stamp, tables
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.schemas import CLIPS, SPLIT
from pipeline.datasets import hmdb51, shared
from pipeline.datasets.shared import OwnList
from pipeline.formats import hmdb
from pipeline.steps import ingest, split


def clip(class_id, subject, replication, **columns):
    name = f"a{class_id + 1}_s{subject}_t{replication}"
    row = {
        "clip_id": f"utd_mhad/{name}",
        "modality": "skeleton",
        "class_id": class_id,
        "subject": subject,
        "camera": None,
        "setup": None,
        "replication": replication,
        "path": f"{name}.mat",
        "num_frames": 5,
        "num_bytes": 5,
        "content_hash": "0" * 64,
        "reason": None,
    }
    return row | columns


FIFTH = {"share": 0.2, "min": 3}
EVERY = [clip(c, s, r) for c in range(27) for s in range(1, 5) for r in (1, 2)]


def row(**keys):
    base = {"dataset": "utd_mhad", "name": "random", "protocol": "xsub", "num_unseen": 5, "splits": ["s0"]}
    base |= {"modality": "skeleton", "val_classes": FIFTH if keys.get("protocol", "xsub") else None}
    return params.parse(split.Row, base | keys, "split.rows.x")


def written(tmp_path, clips=EVERY, **keys):
    names = [known.name for known in shared.classes("utd_mhad")]
    tables.write(tmp_path / "clips.parquet", CLIPS, clips, {"dataset": "utd_mhad", "class_names": names})
    out = tmp_path / "split.parquet"
    split.split(row(**keys), clips=tmp_path / "clips.parquet", out=out)
    return tables.read_table(out, SPLIT).to_pylist(), tables.read_meta(out, SPLIT)


def test_a_table_tells_the_classes_of_every_split(tmp_path):
    rows, meta = written(tmp_path, splits=["s0", "s1", "purls_22_5"])
    assert {key: meta[key] for key in ("dataset", "split_table", "protocol")} == {
        "dataset": "utd_mhad",
        "split_table": "random",
        "protocol": "xsub",
    }
    assert set(meta["splits"]) == {"s0", "s1", "purls_22_5"}
    assert meta["splits"]["purls_22_5"]["unseen"] == [4, 14, 17, 23, 24]
    for classes in meta["splits"].values():
        assert [len(classes[role]) for role in ("fit", "val", "unseen")] == [17, 5, 5]
        assert sorted(itertools.chain(*classes.values())) == list(range(27))
    assert Counter(found["split"] for found in rows) == dict.fromkeys(["s0", "s1", "purls_22_5"], len(EVERY))


def test_roles_follow_subject_and_class_and_only_trained_ones_bear_labels(tmp_path):
    rows, meta = written(tmp_path)
    classes = meta["splits"]["s0"]
    known = {found["clip_id"]: found for found in EVERY}
    for found in rows:
        truth = known[found["clip_id"]]
        group = next(name for name, ids in classes.items() if truth["class_id"] in ids)
        train = truth["subject"] in (1, 3)
        expected = {"fit": "fit", "val": "val", "unseen": "unused"} if train else {"unseen": "unseen_test"}
        assert found["role"] == expected.get(group, "seen_test")
        assert found["class_id"] == (truth["class_id"] if found["role"] in ("fit", "val") else None)
        assert not found["held_out"] or found["role"] == "fit"
    assert sum(found["held_out"] for found in rows) == round(17 * 4 / 10)


def test_the_same_row_gives_the_same_bytes(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    written(tmp_path / "a", splits=["s0", "s1"])
    written(tmp_path / "b", clips=EVERY[::-1], splits=["s0", "s1"])
    assert (tmp_path / "a/split.parquet").read_bytes() == (tmp_path / "b/split.parquet").read_bytes()


def test_a_split_does_not_depend_on_its_neighbours(tmp_path):
    alone, _ = written(tmp_path, splits=["s1"])
    among, _ = written(tmp_path, splits=["s0", "s1", "s2"])
    assert alone == [found for found in among if found["split"] == "s1"]


def test_ten_seeds_give_ten_different_splits(tmp_path):
    _, meta = written(tmp_path, splits=[f"s{seed}" for seed in range(10)])
    assert len({tuple(classes["unseen"]) for classes in meta["splits"].values()}) == 10
    assert len({tuple(classes["val"]) for classes in meta["splits"].values()}) == 10


def test_what_reported_splits_draw_stays_what_it_was(tmp_path):
    """Reported figures rest on these draws; a published split draws its val classes and held-out clips from seed 0."""
    rows, meta = written(tmp_path, splits=["s0", "s1", "purls_22_5"])
    assert {name: classes["val"] for name, classes in meta["splits"].items()} == {
        "s0": [7, 8, 12, 14, 15],
        "s1": [1, 4, 9, 19, 23],
        "purls_22_5": [1, 6, 10, 16, 22],
    }
    held = {name: [r["clip_id"][9:] for r in rows if r["split"] == name and r["held_out"]] for name in meta["splits"]}
    assert {name: " ".join(clip_ids) for name, clip_ids in held.items()} == {
        "s0": "a19_s1_t2 a20_s3_t2 a22_s1_t2 a24_s3_t2 a25_s3_t1 a26_s1_t1 a5_s1_t2",
        "s1": "a15_s3_t1 a19_s1_t1 a23_s3_t2 a27_s3_t2 a6_s1_t2 a8_s3_t2 a9_s1_t1",
        "purls_22_5": "a10_s3_t1 a13_s1_t2 a19_s3_t2 a20_s1_t2 a26_s3_t2 a3_s3_t1 a8_s1_t2",
    }


def test_rejected_clips_and_those_without_the_modality_are_left_out(tmp_path):
    bad = clip(0, 1, 3, reason="empty: no body")
    both = [clip(0, 1, 4, reason="empty: no body"), clip(0, 1, 4, modality="depth")]
    rows, _ = written(tmp_path, clips=[*EVERY, bad, *both])
    assert {row["clip_id"] for row in rows} == {known["clip_id"] for known in EVERY}


def test_a_split_of_another_modality_has_the_same_classes(tmp_path):
    films = [clip(c, s, r, modality="depth") for c in range(27) for s in range(1, 5) for r in (1,)]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    _, skeletons = written(tmp_path / "a", clips=[*EVERY, *films])
    rows, depth = written(tmp_path / "b", clips=[*EVERY, *films], modality="depth")
    assert depth["splits"] == skeletons["splits"]
    assert len(rows) == len(films)
    with pytest.raises(DataError, match="no clip of modality 'thermal'"):
        written(tmp_path, clips=EVERY, modality="thermal")


def test_views_of_one_performance_are_held_out_together(tmp_path):
    views = [
        clip(c, s, r, camera=k, clip_id=f"utd_mhad/{c}-{s}-{r}-{k}")
        for c in range(27)
        for s in (1, 2, 3)
        for r in (1, 2)
        for k in (1, 2, 3)
    ]
    rows, _ = written(tmp_path, clips=views)
    held = Counter(found["clip_id"].rsplit("-", 1)[0] for found in rows if found["held_out"])
    assert set(held.values()) == {3}
    assert len(held) == round(17 * 4 / 10)


REFUSED = {
    "an unknown subject protocol": ({"protocol": "xview"}, "has no protocol 'xview', only .'leave_one_out"),
    "an unknown split": ({"splits": ["purls_1"]}, "split 'purls_1': is neither published for utd_mhad"),
    "a split named twice": ({"splits": ["s1", "s1"]}, "a split is named twice"),
    "a seed with zeros before it": ({"splits": ["s01"]}, "split 's01': is neither published"),
    "another count": ({"splits": ["purls_18_9"]}, "split 'purls_18_9': has 9 unseen classes, num_unseen says 5"),
    "an id of no class": ({"splits": ["without_27"], "num_unseen": 1}, r"unseen classes \[27\] are out of range"),
    "a class left out twice": ({"splits": ["without_3_3"], "num_unseen": None}, "an unseen class is listed twice"),
    "another count of classes left out": ({"splits": ["without_3_9"]}, "has 2 unseen classes, num_unseen says 5"),
    "no class left out": ({"splits": ["without"]}, "split 'without': is neither published"),
    "an id with zeros before it": ({"splits": ["without_03"]}, "split 'without_03': is neither published"),
    "all unseen": ({"num_unseen": 27}, "num_unseen is 27, utd_mhad has 27 classes"),
    "too few seen": ({"num_unseen": 22}, "split 's0': 5 seen of 27 classes, 3 of them for validation"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_row_that_cannot_be_is_refused_in_one_line(tmp_path, case):
    keys, message = REFUSED[case]
    with pytest.raises(DataError, match=message) as refused:
        written(tmp_path, **keys)
    assert "split.rows.utd_mhad-random" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "split.parquet").exists()


@pytest.mark.parametrize("keys", [{"num_unseen": 0}, {"splits": []}, {"splits": "s0"}, {"unseen": [1]}])
def test_params_of_the_wrong_kind_are_refused(keys):
    with pytest.raises(ParamsError, match=r"split\.rows\.x"):
        row(**keys)


@pytest.mark.parametrize("subjects", [(1, 3), (2, 4)])
def test_a_split_without_training_or_test_clips_is_refused(tmp_path, subjects):
    missing = r"fit or val" if subjects == (2, 4) else r"seen_test or unseen_test"
    with pytest.raises(DataError, match=f"split 's0': no clip gets the role {missing}"):
        written(tmp_path, clips=[found for found in EVERY if found["subject"] in subjects])


LISTED = [
    clip(c, s, r) | {"subject": None, "replication": None, f"{side}_lists": ["official"]}
    for c in range(51)
    for s, side in ((1, "train"), (2, "test"))
    for r in (1, 2)
]


def split_by_list(tmp_path, monkeypatch, clips):
    listed = {"official": OwnList(re.compile("test_split1"), hmdb.read_sides)}
    monkeypatch.setattr(hmdb51, "DATASET", dataclasses.replace(hmdb51.DATASET, subjects=listed))
    names = [known.name for known in shared.classes("hmdb51")]
    tables.write(tmp_path / "clips.parquet", CLIPS, clips, {"dataset": "hmdb51", "class_names": names})
    chosen = row(dataset="hmdb51", protocol="official", num_unseen=25)
    split.split(chosen, clips=tmp_path / "clips.parquet", out=tmp_path / "split.parquet")
    return {row["clip_id"]: row for row in tables.read_table(tmp_path / "split.parquet", SPLIT).to_pylist()}


def test_the_own_list_of_a_dataset_takes_the_place_of_subjects(tmp_path, monkeypatch):
    stray = clip(0, 3, 1) | {"subject": None, "train_lists": ["another"]}
    rows = split_by_list(tmp_path, monkeypatch, [*LISTED, stray])
    assert rows[stray["clip_id"]]["role"] == "unused"
    for known in LISTED:
        role = rows[known["clip_id"]]["role"]
        assert (role in ("fit", "val", "unused")) == (known.get("train_lists") is not None)
        assert (role in ("seen_test", "unseen_test")) == (known.get("test_lists") is not None)


def test_a_list_that_no_clip_is_on_is_refused(tmp_path, monkeypatch):
    bare = [known | {"train_lists": None, "test_lists": None} for known in LISTED]
    with pytest.raises(
        DataError, match=r"no clip trains by the list 'official'; put the file \(test_split1\) into the"
    ):
        split_by_list(tmp_path, monkeypatch, bare)


def test_a_list_on_which_all_clips_test_is_told_so(tmp_path, monkeypatch):
    tests = [known | {"train_lists": None, "test_lists": ["official"]} for known in LISTED]
    with pytest.raises(
        DataError, match=rf"it lets {len(LISTED)} clips of this modality test; name training clips in it"
    ):
        split_by_list(tmp_path, monkeypatch, tests)


def test_clips_of_a_subject_whose_performances_are_not_told_apart_are_held_out_together(tmp_path):
    views = [
        clip(c, s, r, clip_id=f"utd_mhad/{c}-{s}-{r}") | {"replication": None}
        for c in range(27)
        for s in (1, 2, 3)
        for r in (1, 2)
    ]
    rows, _ = written(tmp_path, clips=views)
    held = Counter(found["clip_id"].rsplit("-", 1)[0] for found in rows if found["held_out"])
    assert set(held.values()) == {2}


def test_a_clip_without_a_subject_is_refused(tmp_path):
    with pytest.raises(DataError, match="utd_mhad/a1_s1_t9 has no subject"):
        written(tmp_path, clips=[*EVERY, clip(0, 1, 9) | {"subject": None}])


@pytest.mark.parametrize("twin", ["Tennis  Swing", "tennis swing"])
def test_a_class_that_would_be_seen_and_unseen_is_refused(tmp_path, monkeypatch, twin):
    """Class 0 gets the name of class 14, which the split purls_22_5 does not show."""
    names = [[known.class_id, known.name, known.context] for known in shared.classes("utd_mhad")]
    names[0][1] = twin
    with (tmp_path / "utd_mhad.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["class_id", "name", "context"], *names])
    monkeypatch.setattr(shared, "class_file", lambda name: tmp_path / f"{name}.csv")
    with pytest.raises(DataError, match=r"classes 0 and 14 have the same name 'tennis swing'.*both seen and unseen"):
        written(tmp_path, splits=["purls_22_5"])


def test_a_published_list_that_names_no_class_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(shared, "published_splits", lambda name: {"wild": [1, 2, 3, 4, 27]})
    with pytest.raises(DataError, match=r"split 'wild': unseen classes \[27\] are out of range"):
        written(tmp_path, splits=["wild"])


def target(tmp_path, clips=EVERY, **keys):
    return written(tmp_path, clips, name="half", protocol=None, **({"num_unseen": 13, "splits": ["half_0"]} | keys))


def test_of_a_target_every_clip_of_the_half_is_tested_whoever_is_seen(tmp_path):
    rows, meta = target(tmp_path, splits=["half_0", "half_7"])
    classes = {known["clip_id"]: known["class_id"] for known in EVERY}
    for seed in (0, 7):
        unseen = np.random.RandomState(seed).permutation(27)[:13].tolist()  # as E2E's code draws its halves
        assert meta["splits"][f"half_{seed}"] == {"fit": [], "val": [], "unseen": sorted(unseen)}
        found = {row["clip_id"]: row for row in rows if row["split"] == f"half_{seed}"}
        assert {clip_id for clip_id, row in found.items() if row["role"] == "unseen_test"} == {
            clip_id for clip_id, class_id in classes.items() if class_id in unseen
        }
        assert {row["role"] for row in found.values()} == {"unseen_test", "unused"}
        assert not any(row["held_out"] or row["class_id"] is not None for row in found.values())
    assert meta["protocol"] is None


def test_the_full_split_of_a_target_tests_every_clip(tmp_path):
    rows, meta = target(tmp_path, num_unseen=27, splits=["full"])
    assert {row["role"] for row in rows} == {"unseen_test"}
    assert len(rows) == len(EVERY)
    assert meta["splits"]["full"]["unseen"] == list(range(27))


def test_halves_and_all_of_a_target_fit_one_table_where_no_number_is_asked_of_them(tmp_path):
    _, meta = target(tmp_path, num_unseen=None, splits=["half_0", "full"])
    assert {name: len(classes["unseen"]) for name, classes in meta["splits"].items()} == {"half_0": 13, "full": 27}


def test_the_row_says_how_many_classes_to_select_on(tmp_path):
    num_val = [
        len(written(tmp_path, val_classes={"share": share, "min": 3})[1]["splits"]["s0"]["val"]) for share in (0.2, 0.4)
    ]
    assert num_val == [5, 9]


@pytest.mark.parametrize("keys", [{"val_classes": None}, {"protocol": None, "val_classes": FIFTH}])
def test_val_classes_are_of_those_who_train(keys):
    with pytest.raises(ParamsError, match="val_classes is null where protocol is, of a target, and else such as"):
        row(**keys)


def test_a_draw_must_be_told_how_many_classes_are_unseen(tmp_path):
    with pytest.raises(DataError, match="split 's0': is drawn, so num_unseen must say how many"):
        written(tmp_path, num_unseen=None, splits=["s0"])


def test_in_the_split_of_a_source_no_class_is_unseen(tmp_path):
    rows, meta = written(tmp_path, splits=["source", "s0"])
    parts = meta["splits"]["source"]
    assert [len(parts[role]) for role in ("fit", "val", "unseen")] == [21, 6, 0]
    mine = [found for found in rows if found["split"] == "source"]
    assert Counter(found["role"] for found in mine) == {"fit": 21 * 4, "val": 6 * 4, "seen_test": 27 * 4}
    assert {found["class_id"] for found in mine if found["role"] == "fit" and not found["held_out"]} == {*parts["fit"]}


def test_a_source_needs_no_test_clips_of_its_own(tmp_path):
    rows, _ = written(tmp_path, clips=[found for found in EVERY if found["subject"] in (1, 3)], splits=["source"])
    assert {found["role"] for found in rows} == {"fit", "val"}
    with pytest.raises(DataError, match="split 'source': no clip gets the role fit or val"):
        written(tmp_path, clips=[found for found in EVERY if found["subject"] in (2, 4)], splits=["source"])


def test_the_classes_that_a_split_is_without_are_unseen(tmp_path):
    rows, meta = written(tmp_path, num_unseen=None, splits=["without_9_2_26", "without_0"])
    assert meta["splits"]["without_9_2_26"]["unseen"] == [2, 9, 26]
    assert meta["splits"]["without_0"]["unseen"] == [0]
    taught = {found["class_id"] for found in rows if found["split"] == "without_0"} - {None}
    assert taught == {*range(1, 27)}


def test_a_target_needs_no_subjects_in_its_clips(tmp_path):
    rows, _ = target(tmp_path, clips=[*EVERY, clip(0, 1, 9) | {"subject": None}])
    assert len(rows) == len(EVERY) + 1


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"num_unseen": 5}, "split 'half_0': has 13 unseen classes, num_unseen says 5"),
        ({"splits": ["s0"]}, "split 's0': is no split of a target, which are 'half_<seed>' and 'full'"),
        ({"splits": ["purls_22_5"], "num_unseen": 5}, "split 'purls_22_5': is no split of a target"),
        ({"splits": ["half_01"]}, "split 'half_01': is no split of a target"),
        ({"clips": [c for c in EVERY if c["class_id"] != 26], "splits": ["full"], "num_unseen": 27},
         r"split 'full': no clip shows the unseen classes \[26\]"),
    ],
)  # fmt: skip
def test_a_target_that_cannot_be_is_refused_in_one_line(tmp_path, keys, message):
    with pytest.raises(DataError, match=message):
        target(tmp_path, **keys)
    assert not (tmp_path / "split.parquet").exists()


def test_the_halves_of_e2e_are_no_splits_of_a_dataset_that_trains(tmp_path):
    with pytest.raises(DataError, match="split 'half_0': is neither published"):
        written(tmp_path, splits=["half_0"])


@pytest.fixture(scope="module")
def real_clips(real_data, tmp_path_factory):
    source = tmp_path_factory.mktemp("raw") / "utd_mhad"
    source.symlink_to(real_data / "utd-mhad" / "Skeleton")
    stamp.write(source, stamp.scan(source))
    out = source.parent / "clips.parquet"
    ingest.ingest(ingest.Checks(max_rejected=0.0), dataset="utd_mhad", source=source, out=out)
    return out


@pytest.mark.parametrize(
    ("name", "num_unseen", "unseen_test"), [("purls_22_5", 5, 80), ("purls_18_9", 9, 144), ("purls_14_13", 13, 208)]
)
def test_the_purls_splits_of_the_recorded_clips(real_clips, tmp_path, name, num_unseen, unseen_test):
    chosen = row(name=name, num_unseen=num_unseen, splits=[name])
    split.split(chosen, clips=real_clips, out=tmp_path / "split.parquet")
    rows = tables.read_table(tmp_path / "split.parquet", SPLIT).to_pylist()
    classes = tables.read_meta(tmp_path / "split.parquet", SPLIT)["splits"][name]
    assert len(classes["fit"]) + len(classes["val"]) == 27 - num_unseen
    assert len(rows) == 861
    assert Counter(found["role"] for found in rows)["unseen_test"] == unseen_test
