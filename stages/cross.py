"""cross: features and class texts of one dataset, learnt from -> scores of the classes of another."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import command, params, runs


def main(
    row: Annotated[str, typer.Option(help="A key of cross.rows in params.yaml.")],
    source: Annotated[tuple[Path, Path, Path, Path], typer.Option(help="Features, texts, roles and class names.")],
    target: Annotated[tuple[Path, Path, Path, Path], typer.Option(help="The same of the dataset that is scored.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
) -> None:
    """Learn from the source, leave out what it shares with the target, and score the target's clips."""
    from pipeline.models.tasks import Inputs  # torch and OR-Tools come in here, not with --help
    from pipeline.reporting import transfer as page_of
    from pipeline.steps import cross
    from pipeline.training import method_rows, selection
    from pipeline.transfer.params import Folds

    chosen = params.row(cross.Row, "cross", row)
    method = None
    if isinstance(chosen.how, cross.ByMethod):
        section = f"align.methods.{chosen.how.method}.{chosen.how.variant}"
        method = params.load(selection.method(chosen.how.method).Params, section)
    compute = params.load(method_rows.Compute, "align.compute")
    folds, shown = params.load(Folds, "transfer.folds"), params.load(page_of.PageParams, "transfer.page")
    both = [cross.DatasetPaths(Inputs(*paths[:3]), paths[3]) for paths in (source, target)]
    with runs.recorded("cross", row):
        cross.cross(row, chosen, cross.Settings(method, compute, folds, shown), *both, out=out)


if __name__ == "__main__":
    command.run(main)
