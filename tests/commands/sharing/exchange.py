"""Rows of a small project out to a pack and in again."""

import contextlib
from pathlib import Path

from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.sharing import exporting, importing, project
from pipeline.formats import pack


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def exported(finished: Path, *names: str, kind: pack.Kind = "features") -> Path:
    """A pack of the finished project."""
    out = finished.parent / "demo.pack"
    request = exporting.Request(kind, names or ("extract/demo-net",), "CC-BY-4.0", "of the tests")
    exporting.export(request, out, project.read(finished))
    return out


def take(file: Path, clone: Path, *, kind: pack.Kind = "features", force: bool = False) -> importing.Imported:
    with contextlib.chdir(clone):
        return importing.take(file, kind, project.read(Path()), force=force, max_bytes=1 << 30)


def files(folder: Path) -> dict[str, bytes]:
    kept = (file for file in sorted(folder.rglob("*")) if file.is_file() and ".dvc/" not in str(file))
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in kept}
