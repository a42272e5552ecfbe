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


SOURCE = {7: "tai chi", 2: "climbing a rope", 4: "juggling", 5: "archery"}
SOURCE_SD = np.array([[1, 0, 0], [0, 3, 4], [0, 0, 2], [1, 1, 1]], "f4")  # by ascending id: 2, 4, 5, 7
TARGETS = {
    "y": overlap.Target(["RopeClimbing", "TaiChi"], np.array([[0, 1, 0], [2, 2, 2.2]], "f4")),
    "x": overlap.Target(["shooting arrows", "tai-chi"], np.array([[0, 0.1, 5], [1, 1, 1]], "f4")),
}


def found(*checks: overlap.Check, threshold: float = 0.05) -> list[tuple[object, ...]]:
    every = overlap.overlapping(SOURCE, SOURCE_SD, TARGETS, checks, threshold)
    return [(one.class_id, one.source, one.target, one.dataset, one.how) for one in every]


def test_every_check_finds_its_own_and_each_class_is_told_once() -> None:
    assert found() == []
    assert found("names") == [(7, "tai chi", "tai-chi", "x", "names")]  # of two targets the first by name
    tai_chi = (7, "tai chi", "tai-chi", "x")
    assert found("words") == [(2, "climbing a rope", "RopeClimbing", "y", "words"), (*tai_chi, "words")]
    assert found("vectors") == [(5, "archery", "shooting arrows", "x", "vectors"), (*tai_chi, "vectors")]
    every = [(2, "words"), (5, "vectors"), (7, "names")]
    assert [(one[0], one[-1]) for one in found("vectors", "words", "names")] == every
    assert [one[0] for one in found("vectors", threshold=0.3)] == [4, 5, 7]
    assert [one[0] for one in found("vectors", threshold=0.0)] == []


def test_an_overlap_tells_the_distance_of_the_two_vectors_where_vectors_are_compared() -> None:
    by_words = overlap.overlapping(SOURCE, None, TARGETS, ["words"], 0.05)
    assert [one.distance for one in by_words] == [None, None]
    every = overlap.overlapping(SOURCE, SOURCE_SD, TARGETS, overlap.CHECKS, 0.05)
    cosine = 5 / np.hypot(0.1, 5)
    assert [one.distance for one in every] == pytest.approx([1.0, 1 - cosine, 0.0], abs=1e-9)


def test_of_targets_told_alike_the_nearest_is_named() -> None:
    targets = {"x": TARGETS["y"], "y": TARGETS["x"]}
    (_, _, last) = overlap.overlapping(SOURCE, SOURCE_SD, targets, overlap.CHECKS, 0.05)
    assert (last.dataset, last.target, last.how) == ("y", "tai-chi", "names")


def test_classes_need_vectors_only_where_a_check_reads_them() -> None:
    with pytest.raises(DataError, match="'juggling' has a zero"):
        overlap.overlapping(SOURCE, SOURCE_SD * [[1], [0], [1], [1]], TARGETS, ["vectors"], 0.05)
    with pytest.raises(ValueError, match="needs the vectors"):
        overlap.overlapping(SOURCE, None, TARGETS, ["vectors"], 0.05)


def test_the_lists_that_ship_are_the_published_ones(real_data: Path) -> None:
    assert list(overlap.published_lists()) == ["hmdb51", "kinetics600", "ucf101"]
    for name, shipped in overlap.published_lists().items():
        assert shipped.read_text() == (real_data / "labels" / f"{name}.txt").read_text()


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
