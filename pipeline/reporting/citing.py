"""How to cite: BibTeX of the project and of the papers whose methods and encoders a report shows."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pipeline.formats.rows import read_csv
from pipeline.reporting.evidence import Result

VERSION = "0.1.0"  # of pyproject.toml; a test compares them

_FILE = Path(__file__).parent / "papers" / "cited.csv"
_COLUMNS = ("key", "names", "kind", "author", "title", "venue", "year")
_VENUE = {"inproceedings": "booktitle", "article": "journal", "misc": "howpublished"}


def bibtex(results: Sequence[Result]) -> str:
    """The project's entry, then one for each paper whose method or encoder stands in a row, by key."""
    shown = {row[key] for result in results for row in result.rows for key in ("method", "encoder", "variant")}
    entries = [_entry(line) for line in _papers() if shown & set(line["names"].split())]
    return "\n".join([_project(), *entries])


@cache
def _papers() -> tuple[dict[str, str], ...]:
    return tuple(sorted(read_csv(_FILE, _COLUMNS, "papers to cite"), key=lambda line: line["key"]))


def _project() -> str:
    title = "{Unseen}: zero-shot action recognition across video, skeleton, depth and thermal, as one pipeline"
    return _fields("software", "unseen", {"title": title, "version": VERSION, "note": "Apache-2.0"})


def _entry(line: dict[str, str]) -> str:
    fields = {"author": line["author"], "title": line["title"]}
    if line["venue"]:
        fields[_VENUE[line["kind"]]] = line["venue"]
    if line["year"]:
        fields["year"] = line["year"]
    return _fields(line["kind"], line["key"], fields)


def _fields(kind: str, key: str, fields: dict[str, str]) -> str:
    body = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@{kind}{{{key},\n{body}}}\n"
