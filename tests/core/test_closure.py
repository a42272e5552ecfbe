from pathlib import Path

import pytest

from pipeline.core.closure import Code
from pipeline.core.errors import FormatError

FILES = {
    "pipeline/__init__.py": '"""Says what it is for."""\n',
    "pipeline/core/__init__.py": "",
    "pipeline/core/progress.py": "WIDTH = 1\n",
    "pipeline/core/base.py": "from pipeline.core import progress\nimport math\n",
    "pipeline/shelf/__init__.py": "from pipeline.core import base\n",
    "pipeline/shelf/shared.py": "from pathlib import Path\nHERE = Path(__file__).parent / 'lists'\n",
    "pipeline/shelf/apple.py": '"""An apple."""\nfrom pipeline.shelf.shared import HERE\n\n# green\nSIZE = 1\n',
    "pipeline/shelf/pear.py": "def size():\n    from pipeline.core import late\n",
    "pipeline/shelf/lists/apple.csv": "1",
    "pipeline/shelf/lists/all.csv": "2",
    "pipeline/core/late.py": "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    import pipeline.core.never\n",
    "pipeline/core/never.py": "X = 1\n",
    "stages/__init__.py": "",
    "stages/pick.py": "from pipeline.shelf import shared\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def edited(root: Path, name: str, old: str, new: str) -> Code:
    file = root / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    return Code(root)


def test_a_module_stands_on_what_it_imports_and_the_packages_around_it(root: Path) -> None:
    assert list(Code(root).files("stages.pick")) == [
        "pipeline/core/base.py",
        "pipeline/shelf/__init__.py",  # importing shelf.shared runs it
        "pipeline/shelf/lists/all.csv",
        "pipeline/shelf/shared.py",
        "stages/pick.py",
    ]


def test_a_data_file_named_as_a_member_is_the_members(root: Path) -> None:
    assert "pipeline/shelf/lists/apple.csv" in Code(root).files("pipeline.shelf.apple")
    assert "pipeline/shelf/lists/apple.csv" not in Code(root).files("pipeline.shelf.pear", "stages.pick")


def test_what_is_imported_inside_a_function_counts_and_what_never_runs_does_not(root: Path) -> None:
    files = Code(root).files("pipeline.shelf.pear")
    assert "pipeline/core/late.py" in files
    assert "pipeline/core/never.py" not in files


def test_progress_and_times_change_no_output(root: Path) -> None:
    before = Code(root).digest("stages.pick")
    assert edited(root, "pipeline/core/progress.py", "1", "2").digest("stages.pick") == before


@pytest.mark.parametrize(("old", "new"), [("# green", "# red"), ("An apple.", "A ripe one."), ("\n\n# green", "")])
def test_another_comment_docstring_or_blank_line_changes_no_digest(root: Path, old: str, new: str) -> None:
    before = Code(root).digest("pipeline.shelf.apple")
    assert edited(root, "pipeline/shelf/apple.py", old, new).digest("pipeline.shelf.apple") == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("pipeline/shelf/apple.py", "SIZE = 1", "SIZE = 2"),
        ("pipeline/shelf/apple.py", "SIZE = 1", "SIZE = 1.0"),
        ("pipeline/shelf/apple.py", "SIZE = 1", "SIZE = '1'"),
        ("pipeline/shelf/lists/apple.csv", "1", "2"),
        ("pipeline/shelf/lists/all.csv", "2", "3"),
        ("pipeline/shelf/__init__.py", "base", "late"),
        ("pipeline/core/base.py", "math", "cmath"),
    ],
)
def test_another_value_list_or_import_changes_it(root: Path, name: str, old: str, new: str) -> None:
    before = Code(root).digest("pipeline.shelf.apple")
    assert edited(root, name, old, new).digest("pipeline.shelf.apple") != before


def test_compiled_code_changes_no_digest(root: Path) -> None:
    before = [Code(root).digest(name) for name in ("pipeline.shelf.apple", "stages.pick")]
    for folder in ("pipeline/shelf", "pipeline/shelf/lists"):
        (root / folder / "__pycache__").mkdir()
        for name in ("apple", "shared", "lists"):
            (root / folder / "__pycache__" / f"{name}.cpython-311.pyc").write_bytes(b"compiled")
    assert [Code(root).digest(name) for name in ("pipeline.shelf.apple", "stages.pick")] == before


def test_a_statement_that_is_a_text_but_no_docstring_counts(root: Path) -> None:
    before = Code(root).digest("pipeline.shelf.apple")
    after = edited(root, "pipeline/shelf/apple.py", "SIZE = 1", "SIZE = 1\nNAME = 'x'").digest("pipeline.shelf.apple")
    assert after != before
    assert edited(root, "pipeline/shelf/apple.py", "'x'", "'y'").digest("pipeline.shelf.apple") != after


def test_code_that_is_no_python_is_one_line_that_says_where(root: Path) -> None:
    with pytest.raises(FormatError, match=r"apple\.py, line 5: not Python: .*; mend it"):
        edited(root, "pipeline/shelf/apple.py", "SIZE = 1", "SIZE = = 1").digest("pipeline.shelf.apple")


def test_a_module_that_is_not_there_is_refused(root: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"pipeline\.shelf\.plum"):
        Code(root).digest("pipeline.shelf.plum")
