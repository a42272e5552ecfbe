"""Which share of what was learnt is kept."""

from pipeline.training.finetune import Mixing, chosen

SHARES = Mixing(shares=[0.25, 0.5, 1.0], max_loss=0.1)
START = {"told_apart": 0.5, "retention": 0.8}


def rows(*figures: tuple[float, float]) -> list[dict[str, float]]:
    return [{"told_apart": told_apart, "retention": retention} for told_apart, retention in figures]


def test_the_share_that_tells_most_apart_without_forgetting_is_kept() -> None:
    assert chosen(START, rows((0.6, 0.8), (0.7, 0.7), (0.9, 0.5)), SHARES) == 1


def test_of_equals_the_smallest_share_is_kept() -> None:
    assert chosen(START, rows((0.7, 0.8), (0.7, 0.9), (0.7, 0.8)), SHARES) == 0


def test_where_all_forget_the_one_that_retains_most_is_kept() -> None:
    assert chosen(START, rows((0.6, 0.3), (0.7, 0.4), (0.9, 0.2)), SHARES) == 1


def test_without_general_pairs_nothing_can_be_forgotten() -> None:
    start = {"told_apart": 0.5}
    assert chosen(start, [{"told_apart": 0.6}, {"told_apart": 0.8}, {"told_apart": 0.7}], SHARES) == 1


def test_more_loss_allowed_keeps_more() -> None:
    allowing = Mixing(shares=[0.25, 0.5, 1.0], max_loss=0.4)
    assert chosen(START, rows((0.6, 0.8), (0.7, 0.7), (0.9, 0.5)), allowing) == 2
