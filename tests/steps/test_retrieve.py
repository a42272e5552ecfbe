"""The step over small spaces whose vectors are known."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from pipeline.core import bound, pages, tables
from pipeline.core.errors import DataError, FormatError
from pipeline.core.hashing import path_digest
from pipeline.core.schemas import CLIPS, SPLIT
from pipeline.core.store import Store
from pipeline.steps.retrieve import Row
from tests.steps import bound_rows
from tests.steps.bound_rows import BOOTSTRAP, EVERYBODY, ROW, retrieved, role, write_sense


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = bound_rows.written(tmp_path_factory.mktemp("retrieve"))
    retrieved(root)
    return root


@pytest.fixture
def root(made, tmp_path):
    """A copy that a test may change."""
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


def figures(root):
    return json.loads((root / "demo.json").read_text())


def one(rows, **wanted):
    (found,) = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    return found


def page(root):
    return pages.read(root / "retrieve" / "demo" / pages.FILE)


def test_recall_is_that_of_the_stored_vectors_in_a_loop(made):
    ids = [clip_id for clip_id in EVERYBODY if role(clip_id, "s0") in ROW.roles]
    skeleton_ND, depth_ND = (
        Store(bound.vectors(made / "bind" / "toy", sense), "bind").rows("s0-0", "pooled", ids).astype(float)
        for sense in ("skeleton", "depth")
    )
    right = {1: 0, 5: 0}
    for n, query_D in enumerate(skeleton_ND):
        others = [m for m in range(len(ids)) if ids[m][:-2] != ids[n][:-2]]  # the other camera's clip is left out
        better = sum(query_D @ depth_ND[m] >= query_D @ depth_ND[n] - 1e-6 for m in others)
        right = {k: number + (better < k) for k, number in right.items()}
    row = one(figures(made)["rows"], query="skeleton", target="depth", subset="all")
    assert (row["r1"], row["r5"]) == (right[1] / len(ids), right[5] / len(ids))
    assert (row["n"], row["candidates"], row["chance_r5"]) == (len(ids), len(ids) - 1, 5 / (len(ids) - 1))
    assert 0 < row["r1"] < 1


def test_every_ordered_pair_is_asked_and_marked_trained_with_the_hub_alone(made):
    found = {(row["query"], row["target"]): row["trained"] for row in figures(made)["pairs"] if row["subset"] == "all"}
    assert found == {
        ("hub", "skeleton"): True,
        ("skeleton", "hub"): True,
        ("hub", "depth"): True,
        ("depth", "hub"): True,
        ("skeleton", "depth"): False,
        ("depth", "skeleton"): False,
    }


def test_unseen_and_seen_clips_are_asked_apart_among_their_own(made):
    rows = [row for row in figures(made)["pairs"] if (row["query"], row["target"]) == ("depth", "skeleton")]
    assert [(row["subset"], row["n"], row["candidates"]) for row in rows] == [
        ("all", 32, 31),
        ("unseen_test", 8, 7),
        ("seen_test", 24, 23),
    ]


def test_roles_choose_the_clips(root):
    retrieved(root, ROW.model_copy(update={"roles": ["unseen_test"]}))
    assert {(row["subset"], row["n"]) for row in figures(root)["pairs"]} == {("all", 8)}


def test_the_headline_is_flat_and_of_both_kinds(made):
    numbers = figures(made)["headline"]
    assert numbers["never_trained_chance_r1"] == pytest.approx(1 / 31)
    assert numbers["trained_r1"] > numbers["never_trained_r1"] > numbers["never_trained_chance_r1"]


def test_the_bootstrap_has_its_resamples_and_its_seed(root):
    drawn = []
    for changes in ({"num_resamples": 101}, {"seed": 1}):
        retrieved(root, bootstrap=BOOTSTRAP.model_copy(update=changes))
        drawn.append([row["r1_ci95"] for row in figures(root)["rows"]])
    retrieved(root)
    assert drawn[0] != drawn[1] != [row["r1_ci95"] for row in figures(root)["rows"]]


def test_test_clips_that_were_pairs_of_the_training_are_said(root):
    """Their vectors were drawn together in training: to find them is no evidence of alignment."""
    assert figures(root)["transductive"] is False
    assert not any("Transductive" in text for text in page(root).text)
    write_sense(root, "depth", about={"pairs": "all"})
    retrieved(root)
    assert figures(root)["transductive"] is True
    assert page(root).text[0].startswith("Transductive: these senses were bound with all clips")
    assert {name.partition("_")[0] for name in figures(root)["headline"]} == {"transductive"}


def test_splits_and_seeds_are_runs_and_the_hub_is_the_one_of_the_seed(tmp_path):
    runs = (("s0", 0), ("s0", 1), ("s1", 0), ("s1", 1))
    root = bound_rows.written(tmp_path, runs)
    retrieved(root)
    assert [(r["split"], r["seed"]) for r in figures(root)["rows"] if (r["query"], r["subset"]) == ("hub", "all")][
        ::2
    ] == list(runs)
    pair = one(figures(root)["pairs"], query="hub", target="depth", subset="all")
    assert (pair["runs"], pair["over"]) == (4, "splits")
    assert pair["r1_runs_ci95"][0] <= pair["r1"] <= pair["r1_runs_ci95"][1]
    assert "over splits" in page(root).text[2]


def test_a_hub_of_one_group_serves_all_and_one_that_learned_along_has_those_of_the_runs(root):
    hub = bound.vectors(root / "bind" / "toy", "hub")
    before = figures(root)["rows"]
    for name in ("all", "s0-0"):
        shutil.rmtree(hub)
        with bound_rows.store.create(hub, {"dataset": "toy", "modality": "video", "recipe": "clip"}) as writer:
            writer.group(name, EVERYBODY, {}).put("pooled", bound_rows.vectors("hub", "all", 0, 0.0))
        retrieved(root)
        assert figures(root)["rows"] == before


def test_the_page_shows_queries_drawn_by_seed_with_what_they_find(root):
    shown = page(root)
    assert [image.file for image in shown.images] == ["1.png", "2.png"]
    for image in shown.images:
        file = root / "retrieve" / "demo" / image.file
        assert file.stat().st_size < 300_000
        with Image.open(file) as picture:
            assert picture.width > 600
    counts = figures(root)["examples"]
    assert [(count["query"], count["target"], count["drawn"]) for count in counts] == [
        ("skeleton", "depth", 2),
        ("skeleton", "hub", 2),
    ]
    drawn = [image.caption.split(",")[0] for image in shown.images]
    retrieved(root, bootstrap=BOOTSTRAP.model_copy(update={"seed": 1}))
    assert [image.caption.split(",")[0] for image in page(root).images] != drawn


def test_the_counts_are_of_all_queries(made):
    for count in figures(made)["examples"]:
        row = one(figures(made)["rows"], query="skeleton", target=count["target"], subset="all")
        assert row["r1"] <= count["right"] / count["n"] <= row["r5"]
        assert (count["among_first"], count["chance"]) == (3, pytest.approx(3 / 31))


def test_without_examples_nothing_is_drawn(root):
    retrieved(root, ROW.model_copy(update={"examples": 0}))
    assert page(root).images == []
    assert {path.name for path in (root / "retrieve" / "demo").iterdir()} == {pages.FILE}


def test_a_dataset_whose_senses_share_clips_by_pairs_only_shows_no_example(root):
    third = len(EVERYBODY) // 4
    write_sense(root, "hub", noise=0.0, ids=EVERYBODY[third:])
    write_sense(root, "depth", ids=[*EVERYBODY[: 2 * third]])
    write_sense(root, "skeleton", ids=sorted({*EVERYBODY[:third], *EVERYBODY[2 * third :]}))
    retrieved(root)
    assert page(root).images == []
    assert figures(root)["rows"]


def test_two_runs_leave_the_same_bytes(root):
    first = [path_digest(root / "retrieve" / "demo"), path_digest(root / "demo.json")]
    retrieved(root)
    assert [path_digest(root / "retrieve" / "demo"), path_digest(root / "demo.json")] == first


def test_vectors_of_several_senses_end_to_end_are_left_out(root):
    source = bound.vectors(root / "bind" / "toy", "depth")
    shutil.copytree(source, bound.fused(root / "bind" / "toy", "all"))
    before = figures(root)
    retrieved(root)
    assert figures(root) == before


def test_a_row_of_bind_that_is_not_there_is_refused(root):
    (root / "bind" / "toy").rename(root / "bind" / "other")
    with pytest.raises(DataError, match=r"bind has left no row of that name, only \['other'\]"):
        retrieved(root)


@pytest.mark.parametrize("sense", ["hub", "depth"])
def test_a_sense_without_vectors_is_refused(root, sense):
    folder = root / "bind" / "toy"
    shutil.rmtree(bound.vectors(folder, sense))
    weights = bound.weights(folder, "depth", "s0", 0)
    weights.parent.mkdir()
    weights.touch()
    with pytest.raises(DataError, match=f"no vectors of {sense}; run `dvc repro bind@toy`"):
        retrieved(root)


def test_a_hub_alone_is_refused(root):
    for sense in ("depth", "skeleton"):
        shutil.rmtree(bound.vectors(root / "bind" / "toy", sense))
    with pytest.raises(DataError, match="no sense beside the hub"):
        retrieved(root)


def test_senses_that_share_fewer_than_two_test_clips_are_refused(root):
    tests = [clip_id for clip_id in EVERYBODY if role(clip_id, "s0") in ROW.roles]
    write_sense(root, "depth", ids=tests[:1])
    with pytest.raises(DataError, match=r"senses depth and \w+ have 1 test clips in common, retrieval needs 2"):
        retrieved(root)


def test_a_role_of_which_senses_share_too_few_is_named(root):
    write_sense(root, "depth", ids=[clip_id for clip_id in EVERYBODY if role(clip_id, "s0") == "seen_test"])
    with pytest.raises(DataError, match="0 test clips of role unseen_test in common"):
        retrieved(root)


def test_a_split_without_test_clips_is_refused(root):
    rows = [{**row, "split": "s9"} for row in tables.read_table(root / "films.parquet", SPLIT).to_pylist()]
    tables.write(root / "films.parquet", SPLIT, rows)
    with pytest.raises(DataError, match="split 's0': senses depth and skeleton have 0 test clips in common"):
        retrieved(root)


@pytest.mark.parametrize(("key", "value"), [("split_table", "composed"), ("dataset", "other")])
def test_vectors_of_other_splits_or_clips_are_refused(root, key, value):
    write_sense(root, "depth", **{key: value})
    with pytest.raises(DataError, match=f"its {key} is '{value}', the row of retrieve says"):
        retrieved(root)


def test_senses_of_other_runs_are_refused(root):
    write_sense(root, "depth", runs=(("s0", 1),))
    with pytest.raises(DataError, match=r"skeleton.zarr: has groups \['s0-0'\], depth has \['s0-1'\]"):
        retrieved(root)


def test_a_hub_without_the_seed_is_refused(root):
    write_sense(root, "hub", runs=(("s0", 3),), noise=0.0)
    with pytest.raises(DataError, match=r"no vectors for split 's0', seed 0: its groups are \['all-3'\]"):
        retrieved(root)


@pytest.mark.parametrize("value", [np.nan, 2.0])
def test_vectors_that_have_not_length_one_are_refused(root, value):
    """A NaN compares with nothing: it would be found first."""

    def broken(*named):
        x_ND = bound_rows.vectors(*named)
        x_ND[5] = value
        return x_ND

    write_sense(root, "depth", vectors_of=broken)
    with pytest.raises(FormatError, match=rf"depth.zarr: group 's0-0', {EVERYBODY[5]}: a vector of length"):
        retrieved(root)


def test_a_clip_that_no_table_knows_is_refused(root):
    rows = tables.read_table(root / "films.parquet", SPLIT).to_pylist()
    clips = tables.read_table(root / "clips.parquet", CLIPS).to_pylist()
    meta = tables.read_meta(root / "clips.parquet", CLIPS)
    gone = next(row["clip_id"] for row in rows if row["role"] == "seen_test")
    tables.write(root / "clips.parquet", CLIPS, [c for c in clips if c["clip_id"] != gone], meta)
    with pytest.raises(DataError, match=f"clip {gone} is not in the table of clips"):
        retrieved(root)


def test_arrays_that_lack_a_clip_are_refused(root):
    shutil.rmtree(root / "preprocess" / "depth-metric.zarr")
    with pytest.raises(FormatError, match=r"depth-metric\.zarr: no readable store there; run `dvc repro preprocess`"):
        retrieved(root)


@pytest.mark.parametrize("changes", [{"roles": []}, {"roles": ["fit"]}, {"roles": ["seen_test"] * 2}, {"examples": -1}])
def test_rows_that_say_nothing_sensible_are_refused(changes):
    with pytest.raises(ValueError, match="validation error"):
        Row.model_validate({**ROW.model_dump(), **changes})
