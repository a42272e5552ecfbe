import re
from xml.etree import ElementTree

from pipeline.core.pages import Cloud, Dots
from pipeline.reporting import scatter


def dots(name: str, *points: tuple[float, float], anchor: bool = False) -> Dots:
    return Dots(name=name, x=[x for x, _ in points], y=[y for _, y in points], anchor=anchor)


def drawn(*series: Dots) -> list[ElementTree.Element]:
    svg = scatter.cloud(Cloud(title="A <b>", note="", series=list(series)))
    return list(ElementTree.fromstring(svg))


def test_points_keep_their_distances_and_y_points_up() -> None:
    (path,) = drawn(dots("a", (0, 0), (4, 0), (0, 2)))
    at = [(float(x) + 3.2, float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)", path.get("d") or "")]
    assert at[1][0] - at[0][0] == 2 * (at[0][1] - at[2][1])
    assert at[1][1] == at[0][1]


def test_an_anchor_has_the_colour_of_its_name_and_lies_on_top() -> None:
    paths = drawn(dots("a", (0, 0)), dots("b", (1, 1), anchor=True), dots("b", (2, 2)))
    assert [path.get("class") for path in paths] == ["hue0", "hue1", "hue1 anchor"]
    assert [path[0].text for path in paths] == ["a", "b", "b"]


def test_names_beyond_the_colours_get_other_shapes() -> None:
    paths = drawn(*(dots(f"n{number}", (number, 0)) for number in range(24)))
    kinds = {(path.get("class"), re.sub(r"[-\d.]+", "", path.get("d") or "")) for path in paths}
    assert len(kinds) == 24


def test_neighbours_in_the_legend_differ_in_shape_too() -> None:
    paths = drawn(*(dots(f"n{number}", (number, 0)) for number in range(4)))
    assert len({re.sub(r"[-\d.]+", "", path.get("d") or "") for path in paths}) == 4


def test_one_point_stands_in_the_middle() -> None:
    (path,) = drawn(dots("a", (7, 7)))
    assert path.get("d", "").startswith("M316.8 210a")


def test_what_a_name_says_is_escaped() -> None:
    assert "&lt;i&gt;" in scatter.cloud(Cloud(title="t", note="", series=[dots("<i>", (0, 0))]))
