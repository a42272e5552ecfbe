"""`make docs`: modules become pages, and what docstrings refer to exists."""

import ast
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(file.parent.name for file in (ROOT / "pipeline").glob("*/__init__.py"))
NAMED_FILES = re.compile(r"(?<![\w/.<>-])(?:[\w-]+/)*[\w-]+\.(?:py|md|svg)\b")
NAMED_OBJECTS = re.compile(rf"`((?:pipeline\.)?(?:{'|'.join(PACKAGES)})(?:\.\w+)+)(?:\(\))?`")
# Of other projects: the files that ours were checked against.
FOREIGN = {"data_gen/ntu_gendata.py", "feeders/tools.py", "tools/ntu_gendata.py"}


@cache
def trees() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name."""
    files = {file.relative_to(ROOT).with_suffix(""): file for file in sorted((ROOT / "pipeline").rglob("*.py"))}
    return {
        ".".join(path.parts).removesuffix(".__init__"): ast.parse(file.read_text(encoding="utf-8"))
        for path, file in files.items()
    }


def docstrings() -> Iterator[tuple[str, str]]:
    for module, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield module, ast.get_docstring(node) or ""


def names_in(nodes: list[ast.stmt]) -> Iterator[str]:
    """What modules and classes define, methods and fields as Class.name."""
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            yield node.name
            yield from (f"{node.name}.{name}" for name in names_in(node.body))
        elif isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


@cache
def known() -> set[str]:
    """Modules, what they define, and sections of params (`evaluate.rows`)."""
    names = set(trees())
    for module, tree in trees().items():
        names |= {f"{module}.{name}" for name in names_in(tree.body)}
    sections = yaml.load((ROOT / "params.yaml").read_bytes(), yaml.CSafeLoader)
    names |= {f"pipeline.{stage}.{key}" for stage, section in sections.items() for key in section}
    return names


def test_every_module_says_what_it_is() -> None:
    assert [module for module, tree in trees().items() if not ast.get_docstring(tree)] == []


def test_files_that_docstrings_name_are_there() -> None:
    there = [
        str(file.relative_to(ROOT))
        for folder in ("pipeline", "stages", "docs", "tests")
        for file in (ROOT / folder).rglob("*.*")
    ]
    named = {(module, name) for module, text in docstrings() for name in NAMED_FILES.findall(text)}
    assert len(named) > 10
    assert [
        pair
        for pair in sorted(named)
        if pair[1] not in FOREIGN and not any(f"/{file}".endswith(f"/{pair[1]}") for file in there)
    ] == []


def test_objects_that_docstrings_name_are_there() -> None:
    named = {
        (module, name.removeprefix("pipeline."))
        for module, text in docstrings()
        for name in NAMED_OBJECTS.findall(text)
    }
    assert len(named) > 5
    assert [pair for pair in sorted(named) if f"pipeline.{pair[1]}" not in known()] == []


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_api", ROOT / "docs/build_api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_hold_docstrings_signatures_and_links(builder: ModuleType, tmp_path: Path) -> None:
    """Of a few modules, twice: the same bytes, and no path of this machine."""
    names = ["pipeline.core.store", "pipeline.core.errors", "pipeline.core.pages", "pipeline.commands.profile"]
    for folder in ("first", "second"):
        builder.write(names, tmp_path / folder)
    store = (tmp_path / "first/pipeline/core/store.html").read_text()
    assert "checked, complete and alike on every run" in store
    assert "&lt;group&gt;/zarr.json" in store
    assert 'href="#DenseWriter"' in store
    assert "DataError" in (tmp_path / "first/pipeline/core/errors.html").read_text()
    for page in sorted((tmp_path / "first").rglob("*.*")):
        text = page.read_text()
        assert text == (tmp_path / "second" / page.relative_to(tmp_path / "first")).read_text()
        assert re.findall(rf"{ROOT}|PydanticUndefined|0x[0-9a-f]{{6}}", text) == []


def test_all_packages_have_pages(builder: ModuleType) -> None:
    assert set(builder.module_names()) >= {"pipeline", "pipeline.cli", *(f"pipeline.{name}" for name in PACKAGES)}


def test_what_cannot_be_documented_is_an_error(
    builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "halfway.py").write_text('"""A module."""\n__all__ = ["absent"]\n')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserWarning, match="absent"):
        builder.write(["halfway"], tmp_path / "out")
