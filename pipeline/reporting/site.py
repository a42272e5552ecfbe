"""The report as files: an index, pages per evaluate row and per page.json, provenance, and CSVs for DVC's plots."""

import base64
import platform
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from pipeline.core.errors import DataError
from pipeline.core.outputs import write_csv
from pipeline.evaluation.generalised import WAYS
from pipeline.evaluation.leakage import FLAGS, LEAKS, OPENERS
from pipeline.reporting import (
    audit,
    bipartite,
    charts,
    citing,
    dag,
    downloads,
    formatting,
    heat_maps,
    leads,
    matrix,
    ranking,
    scatter,
    trail,
    verdict,
    views,
)
from pipeline.reporting.evidence import Evidence, Result, StagePage
from pipeline.reporting.gallery import PER_CELL, PER_ROW, Gallery
from pipeline.reporting.page_strips import Strips
from pipeline.reporting.result_tables import FilledTable
from pipeline.reporting.trail import Plan
from pipeline.reporting.views import Panel

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


@dataclass(frozen=True)
class Drawn:
    """What was made for the pages: the pipeline as SVG (`dag.svg`), filled tables, and clips as far as possible.

    `strips` are the clips that pages name, `galleries` those of results, by name.
    """

    picture: str
    tables: Sequence[FilledTable]
    strips: Strips
    galleries: Mapping[str, Gallery]


def write(folder: Path, title: str, evidence: Evidence, drawn: Drawn, plan: Plan) -> None:
    """Write the whole report into an empty folder; `plan` is what the pipeline was asked to do."""
    tables = drawn.tables
    site = _environment(title, evidence, tables, drawn.strips)
    panels = views.panels(evidence.results)
    ahead = leads.ahead(panels, evidence.results)
    ranked = ranking.rankings(panels, evidence.results)
    compared: dict[str, Any] = {"ahead": ahead, "ranked": ranked, "gaps": leads.gaps(panels, evidence.results)}
    picture = Markup(dag.linked(drawn.picture, _links(evidence)))  # noqa: S704 - drawn by dag.svg, which escapes
    compared |= {"matrices": matrix.matrices(panels)}
    parts: dict[str, Any] = compared | _summed_up(evidence, panels, compared) | {"evidence": evidence, "tables": tables}
    _page(site, folder, "index.html", **parts, picture=picture, questions=views.questions(evidence.results))
    for table in tables:
        _page(site, folder, table_file(table.name), "table.html", table=table)
    for result in evidence.results:
        of_result = [panel for panel in panels if any(line.result == result.name for line in panel.lines)]
        breakdowns = views.breakdowns(result)
        spaces = views.by_space(result)
        parts = {"result": result, "panels": of_result, "breakdowns": breakdowns, "spaces": spaces}
        parts |= {
            "audited": audit.sentences(result.rows),
            "checks": audit.checks(result.rows),
            "trail": trail.steps(result.name, plan, evidence),
            "shown": result.explained,
            "images": _images(result.explained),
            "gallery": drawn.galleries.get(result.name),
        }
        _page(site, folder, result_file(result), "result.html", **parts)
    for gallery in drawn.galleries.values():
        _page(site, folder, gallery_file(gallery.result), "gallery.html", gallery=gallery)
    for shown in evidence.shown:
        _page(site, folder, shown_file(shown), "page.html", shown=shown, images=_images(shown))
    _page(site, folder, "provenance.html", evidence=evidence, versions=versions())
    if ahead:
        write_csv(folder / "differences.csv", leads.HEADER, leads.table(ahead))
    if ranked:
        write_csv(folder / "ranking.csv", ranking.HEADER, ranking.table(ranked))
    _write_plots(folder / "plots", evidence)


def _summed_up(evidence: Evidence, panels: Sequence[Panel], compared: dict[str, Any]) -> dict[str, Any]:
    """What the index says before its charts and after them: verdicts, audit, files to keep, and how to cite."""
    verdicts = verdict.verdicts(panels, evidence.results)
    headline = verdict.headline(verdicts)
    if headline is not None:
        panels = sorted(panels, key=lambda panel: panel is not headline.panel)  # its chart comes first
    return {
        "panels": panels,
        "headline": headline,
        "verdicts": {panels.index(one.panel): one for one in verdicts},
        "checked": audit.overview(evidence.results),
        "clean": audit.num_clean(evidence.results),
        "ranking_files": downloads.links(ranking.HEADER, ranking.table(compared["ranked"]), "ranking"),
        "lead_files": downloads.links(leads.HEADER, leads.table(compared["ahead"]), "differences"),
        "gap_files": downloads.links(leads.HEADER, leads.table(compared["gaps"]), "gaps"),
        "bibtex": citing.bibtex(evidence.results),
    }


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


def _links(evidence: Evidence) -> dict[str, str]:
    """The page of each stage that shows something: its first, or its part of the index."""
    links = {shown.stage: shown_file(shown) for shown in reversed(evidence.shown)}
    if evidence.results:
        links["evaluate"] = result_file(evidence.results[0])
    return links | ({"ingest": "index.html#clips"} if evidence.clips else {}) | {"report": "index.html"}


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
        "script": Markup((_TEMPLATES / "sort.js").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        "charts": charts,
        "bipartite": bipartite,
        "heat_maps": heat_maps,
        "scatter": scatter,
        "strips": defaultdict(str, {named: _encoded(image) for named, image in strips.items()}),
        "leaks": LEAKS,
        "flag_names": FLAGS,
        "kinds": views.KINDS,
        "openers": OPENERS,
        "downloads_of": downloads.of_panel,
        "downloads_of_table": downloads.of_table,
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
