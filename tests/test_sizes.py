"""The size budget and a few bans that no linter of ours has a rule for."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_LINES_OF_A_FILE = 400
MAX_LINES_OF_A_FUNCTION = 60
FILES = [
    Path(name)
    for name in subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    if (ROOT / name).is_file()
]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_file_keeps_the_size_budget(file: Path) -> None:
    text = (ROOT / file).read_text()
    assert len(text.splitlines()) <= MAX_LINES_OF_A_FILE
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {f.name: size for f in functions if (size := (f.end_lineno or 0) - f.lineno + 1) > MAX_LINES_OF_A_FUNCTION}
    assert long == {}


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_name_says_what_is_inside(file: Path) -> None:
    assert not {"utils", "util", "helpers", "misc", "common"} & {part.removesuffix(".py") for part in file.parts}


@pytest.mark.parametrize("file", [f for f in FILES if f.parts[0] != "tests"], ids=str)
def test_no_strip_by_a_set_of_letters_where_a_prefix_is_meant(file: Path) -> None:
    assert not re.search(r"""\.[lr]strip\(["'][^"']{2,}["']\)""", (ROOT / file).read_text())


def test_no_address_and_no_path_of_a_machine_among_the_pins() -> None:
    for name in ("requirements.txt", "requirements-cluster.txt", "requirements-test.txt", "pyproject.toml"):
        assert "://" not in (ROOT / name).read_text()
