"""The overlap checks on small lists, their counts on the real ones, and E2E's halves."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.core.errors import DataError
from pipeline.labels import overlap


def test_the_name_check_undoes_spelling_and_the_word_check_order_and_inflection() -> None:
    source, targets = ["hula hooping", "tai chi", "climbing a rope"], ["HulaHoop", "TaiChi", "RopeClimbing"]
    assert overlap.same_name(source, targets) == {"tai chi": "TaiChi"}
    assert overlap.same_words(source, targets) == dict(zip(source, targets, strict=True))


def test_the_filter_removes_what_is_nearer_than_the_threshold() -> None:
    source_SD = np.array([[1, 0], [3, 4], [0, 1]], dtype=np.float32)
    matches = overlap.nearest(["a", "b", "c"], source_SD, ["t", "u"], np.array([[2, 0], [1, -1]], dtype=np.float32))
    assert [(m.source, m.target) for m in matches] == [("a", "t"), ("b", "t"), ("c", "t")]
    assert [m.distance for m in matches] == pytest.approx([0, 0.4, 1])
    assert [m.source for m in overlap.removed(matches, 0.4 - 1e-6)] == ["a"]
    assert [m.source for m in overlap.removed(matches, 0.5)] == ["a", "b"]


def test_a_class_at_the_threshold_stays() -> None:
    matches = [overlap.Match("a", "t", 0.05), overlap.Match("b", "t", 0.04)]
    assert [m.source for m in overlap.removed(matches, 0.05)] == ["b"]


def test_the_threshold_that_keeps_a_number_keeps_it() -> None:
    matches = [overlap.Match(str(d), "t", d) for d in (0.1, 0.2, 0.2, 0.3)]
    assert overlap.threshold_that_keeps(matches, 3) == (pytest.approx(0.15), 3)
    assert overlap.threshold_that_keeps(matches, 4) == (0.0, 4)
    assert overlap.threshold_that_keeps(matches, 0)[1] == 0
    assert overlap.threshold_that_keeps(matches, 2)[1] in (1, 3)  # the two classes at .2 go together


def test_equal_targets_of_two_datasets_are_one() -> None:
    assert overlap.union([["TaiChi", "hug"], ["tai chi", "kiss"]]) == ["TaiChi", "hug", "kiss"]


def test_a_vector_of_length_zero_is_refused() -> None:
    with pytest.raises(DataError, match="'b' has a zero"):
        overlap.nearest(["a", "b"], np.array([[1, 0], [0, 0]], "f4"), ["t"], np.ones((1, 2), "f4"))


@pytest.mark.parametrize(
    ("targets", "num_exact", "num_words"),
    [(("ucf101", "hmdb51"), 20, 40), (("ucf101", "hmdb51", "activitynet200"), 87, 115)],
)
def test_kinetics_holds_known_numbers_of_target_classes(
    targets: tuple[str, ...], num_exact: int, num_words: int
) -> None:
    source, names = overlap.label_list("kinetics700"), overlap.union([overlap.label_list(t) for t in targets])
    exact, bags = overlap.same_name(source, names), overlap.same_words(source, names)
    assert (len(exact), len(bags)) == (num_exact, num_words)
    assert set(exact) <= set(bags)


@pytest.mark.parametrize(
    ("name", "size"), [("kinetics400", 400), ("kinetics600", 600), ("kinetics700", 700), ("activitynet200", 200)]
)
def test_the_lists_that_ship_are_whole(name: str, size: int) -> None:
    assert len(overlap.label_list(name)) == size


def test_the_lists_that_ship_are_the_published_ones(real_data: Path) -> None:
    for shipped in sorted(overlap.LABELS.glob("*.txt")):
        assert shipped.read_text() == (real_data / "labels" / shipped.name).read_text()


def test_an_unknown_list_names_those_there_are() -> None:
    with pytest.raises(DataError, match=r"no label list 'imagenet'.*hmdb51"):
        overlap.label_list("imagenet")


@pytest.mark.parametrize(
    ("num_classes", "start"),
    [(101, [26, 86, 2, 55, 75]), (51, [29, 11, 10, 22, 2]), (200, [18, 170, 107, 98, 177])],
)
def test_the_halves_are_those_of_e2e(num_classes: int, start: list[int]) -> None:
    assert overlap.half(num_classes, 0)[:5] == start
    assert len(overlap.half(num_classes, 0)) == num_classes // 2


def test_the_protocols_name_their_splits() -> None:
    halves = overlap.halves(101)
    assert list(halves) == [f"half_{seed}" for seed in range(10)]
    assert halves["half_0"] == sorted(overlap.half(101, 0)) != halves["half_1"]
    assert overlap.full(3) == {"full": [0, 1, 2]}
