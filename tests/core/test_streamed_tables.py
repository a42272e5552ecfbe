import msgspec
import pytest

from pipeline.core import tables
from pipeline.core.errors import DataError, FormatError
from pipeline.core.schemas import PROMPTS, SPLIT, Int32


def prompt(class_id: int, **more: object) -> dict[str, object]:
    return {
        "class_id": class_id,
        "class_name": f"c{class_id}",
        "type": "label",
        "index": 0,
        "origin": "template",
        "text": "t",
        **more,
    }


def test_rows_written_one_by_one_come_back_in_batches_with_their_meta(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_BATCH_ROWS", 4)
    path = tmp_path / "p.parquet"
    with tables.streamed(path, PROMPTS) as table:
        for number in range(10):
            table.add(prompt(number))
        table.meta = {"a": 1}
    assert [len(rows) for rows in tables.batches(path, PROMPTS)] == [4, 4, 2]
    assert [row["class_id"] for row in tables.read_table(path, PROMPTS).to_pylist()] == list(range(10))
    assert tables.read_meta(path, PROMPTS) == {"a": 1}


@pytest.mark.parametrize(
    "rows", [[prompt(1), prompt(0)], [prompt(1), prompt(1)], [prompt(0, text=None)], [prompt(0, text=3)]]
)
def test_rows_out_of_order_twice_or_unfit_are_refused_and_leave_nothing(tmp_path, rows):
    path = tmp_path / "p.parquet"
    with pytest.raises(DataError), tables.streamed(path, PROMPTS) as table:  # noqa: PT012 - some fail at the end
        for row in rows:
            table.add(row)
    assert list(tmp_path.iterdir()) == []


class Named(msgspec.Struct, frozen=True):
    class_name: str
    index: Int32


def test_other_columns_are_not_read(tmp_path):
    tables.write(tmp_path / "p", PROMPTS, [prompt(0), prompt(1)])
    (rows,) = tables.batches(tmp_path / "p", PROMPTS.only(Named))
    assert rows == tables.read(tmp_path / "p", PROMPTS.only(Named)) == [Named("c0", 0), Named("c1", 0)]


def test_no_rows_are_a_table_too(tmp_path):
    with tables.streamed(tmp_path / "p", PROMPTS):
        pass
    assert tables.read_table(tmp_path / "p", PROMPTS).to_pylist() == []


def test_batches_of_another_format_are_refused(tmp_path):
    with tables.streamed(tmp_path / "p", PROMPTS) as table:
        table.add(prompt(0))
    with pytest.raises(FormatError, match="dvc repro split"):
        list(tables.batches(tmp_path / "p", SPLIT))
