"""Hand-made rows of evaluate, and the shortest table that shows them."""

from typing import Any

from pipeline.core.params import parse
from pipeline.reporting.result_tables import FilledTable, Table, fill
from tests.reporting.made_checks import checks

SKELETON = {"heading": ["demo", "skeleton"], "space": "unseen", "figure": "top1", "splits": None}
ALL = {"row": "a", "space": "all", "figure": "top1", "splits": None, "oracle": False, "inference": None}
NTU = {
    "heading": ["NTU RGB+D 60", "skeleton"],
    "paper": "sgfa",
    "table": "I",
    "column": "NTU RGB+D 60 skeleton",
    "candidates": 60,
}


def row(top1: float, **changes: Any) -> dict[str, Any]:
    """What evaluate writes of one split, seed and label space."""
    plain = {
        "dataset": "demo",
        "split_table": "films",
        "split": "s0",
        "seed": 0,
        "label_space": "unseen",
        "inference": "inductive",
        "selection": "validation",
        "leaky": False,
        "pairs": None,
        "paired_unseen": [],
        "num_paired_unseen": 0,
        "num_seen_classes": 20,
        "num_unseen_classes": 5,
        "num_shared_subjects": 0,
        "num_undigested": 0,
        "training_clips": None,
        "num_cells": 20,
        "leaks": [],
        "source": None,
        "num_source_classes": 0,
        "kept_overlap": [],
        "num_kept_overlap": 0,
        "pretrained": None,
        "num_classes": 5,
        "chance": 0.2,
        "top1": top1,
        "top1_ci95": [top1 - 0.1, top1 + 0.1],
        "top5": None,
        "top5_ci95": None,
        "mean_of_batches": top1 + 0.01,
        "class_mean": top1 / 2,
        "class_mean_ci95": [0.0, 1.0],
        "checks": checks("validation"),
    }
    return plain | changes


def asked(cells: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Params of a table of one column and a line a cell, by title."""
    rows = [{"title": title, "cells": {"skeleton": cell}, "published": None} for title, cell in cells.items()]
    return {"title": "Table I", "note": "A note.", "columns": {"skeleton": SKELETON}, "rows": rows} | changes


def filled(params: dict[str, Any], results: dict[str, list[dict[str, Any]]]) -> FilledTable:
    """The table that params ask for."""
    return fill("one", parse(Table, params, "report.tables.one"), results)
