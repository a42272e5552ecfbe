import pickle
from pathlib import Path

import msgspec
import pytest

from pipeline.core.schemas import Float32s
from pipeline.sources import mapped
from pipeline.sources.mapped import MappedRows


class Named(msgspec.Struct, frozen=True):
    name: str
    boxes: Float32s


def rows(number):
    return [Named(f"row {k}", [float(k)] * (k % 3)) for k in range(number)]


def test_rows_are_read_by_their_numbers_across_batches(tmp_path):
    assert mapped.write(tmp_path / "a.arrow", Named, iter(rows(5000))) == 5000
    table = MappedRows(tmp_path / "a.arrow", Named)
    assert len(table) == 5000
    assert [table.row(k) for k in (0, 2047, 2048, 4999)] == [rows(5000)[k] for k in (0, 2047, 2048, 4999)]


def test_pickled_it_is_its_path(tmp_path):
    mapped.write(tmp_path / "a.arrow", Named, rows(3000))
    table = MappedRows(tmp_path / "a.arrow", Named)
    table.row(1)
    content = pickle.dumps(table)
    assert len(content) < 500
    assert pickle.loads(content).row(2999) == rows(3000)[2999]


def test_no_rows_are_a_table_of_none(tmp_path):
    assert mapped.write(tmp_path / "a.arrow", Named, []) == len(MappedRows(tmp_path / "a.arrow", Named)) == 0


@pytest.mark.parametrize("number", [0, 3])
def test_the_file_is_opened_once(tmp_path: Path, number: int) -> None:
    mapped.write(tmp_path / "a.arrow", Named, rows(number))
    table = MappedRows(tmp_path / "a.arrow", Named)
    assert len(table) == number
    (tmp_path / "a.arrow").rename(tmp_path / "b.arrow")
    assert len(table) == number
