import math
import re
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace as replaced

from pipeline.core.errors import DataError, LeakError
from pipeline.core.roles import UNKNOWN_CLIPS, clips_digest
from pipeline.core.schemas import SplitRow
from pipeline.core.scores import Provenance
from pipeline.evaluation import leakage
from pipeline.evaluation.leakage import Clip
from tests.core.table_rows import clip_row, split_row

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


def clip(class_id: int, role: str, person: int | str | None, *contents: str) -> Clip:
    """A clip whose subject parts training from test."""
    return Clip(class_id, role, person, person if isinstance(person, int) else None, contents)


CLIPS = {
    "d/train": clip(0, "fit", 1, "skeleton aa ", "depth bb "),
    "d/val": clip(2, "val", 3, "skeleton cc "),
    "d/test": clip(3, "unseen_test", 2, "skeleton dd ", "depth ee "),
    "d/seen": clip(0, "seen_test", 2),
    "d/spy": clip(4, "unseen_test", 3),
    "d/nobody": clip(4, "unseen_test", None),
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
    leakage.check_provenance(replace(ABOUT, inference="transductive", scored_together=True), PARTS)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        (replace(BOUND, paired_classes=[0, 3]), r"bound with clips of the unseen classes \[3\], though `pairs` is"),
        (replace(BOUND, paired_classes=[0, 2]), r"bound with clips of the val classes \[2\], though `pairs` is"),
        (replace(BOUND, pairs="fit_and_val", paired_classes=[4]), r"bound with clips of the unseen classes \[4\]"),
        (replace(BOUND, pairs=None), "bound with classes .* but they do not declare `pairs`"),
        (replace(BOUND, pairs="seen"), "pairs is 'seen', expected one of"),
        (replace(BOUND, inference="transductive"), "inference is 'transductive', but pairs are 'fit'"),
        (replace(EVERY, inference="inductive"), "inference is 'inductive', but pairs are 'all'"),
        (replace(ABOUT, scored_together=True), "inference is 'inductive', but .* clips are scored together"),
        (replace(ABOUT, inference="transductive"), "'transductive', but pairs are 'None' and .* each by itself"),
        (replace(ABOUT, inference="guessed"), "inference is 'guessed', expected one of"),
        (replace(EVERY, selection="validation"), "that selection is 'validation_seen'"),
        (replace(BOUND, pairs="fit_and_val", paired_classes=[2]), "that selection is 'validation_seen'"),
        (
            replace(BOUND, selection="folds"),
            "chosen on folds of classes that were bound: that selection is 'folds_seen'",
        ),
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
        (replace(AFAR, source=None), {}, "but name no source"),
        (replace(AFAR, kept_overlap=["juggling"]), {}, r"\['juggling'\] are listed as kept, but not as taught"),
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
    row = clip_row(subject=4, camera=2, train_lists=["official"], test_lists=["list2"])
    found = [
        leakage.split_group(row, protocol) for protocol in ("official", "list2", "list1", "xsub", "xview", "groups1")
    ]
    assert found == ["side train", "side test", None, 4, 2, 4]


def test_a_clip_of_the_training_list_is_refused_though_nobody_is_named() -> None:
    clips = {"d/a": clip(0, "fit", "side train"), "d/b": clip(3, "unseen_test", "side train")}
    with pytest.raises(LeakError, match=r"shares subject .or camera, or list. side train with training"):
        leakage.check_clips(ABOUT, ["d/b"], clips)


@pytest.mark.parametrize("contents", [("skeleton aa ",), ("skeleton ff ", "depth bb "), ("skeleton cc ",)])
def test_a_test_clip_that_trains_under_another_id_is_one_clear_line(contents: tuple[str, ...]) -> None:
    twin = "d/val" if "skeleton cc " in contents else "d/train"
    clips = CLIPS | {"d/twin": clip(3, "unseen_test", 2, *contents)}
    with pytest.raises(LeakError, match=f"'d/twin' is the training clip '{twin}' under another id") as caught:
        leakage.check_clips(ABOUT, ["d/test", "d/twin"], clips)
    assert "\n" not in str(caught.value)


def test_clips_of_one_file_and_of_one_digest_in_two_modalities_are_not_the_same() -> None:
    row = clip_row(content_hash="ab", path="0001-L.txt#10-20")
    found = [
        leakage.content(replaced(row, **changes))
        for changes in ({}, {"path": "other/0001-L.txt#10-20"}, {"path": "0001-L.txt#21-30"}, {"modality": "depth"})
    ]
    assert found[0] == found[1]
    assert len(set(found)) == 3
    assert leakage.content(replaced(row, content_hash="")) is None


def test_subjects_that_train_and_test_are_counted() -> None:
    clips = {f"d/{role}{subject}": Clip(0, role, None, subject, ()) for role in ("fit", "val") for subject in (1, 2)}
    clips |= {f"d/{subject}": Clip(3, "unseen_test", None, subject, ()) for subject in (2, 3, None)}
    assert leakage.num_shared_subjects(["d/2", "d/3", "d/None"], clips) == 1
    assert leakage.num_shared_subjects(["d/3", "d/None"], clips) == 0


TAUGHT = {"fit": ["d/a", "d/b"], "val": ["d/c"]}


@pytest.mark.parametrize(
    ("clip_ids", "classes"), [(["d/b", "d/a"], [0, 1]), (["d/a", "d/b"], [0, 1, 2]), (["d/a", "d/b", "d/c"], [0, 1, 2])]
)
def test_weights_of_the_clips_that_the_split_lets_train_pass(clip_ids: list[str], classes: list[int]) -> None:
    about = replace(ABOUT, training_clips=clips_digest(clip_ids), training_classes=classes)
    leakage.check_training_clips(replace(about, selection="validation_seen"), TAUGHT, PARTS)


@pytest.mark.parametrize(
    ("clip_ids", "selection", "refit", "word"),
    [
        (["d/a", "d/b", "d/c"], "validation", "seen", "validation_seen"),
        (["d/a", "d/b", "d/c"], "validation", "both", None),  # chosen with an encoder of fit, trained again
        (["d/a", "d/b"], "validation", "seen", None),
        (["d/a", "d/b"], "folds", "seen", "folds_seen"),
        (["d/a", "d/b"], "folds_seen", "seen", None),
        (["d/a", "d/b", "d/c"], "folds", "both", "folds_seen"),
        (None, "folds", "none", "folds_seen"),  # an encoder of clips that nobody knows
    ],
)
def test_a_choice_on_classes_that_the_encoder_was_taught_bears_its_name(
    clip_ids: list[str] | None, selection: str, refit: str, word: str | None
) -> None:
    digest = UNKNOWN_CLIPS if clip_ids is None else clips_digest(clip_ids)
    about = replace(ABOUT, training_clips=digest, training_classes=[0, 1, 2], selection=selection, refit=refit)
    refusal = f"that the encoder was taught: it is '{word}'"
    with pytest.raises(LeakError, match=refusal) if word else nullcontext():
        leakage.check_training_clips(about, TAUGHT, PARTS)


@pytest.mark.parametrize("said", [None, UNKNOWN_CLIPS])
def test_weights_whose_clips_are_not_told_are_not_refused(said: str | None) -> None:
    leakage.check_training_clips(replace(ABOUT, training_clips=said), TAUGHT, PARTS)


@pytest.mark.parametrize(
    ("clip_ids", "classes", "told"),
    [
        (["d/a", "d/b", "d/c"], [0, 1], "calls fit, perhaps of other subjects"),  # val classes are not said to be known
        (["d/a", "d/b", "d/e"], [0, 1], "calls fit, perhaps of"),  # another subject's clip of the same class
        (["d/a"], [0, 1], "calls fit, perhaps of"),
        (["d/a", "d/b", "d/c", "d/e"], [0, 1, 2], "calls fit or fit and val, perhaps of"),
    ],
)
def test_weights_of_other_clips_of_the_same_classes_are_one_clear_line(
    clip_ids: list[str], classes: list[int], told: str
) -> None:
    about = replace(ABOUT, training_clips=clips_digest(clip_ids), training_classes=classes)
    with pytest.raises(LeakError, match=rf"trained on other clips than those that the split {told}") as caught:
        leakage.check_training_clips(about, TAUGHT, PARTS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "selection", "wanted"),
    [
        ({}, "validation", []),
        ({}, "oracle", ["oracle"]),
        ({"kept_overlap": ["wave"]}, "none", ["kept_overlap"]),
        ({"inference": "transductive"}, "none", ["transductive"]),
        ({"training_clips": UNKNOWN_CLIPS}, "validation", ["training_clips_unknown"]),
        ({"training_clips": UNKNOWN_CLIPS, "inference": "transductive"}, "oracle", list(leakage.LEAKS)),
    ],
)
def test_what_keeps_a_figure_from_being_zero_shot_is_named(changes: Any, selection: str, wanted: list[str]) -> None:
    wanted = [word for word in wanted if word != "kept_overlap" or "kept_overlap" in changes]
    assert leakage.leaks(replace(ABOUT, **changes), selection) == wanted


def test_whatever_reads_the_classes_of_clips_is_known_and_what_opens_those_of_test_clips_is_named() -> None:
    """The clips table alone has labels of test clips: a new reader of it is to be looked at, and named in OPENERS."""
    root, readers = Path(leakage.__file__).parents[1], set()
    for file in root.rglob("*.py"):
        code = file.read_text(encoding="utf-8")
        if re.search(r"\.read\(.*\bCLIPS\b", code) and "class_id" in code:
            readers.add(file.relative_to(root).with_suffix("").as_posix())
    makers = {"steps/split"}
    training_clips_alone = {"steps/adopt", "sources/viewing"}
    openers = {"steps/evaluate", "steps/retrieve", "training/paired", "commands/constraints"}
    told_to_a_person = {"commands/clip_find", "commands/plan_data"}  # no stage reads what these print
    assert readers == makers | training_clips_alone | openers | told_to_a_person
    assert list(leakage.OPENERS) == ["stage evaluate", "stage retrieve", "stage bind", "command constraints"]


def line(role: str, told: int | None) -> SplitRow:
    return split_row(role=role, class_id=told)


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
