import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from pipeline.core.pages import Bar, Bars, Lines, Series
from pipeline.reporting import charts


def chart(*series: Series, title: str = "Loss") -> Lines:
    return Lines(title=title, x_label="epoch", y_label="loss", series=list(series))


def points(svg: str) -> list[list[tuple[float, float]]]:
    pairs = [re.findall(r"([-\d.]+),([-\d.]+)", found) for found in re.findall(r'points="([^"]*)"', svg)]
    return [[(float(x), float(y)) for x, y in line] for line in pairs]


@pytest.mark.parametrize("num_epochs", range(1, 12))
def test_epochs_are_whole_on_the_axis(num_epochs: int) -> None:
    svg = charts.lines(chart(Series(name="a", x=list(range(1, num_epochs + 1)), y=[0.5] * num_epochs)))
    ticks = re.findall(r'y="258" text-anchor="\w+">([^<]*)<', svg)
    assert ticks
    assert all(tick.isdigit() for tick in ticks)
    assert len(ticks) <= 8


def test_other_axes_keep_their_fractions() -> None:
    assert 0.2 in charts.whole_ticks([0.0, 0.5, 1.0])


def test_a_ring_marks_the_chosen_epoch_and_a_line_chance_and_words_say_both() -> None:
    series = [Series(name="a", x=[1, 2, 3], y=[0.2, 0.8, 0.6], chosen=2), Series(name="b", x=[1, 2, 3], y=[0, 0, 0])]
    lines = chart(*series).model_copy(update={"chance": 0.25})
    svg = charts.lines(lines)
    ElementTree.fromstring(svg)
    assert re.findall(r'class="chosen" cx="([^"]*)" cy="([^"]*)"', svg) == [("50%", "0")]
    assert re.findall(r'class="chance" x1="0" x2="100%" y1="([^"]*)"', svg) == ["165"]  # 240 x (1 - .25 / .8)
    assert "2 lines; chosen epoch: a 2; chance 0.25" in svg
    assert "chosen" not in charts.lines(chart(series[1]))


def test_chance_above_every_value_is_within_the_chart() -> None:
    svg = charts.lines(chart(Series(name="a", x=[1, 2], y=[0.0, 0.1])).model_copy(update={"chance": 0.5}))
    (y,) = re.findall(r'class="chance" x1="0" x2="100%" y1="([^"]*)"', svg)
    assert 0 <= float(y) < 240


def test_a_mark_stands_where_its_numbers_are() -> None:
    svg = charts.interval(0.5, [0.25, 0.75], 0.2, hollow=False)
    assert 'class="mark" cx="50%"' in svg
    assert 'x1="25%" x2="75%"' in svg
    assert 'class="chance" x1="20%" x2="20%"' in svg
    ElementTree.fromstring(svg)


def test_a_mark_without_an_interval_has_no_whisker_and_a_doubtful_one_is_hollow() -> None:
    svg = charts.interval(0.5, None, 0.2, hollow=True)
    assert "whisker" not in svg
    assert 'class="mark hollow"' in svg


def test_a_bar_ends_at_its_value() -> None:
    assert 'class="bar" x="0" y="8" width="66.6667%"' in charts.bar(2 / 3, 0.25)


def test_lines_go_through_their_points() -> None:
    svg = charts.lines(chart(Series(name="a", x=[0, 5, 10], y=[0.0, 1.0, 0.5])))
    assert points(svg) == [[(0.0, 1000.0), (500.0, 0.0), (1000.0, 500.0)]]
    ElementTree.fromstring(svg)


def test_series_share_both_axes() -> None:
    svg = charts.lines(chart(Series(name="a", x=[0, 10], y=[0, 1]), Series(name="b", x=[5], y=[0.5])))
    assert points(svg)[1] == [(490.0, 500.0), (510.0, 500.0)]  # a single point is drawn as a short line


def test_nine_series_can_be_told_apart() -> None:
    kinds = [re.findall(r'class="([^"]*)"', charts.swatch(number))[1] for number in range(9)]
    assert len(set(kinds)) == 9


def test_names_are_escaped() -> None:
    series = Series(name="<b>", x=[0, 1], y=[0, 1])
    assert "<b>" not in charts.lines(chart(series, title='"><b>'))


@pytest.mark.parametrize("values", [[0.0, 1.0], [0.13, 0.88], [3.0], [1.0, 50.0], [-2.5, 1e-3], [1e6, 3e6], [0.5, 0.5]])
def test_ticks_are_few_even_and_enclose_the_values(values: list[float]) -> None:
    found = charts.ticks(values)
    steps = {round((b - a) / (found[1] - found[0]), 6) for a, b in pairwise(found)}
    assert steps == {1.0}
    assert found[0] <= min(values) <= max(values) <= found[-1]
    assert 2 <= len(found) <= 8


def test_a_flat_line_of_fractions_stands_between_zero_and_one() -> None:
    assert charts.ticks([0.25, 0.25]) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


@pytest.mark.parametrize(
    ("values", "boxes"),
    [
        ([0.5, -0.25], [("bar", 33.3333, 66.6667), ("bar hollow", 0.0, 33.3333)]),
        ([0.1, 0.2], [("bar", 0.0, 50.0), ("bar", 0.0, 100.0)]),
        ([-0.1, -0.2], [("bar hollow", 50.0, 50.0), ("bar hollow", 0.0, 100.0)]),
        ([0.0], [("bar", 0.0, 0.0)]),
    ],
)
def test_bars_begin_at_zero_wherever_it_lies(values: list[float], boxes: list[tuple[str, float, float]]) -> None:
    bars = [Bar(name="a", value=value, detail="") for value in values]
    drawn = charts.signed_bars(Bars(title="", note="", unit=" %", bars=bars))
    found = [re.search(r'class="(bar[^"]*)" x="([\d.]+)%" width="([\d.]+)%"', svg) for svg in drawn]
    assert [(one[1], float(one[2]), float(one[3])) for one in found if one] == boxes
