import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core import tables
from pipeline.core.errors import DataError, FormatError
from pipeline.core.schemas import PROMPTS, Format


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
    assert [row["class_id"] for row in tables.read_rows(path, PROMPTS)] == [0, 1, 2]
    assert tables.read_meta(path, PROMPTS) == {"dataset": "demo"}


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
    later = Format("prompts", PROMPTS.version + 1, PROMPTS.key, PROMPTS.stage, PROMPTS.schema)
    with pytest.raises(FormatError, match="version 2, expected 'prompts' version 3; run `dvc repro prompt`"):
        tables.read(path, later)


def test_a_foreign_a_broken_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    foreign, broken = tmp_path / "foreign", tmp_path / "broken"
    pq.write_table(pa.table({"x": [1]}), foreign)
    broken.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(FormatError, match=r"holds '\?'"):
        tables.read(foreign, PROMPTS)
    with pytest.raises(FormatError, match="not a parquet table"):
        tables.read(broken, PROMPTS)
    with pytest.raises(FormatError, match="no such table"):
        tables.read(tmp_path / "missing", PROMPTS)


def test_a_table_is_read_without_pandas(tmp_path):
    tables.write(tmp_path / "t.parquet", PROMPTS, [prompt(1), prompt(0)])
    code = "import sys; from pathlib import Path; from pipeline.core import tables, schemas; "
    code += "rows = tables.read_rows(Path(sys.argv[1]), schemas.PROMPTS); assert len(rows) == 2; "
    code += "sys.exit(bool({'pandas', 'pyarrow.dataset'} & set(sys.modules)))"
    root = Path(tables.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "t.parquet")], cwd=root).returncode == 0
