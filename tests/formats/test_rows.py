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


def test_a_row_is_told_by_the_line_that_it_ends_in(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n\n1,2\n"x\ny",3\n\n4\n')
    with pytest.raises(FormatError, match=r"line 7: 1 columns, the first line names 2"):
        rows.read_csv(tmp_path / "t.csv", ("a",))
    (tmp_path / "t.csv").write_text('a,b\n\n1,2\n"x\ny",3\n')
    assert [line for line, _ in rows.numbered_csv(tmp_path / "t.csv", ("a",))] == [3, 5]


def test_a_text_that_many_rows_share_counts_for_each_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "_MAX_BYTES", 1 << 20)
    table = pa.table({"a": ["x" * 1000] * 2000, "b": ["x"] * 2000})
    pq.write_table(table, tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size < 5000
    assert len(rows.read(tmp_path / "t.parquet", ("b",))) == 2000
    with pytest.raises(FormatError, match=r"(not|too large for) a list of clips"):
        rows.read(tmp_path / "t.parquet", ("a", "b"))


def test_a_parquet_table_without_a_column_is_refused(tmp_path):
    pq.write_table(pa.table({"a": ["x"]}), tmp_path / "t.parquet")
    with pytest.raises(FormatError, match=r"expected the columns a, b, each once, found \['a'\]"):
        rows.read(tmp_path / "t.parquet", ("a", "b"))


@pytest.mark.parametrize("column", [[["x"]], [{"x": 1}], [b"x"]])
def test_what_is_neither_text_nor_number_is_refused(tmp_path, column):
    pq.write_table(pa.table({"a": column}), tmp_path / "t.parquet")
    with pytest.raises(FormatError, match="column 'a' should hold text or numbers, found"):
        rows.read(tmp_path / "t.parquet", ("a",))


def test_text_that_is_none_is_refused(tmp_path):
    text = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff\xfe"]).buffers())
    pq.write_table(pa.table({"a": text}), tmp_path / "t.parquet")
    with pytest.raises(FormatError, match="not a readable parquet file"):
        rows.read(tmp_path / "t.parquet", ("a",))


@pytest.mark.parametrize("kind", [pa.dictionary(pa.int8(), pa.string()), pa.large_string(), pa.string()])
def test_text_of_any_kind_is_the_same_text(tmp_path, kind):
    pq.write_table(pa.table({"a": pa.array(["x ", None, "y", "x "]).cast(kind)}), tmp_path / "t.parquet")
    assert [row["a"] for row in rows.read(tmp_path / "t.parquet", ("a",))] == ["x", "", "y", "x"]


def test_a_table_of_too_many_values_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "_MAX_VALUES", 6)
    for num_rows in (3, 4):
        (tmp_path / "t.csv").write_text("a,b\n" + "x,y\n" * num_rows)
        pq.write_table(pa.table({"a": ["x"] * num_rows, "b": ["y"] * num_rows}), tmp_path / "t.parquet")
        for name in ("t.csv", "t.parquet"):
            if num_rows == 3:
                assert len(rows.read(tmp_path / name, ("a", "b"))) == 3
            else:
                with pytest.raises(FormatError, match=r"(not|too large for) a list of clips"):
                    rows.read(tmp_path / name, ("a", "b"))


def test_a_table_larger_than_a_list_of_clips_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "_MAX_BYTES", 10)
    (tmp_path / "t.csv").write_text("a\n" + "x\n" * 9)
    pq.write_table(pa.table({"a": ["x" * 99]}), tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        with pytest.raises(FormatError, match=r"(not|too large for) a list of clips"):
            rows.read(tmp_path / name, ("a",))
