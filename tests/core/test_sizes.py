import pytest

from pipeline.core.errors import ParamsError
from pipeline.core.sizes import parse_size, size_text


@pytest.mark.parametrize(
    ("text", "num_bytes"),
    [("0B", 0), ("17 B", 17), ("1kB", 1000), ("1KB", 1000), ("2.5MB", 2_500_000), ("10GB", 10**10), ("1 TB", 10**12)],
)
def test_a_size_is_a_number_with_a_unit(text, num_bytes):
    assert parse_size(text, "size") == num_bytes


@pytest.mark.parametrize(
    "text",
    ["", "10", "GB", "-1GB", "1e3MB", "10gb", "1 GiB", "1,5GB", "10GB ", "nanGB", "١GB", ".5GB", "9" * 400 + "B"],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ParamsError, match=r"^--max-size: a number and a unit of B, kB, MB, GB, TB are expected"):
        parse_size(text, "--max-size")


@pytest.mark.parametrize(
    ("num_bytes", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (680e6, "680 MB"), (5e12, "5000.0 GB")]
)
def test_sizes_for_people(num_bytes, text):
    assert size_text(num_bytes) == text
