"""The report as files: an index, pages per evaluate row and per page.json, provenance, and CSVs for DVC's plots."""

import base64
import platform
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from pipeline.core.errors import DataError
from pipeline.core.outputs import write_csv
from pipeline.evaluation.generalised import WAYS
from pipeline.evaluation.leakage import FLAGS, LEAKS, OPENERS
from pipeline.reporting import audit, charts, formatting, leads, ranking, scatter, views
from pipeline.reporting.evidence import Evidence, Result, StagePage
from pipeline.reporting.gallery import PER_CELL, PER_ROW, Gallery
from pipeline.reporting.page_strips import Strips
from pipeline.reporting.result_tables import FilledTable

_TEMPLATES = Path(__file__).parent / "templates"
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# The libraries whose version can change a number or a byte of an output.
_LIBRARIES = (
    "dvc",
    "numpy",
    "pyarrow",
    "safetensors",
    "scikit-learn",
    "scipy",
    "sentence-transformers",
    "torch",
    "zarr",
)


def write(
    folder: Path,
    title: str,
    evidence: Evidence,
    picture: str,
    tables: Sequence[FilledTable],
    strips: Strips,
    galleries: Mapping[str, Gallery],
) -> None:
    """Write the whole report into an empty folder.

    `picture` is the pipeline as SVG (`dag.svg`), `strips` are the clips that pages name, as far as they could be drawn,
    `galleries` those of results, by name.
    """
    site = _environment(title, evidence, tables, strips)
    panels = views.panels(evidence.results)
    ahead = leads.ahead(panels, evidence.results)
    ranked = ranking.rankings(panels, evidence.results)
    _page(
        site,
        folder,
        "index.html",
        evidence=evidence,
        tables=tables,
        panels=panels,
        ahead=ahead,
        ranked=ranked,
        gaps=leads.gaps(panels, evidence.results),
        questions=views.questions(evidence.results),
        picture=Markup(picture),  # noqa: S704 - drawn by dag.svg, which escapes
    )
    for table in tables:
        _page(site, folder, table_file(table.name), "table.html", table=table)
    for result in evidence.results:
        of_result = [panel for panel in panels if any(line.result == result.name for line in panel.lines)]
        breakdowns = views.breakdowns(result)
        spaces = views.by_space(result)
        parts = {"result": result, "panels": of_result, "breakdowns": breakdowns, "spaces": spaces}
        parts |= {
            "audited": audit.sentences(result.rows),
            "shown": result.explained,
            "images": _images(result.explained),
            "gallery": galleries.get(result.name),
        }
        _page(site, folder, result_file(result), "result.html", **parts)
    for gallery in galleries.values():
        _page(site, folder, gallery_file(gallery.result), "gallery.html", gallery=gallery)
    for shown in evidence.shown:
        _page(site, folder, shown_file(shown), "page.html", shown=shown, images=_images(shown))
    _page(site, folder, "provenance.html", evidence=evidence, versions=versions())
    if ahead:
        write_csv(folder / "differences.csv", leads.HEADER, leads.table(ahead))
    if ranked:
        write_csv(folder / "ranking.csv", ranking.HEADER, ranking.table(ranked))
    _write_plots(folder / "plots", evidence)


def result_file(result: Result) -> str:
    """The file name of an evaluate row's page."""
    return f"evaluate-{_safe(result.name)}.html"


def gallery_file(name: str) -> str:
    """The file name of an evaluate row's gallery."""
    return f"gallery-{_safe(name)}.html"


def table_file(name: str) -> str:
    """The file name of a table's page."""
    return f"table-{_safe(name)}.html"


def shown_file(shown: StagePage) -> str:
    """The file name of a stage's page."""
    return f"{_safe(shown.stage)}-{_safe(shown.row)}.html"


def versions() -> list[tuple[str, str]]:
    """Python and the libraries that can change a number, with their versions."""
    rows = [("python", platform.python_version())]
    for name in _LIBRARIES:
        try:
            rows.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            rows.append((name, "not installed"))
    return rows


def _images(shown: StagePage | None) -> list[str]:
    return [_encoded(image) for image in shown.images] if shown else []


def _encoded(image: bytes) -> str:
    return base64.b64encode(image).decode()


def _environment(title: str, evidence: Evidence, tables: Sequence[FilledTable], strips: Strips) -> jinja2.Environment:
    site = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    site.filters |= {name: getattr(formatting, name) for name in ("percent", "points", "span", "number", "margin")}
    style = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
    site.globals |= {
        "title": title,
        "style": Markup(style),  # noqa: S704 - our own file
        "charts": charts,
        "scatter": scatter,
        "strips": defaultdict(str, {named: _encoded(image) for named, image in strips.items()}),
        "leaks": LEAKS,
        "flag_names": FLAGS,
        "openers": OPENERS,
        "ways": WAYS,
        "result_file": result_file,
        "gallery_file": gallery_file,
        "per_cell": PER_CELL,
        "per_row": PER_ROW,
        "shown_file": shown_file,
        "table_file": table_file,
        "files": {result.name: result_file(result) for result in evidence.results},
        "has_training": bool(evidence.shown),
        "has_tables": bool(tables),
    }
    return site


def _page(site: jinja2.Environment, folder: Path, name: str, template: str | None = None, **values: Any) -> None:
    text = site.get_template(template or name).render(here=name, **values)
    (folder / name).write_text(text, encoding="utf-8")


def _write_plots(folder: Path, evidence: Evidence) -> None:
    """Tables that `dvc plots` reads: confusion/<row>.csv, a line a clip; curves/<stage>-<row>.csv, a line a point."""
    for result in evidence.results:
        names = result.class_names
        by_number = views.answers(result, "unseen")
        answers = by_number[max(by_number)] if by_number else []  # with the most candidates
        pairs = [(names[row.class_id], names[row.predicted]) for row in answers]
        write_csv(folder / "confusion" / f"{_safe(result.name)}.csv", ("truth", "predicted"), pairs)
    for shown in evidence.shown:
        points = [
            (chart.title, series.name, x, y)
            for chart in shown.page.lines
            for series in chart.series
            for x, y in zip(series.x, series.y, strict=True)
        ]
        if points:
            write_csv(folder / "curves" / f"{Path(shown_file(shown)).stem}.csv", ("chart", "series", "x", "y"), points)


def _safe(name: str) -> str:
    if not _SAFE_NAME.fullmatch(name):
        raise DataError(f"row name {name!r}: expected letters, digits, '.', '_' and '-' only; rename it in params.yaml")
    return name
