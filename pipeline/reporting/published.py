"""Figures printed in papers, digit for digit (papers/published.csv): shown as the paper's, not compared with ours."""

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from pipeline.formats.rows import read_csv

_FILE = Path(__file__).parent / "papers" / "published.csv"


@dataclass(frozen=True)
class Paper:
    """The source of figures, and why they are not comparable with ours."""

    citation: str
    protocol: str

    @property
    def source(self) -> str:
        """The note under every table that quotes it."""
        return f"paper: {self.citation}. {self.protocol} Its figures are compared with none of ours."


PAPERS = {
    "sgfa": Paper(
        citation="C. Wei and Z. Deng, Incorporating Scene Graphs into Pre-trained Vision-Language Models for "
        "Multimodal Open-vocabulary Action Recognition, Tables I to III",
        protocol="By the chance it prints, its own rows choose among all 60, 120 or 400 classes; it gives neither "
        "splits, seeds nor intervals, and does not say whether clips of the tested classes took part in pairing.",
    ),
    "rest": Paper(
        citation="C. Lin et al., Cross-modal Representation Learning for Zero-shot Action Recognition, CVPR 2022, "
        "Tables 1 to 9",
        protocol="It trains on Kinetics without the classes that overlap the targets (664 or 605 of 700 are left), but "
        "in Table 7, and chooses among half of a target's classes (0/50, ten draws) or all (0/100); it says neither "
        "how the halves were drawn nor which epoch was taken.",
    ),
    "dvta": Paper(
        citation="J. Kuang et al., Zero-Shot Skeleton-based Action Recognition with Dual Visual-Text Alignment, "
        "Tables 1 to 9",
        protocol="It chooses among the unseen classes of a split, by the splits of SynSE or SMIE, on features of "
        "others; its released code takes the epoch that is best on the test clips of the unseen classes and averages "
        "accuracies of batches.",
    ),
}


@dataclass(frozen=True)
class Figure:
    """One printed cell: per cents as printed; `candidates` and `gain` are None where the paper gives none."""

    paper: str
    table: str
    row: str
    column: str
    dataset: str
    modality: str
    protocol: str  # as far as known
    candidates: int | None
    value: str
    gain: str | None
    note: str  # what a reader must know of this cell: other candidates, a misprint


_COLUMNS = tuple(field.name for field in fields(Figure))


@cache
def figures() -> tuple[Figure, ...]:
    """All printed cells, in the papers' order."""
    return tuple(_figure(line) for line in read_csv(_FILE, _COLUMNS, "figures of papers"))


def tables() -> list[str]:
    """The known tables, as "paper table"."""
    return list(dict.fromkeys(f"{figure.paper} {figure.table}" for figure in figures()))


def columns(paper: str, table: str) -> list[str]:
    """The columns of a printed table; empty for an unknown table."""
    return list(dict.fromkeys(figure.column for figure in figures() if (figure.paper, figure.table) == (paper, table)))


def rows(paper: str, table: str) -> list[str]:
    """The rows of a printed table; empty for an unknown table."""
    return list(dict.fromkeys(figure.row for figure in figures() if (figure.paper, figure.table) == (paper, table)))


def figure(paper: str, table: str, row: str | None, column: str) -> Figure | None:
    """One printed cell, None where the paper leaves it empty."""
    key = (paper, table, row, column)
    return next(
        (printed for printed in figures() if (printed.paper, printed.table, printed.row, printed.column) == key), None
    )


def _figure(line: dict[str, str]) -> Figure:
    as_written = ("paper", "table", "row", "column", "dataset", "modality", "protocol", "value", "note")
    candidates = int(line["candidates"]) if line["candidates"] else None
    return Figure(**{name: line[name] for name in as_written}, candidates=candidates, gain=line["gain"] or None)
