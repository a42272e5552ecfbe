"""What code an output rests on: the modules that a module imports, the package data they read, and their digests.

A digest is over the syntax tree without docstrings, so rewording a comment or a docstring changes none. Members of a
folder (core.members) are loaded by name and so imported by nobody: their closures are asked for beside a stage's.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from pipeline.core.errors import FormatError
from pipeline.core.hashing import file_digest, value_digest

ROOT = Path(__file__).parents[2]
_PACKAGES = ("pipeline", "stages")
# Modules whose change cannot change an output: progress, times and exit codes; what only names code; and where tasks
# run and batches are read, which never changes the bytes (tests/compute, tests/core/test_readers.py).
_SILENT = frozenset(
    {
        "pipeline",
        *(
            f"pipeline.core.{name}"
            for name in (
                "closure",
                "command",
                "dag",
                "orphans",
                "progress",
                "readers",
                "refusals",
                "repro",
                "runs",
                "shared_arrays",
            )
        ),
        *(
            f"pipeline.compute.{name}"
            for name in ("_clusters", "_in_flight", "_same_place", "dask", "inline", "processes", "shared")
        ),
    }
)


class Code:
    """The project's sources below a folder; every file is parsed at most once."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._modules: dict[str, _Module] = {}

    def files(self, *modules: str) -> dict[str, str]:
        """Digest by path of all that the modules run and read, themselves and the packages around them included.

        >>> sorted(Code().files("pipeline.core.bounded_memo"))
        ['pipeline/core/bounded_memo.py']
        """
        digests = {path: digest for name in self._reached(modules) for path, digest in self.own(name).items()}
        return dict(sorted(digests.items()))

    def own(self, module: str) -> dict[str, str]:
        """Digest by path of one module and the package data it reads; empty for a module that changes no output."""
        return {} if module in _SILENT else self._module(module).digests

    def digest(self, *modules: str) -> str:
        """One digest of `files`."""
        return value_digest(self.files(*modules))

    def _reached(self, modules: Iterable[str]) -> set[str]:
        reached: set[str] = set()
        roots = list(modules)
        for name in roots:
            if not self._file(name).is_file():
                raise ModuleNotFoundError(f"no module {name} below {self._root}")
        todo = [package for name in roots for package in self._with_packages(name)]
        while todo:
            name = todo.pop()
            if name not in reached:
                reached.add(name)
                todo += [near for imported in self._module(name).imports for near in self._with_packages(imported)]
        return reached

    def _module(self, name: str) -> "_Module":
        if name not in self._modules:
            self._modules[name] = _Module(self._root, self._file(name))
        return self._modules[name]

    def _with_packages(self, name: str) -> list[str]:
        """The module and the packages that importing it runs; what is no module of the project is left out."""
        parts = name.split(".")
        if parts[0] not in _PACKAGES:
            return []
        names = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
        return [package for package in names if self._file(package).is_file()]

    def _file(self, name: str) -> Path:
        path = self._root / name.replace(".", "/")
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


class _Module:
    """One source file: what it imports, and the digests of its code and of the data it reads."""

    def __init__(self, root: Path, file: Path) -> None:
        self._root = root
        self._file = file
        source = file.read_bytes()
        try:
            self._tree = ast.parse(source)
        except SyntaxError as error:
            raise FormatError(f"{file}, line {error.lineno}: not Python: {error.msg}; mend it") from None
        self._looks_beside_itself = b"__file__" in source

    @cached_property
    def imports(self) -> list[str]:
        """Names of modules, and of what is taken from modules: whether that is a module, the caller must check."""
        names: list[str] = []
        for node in _run_nodes(self._tree):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names += [f"{node.module}.{alias.name}" for alias in node.names]
        return names

    @cached_property
    def digests(self) -> dict[str, str]:
        """By path; a file without code (a package with a docstring alone) has none."""
        tree = _plain(self._tree)
        code = hashlib.sha256(repr(tree).encode()).hexdigest()
        own = {self._relative(self._file): code} if len(tree) > 1 else {}
        return own | {self._relative(path): file_digest(path) for path in sorted(self._data())}

    def _data(self) -> Iterator[Path]:
        """Package data: files that the module names beside itself, and in folders beside it those of its own name.

        A file that has the name of a module beside its folder (classes/utd_mhad.csv) is of that module alone.
        """
        folder, siblings = self._file.parent, {path.stem for path in self._file.parent.glob("*.py")}
        for path in folder.glob(f"*/{self._file.stem}.*"):
            if _is_data(path):
                yield path
        if not self._looks_beside_itself:
            return
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_name(node.value):
                for path in _data_files(folder / node.value):
                    if path.parent == folder or path.stem not in siblings:
                        yield path

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


def _is_name(text: str) -> bool:
    return text.isprintable() and "/" not in text and text.strip(".") != "" and len(text) < 64


def _data_files(path: Path) -> list[Path]:
    if path.is_dir() and not (path / "__init__.py").exists():
        return [file for file in path.rglob("*") if _is_data(file)]
    return [path] if _is_data(path) else []


def _is_data(path: Path) -> bool:
    """Whether a path is a file that is neither source nor compiled."""
    return path.is_file() and path.suffix not in (".py", ".pyc") and path.parent.name != "__pycache__"


def _run_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below `if TYPE_CHECKING`, which never run."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            todo += node.orelse
        else:
            todo += ast.iter_child_nodes(node)


_SAYS_NOTHING = frozenset(("ctx", "kind", "type_comment"))
_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _plain(node: object) -> tuple[object, ...]:
    """A syntax tree as nested tuples, docstrings left out, and fields that hold nothing, which newer Pythons add."""
    parts: list[object] = [type(node).__name__]
    for name in node._fields:  # type: ignore[attr-defined]
        value = getattr(node, name, None)
        if isinstance(value, list):
            value = [_plain(v) if isinstance(v, ast.AST) else v for v in _without_docstring(node, name, value)]
        elif isinstance(value, ast.AST):
            value = _plain(value)
        if value not in (None, []) and name not in _SAYS_NOTHING:
            parts.append((name, value))
    return tuple(parts)


def _without_docstring(node: object, name: str, values: list[object]) -> list[object]:
    """The statements of a body without its docstring."""
    if name == "body" and isinstance(node, _WITH_DOCSTRING) and ast.get_docstring(node, clean=False) is not None:
        return values[1:]
    return values
