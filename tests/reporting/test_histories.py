"""Charts over epochs show what was measured, and nothing of trainings that did not."""

from pipeline.reporting import histories


def test_a_line_has_the_epochs_that_measured_its_column() -> None:
    some = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.00000049, "accuracy": 0.5}]
    chart = histories.lines("Accuracy", "share", "accuracy", [("a", some), ("b", some[:1])])
    assert [(one.name, one.x, one.y) for one in chart.series] == [("a", [2.0], [0.5])]
    assert histories.lines("Loss", "loss", "loss", [("a", some)]).series[0].y == [2.0, 1.0]


def test_a_line_says_which_epoch_was_kept_if_it_measured_it() -> None:
    some = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0, "accuracy": 0.5}]
    both = [("a", some), ("b", some)]
    assert [one.chosen for one in histories.lines("Loss", "loss", "loss", both, chosen=[2, None]).series] == [2, None]
    chart = histories.lines("Accuracy", "share", "accuracy", both, chosen=[1, 2], chance=0.2)
    assert ([one.chosen for one in chart.series], chart.chance) == ([None, 2], 0.2)


def test_one_line_of_chance_stands_for_trainings_that_share_it() -> None:
    assert histories.common([0.2, 0.2]) == 0.2
    assert histories.common([0.2, 0.25]) is None
    assert histories.common([]) is None
