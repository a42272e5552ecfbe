import subprocess
import sys
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core import tables
from pipeline.core.errors import DataError, FormatError
from pipeline.core.schemas import CAPTIONS, CLIPS, PROMPTS, SPLIT, ClipRow, Format


def prompt(class_id: int, index: int = 0, **more: object) -> dict[str, object]:
    return {
        "class_id": class_id,
        "class_name": f"c{class_id}",
        "type": "label",
        "index": index,
        "origin": "template",
        "text": "t",
        **more,
    }


def test_rows_come_back_in_key_order_with_their_meta(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    tables.write(path, PROMPTS, [prompt(2), prompt(0), prompt(1)], {"dataset": "demo"})
    assert [row["class_id"] for row in tables.read_table(path, PROMPTS).to_pylist()] == [0, 1, 2]
    assert tables.read_meta(path, PROMPTS) == {"dataset": "demo"}


def test_rows_are_read_and_written_as_values(tmp_path: Path) -> None:
    row = ClipRow("d/a", "skeleton", 0, 1, None, None, None, ["xsub"], None, "a.skeleton", 3, 9, "f" * 64, None)
    tables.write(tmp_path / "c", CLIPS, [row])
    assert tables.read(tmp_path / "c", CLIPS) == [row]
    (columns,) = tables.read_table(tmp_path / "c", CLIPS).to_pylist()
    assert columns == msgspec.to_builtins(row)


def test_a_column_is_of_the_type_its_row_says_and_may_be_empty_where_it_says_so() -> None:
    schema = CLIPS.schema
    assert schema.field("path") == pa.field("path", pa.string(), nullable=False)
    assert schema.field("subject") == pa.field("subject", pa.int32())
    assert schema.field("num_bytes") == pa.field("num_bytes", pa.int64(), nullable=False)
    assert schema.field("test_lists") == pa.field("test_lists", pa.list_(pa.string()))
    assert CAPTIONS.schema.field("piece_tokens").type == pa.list_(pa.list_(pa.int32()))
    assert SPLIT.schema.field("held_out") == pa.field("held_out", pa.bool_(), nullable=False)


def test_input_order_does_not_change_the_bytes(tmp_path: Path) -> None:
    tables.write(tmp_path / "a", PROMPTS, [prompt(0), prompt(1)])
    tables.write(tmp_path / "b", PROMPTS, [prompt(1), prompt(0)])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([prompt(0), prompt(1), prompt(0)], "found twice: {'class_id': 0, 'type': 'label', 'index': 0}"),
        ([prompt(0, text=None)], r"no empty value in \['text'\]"),
        ([prompt(0, text=3)], "do not fit format 'prompts'"),
    ],
)
def test_rows_that_break_the_contract_are_refused(tmp_path: Path, rows: list[dict], message: str) -> None:
    with pytest.raises(DataError, match=message):
        tables.write(tmp_path / "p.parquet", PROMPTS, rows)
    assert not (tmp_path / "p.parquet").exists()


def test_another_version_names_the_stage_to_rerun(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    tables.write(path, PROMPTS, [prompt(0)])
    later = Format("prompts", PROMPTS.version + 1, PROMPTS.key, PROMPTS.stage, PROMPTS.row)
    with pytest.raises(FormatError, match="version 2, expected 'prompts' version 3; run `dvc repro prompt`"):
        tables.read_table(path, later)


def test_a_foreign_a_broken_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    foreign, broken = tmp_path / "foreign", tmp_path / "broken"
    pq.write_table(pa.table({"x": [1]}), foreign)
    broken.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(FormatError, match=r"holds '\?'"):
        tables.read_table(foreign, PROMPTS)
    with pytest.raises(FormatError, match="not a parquet table"):
        tables.read_table(broken, PROMPTS)
    with pytest.raises(FormatError, match="no such table"):
        tables.read_table(tmp_path / "missing", PROMPTS)


def test_a_table_is_read_without_pandas(tmp_path):
    tables.write(tmp_path / "t.parquet", PROMPTS, [prompt(1), prompt(0)])
    code = "import sys; from pathlib import Path; from pipeline.core import tables, schemas; "
    code += "rows = tables.read_table(Path(sys.argv[1]), schemas.PROMPTS).to_pylist(); assert len(rows) == 2; "
    code += "sys.exit(bool({'pandas', 'pyarrow.dataset'} & set(sys.modules)))"
    root = Path(tables.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "t.parquet")], cwd=root).returncode == 0
