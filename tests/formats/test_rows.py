import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.errors import FormatError
from pipeline.formats import rows


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_csv_table_is_rows_of_stripped_text(tmp_path, newline, mark):
    content = newline.join([f"{mark}a, b", 'x ,"1, 2"', "", ",y"])
    (tmp_path / "t.csv").write_bytes(content.encode())
    assert rows.read(tmp_path / "t.csv", ("a", "b")) == [{"a": "x", "b": "1, 2"}, {"a": "", "b": "y"}]


def test_a_parquet_table_is_the_same_and_other_columns_are_not_read(tmp_path):
    table = pa.table({"a": ["x", None], "b": pa.array([1.0, None]), "c": [b"\xff", b""]})
    pq.write_table(table, tmp_path / "t.parquet")
    assert rows.read(tmp_path / "t.parquet", ("a", "b")) == [{"a": "x", "b": "1"}, {"a": "", "b": ""}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected the columns a, b, each once"),
        (b"a,c\n1,2\n", "expected the columns a, b, each once"),
        (b"a,b,a\n1,2,3\n", "expected the columns a, b, each once"),
        (b"a,b\n1\n", "line 2: 1 columns"),
        (b'a,b\n"1,2\n', "not CSV"),
        (b"a,b\n\xff,2\n", "not a readable text file"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(FormatError, match=message):
        rows.read(tmp_path / "t.csv", ("a", "b"))


@pytest.mark.parametrize("content", [b"", b"PAR1junkPAR1", b"a,b\n"])
def test_what_is_no_parquet_is_refused(tmp_path, content):
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(FormatError, match="not a readable parquet file"):
        rows.read(tmp_path / "t.parquet", ("a",))


def test_a_table_larger_than_a_list_of_clips_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "_MOST_BYTES", 10)
    (tmp_path / "t.csv").write_text("a\n" + "x\n" * 9)
    pq.write_table(pa.table({"a": ["x" * 99]}), tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        with pytest.raises(FormatError, match="too large for a list of clips"):
            rows.read(tmp_path / name, ("a",))
