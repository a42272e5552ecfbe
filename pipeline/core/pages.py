"""Pages: what a stage has to show, written as `page.json` beside its output and drawn by the report."""

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.core.errors import FormatError
from pipeline.core.outputs import write_json

FILE = "page.json"

Cell = str | int | float | None


def _inside(name: str) -> str:
    parts = name.split("/")
    if not name.endswith(".png") or "\\" in name or any(part in ("", ".", "..") for part in parts):
        raise ValueError("expected the path of a .png file below the page's folder")
    return name


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Table(_Part):
    """One table; every row is as long as the header. Fractions stay fractions: the report does not rescale cells."""

    title: str
    header: list[str] = Field(min_length=1)
    rows: list[list[Cell]]

    @model_validator(mode="after")
    def _rectangular(self) -> "Table":
        for number, row in enumerate(self.rows):
            if len(row) != len(self.header):
                raise ValueError(f"row {number} has {len(row)} cells, the header {len(self.header)}")
            if any(isinstance(cell, float) and not math.isfinite(cell) for cell in row):
                raise ValueError(f"row {number} holds a number that is not finite")
        return self


class Series(_Part):
    """One line of a chart: as many y as x, at least one point, x ascending; `chosen` is the x that was kept, if any."""

    name: str
    x: list[float] = Field(min_length=1)
    y: list[float]
    chosen: float | None = None

    @model_validator(mode="after")
    def _paired(self) -> "Series":
        if len(self.x) != len(self.y):
            raise ValueError(f"{len(self.x)} x and {len(self.y)} y")
        if self.x != sorted(self.x):
            raise ValueError("x is not ascending")
        if self.chosen is not None and self.chosen not in self.x:
            raise ValueError(f"chosen is {self.chosen}, which is no x")
        return self


class Lines(_Part):
    """One chart of lines over a common x, e.g. the loss over the epochs; `chance` is the y of guessing, if known."""

    title: str
    x_label: str
    y_label: str
    series: list[Series] = Field(min_length=1)
    chance: float | None = None


class Mark(_Part):
    """One share (0 to 1) with its interval, if it has one, under a name."""

    name: str
    value: float = Field(ge=0, le=1)
    ci95: tuple[float, float] | None = Field(strict=False)  # JSON has lists


class Marks(_Part):
    """One chart of shares above each other on a common axis from 0 to 1; `reference` is where guessing would be."""

    title: str
    note: str
    reference: float = Field(ge=0, le=1)
    marks: list[Mark] = Field(min_length=1)


class Dots(_Part):
    """Points of one name in a cloud; an anchor is drawn large, in the colour of the series of the same name."""

    name: str
    x: list[float] = Field(min_length=1)
    y: list[float]
    anchor: bool

    @model_validator(mode="after")
    def _paired(self) -> "Dots":
        if len(self.x) != len(self.y):
            raise ValueError(f"{len(self.x)} x and {len(self.y)} y")
        return self


class Cloud(_Part):
    """Points in a plane whose axes have no unit: a projection of vectors, one colour and shape a name."""

    title: str
    note: str
    series: list[Dots] = Field(min_length=1)


class Bar(_Part):
    """A share, or a difference of shares (-1 to 1), under a name; `detail` stands beside it, such as "of 12"."""

    name: str
    value: float = Field(ge=-1, le=1)
    detail: str


class Bars(_Part):
    """Bars below each other on one axis that holds zero."""

    title: str
    note: str
    unit: str  # behind each value, which is shown times a hundred: " %", or " points" of differences
    bars: list[Bar] = Field(min_length=1)


class Heat(_Part):
    """A matrix drawn as shades, the higher the stronger: `values` row by row, as many as there are names.

    `alt` says in words what the picture shows; `unit` what a value is.
    """

    title: str
    note: str
    alt: str = Field(min_length=1)
    row_label: str
    column_label: str
    unit: str
    rows: list[str] = Field(min_length=1)
    columns: list[str] = Field(min_length=1)
    values: list[list[float]]

    @model_validator(mode="after")
    def _rectangular(self) -> "Heat":
        if [len(row) for row in self.values] != [len(self.columns)] * len(self.rows):
            raise ValueError(f"expected {len(self.rows)} rows of {len(self.columns)} values")
        return self


class Edge(_Part):
    """A line of a graph, from a place of its left side to one of its right side; `kind` is how it is drawn."""

    left: int = Field(ge=0)
    right: int = Field(ge=0)
    kind: Literal["chosen", "lost", "rival"]


class Graph(_Part):
    """A graph of two sides: names left and right, each with a remark or none, and lines between them."""

    title: str
    note: str
    alt: str = Field(min_length=1)
    left: list[tuple[str, str]] = Field(min_length=1, strict=False)  # JSON has lists
    right: list[tuple[str, str]] = Field(min_length=1, strict=False)
    edges: list[Edge]

    @model_validator(mode="after")
    def _joined(self) -> "Graph":
        for edge in self.edges:
            if edge.left >= len(self.left) or edge.right >= len(self.right):
                raise ValueError(f"an edge joins {edge.left} and {edge.right}, which are not there")
        return self


class Clip(_Part):
    """A clip to be drawn as a strip of frames, and what is said of it."""

    clip_id: str
    caption: str = Field(min_length=1)


class Clips(_Part):
    """Clips of one dataset and modality; the report draws them where their prepared arrays are there."""

    title: str
    note: str
    dataset: str
    modality: str
    clips: list[Clip] = Field(min_length=1)


class Image(_Part):
    """A PNG beside the page; `alt` says what it shows to one who cannot see it."""

    file: Annotated[str, AfterValidator(_inside)]
    alt: str = Field(min_length=1)
    caption: str


class Page(_Part):
    """One page of the report; of the lists, which may be empty, those with a default may be left out."""

    title: str
    stage: str
    row: str
    text: list[str]  # paragraphs
    tables: list[Table]
    lines: list[Lines]
    marks: list[Marks] = Field(default_factory=list)
    clouds: list[Cloud] = Field(default_factory=list)
    bars: list[Bars] = Field(default_factory=list)
    heats: list[Heat] = Field(default_factory=list)
    graphs: list[Graph] = Field(default_factory=list)
    clips: list[Clips] = Field(default_factory=list)
    images: list[Image]


def write(folder: Path, page: Page) -> None:
    """Write `page.json` into a stage's output folder."""
    write_json(folder / FILE, page.model_dump())


def read(file: Path) -> Page:
    """The page of a file; a FormatError names the first fault and the stage to rerun."""
    try:
        return Page.model_validate_json(file.read_bytes())
    except OSError:
        raise FormatError(f"{file}: no such page; rerun the stage that writes it") from None
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"]) or "page"
        raise FormatError(f"{file}: not a page: {where}: {fault['msg']}; rerun the stage that wrote it") from None
