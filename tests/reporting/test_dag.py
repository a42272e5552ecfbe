import re
from pathlib import Path
from xml.etree import ElementTree

from pipeline.core import params
from pipeline.reporting import dag

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
    boxes = re.findall(r'<rect x="(\d+)" y="(\d+)".*?class="name"[^>]*>(\w+)', dag.svg(DVC, PARAMS))
    assert len({(x, y) for x, y, _ in boxes}) == 11
    column = {name: int(x) for x, _, name in boxes}
    assert column["ingest"] < column["align"] < column["report"]
    row = {name: int(y) for _, y, name in boxes}
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


def test_a_description_is_escaped_and_cut_to_two_lines(tmp_path: Path) -> None:
    old = "class texts -> vectors"
    picture = dag.svg(changed(tmp_path, old, "a <b> & " + "long words " * 20, DVC), PARAMS)
    ElementTree.fromstring(picture)
    assert "a &lt;b&gt; &amp;" in picture
    assert "…" in picture
