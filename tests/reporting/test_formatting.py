"""Numbers as pages and commands print them."""

from pathlib import Path

from pipeline.core.outputs import write_csv
from pipeline.labels.overlap import Overlap
from pipeline.reporting import formatting


def test_an_interval_has_one_decimal_on_pages_and_on_the_command_line() -> None:
    assert (formatting.span([0.441, 0.64]), formatting.span(None)) == ("44.1 – 64.0", "–")
    assert (formatting.plain_span([0.441, 0.64]), formatting.plain_span(None)) == ("44.1-64.0", "-")
    assert (formatting.unbroken_span([1.5, 3], 1), formatting.unbroken_span(None)) == ("1.5\u00a0to\u00a03.0", "")
    assert formatting.with_span("50.0", [0.4, 0.6]) == "50.0 (40.0\u00a0to\u00a060.0)"
    assert formatting.with_span("50.0", None) == "50.0"
    assert (formatting.ends([0.4, 0.6]), formatting.ends(None)) == ((0.4, 0.6), None)


def test_a_distance_is_rounded_and_may_be_unknown() -> None:
    near = Overlap(0, "kick", "kicking", "toy", 0.012345, "vectors")
    assert formatting.rounded_distance(near) == 0.0123
    assert formatting.rounded_distance(Overlap(0, "kick", "kick", "toy", None, "names")) is None


def test_csv_has_a_header_and_unix_lines(tmp_path: Path) -> None:
    write_csv(tmp_path / "new/table.csv", ("name", "share"), [("a, b", 0.5), ("c", "")])
    assert (tmp_path / "new/table.csv").read_bytes() == b'name,share\n"a, b",0.5\nc,\n'
