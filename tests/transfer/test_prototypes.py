"""Composite prototypes by hand: equation 6, the empty row, class means, and what each setting does."""

import numpy as np
import pytest

from pipeline.core.errors import DataError
from pipeline.transfer.prototypes import Labels, Setting, choose, class_means, compose
from pipeline.transfer.side_constraints import SideConstraints

# Cosines of "hop" with the seen classes: .8, .6, 0; of "spin": 0, .6, .8.
UNSEEN = Labels.of(["hop", "spin"], np.array([[0.8, 0.6, 0.0], [0.0, 0.6, 0.8]]))
SEEN = Labels.of(["jump", "run", "turn"], np.eye(3))
VISUAL_SF = np.array([[1, 0], [0, 1], [-1, 0]], dtype=np.float32)


def pairs(setting: Setting, cap: str = "row", extra: SideConstraints | None = None) -> list[tuple[int, int]]:
    choice = choose(UNSEEN, SEEN, setting, cap=cap, extra=extra)
    return list(zip(choice.unseen_P.tolist(), choice.seen_P.tolist(), strict=True))


def test_a_composite_is_the_mean_of_its_seen_prototypes_weighted_by_cosine() -> None:
    choice = choose(UNSEEN, SEEN, Setting(None, None, 0.0), cap="row")
    assert choice.weight_P.tolist() == pytest.approx([0.8 / 1.4, 0.6 / 1.4, 0.6 / 1.4, 0.8 / 1.4])
    expected = [[0.8 / 1.4, 0.6 / 1.4], [-0.8 / 1.4, 0.6 / 1.4]]
    assert compose(choice, VISUAL_SF) == pytest.approx(np.array(expected), abs=1e-6)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (Setting(None, None, 0.0), [(0, 0), (0, 1), (1, 1), (1, 2)]),  # m > 0 alone
        (Setting(1, None, 0.0), [(0, 0), (1, 2)]),  # I
        (Setting(None, None, 1.0), [(0, 0), (1, 2)]),  # II: run is as near to both
        (Setting(None, 1, 0.0), [(0, 0), (1, 2)]),  # III
    ],
)
def test_each_constraint_removes_its_pairs(setting: Setting, expected: list[tuple[int, int]]) -> None:
    assert pairs(setting) == expected


def test_a_column_cap_lets_a_seen_class_serve_one_unseen_class() -> None:
    found = pairs(Setting(None, 1, 0.0), cap="column")
    assert [pair for pair in found if pair[1] != 1] == [(0, 0), (1, 2)]
    assert len([pair for pair in found if pair[1] == 1]) == 1


def test_an_empty_row_takes_its_best_neighbour_and_says_so() -> None:
    near = Labels.of(["hop", "leap"], np.array([[1, 0.1, 0], [1, -0.1, 0]]))
    choice = choose(near, SEEN, Setting(1, 1, 1.0), cap="row")
    assert not choice.solution.chosen_E.any()
    assert choice.readmitted == (0, 1)
    assert choice.seen_P.tolist() == [0, 0]
    assert choice.weight_P.tolist() == [1.0, 1.0]


def test_a_class_unlike_every_seen_one_takes_the_least_unlike_with_weight_one() -> None:
    odd = Labels.of(["odd"], np.array([[-0.1, -0.9, -0.9]]))
    choice = choose(odd, SEEN, Setting(2, None, 0.0), cap="row")
    assert (choice.readmitted, choice.seen_P.tolist(), choice.weight_P.tolist()) == ((0,), [0], [1.0])


def test_an_empty_row_whose_best_neighbour_is_forbidden_is_refused() -> None:
    extra = SideConstraints(min_seen=0, max_seen=None, forbidden=((0, 0),), required=(), coverage=0)
    with pytest.raises(DataError, match=r"'hop' is left without .* best neighbour 'jump' is forbidden"):
        pairs(Setting(1, None, 0.0), extra=extra)


def test_a_setting_names_what_it_imposes() -> None:
    assert Setting(5, 3, 0.9).name == "K=5 rho=3 theta=0.9"
    assert Setting(None, None, 0.0).name == "none"


def test_a_class_prototype_is_the_mean_of_its_clips() -> None:
    features_NF = np.array([[1, 2], [5, 5], [3, 4]], dtype=np.float32)
    assert class_means(features_NF, [7, 9, 7], [7, 9]).tolist() == [[2, 3], [5, 5]]


def test_a_seen_class_without_clips_is_refused() -> None:
    with pytest.raises(DataError, match="seen class 9 has no clip"):
        class_means(np.ones((1, 2), dtype=np.float32), [7], [7, 9])
