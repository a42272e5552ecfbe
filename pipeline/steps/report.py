"""report: all that was measured and shown -> one folder of self-contained pages."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.core import dag as stage_graph
from pipeline.core import params as params_file
from pipeline.core.hashing import file_digest
from pipeline.core.outputs import whole_folder
from pipeline.core.params import Params
from pipeline.reporting import encoders, evidence, gallery, page_strips, result_tables, row_charts, site
from pipeline.reporting.result_tables import Table
from pipeline.reporting.row_charts import Chart
from pipeline.reporting.site import Drawn
from pipeline.reporting.trail import Plan


class Report(Params):
    """Section `report`."""

    title: str  # what was run, the heading of the index
    tables: dict[str, Table]  # by name, of its page and for `unseen table`
    charts: dict[str, Chart]  # over several rows, by name of their page


def report(
    *,
    evaluate: Path,
    pages: Sequence[Path],
    clips: Path,
    arrays: Path,
    params: Path,
    stages: Path,
    dag: Path,
    out: Path,
) -> None:
    """Write the report; stages that a profile does not have are left out, broken inputs are errors.

    `stages` is dvc.yaml, by which the trail of each result is found; `dag` is the picture of it, SVG of our own that
    `unseen dag` draws. Below `arrays` stand prepared clips.
    """
    layout = params_file.load(Report, "report", params)
    tree = params_file.read(params)
    plan = Plan(stage_graph.instances(stages, tree, params), tree)
    gathered = evidence.gather(evaluate, pages, clips, params, dag)
    results = {result.name: result.rows for result in gathered.results}
    tables = [result_tables.fill(name, table, results) for name, table in layout.tables.items()]
    charts = row_charts.draw(layout.charts, gathered)
    digests = [*gathered.digests, (stages.name, file_digest(stages))]
    gathered = replace(gathered, shown=[*gathered.shown, *encoders.draw(gathered), *charts], digests=digests)
    strips = page_strips.draw([shown.page for shown in gathered.all_shown], arrays)
    galleries = gallery.gather(gathered.results, arrays)
    with whole_folder(out) as folder:
        drawn = Drawn(dag.read_text(encoding="utf-8"), tables, strips, galleries)
        site.write(folder, layout.title, gathered, drawn, plan)
