"""The figures that papers print, against the papers."""

from collections import Counter, defaultdict

import pytest

from pipeline.core import members
from pipeline.reporting import published

NTU_60, NTU_120 = "NTU RGB+D 60", "NTU RGB+D 120"


@pytest.mark.parametrize(
    ("table", "row", "column", "value"),
    [
        ("I", "Random Chance", "Kinetics-400 RGB video", "0.25"),
        ("I", "Absolute SOTA", f"{NTU_120} skeleton", "85.1"),
        ("I", "SynSE", f"{NTU_60} skeleton", "33.3"),
        ("I", "VideoCoCa", "Kinetics-400 RGB video", "72.0"),
        ("I", "Action-FA", f"{NTU_60} thermal", "56.9"),
        ("I", "Action-SGFA", f"{NTU_120} depth", "63.3"),
        ("IIa", "CLIP + GT + GN", "Acc.(%)", "56.2"),
        ("IIb", "CLIP + Decoder + Masking", "Acc.(%)", "55.2"),
        ("IIc", "ViT-B/16", "Acc.(%)", "50.5"),
        ("IIIa", "Body parts", "Acc(%)", "57.6"),
        ("IIIb", "MST-GCN", "w/o. SGs", "53.7"),
        ("IIIb", "MS-G3D", "w. SGs", "57.8"),
        ("IIIc", "0.2", "Acc(%)", "57.8"),
    ],
)
def test_a_figure_is_as_printed(table: str, row: str, column: str, value: str) -> None:
    found = published.figure("sgfa", table, row, column)
    assert found is not None
    assert found.value == value


def test_all_three_tables_are_there_in_full() -> None:
    counts = Counter(one.table for one in published.figures())
    assert counts == {"I": 34, "IIa": 4, "IIb": 4, "IIc": 4, "IIIa": 5, "IIIb": 8, "IIIc": 5}
    assert published.figure("sgfa", "I", "SynSE", "NTU RGB+D 60 depth") is None  # a dash in the paper


def test_a_figure_has_one_place() -> None:
    places = Counter((one.paper, one.table, one.row, one.column) for one in published.figures())
    assert max(places.values()) == 1


def test_printed_gains_are_the_differences_but_for_the_misprints_that_are_noted() -> None:
    tables: dict[str, list[published.Figure]] = defaultdict(list)
    for one in published.figures():
        tables[one.table].append(one)
    wrong = set()
    for one in published.figures():
        if one.gain is not None:
            first = tables[one.table][0]
            if one.table == "IIIb":  # against the same encoder without scene graphs
                first = published.figure(one.paper, one.table, one.row, "w/o. SGs") or first
            if abs(float(one.value) - float(first.value) - float(one.gain)) > 0.01:
                wrong.add((one.table, one.row))
                assert f"the printed gain is {one.gain}" in one.note
    assert wrong == {("IIa", "CLIP + GT + GN + SG MAE"), ("IIIa", "Paragraph"), ("IIIb", "CTR-GCN")}


def test_rows_of_few_candidates_are_told_from_those_of_all_classes() -> None:
    few = {(one.row, one.dataset): one.candidates for one in published.figures() if one.row in ("ReViSE", "SynSE")}
    assert few == {(row, "ntu60"): 12 for row in ("ReViSE", "SynSE")} | {
        (row, "ntu120"): 24 for row in ("ReViSE", "SynSE")
    }
    for one in published.figures():
        if one.row == "Random Chance":
            assert one.candidates is not None
            assert abs(float(one.value) - 100 / one.candidates) < 0.1  # 1.6 is 1.67, cut


def test_datasets_and_modalities_are_those_of_the_project() -> None:
    assert {one.dataset for one in published.figures()} <= set(members.names("pipeline.datasets"))
    assert {one.modality for one in published.figures()} == {"video", "skeleton", "depth", "thermal"}


def test_every_paper_is_cited_and_its_protocol_told() -> None:
    assert {one.paper for one in published.figures()} == set(published.PAPERS)
    source = published.PAPERS["sgfa"].source
    assert all(words in source for words in ("C. Wei and Z. Deng", "all 60, 120 or 400", "took part in pairing"))
