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
    counts = Counter(one.table for one in published.figures() if one.paper == "sgfa")
    assert counts == {"I": 34, "IIa": 4, "IIb": 4, "IIc": 4, "IIIa": 5, "IIIb": 8, "IIIc": 5}
    assert published.figure("sgfa", "I", "SynSE", "NTU RGB+D 60 depth") is None  # a dash in the paper


@pytest.mark.parametrize(
    ("table", "row", "column", "value"),
    [
        ("1", "ResT_18", "HMDB51 0/50", "39.3"),
        ("1", "E2E_R(2+1)D", "UCF101 0/50", "48.0"),
        ("2", "E2E_R(2+1)D", "ActivityNet 0/100", "20.0"),
        ("2", "ResT_101", "UCF101 0/100", "46.7"),
        ("3a", "LSTM", "UCF101 0/50", "29.7"),
        ("3b", "MLM", "UCF101 0/100", "38.7"),
        ("3c", "cross attention in CLS and MLM", "UCF101 0/50", "39.0"),
        ("4a", "MobileNetV2", "UCF101 0/100", "38.5"),
        ("4b", "ResT_101, 1 clip", "UCF101 0/50", "57.0"),
        ("5", "S2V, S", "UCF101 0/50", "50.9"),
        ("6", "C3D, pre-trained, end to end", "HMDB51 0/50", "37.1"),
        ("7", "700 classes", "UCF101 0/50", "69.2"),
        ("8a", "Constraint I", "UCF101 0/50", "50.7"),
        ("8b", "Constraint II + III", "HMDB51 0/50", "38.1"),
        ("8c", "Reverse transfer", "ActivityNet 0/50", "21.9"),
        ("9", "Ours_obj, K605", "ActivityNet 0/50", "34.2"),
    ],
)
def test_a_figure_of_rest_is_as_printed(table: str, row: str, column: str, value: str) -> None:
    found = published.figure("rest", table, row, column)
    assert found is not None
    assert found.value == value


REST_CANDIDATES = {"ucf101": (50, 101), "hmdb51": (25, 51), "activitynet": (100, 200)}


def test_the_figures_of_rest_choose_among_half_of_the_classes_or_all() -> None:
    mine = [one for one in published.figures() if one.paper == "rest"]
    for one in mine:
        half, full = REST_CANDIDATES[one.dataset]
        assert one.candidates == (half if one.protocol.startswith("0/50") else full)
        assert one.column.endswith(one.protocol.partition(",")[0])
    assert {one.table for one in mine} == {"1", "2", "3a", "3b", "3c", "4a", "4b", "5", "6", "7", "8a", "8b", "8c", "9"}


def test_one_model_of_rest_has_one_figure_in_all_its_tables() -> None:
    """ResT_18 and ResT_101 on Kinetics 664 stand in five tables; K605 in two."""
    same = [("1", "ResT_18"), ("3a", "Transformer"), ("3b", "CLS + MLM, transfer"), ("4b", "ResT_18"), ("9", "ResT_18")]
    assert {figure.value for t, r in same if (figure := published.figure("rest", t, r, "UCF101 0/50"))} == {"54.7"}
    for table, row in (("6", "ResT_101"), ("7", "664 classes"), ("9", "ResT_101"), ("1", "ResT_101")):
        found = published.figure("rest", table, row, "UCF101 0/50")
        assert found is not None
        assert found.value == "58.7"
    for column in ("UCF101 0/50", "HMDB51 0/50", "ActivityNet 0/50"):
        both = [published.figure("rest", *place, column) for place in (("2", "ResT_101"), ("9", "ResT_101, K605"))]
        assert len({one.value for one in both if one}) == 1


@pytest.mark.parametrize(
    ("table", "row", "column", "value"),
    [
        ("1", "DeViSE", "NTU-120 96/24", "25.74"),
        ("1", "DVTA w/o SDE", "NTU-60 48/12", "41.67"),
        ("1", "PURLS", "NTU-120 96/24", "52.01"),
        ("2", "DVTA", "PKU-MMD 46/5", "77.06"),
        ("3", "none", "NTU-120 average", "5288"),
        ("3", "SDE + AA", "NTU-60 split 1", "75.99"),
        ("3", "SDE + DA + AA", "NTU-120 split 1", "59.4"),
        ("4", "visual", "NTU-60 average", "71.6"),
        ("5", "0.5", "NTU-120 110/10", "73.48"),
        ("6", "CLIP, w SDE", "NTU-60 48/12", "47.48"),
        ("7", "CTR-GCN, CLIP", "NTU-120 96/24", "56.97"),
        ("8", "InfoNCE", "tau = 0.07", "71.5"),
        ("8", "KLD", "tau = 1", "71.14"),
        ("9", "PURLS", "NTU-60", "40.99"),
    ],
)
def test_a_figure_of_dvta_is_as_printed(table: str, row: str, column: str, value: str) -> None:
    found = published.figure("dvta", table, row, column)
    assert found is not None
    assert found.value == value


DVTA_CANDIDATES = {"55/5": 5, "48/12": 12, "110/10": 10, "96/24": 24, "46/5": 5}


def test_the_figures_of_dvta_choose_among_the_unseen_classes() -> None:
    mine = [one for one in published.figures() if one.paper == "dvta"]
    assert Counter(one.table for one in mine) == {
        "1": 40,
        "2": 15,
        "3": 40,
        "4": 8,
        "5": 24,
        "6": 16,
        "7": 24,
        "8": 12,
        "9": 3,
    }
    for one in mine:
        split = one.column.rpartition(" ")[2]
        if split in DVTA_CANDIDATES:
            assert one.candidates == DVTA_CANDIDATES[split]


def test_the_averages_of_dvta_are_those_of_its_splits_but_for_what_is_noted() -> None:
    wrong = set()
    for dataset in ("NTU-60", "NTU-120"):
        for row in published.rows("dvta", "3"):
            each = [published.figure("dvta", "3", row, f"{dataset} split {number}") for number in (1, 2, 3)]
            mean = published.figure("dvta", "3", row, f"{dataset} average")
            assert mean is not None
            if abs(float(mean.value) - sum(float(one.value) for one in each if one) / 3) > 0.011:
                wrong.add((dataset, row))
                assert mean.note
    assert wrong == {("NTU-120", "none"), ("NTU-120", "SDE + AA")}


def test_one_model_of_dvta_has_one_figure_in_all_its_tables_but_for_what_is_noted() -> None:
    same = {
        "NTU-60 48/12": [("1", "DVTA"), ("6", "BERT, w SDE"), ("7", "Shift-GCN, BERT")],
        "NTU-120 96/24": [("1", "DVTA w/o SDE"), ("5", "0.01"), ("6", "BERT, w/o SDE")],
    }
    for column, places in same.items():
        assert len({one.value for place in places if (one := published.figure("dvta", *place, column))}) == 1
    odd = published.figure("dvta", "5", "0.01", "NTU-60 55/5")
    assert odd is not None
    assert odd.value == "78.24"
    assert "78.14 in Table 1" in odd.note


def test_a_figure_has_one_place() -> None:
    places = Counter((one.paper, one.table, one.row, one.column) for one in published.figures())
    assert max(places.values()) == 1


def test_printed_gains_are_the_differences_but_for_the_misprints_that_are_noted() -> None:
    tables: dict[str, list[published.Figure]] = defaultdict(list)
    for one in published.figures():
        if one.paper == "sgfa":
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
    mine = [one for one in published.figures() if one.paper == "sgfa"]
    few = {(one.row, one.dataset): one.candidates for one in mine if one.row in ("ReViSE", "SynSE")}
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
