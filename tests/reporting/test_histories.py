"""Charts over epochs show what was measured, and nothing of trainings that did not."""

from pipeline.reporting import histories


def test_a_line_has_the_epochs_that_measured_its_column() -> None:
    some = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.00000049, "accuracy": 0.5}]
    chart = histories.lines("Accuracy", "share", "accuracy", [("a", some), ("b", some[:1])])
    assert [(one.name, one.x, one.y) for one in chart.series] == [("a", [2.0], [0.5])]
    assert histories.lines("Loss", "loss", "loss", [("a", some)]).series[0].y == [2.0, 1.0]
