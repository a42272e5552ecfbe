"""A profile says each thing once; here it is written out as the complete tree that DVC and the stages read.

DVC computes nothing, so params.yaml is explicit. A profile leaves out what follows from the rest of it:

- the section of a stage that it does not use;
- what the rows of a section share: `defaults` beside `rows` stands in every row that does not say the key itself;
- the rows of `evaluate`: there is one for every row of align, transfer and cross, under the same name;
- what the row of another stage, or a row's own name, says already: profile_rules.py tells which key comes from where;
- in tables of the report `published: null`, `splits: null` and empty `cells`; one name as `cells` is every column's.

What a row says wins over defaults, and defaults win over what follows from elsewhere. A key that is found nowhere stays
out, and the stage then says that it is missing. A complete tree is left as it is.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pipeline.core.errors import ParamsError
from pipeline.core.near_names import hint
from pipeline.core.profile_rules import RULES, Row, Rows, Tree, fault, filled, lacking

SCORING = ("align", "transfer", "cross")  # whose rows `evaluate` measures
WITHOUT_ROWS = "report"  # the one section that is not of rows
_OURS = {"splits": None}  # what a column of our own figures leaves out: it is over all splits
_DAMAGE = (AttributeError, LookupError, TypeError, ValueError)  # of a list or number where keys and values belong


def expand(short: Mapping[str, Any], stages: Iterable[str], file: Path, found: list[ParamsError] | None = None) -> Tree:
    """The complete tree of a profile, which itself is not changed.

    `stages` are those with rows: each gets a section. `file` is named in errors. Raises ParamsError for a section of no
    stage, for a section or a row of the wrong kind, and for a row that names a row which does not exist. With a list
    `found` what is wrong with single rows is added to it instead, and they stay as far as they could be filled.
    """
    tree: Tree = {stage: {} for stage in stages}
    _check_sections(short, (*tree, WITHOUT_ROWS), file)
    tree |= {name: dict(_mapping(section, name, file)) for name, section in short.items()}
    rows = {stage: _mapping(tree[stage].get("rows", {}), f"{stage}.rows", file) for stage in stages}
    if "evaluate" in rows:
        rows["evaluate"] = _evaluated(rows, file)
    for stage, of_stage in rows.items():
        defaults = _mapping(tree[stage].pop("defaults", {}), f"{stage}.defaults", file)
        checked = {key: _mapping(row, f"{stage}.rows.{key}", file) for key, row in of_stage.items()}
        tree[stage]["rows"] = rows[stage] = {key: row | lacking(row, defaults) for key, row in checked.items()}
    for stage, rule in RULES.items():  # in the order of the stages: a rule finds the rows that it asks for complete
        for key, row in rows.get(stage, {}).items():
            try:
                rows[stage][key] = filled(row, rule(Row(file, rows, stage, key)))
            except (*_DAMAGE, ParamsError) as error:
                text = f"has a value of the wrong kind: {error}"
                told = error if isinstance(error, ParamsError) else fault(file, f"{stage}.rows.{key}", text)
                if found is None:
                    raise told from None
                found.append(told)
    if "tables" in tree.get("report", {}):
        tables = _mapping(tree["report"]["tables"], "report.tables", file)
        tree["report"]["tables"] = {
            name: _table(table, f"report.tables.{name}", file) for name, table in tables.items()
        }
    return tree


def _check_sections(short: Mapping[str, Any], known: Iterable[str], file: Path) -> None:
    """A misspelt section, `rows` or `defaults` would pass for one that the profile does not use."""
    for name, section in short.items():
        if name not in known:
            raise fault(file, name, f"belongs to no stage; there are {sorted(known)}{hint(name, known)}")
        for key in map(str, section if isinstance(section, dict) else ()):
            meant = get_close_matches(key, ("rows", "defaults"), cutoff=0.75)
            if meant and key != meant[0]:
                raise fault(file, name, f"has the key '{key}'; write '{meant[0]}'")


def _evaluated(rows: Mapping[str, Rows], file: Path) -> Rows:
    """A row of evaluate for every row that leaves scores, with what the profile says of it."""
    evaluated: Rows = {}
    for stage in SCORING:
        for key in rows.get(stage, {}):
            if key in evaluated:
                raise fault(file, f"{stage}.rows.{key}", f"has the name of {evaluated[key]['scores']}; rename one")
            evaluated[key] = {"scores": f"{stage}/{key}"}
    for key, row in rows["evaluate"].items():
        stated = _mapping(row, f"evaluate.rows.{key}", file)
        if key not in evaluated and "scores" not in stated:
            text = f"names no row of {', '.join(SCORING)}; there are {sorted(evaluated)}{hint(key, evaluated)}"
            raise fault(file, f"evaluate.rows.{key}", text)
        evaluated[key] = evaluated.get(key, {}) | stated
    return evaluated


def _table(table: Tree, section: str, file: Path) -> Tree:
    """A table of the report with what its columns and rows leave out."""
    try:
        columns = {key: filled(column, {} if "paper" in column else _OURS) for key, column in table["columns"].items()}
        ours = [key for key, column in columns.items() if "splits" in column]
        rows = [filled(row, {"cells": {}, "published": None}) for row in table["rows"]]
        return table | {"columns": columns, "rows": [row | {"cells": _cells(row["cells"], ours)} for row in rows]}
    except _DAMAGE as error:
        raise fault(file, section, f"lacks a key or has a value of the wrong kind: {error}") from None


def _cells(cells: Any, columns: Iterable[str]) -> Any:
    return dict.fromkeys(columns, cells) if isinstance(cells, str) else cells


def _mapping(value: object, section: str, file: Path) -> Tree:
    if not isinstance(value, dict):
        raise fault(file, section, f"should have keys and values, or be {{}}; found {value!r}")
    return value
