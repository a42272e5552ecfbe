import pytest
import yaml

from pipeline.core import yaml_text

LONG = [f"name_{number}" for number in range(30)]
TREE = {
    "first": {
        "small": {"a": 1, "b": [1.0e-5, None, "y", "32"]},
        "rows": {"x": {"k": 1}, "y": {"long": LONG, "n": {"long": LONG}}},
    },
    "second": {"rows": {}},
    "third": {
        "note": "words, and: more " * 20,
        "tables": [{"title": "t", "cells": dict.fromkeys(LONG, "x")}, {"k": 1}],
    },
}


def test_what_is_written_is_read_again() -> None:
    text = yaml_text.sections(TREE)
    assert yaml.safe_load(text) == TREE
    assert max(map(len, text.splitlines())) <= yaml_text.WIDTH


@pytest.mark.parametrize("line", ["    x: {k: 1}", "  rows: {}", "  small: {a: 1, b: [1.0e-05, null, y, '32']}"])
def test_what_fits_into_a_line_stands_in_one(line: str) -> None:
    assert line in yaml_text.sections(TREE).splitlines()


def test_a_value_that_occurs_twice_is_written_twice() -> None:
    shared = {"k": 1}
    assert (
        yaml_text.sections({"s": {"rows": {"a": shared, "b": shared}}}) == "s:\n  rows:\n    a: {k: 1}\n    b: {k: 1}\n"
    )
