import re
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Page

from pipeline.commands import profile
from pipeline.core import params
from pipeline.reporting import dag, dag_routes

HERE = Path(__file__).parent
DVC, SMALL = HERE / "small_dag.yaml", HERE / "small_params.yaml"
PARAMS = params.read(SMALL)


def changed(folder: Path, old: str, new: str, file: Path = SMALL) -> Path:
    text = file.read_text(encoding="utf-8")
    assert old in text
    copy = folder / file.name
    copy.write_text(text.replace(old, new), encoding="utf-8")
    return copy


def test_inputs_are_found_through_rows_and_folders() -> None:
    reads = {stage.name: stage.reads for stage in dag.stages(DVC, PARAMS)}
    assert reads["align"] == ("split", "embed", "extract")  # extract is named by the row alone
    assert reads["evaluate"] == ("ingest", "split", "align")
    assert reads["report"] == ("ingest", "pretrain", "align", "evaluate")
    assert reads["synthesize"] == ()


def test_an_arrow_that_others_imply_is_left_out() -> None:
    arrows = dag.arrows(dag.stages(DVC, PARAMS))
    assert ("preprocess", "pretrain") in arrows
    assert ("preprocess", "extract") not in arrows
    assert {start for start, end in arrows if end == "report"} == {"evaluate"}


def test_arrows_reach_all_that_a_stage_reads() -> None:
    stages = dag.stages(DVC, PARAMS)
    before: dict[str, set[str]] = {stage.name: set() for stage in stages}
    for _ in stages:
        for start, end in dag.arrows(stages):
            before[end] |= {start} | before[start]
    assert all(set(stage.reads) <= before[stage.name] for stage in stages)


def test_the_picture_is_xml_with_a_box_per_stage_and_tells_every_input() -> None:
    picture = dag.svg(DVC, PARAMS)
    ElementTree.fromstring(picture)
    assert len(re.findall('class="stage', picture)) == 11
    assert "align reads split, embed, extract;" in picture
    assert picture == dag.svg(DVC, PARAMS)


def test_boxes_stand_in_their_columns_and_do_not_overlap() -> None:
    boxes = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)".*?class="name"[^>]*>(\w+)', dag.svg(DVC, PARAMS))
    assert len({(x, y) for x, y, _ in boxes}) == 11
    column = {name: float(x) for x, _, name in boxes}
    assert column["ingest"] < column["align"] < column["report"]
    row = {name: float(y) for _, y, name in boxes}
    assert row["preprocess"] < row["pretrain"] < row["extract"] < row["align"]


def test_the_digests_of_the_code_send_no_arrow_to_every_box(tmp_path: Path) -> None:
    stage = "  fingerprint: {cmd: python -m stages.fingerprint, deps: [pipeline], outs: [data/fingerprint]}\n"
    file = changed(tmp_path, "stages:\n", f"stages:\n{stage}", DVC)
    file = changed(tmp_path, "stages/prompt.py", "data/fingerprint/prompt.txt", file)
    found = {stage.name: stage for stage in dag.stages(file, PARAMS)}
    assert found["fingerprint"].column == "data"
    assert found["prompt"].reads == ()


def test_a_stage_without_rows_is_drawn_as_idle(tmp_path: Path) -> None:
    idle = params.read(changed(tmp_path, "synthesize: {rows: {demo: {}}}", "synthesize: {rows: {}}"))
    assert [stage.name for stage in dag.stages(DVC, idle) if stage.is_idle] == ["synthesize"]
    assert 'class="stage idle"' in dag.svg(DVC, idle)


def test_a_description_is_escaped_and_cut_to_four_lines(tmp_path: Path) -> None:
    old = "class texts -> vectors"
    picture = dag.svg(changed(tmp_path, old, "a <b> & " + "long words " * 20, DVC), PARAMS)
    ElementTree.fromstring(picture)
    assert "a &lt;b&gt; &amp;" in picture
    assert "…" in picture


ROOT = Path(__file__).parents[2]
Segment = tuple[float, float, float, float]  # x0 y0 x1 y1


def segments(picture: str) -> dict[tuple[str, str], list[Segment]]:
    """The straight pieces between the corners of each arrow, by the boxes that it joins."""
    found = {}
    for data, source, target in re.findall(r'<path d="([^"]*)" data-arrow="(\w+) to (\w+)"', picture):
        ends = re.sub(r"L[^Q]*Q([\d. ]*?) [\d.]+ [\d.]+(?= L)", r"L\1", data)  # a rounded corner is its corner
        points = [tuple(map(float, point.split())) for point in re.split("[ML]", ends)[1:]]
        found[source, target] = [(*a, *b) for a, b in pairwise(points)]
    return found


def rectangles(picture: str) -> dict[str, Segment]:
    boxes = re.findall(
        r'data-stage="(\w+)"><rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', picture
    )
    return {name: (float(x), float(y), float(x) + float(w), float(y) + float(h)) for name, x, y, w, h in boxes}


def meets(segment: Segment, box: Segment) -> bool:
    """Whether an upright or level line goes through the inside of a box."""
    x0, x1 = sorted(segment[::2])
    y0, y1 = sorted(segment[1::2])
    return x0 < box[2] - 0.5 and x1 > box[0] + 0.5 and y0 < box[3] - 0.5 and y1 > box[1] + 0.5


def overlap(one: Segment, other: Segment) -> bool:
    """Whether two level or two upright lines share more than a point."""
    for flat, along in ((1, 0), (0, 1)):
        if one[flat] == one[flat + 2] == other[flat] == other[flat + 2]:
            (a, b), (c, d) = sorted(one[along::2]), sorted(other[along::2])
            return min(b, d) - max(a, c) > 0.01
    return False


def pictures() -> list[str]:
    return [dag.svg(DVC, PARAMS), dag.svg(ROOT / "dvc.yaml", profile.tree("demo"))]


@pytest.mark.parametrize("picture", pictures(), ids=["small", "demo"])
def test_no_arrow_crosses_a_box_and_each_joins_its_two(picture: str) -> None:
    boxes, ways = rectangles(picture), segments(picture)
    assert len(ways) == picture.count("data-arrow")
    for (source, target), way in ways.items():
        assert all(x0 == x1 or y0 == y1 for x0, y0, x1, y1 in way)
        assert [name for name, box in boxes.items() for line in way if meets(line, box)] == []
        (x0, y0), (x1, y1) = way[0][:2], way[-1][2:]
        left, top, right, bottom = boxes[source]
        assert left <= x0 <= right
        assert top <= y0 <= bottom
        left, top, right, bottom = boxes[target]
        assert left - 1 <= x1 <= right + 1
        assert top - 1 <= y1 <= bottom


@pytest.mark.parametrize("picture", pictures(), ids=["small", "demo"])
def test_arrows_of_two_boxes_never_lie_on_each_other(picture: str) -> None:
    for (one, ways), (other, others) in combinations(segments(picture).items(), 2):
        if one[0] != other[0]:
            assert [(a, b) for a in ways for b in others if overlap(a, b)] == [], (one, other)


def test_an_arrow_past_a_column_and_one_back_go_between_the_rows() -> None:
    places = {"a": (0, 0), "b": (1, 1), "c": (2, 2), "d": (1, 2), "e": (0, 2)}
    pairs = [("a", "c"), ("c", "b"), ("a", "e"), ("d", "e")]
    grid, ways = dag_routes.routed(places, pairs, [60, 140, 220], [51, 51, 51])
    boxes = {
        name: (*grid.corner(place), grid.left[place[0]] + dag_routes.BOX_WIDTH, grid.top[place[1]] + 51)
        for name, place in places.items()
    }
    for way in ways.values():
        lines = [(*a, *b) for a, b in pairwise(way)]
        assert [name for name, box in boxes.items() for line in lines if meets(line, box)] == []
        assert all(0 <= x <= grid.width for x, _ in way)


def test_boxes_become_links_where_there_is_a_page() -> None:
    picture = dag.svg(DVC, PARAMS)
    page = dag.linked(picture, {"align": "align-a&b.html", "nobody": "x.html"})
    root = ElementTree.fromstring(page)
    space = "{http://www.w3.org/2000/svg}"
    links = {link.get("href"): link[0].get("data-stage") for link in root.iter(f"{space}a")}
    assert links == {"align-a&b.html": "align"}
    assert root.get("role") == "group"  # in an image nobody reads links
    assert dag.linked(picture, {}).count("<a ") == 0


OUT = """() => [...document.querySelectorAll("g.stage text")].filter(text => {
  const inner = text.getBBox(), outer = text.parentNode.querySelector("rect").getBBox();
  return inner.x < outer.x || inner.x + inner.width > outer.x + outer.width
    || inner.y < outer.y || inner.y + inner.height > outer.y + outer.height;
}).map(text => text.textContent)"""


def test_text_stays_in_its_box_in_narrow_and_wide_faces(page: Page) -> None:
    page.set_content(dag.svg(ROOT / "dvc.yaml", profile.tree("demo")))
    widths = set()
    for face in (
        "inherit",
        "sans-serif",
        "serif",
        "monospace",
        "'DejaVu Sans'",
        "'DejaVu Sans Mono'",
        "Verdana",
        "Arial",
    ):
        page.add_style_tag(content=f".dag, .dag text {{ font-family: {face} !important; }}")
        assert page.evaluate(OUT) == [], face
        widths.add(page.evaluate("() => document.querySelector('g.stage text:last-child').getBBox().width"))
    assert len(widths) > 1  # the faces took effect
    page.add_style_tag(content=".dag text { font-size: 19px !important; }")
    assert page.evaluate(OUT)  # and what is too wide is seen
