"""Typed parameters, strict both ways: unknown, missing and mistyped keys are errors that name file, section and key."""

import io
import json
from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from yaml.constructor import SafeConstructor

from pipeline.core import outside
from pipeline.core.errors import FormatError, ParamsError
from pipeline.core.near_names import hint

PARAMS_FILE = Path("params.yaml")
_REMEDY = "mend it, or run `unseen profile use demo --force`"

_MAX_BYTES = 16 << 20
_MAX_VALUES = 1_000_000
_MAX_DEEP = 5_000
_DAMAGE = (ValueError, LookupError, AttributeError, TypeError, RecursionError)  # of numbers, dates and deep nesting


class Params(BaseModel):
    """Base of every parameter model: no defaults by convention, no coercion, no extra keys, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


P = TypeVar("P", bound=BaseModel)


class _OnceEach(SafeConstructor):
    """Safe YAML that refuses a repeated key; plain YAML lets the last one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        where = f"{node.start_mark.name}: line {node.start_mark.line + 1}"
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        if not all(isinstance(key, str | int | float | None) for key in keys):
            raise ParamsError(f"{where}: a key should be a name or a number; write it in quotes")
        twice = sorted(str(key) for key, count in Counter(keys).items() if count > 1)
        if twice:
            raise ParamsError(f"{where}: key {twice[0]!r} is given twice")
        return super().construct_mapping(node, deep=deep)


class _Loader(_OnceEach, yaml.SafeLoader):
    """Slow, and safe with values nested to any depth."""


class _QuickLoader(_OnceEach, yaml.CSafeLoader):
    """Nine times as fast, but crashes the process where values are nested tens of thousands deep."""


def read(file: Path = PARAMS_FILE, keys: str = "sections such as 'align:'", remedy: str = _REMEDY) -> dict[str, Any]:
    """A whole YAML file of keys and values as plain values; `keys` and `remedy` are for messages."""
    text = _text(file, remedy)
    stream = io.StringIO(text)
    stream.name = str(file)  # for YAML's messages
    try:
        tree = yaml.load(stream, Loader=_QuickLoader if _is_flat(text) else _Loader)  # noqa: S506 - safe both
    except (yaml.YAMLError, *_DAMAGE) as error:
        raise ParamsError(f"{file}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(tree, dict):
        found = "nothing" if tree is None else f"a {type(tree).__name__}"
        raise ParamsError(f"{file}: expected {keys}, found {found}")
    _check_size(file, tree)
    return tree


def _text(file: Path, remedy: str) -> str:
    if not file.exists():
        raise ParamsError(f"{file}: no such file; in the folder of the checkout, run `unseen profile use demo`")
    try:
        return outside.text(file, _MAX_BYTES, "parameters in YAML")
    except FormatError as error:
        raise ParamsError(f"{error}; {remedy}") from None


def _is_flat(text: str) -> bool:
    """Whether no value can stand deeper than some thousand others: each level takes a bracket, or room in its line."""
    max_room = max(map(len, text.splitlines()), default=0)
    return text.count("[") + text.count("{") + max_room <= _MAX_DEEP


def _check_size(file: Path, tree: dict[Any, Any]) -> None:
    """Refuse names (`&a`, `*a`) that stand for each other over and over, or for what they stand in."""
    waiting: list[Any] = [tree]
    for num_values in range(_MAX_VALUES + 1):
        if not waiting:
            return
        value = waiting.pop()
        if isinstance(value, dict | list):
            waiting += list(value.values()) if isinstance(value, dict) else value
        if num_values + len(waiting) > _MAX_VALUES:
            break
    raise ParamsError(f"{file}: more than {_MAX_VALUES} values, those that '*' repeats counted each time")


def load(cls: type[P], section: str, file: Path = PARAMS_FILE) -> P:
    """Read one section, e.g. load(Params, "pretrain.optimizer"); dots go down."""
    return parse(cls, _section(read(file), section, file), section, file)


def row(cls: type[P], stage: str, key: str, file: Path = PARAMS_FILE) -> P:
    """Read one row of a stage: section `<stage>.rows`, key `<key>`."""
    rows = _section(read(file), f"{stage}.rows", file)
    if not isinstance(rows, dict):
        raise ParamsError(f"{file}: section '{stage}.rows': expected rows by name, found {type(rows).__name__}")
    if key not in rows:
        raise ParamsError(f"{file}: section '{stage}.rows' has no row '{key}'{hint(key, rows)}; found {_keys(rows)}")
    return parse(cls, rows[key], f"{stage}.rows.{key}", file)


def parse(cls: type[P], node: object, section: str, file: Path = PARAMS_FILE) -> P:
    """Validate plain values against a model; every fault of the section ("": the file) is listed in one line."""
    where = f"{file}: section '{section}'" if section else f"{file}:"
    try:
        return cls.model_validate_json(json.dumps(node, allow_nan=False))
    except ValidationError as error:
        errors = error.errors()
        faults = "; ".join(_fault(fault, _lacking(cls, fault, errors)) for fault in errors)
        raise ParamsError(f"{where} does not fit {cls.__qualname__}: {faults}") from None
    except (TypeError, ValueError, RecursionError) as error:  # YAML reads 2026-01-31 as a date, and knows sets
        raise ParamsError(f"{where.removesuffix(':')}: {error}; write it in quotes") from None


def _section(tree: dict[str, Any], section: str, file: Path) -> Any:
    node: Any = tree
    for key in section.split("."):
        if not isinstance(node, dict) or key not in node:
            keys = _keys(node) if isinstance(node, dict) else type(node).__name__
            raise ParamsError(f"{file}: no section '{section}': '{key}' is missing; found {keys}")
        node = node[key]
    return node


def _keys(node: dict[Any, Any]) -> list[str]:
    """Keys as text: YAML reads a bare 2 or yes as something else."""
    return sorted(map(str, node))


def _lacking(cls: type[BaseModel], fault: Any, errors: Sequence[Any]) -> list[str]:
    """Keys that a mistyped one may stand for: those that are missing beside it, and all of the model itself."""
    *parents, _ = fault["loc"] or ("",)
    missing = [other["loc"][-1] for other in errors if other["type"] == "missing" and [*other["loc"][:-1]] == parents]
    return missing + ([] if parents else [*cls.model_fields])


def _fault(fault: Any, lacking: Sequence[str]) -> str:
    where = ".".join(str(part) for part in fault["loc"]) or "section"
    unknown = f"unknown key '{where}'{hint(fault['loc'][-1], lacking) if fault['loc'] else ''}"
    words = {"missing": f"missing key '{where}'", "extra_forbidden": unknown}
    return words.get(fault["type"], f"key '{where}': {fault['msg']}, found {fault.get('input')!r}")
