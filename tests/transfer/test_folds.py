"""Selection on seen classes alone, the grid's order, and recognition in every mode."""

import numpy as np
import pytest

from pipeline.core.errors import DataError
from pipeline.transfer import folds, recognise
from pipeline.transfer.prototypes import Setting
from pipeline.transfer.recognise import Knowledge, NamedConstraints, Scheme

GRID = folds.Grid(num_neighbours=[1, 2], rho=[1], theta=[0.0, 1.0])
PLAIN = Scheme("visual_prototypes", "row", None)


def ring(num_classes: int = 10, clips_a_class: int = 4) -> Knowledge:
    """Classes on an arc, in text as in vision, so that a class lies between its neighbours."""
    angle_C = np.linspace(0, 1.4, num_classes)
    text_CD = np.stack([np.cos(angle_C), np.sin(angle_C)], axis=1).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 0.005, (num_classes * clips_a_class, 2))
    features_NF = (np.repeat(text_CD, clips_a_class, axis=0) + noise).astype(np.float32)
    class_N = np.repeat(np.arange(num_classes), clips_a_class).tolist()
    return Knowledge({c: f"class {c}" for c in range(num_classes)}, dict(enumerate(text_CD)), features_NF, class_N)


@pytest.mark.parametrize(
    ("constraints", "inference", "names"),
    [
        ("none", "visual_prototypes", ["none"]),
        ("I", "visual_prototypes", ["K=1", "K=2"]),
        ("II+III", "visual_prototypes", ["rho=1", "rho=1 theta=1"]),
        ("all", "visual_prototypes", ["K=1 rho=1", "K=1 rho=1 theta=1", "K=2 rho=1", "K=2 rho=1 theta=1"]),
        ("all", "seen_label_then_text", ["none"]),
        ("all", "reverse_transfer", ["K=1", "K=2"]),
    ],
)
def test_the_grid_holds_only_what_is_imposed(constraints: str, inference: str, names: list[str]) -> None:
    assert [setting.name for setting in folds.settings(GRID, constraints, inference)] == names


def test_an_empty_list_of_the_grid_is_refused() -> None:
    with pytest.raises(DataError, match="empty list"):
        folds.settings(folds.Grid(num_neighbours=[], rho=[1], theta=[0.0]), "I", "visual_prototypes")


def test_folds_part_the_classes_and_follow_the_seed() -> None:
    parts = folds.class_folds(range(11), 5, seed=3)
    assert sorted(c for part in parts for c in part) == list(range(11))
    assert {len(part) for part in parts} == {2, 3}
    assert parts == folds.class_folds(range(11), 5, seed=3) != folds.class_folds(range(11), 5, seed=4)
    with pytest.raises(DataError, match="12 folds of 11"):
        folds.class_folds(range(11), 12, seed=3)


def test_a_fold_s_own_clips_make_no_prototype_of_theirs() -> None:
    """Cutting a fold's clips away from training changes nothing: they are only scored."""
    known = ring()
    trials = folds.grid_search(known, [[2, 7]], range(10), folds.settings(GRID, "all", "visual_prototypes"), PLAIN)
    by_hand = 0
    for class_id, clip_F in zip(known.class_N, known.features_NF, strict=True):
        if class_id in (2, 7):
            clip_1F, rest = clip_F[None], [0, 1, 3, 4, 5, 6, 8, 9]
            scored = recognise.scores(known, rest, [2, 7], clip_1F, Setting(1, 1, 0.0), PLAIN)
            by_hand += [2, 7][int(scored.values_NC[0, 8:].argmax())] == class_id
    assert (trials[0].num_right, trials[0].num_clips) == (by_hand, 8)
    assert trials[0].top1 == 1.0


def test_the_best_trial_is_the_first_of_equals() -> None:
    trials = [folds.Trial(Setting(k, None, 0.0), right, 10) for k, right in ((1, 4), (2, 7), (3, 7))]
    assert folds.best_trial(trials) == 1


def test_every_inference_mode_scores_seen_then_unseen_classes() -> None:
    known, clips_NF = ring(), np.array([[1.0, 0.0]], dtype=np.float32)
    found = {}
    for mode in ("visual_prototypes", "seen_label_then_text", "reverse_transfer"):
        scheme = Scheme(mode, "row", None)
        found[mode] = recognise.scores(known, [0, 2, 4, 9], [1, 3], clips_NF, Setting(2, None, 0.0), scheme).values_NC
        assert found[mode].shape == (1, 6)
        assert found[mode][0, 4:].argmax() == 0  # class 1 is nearer than class 3
    assert not np.allclose(found["visual_prototypes"], found["seen_label_then_text"])
    assert not np.allclose(found["reverse_transfer"], found["seen_label_then_text"])


def test_side_constraints_by_name_concern_the_classes_of_a_target_set() -> None:
    extra = NamedConstraints(0, 1, (("hop", "jump"), ("jump", "hop")), (("spin", "turn"),), 0)
    side = extra.among(["hop", "spin"], ["jump", "turn"])
    assert (side.forbidden, side.required, side.max_seen) == (
        ((0, 0),),
        ((1, 1),),
        1,
    )
    with pytest.raises(DataError, match="'turn'"):
        extra.check_names(["hop", "jump", "spin"])


def test_a_side_constraint_changes_the_scores() -> None:
    known, clips_NF = ring(), np.eye(2, dtype=np.float32)
    extra = NamedConstraints(0, None, (("class 1", "class 0"),), (), 0)
    setting, values = Setting(2, None, 0.0), []
    for side in (None, extra):
        scheme = Scheme("visual_prototypes", "row", side)
        values.append(recognise.scores(known, [0, 2, 4], [1, 3], clips_NF, setting, scheme).values_NC)
    assert not np.allclose(*values)


def test_a_class_without_a_vector_is_named() -> None:
    known = Knowledge({0: "hop", 1: "jump"}, {0: np.ones(2, dtype=np.float32)}, np.ones((1, 2), dtype=np.float32), [0])
    with pytest.raises(DataError, match="'jump' has no label vector"):
        known.labels([0, 1])


def test_no_clip_to_select_on_is_refused() -> None:
    known = ring(4)
    none = Knowledge(known.names, known.text, known.features_NF[:12], known.class_N[:12])
    with pytest.raises(DataError, match="selection: folds"):
        folds.grid_search(none, [[3]], range(4), [Setting(1, None, 0.0)], PLAIN)
