"""Plain values as YAML to read and edit: what fits into a line stands in one, and nothing is said by reference."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

WIDTH = 120


def sections(tree: Mapping[str, Any]) -> str:
    """A tree of sections as text, an empty line between them. The same values give the same text."""
    return "\n".join("".join(f"{line}\n" for line in _section(name, tree[name])) for name in tree)


def _section(name: str, section: dict[str, Any]) -> Iterator[str]:
    yield f"{name}:"
    for key, value in section.items():
        if key == "rows" and value:
            yield "  rows:"
            for row in value:
                yield from _lines(row, value[row], 4)
        else:
            yield from _lines(key, value, 2)


def _lines(key: Any, value: Any, depth: int) -> Iterator[str]:
    """A key and its value: in one line if that is short enough, else each of its parts below it."""
    head = f"{' ' * depth}{_inline(key)}:"
    line = f"{head} {_inline(value)}"
    if len(line) <= WIDTH or not value:
        yield line
    elif isinstance(value, dict):
        yield head
        for inner in value:
            yield from _lines(inner, value[inner], depth + 2)
    elif isinstance(value, list):
        yield head
        for item in value:
            yield from _item(item, depth)
    else:
        yield from _folded(key, value, depth)


def _item(value: Any, depth: int) -> Iterator[str]:
    """An item of a list; one of keys and values that is too long for a line takes a line for each key."""
    line = f"{' ' * depth}- {_inline(value)}"
    if len(line) <= WIDTH or not isinstance(value, dict):
        yield line
        return
    lines = [line for key in value for line in _lines(key, value[key], depth + 2)]
    yield f"{' ' * depth}- {lines[0].lstrip()}"
    yield from lines[1:]


def _folded(key: Any, text: Any, depth: int) -> Iterator[str]:
    """A long text over several lines."""
    written = yaml.safe_dump({key: text}, allow_unicode=True, width=WIDTH - depth - 12)
    yield from (f"{' ' * depth}{line}" for line in written.splitlines())


class _Dumper(yaml.CSafeDumper):
    """Writes a repeated value again each time, never as an alias."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - of PyYAML
        return True


def _inline(value: Any) -> str:
    text: str = yaml.dump(
        [value], Dumper=_Dumper, default_flow_style=True, sort_keys=False, width=1 << 30, allow_unicode=True
    )
    return text.removesuffix("\n")[1:-1]
