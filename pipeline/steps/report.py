"""report: all that was measured and shown -> one folder of self-contained pages."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.core import params as params_file
from pipeline.core.outputs import whole_folder
from pipeline.core.params import Params
from pipeline.reporting import dag, evidence, site


class Report(Params):
    """Section `report`."""

    title: str  # what was run, the heading of the index


def report(*, evaluate: Path, pages: Sequence[Path], clips: Path, params: Path, dag_file: Path, out: Path) -> None:
    """Write the report; what a profile does not make is not shown, what is broken is an error."""
    title = params_file.load(Report, "report", params).title
    found = evidence.gather(evaluate, pages, clips, params, dag_file)
    picture = dag.svg(dag_file, params)
    with whole_folder(out) as folder:
        site.write(folder, title, found, picture)
