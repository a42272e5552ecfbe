"""How imported outputs take their places, and how what a killed import has left is put right."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline.core.outputs import PARTIAL, remove

_OLD = f".old{PARTIAL}"


def place(moves: Mapping[Path, Path]) -> None:
    """Rename every scratch folder to its place; after an error all is as it was."""
    done: list[tuple[Path, Path, Path | None]] = []
    try:
        for target, scratch in moves.items():
            old = _old(target) if _is_there(target) else None
            if old is not None:
                remove(old)
                target.rename(old)
            done.append((target, scratch, old))
            scratch.rename(target)
    except BaseException:
        for target, scratch, old in reversed(done):
            if target.exists():
                target.rename(scratch)
            if old is not None:
                old.rename(target)
        raise
    for _, _, old in done:
        if old is not None:
            remove(old)


def mend(targets: Iterable[Path]) -> None:
    """After an import that was killed: put back what had made room for nothing, remove what was replaced."""
    for target in targets:
        old = _old(target)
        if _is_there(old) and not _is_there(target):
            old.rename(target)
        remove(old)


def leftovers(folder: Path) -> Iterator[str]:
    """What killed imports have left below a folder, one line each."""
    for old in sorted(folder.rglob(f"*{_OLD}")):
        target = old.with_name(old.name.removesuffix(_OLD))
        if _is_there(target):
            yield f"{old}: left by an import that was killed; import the pack again, or remove it"
        else:
            yield f"{target}: an import was killed before it was replaced; import the pack again, or rename {old} to it"


def _old(target: Path) -> Path:
    return target.with_name(target.name + _OLD)


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()
