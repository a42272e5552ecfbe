"""Explanations on a case where every constraint removes something."""

import numpy as np

from pipeline.transfer import explain
from pipeline.transfer.prototypes import Labels, Setting, choose

SEEN = Labels.of(["s0", "s1", "s2", "s3"], np.eye(4))
UNSEEN = Labels.of(["a", "b", "c"], np.array([[0.8, 0.5, 0.3, 0.1], [0.79, 0.1, 0.2, 0.57], [0.7, 0.5, -0.4, 0.6]]))


def test_every_candidate_is_chosen_or_lost_to_a_constraint() -> None:
    choice = choose(UNSEEN, SEEN, Setting(3, 1, 1.0), cap="row")
    a, b, c = explain.explanations(choice)
    assert [pick.seen for pick in a.chosen] == [0]
    assert [loss.seen for loss in a.over_cap] == [1, 2]
    assert a.too_far == 1
    assert [pick.seen for pick in b.chosen] == [3]
    assert [(loss.seen, loss.rival) for loss in b.not_distinct] == [(0, 0), (2, 0)]
    assert [(loss.seen, loss.rival) for loss in c.not_distinct] == [(0, 0), (3, 1), (1, 0)]
    assert c.readmitted
    assert [pick.seen for pick in c.chosen] == [0]
    for one in (a, b, c):
        in_row = len(one.not_distinct) + len(one.over_cap) + len(one.chosen) * (not one.readmitted)
        assert in_row + one.too_far == 4


def test_weights_of_a_class_sum_to_one_heaviest_first() -> None:
    (a, *_) = explain.explanations(choose(UNSEEN, SEEN, Setting(None, None, 0.0), cap="row"))
    weights = [pick.weight for pick in a.chosen]
    assert weights == sorted(weights, reverse=True)
    assert abs(sum(weights) - 1) < 1e-6


def test_who_shares_a_seen_class_competes_for_it() -> None:
    assert explain.shared_classes(choose(UNSEEN, SEEN, Setting(1, None, 0.0), cap="row")) == {0: [0, 1, 2]}
    assert explain.shared_classes(choose(UNSEEN, SEEN, Setting(None, 1, 0.0), cap="both")) == {}
