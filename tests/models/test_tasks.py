"""Joining and refusing, over stores of a few numbers."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.core import store, tables
from pipeline.core.errors import DataError, LeakError
from pipeline.core.roles import UNKNOWN_CLIPS
from pipeline.core.schemas import SPLIT
from pipeline.models import tasks
from pipeline.models.clip_vectors import Reading, encoded, segments
from pipeline.models.tasks import Inputs, TaskRequest
from tests import toy
from tests.counting import count_reads, twice

CLASSES = {"fit": [0, 3], "val": [1], "unseen": [2]}
ASKED = TaskRequest(dataset="toy", split_table="random", splits=["s0"], seeds=[0], max_missing=0.0)


def clip_id(class_id, number):
    return f"toy/{class_id}-{number}"


def vector(class_id, number):
    return [class_id, number, 1]


CLIPS = {clip_id(c, n): c for c in range(4) for n in range(3)}
SPLITS = {"s0": CLASSES, "s1": CLASSES}


def split_rows(seen_test):
    """Three clips a class; of each fit class one is held out; some are of a seen test subject."""
    roles = dict.fromkeys(seen_test, "seen_test")
    held_out = [clip_id(c, 2) for c in range(4)]
    return toy.split_rows({**CLIPS, **dict.fromkeys(seen_test, 0)}, SPLITS, roles=roles, held_out=held_out)


GROUP = {"split": "s0", "seed": 0, "training_classes": [0, 3]}


@pytest.fixture
def world(tmp_path):
    """Writes the three inputs; keywords change what is in them."""

    def write(groups=None, left_out=(), dataset="toy", dim=4, value=None, about=None, more=(), tokens=None):
        ids = sorted({*CLIPS, *more} - set(left_out))
        numbers = [[int(part) for part in id_.removeprefix("toy/").split("-")] for id_ in ids]
        rows = np.array([vector(*pair) for pair in numbers], np.float32)
        if value is not None:
            rows[0, 0] = value
        attrs = {"dataset": dataset, "modality": "skeleton", "encoder": "stgcn", "recipe": "r", **(about or {})}
        with store.create(tmp_path / "f.zarr", attrs) as writer:
            for name, attrs in (groups or {"s0-0": GROUP}).items():
                group = writer.group(name, ids, attrs)
                group.put("pooled", rows)
                if tokens is not None:
                    group.put("tokens", rows[:, None, None] + tokens)
        toy.write_texts(tmp_path / "t.zarr", {"label": np.eye(4)}, dim=dim)
        names = ["sit", "kick ball", "wave", "clap"]
        toy.write_split(tmp_path / "s.parquet", split_rows(more), SPLITS, class_names=names)
        return Inputs(features=tmp_path / "f.zarr", embeddings=tmp_path / "t.zarr", split=tmp_path / "s.parquet")

    return write


def test_a_task_holds_each_role_by_id(world):
    (task,) = tasks.build_tasks(world(), ASKED)
    assert task.fit.class_ids == (0, 0, 3, 3)  # the held-out clips are not trained on
    assert task.fit.features_ND.tolist() == [vector(0, 0), vector(0, 1), vector(3, 0), vector(3, 1)]
    assert task.val.class_ids == (1, 1, 1)
    assert task.val_classes == [1]
    assert task.test_ids == [clip_id(2, n) for n in range(3)]
    assert task.test_features_ND.tolist() == [vector(2, n) for n in range(3)]
    assert task.spaces == {"unseen": [2], "all": [0, 1, 2, 3]}
    assert task.encoder_classes == [0, 3]
    assert task.texts.class_ids == (0, 1, 2, 3)


GZSL = TaskRequest("toy", "random", ["s0"], [0], 0.0, ["unseen", "gzsl"])


def test_test_clips_of_seen_classes_are_there_where_a_label_space_asks_for_them(world):
    (task,) = tasks.build_tasks(world(more=["toy/0-9"]), GZSL)
    assert task.spaces == {"unseen": [2], "gzsl": [0, 1, 2, 3]}
    assert task.tested("unseen") == (task.test_ids, task.test_features_ND)
    ids, vectors_ND = task.tested("gzsl")
    assert ids == ["toy/0-9", *task.test_ids]
    assert vectors_ND.tolist() == [vector(0, 9), *task.test_features_ND.tolist()]
    (plain,) = tasks.build_tasks(world(more=["toy/0-9"]), ASKED)
    assert (plain.seen_test_ids, plain.seen_test_features_ND.shape) == ([], (0, 3))


def test_a_task_of_tokens_holds_them_wherever_one_of_vectors_holds_these(world):
    """Joined for gzsl, where clips are chosen, put together and ordered; the digest tells what was read."""
    change_SVD = np.array([[[0, 0, 0], [1, 0, 0]]] * 2 + [[[0, 2, 0], [1, 2, 0]]] * 2, np.float32)
    inputs = world(more=["toy/0-9"], tokens=change_SVD)
    plain, task = (
        tasks.build_tasks(inputs, replace(GZSL, reading=Reading(need, "m")))[0] for need in ("pooled", "tokens")
    )
    expected_SVD = segments(change_SVD[None])[0]
    pairs = [
        (plain.training("seen").features_ND, task.training("seen").features_ND),
        (plain.held_out.features_ND, task.held_out.features_ND),
        *((plain.tested(space)[1], task.tested(space)[1]) for space in GZSL.spaces),
    ]
    for vectors_ND, tokens_NSVD in pairs:
        np.testing.assert_allclose(tokens_NSVD, vectors_ND[:, None, None] + expected_SVD, rtol=1e-6)
    assert plain.digest != task.digest
    with pytest.raises(DataError, match=r"holds no 'masked', which the method 'm' reads; set `masked` in its row"):
        tasks.build_tasks(inputs, replace(GZSL, reading=Reading("masked", "m")))


def test_a_test_clip_of_a_seen_class_without_features_is_missed_only_where_it_is_asked_for(world):
    inputs = world(left_out=["toy/0-9"], more=["toy/0-9", "toy/3-9"])
    assert tasks.build_tasks(inputs, ASKED)[0].num_missing == 0
    with pytest.raises(DataError, match=r"1 of 14 items rejected.*toy/0-9: no features"):
        tasks.build_tasks(inputs, GZSL)
    assert tasks.build_tasks(inputs, replace(GZSL, max_missing=0.2))[0].seen_test_ids == ["toy/3-9"]


def test_a_split_without_test_clips_of_seen_classes_has_no_such_label_space(world):
    with pytest.raises(DataError, match=r"no clips with features in \['seen_test'\]"):
        tasks.build_tasks(world(), GZSL)


def test_the_last_training_is_on_fit_or_on_all_seen(world):
    (task,) = tasks.build_tasks(world(), ASKED)
    assert task.training("none").class_ids == (0, 0, 3, 3)
    refit = task.training("seen")
    assert refit.class_ids == (0, 0, 3, 3, 1, 1, 1)
    assert refit.features_ND[-1].tolist() == vector(1, 2)


def test_what_clips_measure_is_known_of_every_choice_of_them(world):
    (task,) = tasks.build_tasks(world({"s0-0": {**GROUP, "measured": ["arm moves"]}}), ASKED)
    clips = task.training("seen")
    assert clips.measured == task.fit.measured == clips.of(np.array(clips.class_ids) == 1).measured == ("arm moves",)


@pytest.mark.parametrize(("classes", "role"), [([0, 2], "unseen"), ([0, 1], "val")])
def test_features_of_an_encoder_that_saw_too_much_are_refused(world, classes, role):
    with pytest.raises(LeakError, match=rf"trained on classes \[{classes[1]}\], which split 's0' calls {role}"):
        tasks.build_tasks(world({"s0-0": {**GROUP, "training_classes": classes}}), ASKED)


@pytest.mark.parametrize(
    ("told", "clips"),
    [
        ({"training_clips": "a digest"}, "a digest"),
        ({}, UNKNOWN_CLIPS),
        ({"training_clips": None}, None),
        ({"training_classes": []}, None),
    ],
)
def test_the_clips_that_an_encoder_was_taught_are_told(world, told, clips):
    found = store.Store(world({"s0-0": {**GROUP, **told}}).features, "extract")
    assert encoded(found, "s0", 0, CLASSES).history.training_clips == clips


def test_an_encoder_that_does_not_say_what_it_saw_is_refused(world):
    with pytest.raises(LeakError, match="does not say what its encoder was trained on"):
        tasks.build_tasks(world({"s0-0": {"split": "s0", "seed": 0}}), ASKED)


SENSE = {"senses": ["skeleton"]}
BOUND = {**GROUP, "pairs": "fit", "paired_classes": [3, 0]}


def test_of_a_bound_encoder_the_task_says_what_it_was_bound_with(world):
    (task,) = tasks.build_tasks(world({"s0-0": BOUND}, about=SENSE), ASKED)
    assert (task.pairs, task.paired_classes, task.inference, task.selection("val")) == (
        "fit",
        [0, 3],
        "inductive",
        "validation",
    )
    assert task.fit.senses == task.val.senses == task.training("seen").senses == ("skeleton",)
    (plain,) = tasks.build_tasks(world(), ASKED)
    assert (plain.pairs, plain.paired_classes, plain.inference, plain.fit.senses) == (None, [], "inductive", ())


def test_pairs_of_all_clips_make_the_task_transductive(world):
    every = {**BOUND, "pairs": "all", "paired_classes": [0, 1, 2, 3]}
    (task,) = tasks.build_tasks(world({"s0-0": every}, about=SENSE), ASKED)
    assert (task.inference, task.paired_classes, task.selection("val")) == (
        "transductive",
        [0, 1, 2, 3],
        "validation_seen",
    )


def test_a_hub_at_rest_was_bound_with_nothing_though_its_row_pairs_all(world):
    rest = {**BOUND, "pairs": "all", "paired_classes": []}
    (task,) = tasks.build_tasks(world({"s0-0": rest}, about={"senses": ["hub"]}), ASKED)
    assert (task.pairs, task.inference, task.selection("val")) == (None, "inductive", "validation")


def test_a_choice_on_val_clips_that_were_bound_is_called_so(world):
    both = {**BOUND, "pairs": "fit_and_val", "paired_classes": [0, 1, 3]}
    (task,) = tasks.build_tasks(world({"s0-0": both}, about=SENSE), ASKED)
    assert (task.inference, task.selection("val")) == ("inductive", "validation_seen")


@pytest.mark.parametrize(
    ("pairs", "paired", "role"), [("fit", [0, 2], "unseen"), ("fit", [0, 1], "val"), ("fit_and_val", [2], "unseen")]
)
def test_pairs_of_classes_that_they_may_not_hold_are_refused(world, pairs, paired, role):
    group = {**BOUND, "pairs": pairs, "paired_classes": paired}
    with pytest.raises(
        LeakError, match=rf"bound with clips of classes \[{paired[-1]}\], which split 's0' calls {role}"
    ):
        tasks.build_tasks(world({"s0-0": group}, about=SENSE), ASKED)


@pytest.mark.parametrize(
    "group", [GROUP, {**GROUP, "pairs": "fit"}, {**BOUND, "pairs": "seen"}, {**BOUND, "pairs": None}], ids=str
)
def test_a_sense_that_does_not_say_what_it_was_bound_with_is_refused(world, group):
    with pytest.raises(LeakError, match=r"does not say which clips|pairs is .* expected one of"):
        tasks.build_tasks(world({"s0-0": group}, about=SENSE), ASKED)


def test_a_hub_that_read_texts_of_val_classes_makes_choices_on_them_validation_seen(world):
    """A CLIP belongs to no split: what it read of val classes is told of what is bound to it, and not refused."""
    group = {**BOUND, "training_classes": [0, 1]}
    assert tasks.build_tasks(world({"s0-0": group}, about=SENSE), ASKED)[0].selection("val") == "validation_seen"
    with pytest.raises(LeakError, match=r"trained on classes \[2\], which split 's0' calls unseen"):
        tasks.build_tasks(world({"s0-0": {**BOUND, "training_classes": [2]}}, about=SENSE), ASKED)


AFAR = {"training_classes": [], "source": "yard", "training_names": ["hop", "bow"]}


def test_what_another_dataset_taught_the_encoder_is_told_by_name(world):
    (task,) = tasks.build_tasks(world({"all": {**AFAR, "kept_overlap": ["bow"]}}), ASKED)
    about = task.provenance("all", selection="validation", refit="none", settings=["1"], selected=0)
    assert (about.source, about.source_classes, about.kept_overlap) == ("yard", ["bow", "hop"], ["bow"])
    assert about.training_classes == [0, 3]
    (plain,) = tasks.build_tasks(world({"all": {**AFAR, "source": "toy", "training_classes": [0, 3]}}), ASKED)
    about = plain.provenance("all", selection="validation", refit="none", settings=["1"], selected=0)
    assert (about.source, about.source_classes, about.kept_overlap) == (None, [], [])


@pytest.mark.parametrize(
    ("names", "selection"), [(["hop", "bow"], "validation"), (["hop", "Kicking a ball"], "validation_seen")]
)
def test_val_clips_of_a_class_that_another_dataset_taught_flatter_a_choice_by_them(world, names, selection):
    (task,) = tasks.build_tasks(world({"all": {**AFAR, "training_names": names}}), ASKED)
    assert task.selection("val") == selection


def test_an_encoder_that_learnt_from_features_of_another_dataset_s_encoder_is_refused_at_home(world):
    """A row of rest over stored features, whose encoder was taught elsewhere: its names would be taken for its own."""
    told = {"training_classes": [0], "source": "toy", "training_names": ["sit", "wave hand"]}
    with pytest.raises(LeakError, match=r"was taught 2 classes, of which 1 are of 'toy': the features that it learnt"):
        tasks.build_tasks(world({"all": told}), ASKED)


def test_an_encoder_that_does_not_name_what_another_dataset_taught_it_is_refused(world):
    with pytest.raises(LeakError, match="does not say which classes of 'yard' its encoder was taught"):
        tasks.build_tasks(world({"all": {"training_classes": [], "source": "yard"}}), ASKED)


def test_one_encoder_serves_all_seeds_of_its_split(world):
    found = tasks.build_tasks(world(), TaskRequest("toy", "random", ["s0"], [0, 5], 0.0))
    assert [task.name for task in found] == ["s0-0", "s0-5"]


def test_all_inputs_are_read_once(world, monkeypatch):
    inputs = world({"all": {"training_classes": []}}, more=["toy/3-9"])
    reads = count_reads(monkeypatch)
    tasks.build_tasks(inputs, TaskRequest("toy", "random", ["s0", "s1"], [0], 0.0, ["unseen", "gzsl"]))
    assert twice(reads) == {}
    assert {f"{inputs.features}/all/pooled", f"{inputs.embeddings}/label/pooled", str(inputs.split)} <= set(reads)


def test_tokens_are_read_by_one_reader_a_task(world, monkeypatch):
    inputs = world(tokens=np.arange(12, dtype=np.float32).reshape(4, 3, 1), more=["toy/3-9"])
    num_opened, reader = [], store.Store.reader
    monkeypatch.setattr(store.Store, "reader", lambda *args: num_opened.append(args) or reader(*args))
    tasks.build_tasks(inputs, replace(GZSL, reading=Reading("tokens", "m")))
    assert len(num_opened) == 1


def test_of_several_encoders_that_of_the_seed_is_taken(world):
    groups = {
        f"s0-{seed}": {**GROUP, "seed": seed, "training_classes": [classes]} for seed, classes in ((0, 0), (1, 3))
    }
    found = tasks.build_tasks(world(groups), TaskRequest("toy", "random", ["s0"], [1, 0], 0.0))
    assert [task.encoder_classes for task in found] == [[3], [0]]


def test_an_encoder_without_a_split_serves_every_split(world):
    found = tasks.build_tasks(
        world({"all": {"training_classes": []}}), TaskRequest("toy", "random", ["s1", "s0"], [0], 0.0)
    )
    assert [(task.name, task.encoder_classes) for task in found] == [("s1-0", []), ("s0-0", [])]


def test_of_encoders_without_a_split_that_of_the_seed_is_taken_else_the_one_for_all(world):
    groups = {"all": {"training_classes": []}, "all-1": {"training_classes": [3], "seed": 1}}
    found = tasks.build_tasks(world(groups), TaskRequest("toy", "random", ["s0"], [1, 0], 0.0))
    assert [task.encoder_classes for task in found] == [[3], []]


def test_without_that_of_the_seed_the_features_are_refused(world):
    groups = {"all-1": {"training_classes": [3], "seed": 1}}
    with pytest.raises(DataError, match=r"split 's0', seed 0: its groups are \['all-1'\].*finetune"):
        tasks.build_tasks(world(groups), ASKED)


@pytest.mark.parametrize(("split", "seed"), [("s1", 0), ("s0", 2)])
def test_a_split_or_seed_without_features_is_refused(world, split, seed):
    groups = {f"s0-{seed}": {**GROUP, "seed": seed} for seed in (0, 1)}
    with pytest.raises(DataError, match=rf"no features for split '{split}', seed {seed}: its groups are .*pretrain"):
        tasks.build_tasks(world(groups), TaskRequest("toy", "random", [split], [seed], 0.0))


def test_a_missing_clip_is_refused_by_name(world):
    with pytest.raises(DataError, match=r"1 of 10 items rejected.*toy/1-1: no features"):
        tasks.build_tasks(world(left_out=[clip_id(1, 1)]), ASKED)


def test_a_few_missing_clips_are_left_out_and_counted_if_the_row_says_so(world):
    missing = [clip_id(1, 1), clip_id(2, 0)]
    (task,) = tasks.build_tasks(world(left_out=missing), TaskRequest("toy", "random", ["s0"], [0], 0.2))
    assert task.num_missing == 2
    assert (len(task.val.class_ids), task.test_ids) == (2, [clip_id(2, 1), clip_id(2, 2)])


def test_clips_that_no_role_uses_need_no_features(world):
    (task,) = tasks.build_tasks(world(left_out=[clip_id(0, 2)]), ASKED)  # a held-out one
    assert task.num_missing == 0


def test_a_role_without_any_clip_is_refused(world):
    with pytest.raises(DataError, match=r"no clips with features in \['val'\]"):
        tasks.build_tasks(
            world(left_out=[clip_id(1, n) for n in range(3)]), TaskRequest("toy", "random", ["s0"], [0], 0.5)
        )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_no_numbers_are_refused(world, value):
    with pytest.raises(DataError, match="expected finite vectors"):
        tasks.build_tasks(world(value=value), ASKED)


@pytest.mark.parametrize(
    "asked", [TaskRequest("other", "random", ["s0"], [0], 0.0), TaskRequest("toy", "xsub", ["s0"], [0], 0.0)]
)
def test_inputs_of_another_dataset_or_split_table_are_refused(world, asked):
    with pytest.raises(DataError, match="not of dataset"):
        tasks.build_tasks(world(), asked)


def test_features_of_an_encoder_of_another_split_table_are_refused(world):
    """Its split may bear the same name and classes, and yet its encoder learn from subjects that test here."""
    assert tasks.build_tasks(world(about={"split_table": "random"}), ASKED)
    with pytest.raises(DataError, match=r"f\.zarr: not of dataset .*'random', but of 'toy', split table 'xview'"):
        tasks.build_tasks(world(about={"split_table": "xview"}), ASKED)


def test_a_split_that_the_table_lacks_is_refused(world):
    with pytest.raises(DataError, match=r"no split \['s9'\], there are \['s0', 's1'\]"):
        tasks.build_tasks(world(), TaskRequest("toy", "random", ["s9"], [0], 0.0))


def test_texts_of_the_wrong_size_are_refused(world):
    with pytest.raises(DataError, match="expected \\(texts, 5\\)"):
        tasks.build_tasks(world(dim=5), ASKED)


def test_a_split_of_a_target_is_left_to_rows_of_cross(world):
    inputs = world({"all": {"training_classes": []}})
    rows, meta = tables.read_table(inputs.split, SPLIT).to_pylist(), tables.read_meta(inputs.split, SPLIT)
    half = {"fit": [], "val": [], "unseen": [0, 1, 2, 3]}
    tables.write(inputs.split, SPLIT, rows, {**meta, "splits": {**meta["splits"], "half_0": half}})
    with pytest.raises(DataError, match="split 'half_0': a split of a target, with no classes to train on; a row"):
        tasks.build_tasks(inputs, replace(ASKED, splits=["half_0"]))
