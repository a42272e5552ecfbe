"""The tables of a page, read by Python's own parser of HTML: cells with their texts, values and links."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "img", "br", "hr", "input", "col"}


@dataclass
class Cell:
    """A cell: `text` is what stands in it by itself, `smalls` what stands beneath, `flags` what is framed."""

    tag: str
    value: str | None  # data-value
    text: str = ""
    smalls: list[str] = field(default_factory=list)
    flags: str = ""
    links: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        """All that it says."""
        return " ".join([self.text, *self.smalls, self.flags]).strip()


@dataclass
class Table:
    """A table with what stands above it; `rows` are of its body, each with the text of the group that it is in."""

    page: str
    classes: list[str]
    label: str  # of the region around it
    heading: str
    note: str
    caption: str = ""
    heads: list[list[Cell]] = field(default_factory=list)
    rows: list[tuple[str, list[Cell]]] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """The texts of the last row of the head."""
        return [cell.text for cell in self.heads[-1]]

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.page}: table '{self.label or self.caption or self.heading}'"


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.page, self.tables = page, []  # type: ignore[var-annotated]
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self._said = {"h": "", "p": ""}  # the last heading and paragraph
        self._table: Table | None = None
        self._cell: Cell | None = None
        self._row: list[Cell] = []
        self._group, self._is_group, self._is_hidden = "", False, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            if tag == "br" and self._cell and self._cell.smalls:
                self._cell.smalls.append("")
            return
        told = dict(attrs)
        self._open.append((tag, told))
        if tag in ("h1", "h2", "h3", "p"):
            self._said[tag[0]] = ""
        elif tag == "table":
            self._table = self._new(str(told.get("class", "")).split())
        elif tag == "tbody":
            self._group, self._is_hidden = "", told.get("aria-hidden") == "true"
        elif tag == "tr":
            self._row, self._is_group = [], "group" in str(told.get("class", ""))
        elif tag in ("td", "th"):
            self._cell = Cell(tag, told.get("data-value"))
        elif self._cell is not None and tag == "small":
            self._cell.smalls.append("")
        elif self._cell is not None and tag == "a":
            self._cell.links.append(str(told["href"]))

    def _new(self, classes: list[str]) -> Table:
        labels = [str(about["aria-label"]) for _, about in self._open if "aria-label" in about]
        return Table(self.page, classes, labels[-1] if labels else "", _plain(self._said["h"]), _plain(self._said["p"]))

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self._open]
        if "svg" in tags or "script" in tags or "style" in tags:
            return
        if self._cell is not None:
            if any("flag" in str(about.get("class", "")) for _, about in self._open):
                self._cell.flags += data
            elif "small" in tags:
                self._cell.smalls[-1] += data
            elif "sup" not in tags:
                self._cell.text += data
        elif self._table is not None and "caption" in tags:
            self._table.caption += data
        elif {"h1", "h2", "h3"} & set(tags):
            self._said["h"] += data
        elif "p" in tags:
            self._said["p"] += data

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag
        table = self._table
        if tag in ("td", "th") and self._cell is not None:
            cell, self._cell = self._cell, None
            cell.text, cell.flags = _plain(cell.text), _plain(cell.flags)
            cell.smalls = [text for text in map(_plain, cell.smalls) if text]
            self._row.append(cell)
        elif tag == "tr" and table is not None and not self._is_hidden:
            if any(name == "thead" for name, _ in self._open):
                table.heads.append(self._row)
            elif self._is_group:
                self._group = self._row[0].text
            else:
                table.rows.append((self._group, self._row))
        elif tag == "table" and table is not None:
            table.caption = _plain(table.caption)
            self.tables.append(table)
            self._table, self._is_hidden = None, False


def read(page: str, html: str) -> list[Table]:
    """All tables of a page, in their order."""
    reader = _Reader(page)
    reader.feed(html)
    reader.close()
    found: list[Table] = reader.tables
    return found


def _plain(text: str) -> str:
    return " ".join(text.replace("\u202f", " ").replace("\xa0", " ").split())
