"""Joining two datasets into tasks, over stores of a few numbers: who is learnt from, who is scored, who is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import DataError, LeakError
from pipeline.core.params import parse
from pipeline.models import crossing
from pipeline.models.clip_vectors import POOLED, Reading
from pipeline.models.crossing import Crossing, CrossRequest, DatasetInputs
from tests.counting import count_reads, twice
from tests.steps import crossed
from tests.steps.crossed import PARK, TAUGHT, World

SHIFT = len(PARK)  # the source's classes stand above the target's


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def asked(reading: Reading = POOLED, **changes: Any) -> CrossRequest:
    from pipeline.steps.cross import Row

    row = parse(Row, crossed.ROW | changes, "cross.rows.x")
    return CrossRequest(row.source, row.target, row.splits, row.seeds, row.overlap, row.max_missing, reading)


def joined(world: World, **changes: Any) -> Crossing:
    sides = [DatasetInputs(place.inputs, dict(enumerate(place.names))) for place in (world.yard, world.park)]
    return crossing.crossed(*sides, asked(**changes))


def test_a_task_learns_from_the_source_and_scores_the_target(world):
    (task,) = joined(world).tasks
    assert (task.split, task.seed, task.name) == ("source", 0, "source-0")
    assert sorted(set(task.fit.class_ids)) == [SHIFT + c for c in TAUGHT]
    assert sorted(set(task.val.class_ids)) == task.val_classes == [SHIFT + c for c in (2, 4, 7)]
    assert task.spaces == crossed.PARK_PARTS
    assert task.test_ids == sorted(world.park.ids)
    for split, class_ids in crossed.PARK_PARTS.items():
        ids, vectors_ND = task.tested(split)
        assert ids == [clip_id for clip_id in world.park.ids if world.park.class_id(clip_id) in class_ids]
        assert vectors_ND.tolist() == [task.test_features_ND[task.test_ids.index(clip_id)].tolist() for clip_id in ids]


def test_all_inputs_of_both_datasets_are_read_once_whatever_the_number_of_seeds(world, monkeypatch):
    reads = count_reads(monkeypatch)
    assert len(joined(world, seeds=[0, 1, 2]).tasks) == 3
    assert twice(reads) == {}
    for place in (world.yard, world.park):
        assert {str(place.inputs.features), str(place.inputs.embeddings), str(place.inputs.split)} <= set(reads)


def test_what_a_method_needs_must_be_there_of_both_datasets(world):
    with pytest.raises(DataError, match=r"yard\S*zarr: group .* holds no 'tokens', which the method 'purls' reads"):
        joined(world, reading=Reading("tokens", "purls"))


def test_held_out_clips_of_the_source_are_not_learnt_from(world):
    (task,) = joined(world).tasks
    assert len(task.fit.class_ids) == 3 * len(TAUGHT)
    assert len(task.val.class_ids) == 4 * 3


def test_ids_of_the_two_datasets_cannot_collide_and_each_class_has_its_own_text(world):
    found = joined(world)
    (task,) = found.tasks
    assert len(set(task.texts.class_ids)) == len(task.texts.class_ids)
    for class_id, vector in zip(task.texts.class_ids, task.texts.label_KT, strict=True):
        expected = crossed.texts_of([found.names[class_id]])[0]
        assert np.allclose(vector, expected, atol=1e-6)
    assert found.names[SHIFT + 1] == "walk"
    assert found.names[1] == "leap"


def test_a_class_that_both_datasets_call_alike_is_told_by_the_source_where_it_is_kept(world):
    world.park.names = ["walk", *PARK[1:]]
    assert joined(world, overlap={**crossed.KEPT["overlap"]}).names[SHIFT + 1] == "walk (yard)"


def test_shared_classes_are_left_out_and_told(world):
    found = joined(world)
    told = [(one.source, one.target, one.how) for one in found.overlaps]
    assert told == [("kick ball", "kicking a ball", "words"), ("clap", "applaud", "vectors")]
    assert found.left_out == ["clap", "kick ball"]
    assert found.tasks[0].elsewhere.kept_overlap == []


@pytest.mark.parametrize(
    ("threshold", "left_out"),
    [(0.0, ["kick ball"]), (0.01, ["clap", "hop", "kick ball", "sit down", "turn around", "wave hand"])],
)
def test_the_threshold_says_how_near_a_shared_class_is(world, threshold, left_out):
    world.teach([1, 6])
    assert joined(world, overlap={**crossed.ROW["overlap"], "threshold": threshold}).left_out == left_out


def test_the_vectors_that_tell_shared_classes_are_of_the_type_that_the_row_names(world):
    world.park.write_texts(("label",))
    with pytest.raises(DataError, match="'context'"):
        joined(world, overlap={**crossed.ROW["overlap"], "text_type": "context"})


@pytest.mark.parametrize(
    ("classes", "told"),
    [([0, 3], "'kick ball' .there 'kicking a ball', by words."), ([5], "'clap' .there 'applaud', by vectors.")],
)
def test_an_encoder_that_was_taught_a_class_of_the_target_is_refused_with_what_to_do(world, classes, told):
    world.teach(classes)
    with pytest.raises(
        LeakError, match=rf"was taught classes of 'park': {told}.*split 'without_3_5'.*overlap.keep"
    ) as caught:
        joined(world)
    assert "\n" not in str(caught.value)


def test_what_is_kept_is_learnt_and_told(world):
    world.teach([0, 1, 3])
    found = joined(world, **crossed.KEPT)
    about = found.tasks[0].provenance("half_0", selection="none", refit="seen", settings=["1"], selected=0)
    assert found.left_out == []
    assert about.kept_overlap == ["clap", "kick ball"]
    assert about.source_classes == sorted(crossed.YARD)


def test_scores_tell_what_was_taught_by_name_and_no_class_id_of_the_source(world):
    (task,) = joined(world).tasks
    about = task.provenance("half_0", selection="validation", refit="none", settings=["1"], selected=0)
    assert (about.split, about.label_space, about.class_ids) == ("half_0", "unseen", [0, 2, 4])
    assert (about.source, about.training_classes, about.paired_classes) == ("yard", [], [])
    assert about.source_classes == sorted(crossed.YARD[c] for c in TAUGHT)
    every = task.provenance("full", selection="validation", refit="seen", settings=["1"], selected=0)
    assert every.source_classes == sorted(crossed.YARD[c] for c in (*TAUGHT, 2, 4, 7))


def test_classes_that_the_encoders_own_filter_removed_are_not_learnt_from_either(world):
    world.teach([0, 1], removed=[["turn around", "spin of another target", None, "names"]])
    found = joined(world)
    assert found.left_out == ["clap", "kick ball", "turn around"]
    assert SHIFT + 8 not in found.tasks[0].fit.class_ids


def test_an_encoder_that_says_it_kept_an_overlap_is_refused_unless_the_row_keeps_it(world):
    world.teach([0, 1], kept_overlap=["walk"])
    with pytest.raises(LeakError, match=r"was taught 'walk', which its row of rest kept .*; let that row remove"):
        joined(world)
    assert "walk" in joined(world, **crossed.KEPT).tasks[0].elsewhere.kept_overlap


def test_an_encoder_of_a_third_dataset_tells_it_and_is_checked_by_its_names(world):
    third = {"source": "street", "training_classes": []}

    def teach(name):
        for place in (world.yard, world.park):
            place.write_features({"source-0": {**crossed.GROUP, **third, "training_names": [name]}})

    teach("ride a bike")
    assert joined(world).tasks[0].elsewhere.source == "street+yard"
    teach("spinning")
    with pytest.raises(LeakError, match=r"'spinning' .there 'spin', by words"):
        joined(world)


def test_an_encoder_trained_on_val_classes_makes_choices_on_them_validation_seen(world):
    assert joined(world).tasks[0].selection("val") == "validation"
    for place, told in ((world.yard, crossed.GROUP), (world.park, {**crossed.FOREIGN, "training_names": ["bow"]})):
        place.write_features({"all-0": {**told, "training_classes": [2] if place is world.yard else []}})
    assert joined(world).tasks[0].selection("val") == "validation_seen"


def measure(world, park):
    """Features of an encoder that learns nothing, of two joint layouts; `park` is what differs there."""
    told = {"training_classes": [], "training_clips": None, "measured": ["arm moves"], "options": {}}
    world.yard.write_features({"all": {**told, "weights_hash": "of 20 joints"}})
    world.park.write_features({"all": {**told, "weights_hash": "of 25 joints", **park}})


def test_what_is_measured_without_weights_goes_from_one_joint_layout_to_another(world):
    measure(world, {})
    (task,) = joined(world).tasks
    assert task.fit.measured == ("arm moves",)
    assert task.test_ids == sorted(world.park.ids)


@pytest.mark.parametrize("park", [{"measured": ["leg moves"]}, {"options": {"size": 2}}, {"measured": []}])
def test_what_measures_other_movements_or_otherwise_is_refused(world, park):
    measure(world, park)
    with pytest.raises(DataError, match="is not of the weights of"):
        joined(world)


def test_seeds_share_a_split_and_have_a_task_each(world):
    assert [task.name for task in joined(world, seeds=[0, 3]).tasks] == ["source-0", "source-3"]


def test_missing_clips_of_either_dataset_are_counted_or_refused(world):
    world.yard.ids.remove("yard/0-0")
    world.park.ids.remove("park/1-2")
    world.teach(TAUGHT)
    with pytest.raises(DataError, match=r"rejected.*yard/0-0: no features"):
        joined(world)
    (task,) = joined(world, max_missing=0.1).tasks
    assert task.num_missing == 2
    assert "park/1-2" not in task.tested("full")[0]


REFUSED = {
    "other weights": (
        "park",
        {"source-0": {**crossed.FOREIGN, "training_names": [], "weights_hash": "v"}},
        {},
        "weights",
    ),
    "other classes": ("park", {"source-0": {**crossed.FOREIGN, "training_names": ["hop"]}}, {}, "not of the weights"),
    "no weights": ("park", {"source-0": {"training_classes": []}}, {}, "not of the weights"),
    "another encoder": ("park", {"source-0": crossed.GROUP}, {"encoder": "sttr"}, "encoder 'sttr', but 'stgcn' in"),
    "another sense": ("park", {"source-0": crossed.GROUP}, {"modality": "depth"}, "modality 'depth'"),
    "a target that was learnt": ("park", {"source-0": {**crossed.GROUP, "training_classes": [2]}}, {}, r"calls unseen"),
    "no names": ("park", {"source-0": crossed.FOREIGN}, {}, "does not say which classes of 'yard'"),
    "another split": ("yard", {"s0-0": crossed.GROUP}, {}, "no features for split 'source', seed 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_features_that_do_not_belong_together_are_refused(world, case):
    place, groups, about, message = REFUSED[case]
    getattr(world, place).write_features(groups, **about)
    with pytest.raises((DataError, LeakError), match=message) as caught:
        joined(world)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("about", [{"encoder": "minilm"}, {"weights_hash": "other"}])
def test_texts_of_two_encoders_are_refused(world, about):
    world.park.write_texts(**about)
    with pytest.raises(DataError, match="embed source and target with the same text encoder"):
        joined(world)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"splits": ["half_7"]}, r"no split \['half_7'\]"),
        ({"source": {**crossed.ROW["source"], "split": "s0"}}, r"no split \['s0'\]"),
        (
            {"source": {**crossed.ROW["source"], "dataset": "park"}},
            "not of dataset 'park', split table 't', but of 'yard'; mend",
        ),
        ({"target": {**crossed.ROW["target"], "split_table": "u"}}, "split table 'u'"),
    ],
)
def test_inputs_that_the_row_does_not_mean_are_refused(world, changes, message):
    with pytest.raises(DataError, match=message):
        joined(world, **changes)


def test_the_digest_of_a_task_knows_which_clips_each_split_holds(world):
    (task,) = joined(world).tasks
    assert replace(task, tests={**task.tests, "half_0": task.tests["full"]}).digest != task.digest


def test_context_texts_are_there_only_where_both_datasets_have_them(world):
    assert joined(world).tasks[0].texts.context_KT is not None
    world.park.write_texts(("label",))
    assert joined(world).tasks[0].texts.context_KT is None


@pytest.mark.parametrize(("role", "parts"), [("fit", ([3, 5], [0, 1])), ("val", ([0, 1, 6, 8], [3, 5]))])
def test_a_split_of_which_no_class_is_left_to_learn_or_to_choose_by_is_told(world, role, parts):
    world.yard.parts = {"source": dict(zip(("fit", "val"), parts, strict=True)) | {"unseen": []}}
    world.yard.write_split()
    world.teach([6])
    told = f"all {role} classes of split 'source' are left out, as classes of 'park'.*overlap.keep"
    with pytest.raises(DataError, match=told):
        joined(world)


def test_what_the_encoder_was_taught_is_part_of_the_digest_of_a_task(world):
    (task,) = joined(world).tasks
    other = replace(task, elsewhere=replace(task.elsewhere, encoder_names=["nod"]))
    assert task.digest != other.digest


def test_a_kept_class_that_a_setting_is_chosen_by_flags_the_scores_too(world):
    world.yard.parts = {"source": {"fit": [0, 1, 6, 8], "val": [3, 7], "unseen": []}}
    world.yard.write_split()
    (task,) = joined(world, **crossed.KEPT).tasks
    about = task.provenance("full", selection="validation", refit="none", settings=["1"], selected=0)
    assert about.kept_overlap == ["kick ball"]
    assert about.source_classes == ["hop", "kick ball", "stretch arms", "turn around", "walk"]


def test_classes_that_a_row_of_rest_kept_for_another_target_are_not_said_to_be_of_this_one(world):
    world.teach([0, 1, 3], kept_overlap=["kick ball", "walk"])
    (task,) = joined(world, **crossed.KEPT).tasks
    about = task.provenance("full", selection="none", refit="seen", settings=["1"], selected=0)
    assert about.kept_overlap == ["clap", "kick ball"]  # clap is of the clips at hand


@pytest.mark.parametrize(
    ("yards", "kinds"), [({"lexicon": "a", "dim": 3}, ["movement"]), ({"lexicon": "b", "dim": 3}, []), (None, [])]
)
def test_texts_that_another_lexicon_tells_are_of_one_dataset_alone(world, yards, kinds):
    for place, attrs in ((world.yard, yards), (world.park, {"lexicon": "a", "dim": 3})):
        place.write_texts(more={"movement": attrs} if attrs else {})
    (task,) = joined(world).tasks
    assert sorted(task.texts.further) == kinds
    if kinds:
        assert task.texts.of_type("movement").shape == (len(task.texts.class_ids), 3)


def test_features_of_another_width_are_one_clear_line(world):
    world.park.write_features({"source-0": crossed.TOLD}, in_text_space=True)
    with pytest.raises(DataError, match=r"park\.zarr: features of 2 numbers, but of 6 in .*yard\.zarr; extract source"):
        joined(world)
