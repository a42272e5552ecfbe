import math
from dataclasses import replace

import numpy as np
import pytest

from pipeline.core.errors import DataError, LeakError
from pipeline.core.scores import Provenance
from pipeline.evaluation import leakage
from pipeline.evaluation.leakage import Clip

PARTS = {"fit": [0, 1], "val": [2], "unseen": [3, 4]}
ABOUT = Provenance(
    split="s0",
    seed=0,
    label_space="unseen",
    inference="inductive",
    selection="validation",
    refit="none",
    settings=["1"],
    selected=0,
    class_ids=[3, 4],
    training_classes=[0, 1],
    pairs=None,
    paired_classes=[],
    pretrained=None,
    source=None,
    source_classes=[],
    kept_overlap=[],
    training_clips=None,
    calibration=None,
)
CLIPS = {
    "d/train": Clip(0, "fit", 1),
    "d/val": Clip(2, "val", 3),
    "d/test": Clip(3, "unseen_test", 2),
    "d/seen": Clip(0, "seen_test", 2),
    "d/spy": Clip(4, "unseen_test", 3),
    "d/nobody": Clip(4, "unseen_test", None),
}


def test_an_honest_case_passes() -> None:
    leakage.check_split("s0", PARTS)
    leakage.check_provenance(ABOUT, PARTS)
    leakage.check_provenance(replace(ABOUT, label_space="all", class_ids=[0, 1, 2, 3, 4]), PARTS)
    leakage.check_clips(ABOUT, ["d/nobody", "d/test"], CLIPS)
    leakage.check_names({0: "wave", 1: "waves"}, "prompts")
    leakage.check_texts(np.eye(3), [0, 1, 2], "texts")


@pytest.mark.parametrize("parts", [{**PARTS, "fit": [0, 3]}, {**PARTS, "val": [2, 3]}])
def test_a_class_that_is_both_seen_and_unseen_is_one_clear_line(parts: dict[str, list[int]]) -> None:
    with pytest.raises(LeakError, match=r"split 's0': class 3 is both (fit|unseen) and (unseen|val)") as caught:
        leakage.check_split("s0", parts)
    assert "\n" not in str(caught.value)


def test_a_class_that_is_both_fit_and_val_is_refused() -> None:
    with pytest.raises(LeakError, match="class 2 is both fit and val"):
        leakage.check_split("s0", {**PARTS, "fit": [0, 2]})


def test_weights_trained_on_an_unseen_class_are_refused() -> None:
    with pytest.raises(LeakError, match=r"trained on the unseen classes \[4\]"):
        leakage.check_provenance(replace(ABOUT, training_classes=[0, 1, 4]), PARTS)


@pytest.mark.parametrize(
    ("name", "value"), [("selection", "test"), ("selection", "oracle"), ("label_space", "some"), ("refit", "unseen")]
)
def test_a_word_that_provenance_does_not_know_is_refused(name: str, value: str) -> None:
    """Whatever is not known to be honest: a setting that was chosen on the test clips is not called by its name."""
    with pytest.raises(LeakError, match=f"split 's0', seed 0: {name} is '{value}', expected one of"):
        leakage.check_provenance(replace(ABOUT, **{name: value}), PARTS)


BOUND = replace(ABOUT, pairs="fit", paired_classes=[0, 1])
EVERY = replace(ABOUT, pairs="all", paired_classes=[0, 1, 2, 3, 4], inference="transductive", selection="none")


def test_honest_pairs_pass() -> None:
    leakage.check_provenance(BOUND, PARTS)
    leakage.check_provenance(EVERY, PARTS)
    both = replace(BOUND, pairs="fit_and_val", paired_classes=[0, 1, 2], selection="validation_seen")
    leakage.check_provenance(both, PARTS)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        (replace(BOUND, paired_classes=[0, 3]), r"bound with clips of the unseen classes \[3\], though pairs are said"),
        (replace(BOUND, paired_classes=[0, 2]), r"bound with clips of the val classes \[2\], though pairs are said"),
        (replace(BOUND, pairs="fit_and_val", paired_classes=[4]), r"bound with clips of the unseen classes \[4\]"),
        (replace(BOUND, pairs=None), "bound with classes .* but `pairs` is not said"),
        (replace(BOUND, pairs="seen"), "pairs is 'seen', expected one of"),
        (replace(BOUND, inference="transductive"), "inference is 'transductive', but pairs are 'fit'"),
        (replace(EVERY, inference="inductive"), "inference is 'inductive', but pairs are 'all'"),
        (replace(ABOUT, inference="guessed"), "inference is 'guessed', expected one of"),
        (replace(EVERY, selection="validation"), "that selection is 'validation_seen'"),
        (replace(BOUND, pairs="fit_and_val", paired_classes=[2]), "that selection is 'validation_seen'"),
    ],
)
def test_pairs_that_hold_what_is_not_said_are_one_clear_line(about: Provenance, words: str) -> None:
    with pytest.raises(LeakError, match=words) as caught:
        leakage.check_provenance(about, PARTS)
    assert "\n" not in str(caught.value)


AFAR = replace(ABOUT, training_classes=[], source="kinetics700", source_classes=["archery", "shooting arrows"])


def test_what_another_dataset_taught_is_compared_by_name() -> None:
    leakage.check_provenance(AFAR, PARTS)
    leakage.check_source(AFAR, {})
    leakage.check_source(replace(AFAR, kept_overlap=["archery"]), {"archery": "Archery"})
    leakage.check_source(ABOUT, {})


@pytest.mark.parametrize(
    ("about", "namesakes", "words"),
    [
        (
            AFAR,
            {"archery": "Archery"},
            r"taught classes of 'kinetics700' that are unseen here: 'archery' \(here 'Archery'",
        ),
        (replace(AFAR, kept_overlap=["shooting arrows"]), {"archery": "Archery"}, r"unseen here: 'archery'"),
        (replace(AFAR, source=None), {}, "a source that is not said"),
        (replace(AFAR, kept_overlap=["juggling"]), {}, r"\['juggling'\] are said to be kept, but not to be taught"),
    ],
)
def test_an_unseen_class_that_another_dataset_taught_is_one_clear_line(
    about: Provenance, namesakes: dict[str, str], words: str
) -> None:
    with pytest.raises(LeakError, match=words) as caught:
        leakage.check_source(about, namesakes)
    assert "\n" not in str(caught.value)


def test_weights_trained_on_a_class_the_split_does_not_know_are_refused() -> None:
    with pytest.raises(LeakError, match=r"classes \[9\]"):
        leakage.check_provenance(replace(ABOUT, training_classes=[9]), PARTS)


@pytest.mark.parametrize(
    ("space", "class_ids"),
    [("unseen", [3]), ("unseen", [4, 3]), ("unseen", [2, 3, 4]), ("all", [3, 4]), ("gzsl", [0, 3, 4])],
)
def test_candidates_other_than_the_label_space_are_refused(space: str, class_ids: list[int]) -> None:
    with pytest.raises(LeakError, match=f"label space '{space}'"):
        leakage.check_provenance(replace(ABOUT, label_space=space, class_ids=class_ids), PARTS)


@pytest.mark.parametrize(
    ("space", "clip_id", "words"),
    [
        ("unseen", "d/train", "its role is 'fit'"),
        ("unseen", "d/seen", "its role is 'seen_test'"),
        ("gzsl", "d/val", "its role is 'val'"),
        ("all", "d/seen", "its role is 'seen_test'"),
        ("all", "d/spy", "shares subject .or camera, or list. 3"),
    ],
)
def test_a_clip_that_is_no_test_clip_is_refused(space: str, clip_id: str, words: str) -> None:
    with pytest.raises(LeakError, match=words):
        leakage.check_clips(replace(ABOUT, label_space=space), [clip_id], CLIPS)


def test_seen_test_clips_may_be_scored_in_the_generalised_space() -> None:
    leakage.check_clips(replace(ABOUT, label_space="gzsl"), ["d/seen", "d/test"], CLIPS)


def test_a_clip_is_parted_by_its_own_list_or_by_what_the_protocol_names() -> None:
    clip = {"subject": 4, "camera": 2, "setup": None, "train_lists": ["official"], "test_lists": ["list2"]}
    found = [leakage.person(clip, protocol) for protocol in ("official", "list2", "list1", "xsub", "xview", "groups1")]
    assert found == ["side train", "side test", None, 4, 2, 4]


def test_a_clip_of_the_training_list_is_refused_though_nobody_is_named() -> None:
    clips = {"d/a": Clip(0, "fit", "side train"), "d/b": Clip(3, "unseen_test", "side train")}
    with pytest.raises(LeakError, match=r"shares subject .or camera, or list. side train with training"):
        leakage.check_clips(ABOUT, ["d/b"], clips)


def line(role: str, told: int | None) -> dict[str, object]:
    """A row of the split table."""
    return {"split": "s0", "clip_id": "d/a", "role": role, "class_id": told}


@pytest.mark.parametrize(
    ("role", "class_id"), [("fit", 1), ("val", 2), ("seen_test", 2), ("seen_test", 0), ("unseen_test", 4)]
)
def test_a_role_of_the_clips_own_class_passes(role: str, class_id: int) -> None:
    leakage.check_role(line(role, None), class_id, PARTS)
    leakage.check_role(line("unused", None), class_id, PARTS)


@pytest.mark.parametrize(
    ("role", "class_id"),
    [("fit", 2), ("fit", 3), ("val", 0), ("val", 4), ("seen_test", 3), ("unseen_test", 0), ("unseen_test", 2)],
)
def test_a_role_that_is_not_of_the_clips_class_is_refused(role: str, class_id: int) -> None:
    with pytest.raises(LeakError, match=f"split 's0': clip 'd/a' has the role '{role}', its class {class_id}"):
        leakage.check_role(line(role, None), class_id, PARTS)


@pytest.mark.parametrize(("role", "class_id", "told"), [("fit", 0, 1), ("val", 2, 0)])
def test_a_split_that_tells_another_class_than_the_clips_is_refused(role: str, class_id: int, told: int) -> None:
    leakage.check_role(line(role, class_id), class_id, PARTS)
    with pytest.raises(LeakError, match=f"clip 'd/a' of class {class_id} is taught as class {told}"):
        leakage.check_role(line(role, told), class_id, PARTS)


@pytest.mark.parametrize(("role", "class_id"), [("seen_test", 0), ("unseen_test", 3), ("unused", 3)])
def test_a_split_that_tells_the_class_of_a_test_clip_is_refused(role: str, class_id: int) -> None:
    with pytest.raises(LeakError, match=f"tells the class of clip 'd/a', whose role is '{role}'"):
        leakage.check_role(line(role, class_id), class_id, PARTS)


def test_a_clip_the_split_does_not_know_is_refused() -> None:
    with pytest.raises(DataError, match="'d/new' is scored but not in the split"):
        leakage.check_clips(ABOUT, ["d/new"], CLIPS)


def test_two_classes_of_one_name_are_refused() -> None:
    with pytest.raises(LeakError, match="classes 0 and 2 are both named"):
        leakage.check_names({0: "Draw X", 1: "wave", 2: " draw  x"}, "prompts")


def test_two_classes_of_one_text_vector_are_refused_whatever_their_length() -> None:
    vectors = np.array([[1.0, 2.0, 0.5], [0.0, 1.0, 0.0], [2.0, 4.0, 1.0]], dtype=np.float32)
    with pytest.raises(LeakError, match="classes 3 and 8 have the same text vector"):
        leakage.check_texts(vectors, [3, 5, 8], "texts")


def test_texts_are_the_same_where_only_rounding_parts_them() -> None:
    """A long vector, its float32 multiples, and one that lies half a degree off: near, but to be told apart."""
    vector = np.random.default_rng(0).normal(size=384)
    aside = np.random.default_rng(1).normal(size=384)
    near = vector + math.tan(math.radians(0.5)) * np.linalg.norm(vector) / np.linalg.norm(aside) * aside
    leakage.check_texts(np.array([vector, near], dtype=np.float32), [0, 1], "texts")
    for factor in (1 / 3, 0.7, 3.1):
        with pytest.raises(LeakError, match="classes 0 and 1 have the same text vector"):
            leakage.check_texts(np.array([vector, factor * vector], dtype=np.float32), [0, 1], "texts")
