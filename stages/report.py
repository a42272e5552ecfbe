"""report: figures, pages and provenance -> self-contained HTML."""

from pathlib import Path
from typing import Annotated

from typer import Option

from pipeline.core import command, runs
from pipeline.steps.report import report


def main(
    evaluate: Annotated[Path, Option(help="Folder of evaluate's figures and predictions.")],
    pages: Annotated[list[Path], Option(help="Folder of a stage whose rows may hold a page.json; may be repeated.")],
    clips: Annotated[Path, Option(help="Folder of the clips tables.")],
    arrays: Annotated[Path, Option(help="Folder of the prepared arrays, from which pages' clips are drawn.")],
    params: Annotated[Path, Option(help="The params file, shown as it stands.")],
    stages: Annotated[Path, Option(help="The stages, dvc.yaml, by which each figure's trail is found.")],
    dag: Annotated[Path, Option(help="The picture of the pipeline, SVG.")],
    out: Annotated[Path, Option(help="Folder of the report.")],
) -> None:
    """Draw all pages; the first to open is index.html."""
    with runs.recorded("report", "report"):
        inputs = {
            "evaluate": evaluate,
            "clips": clips,
            "arrays": arrays,
            "params": params,
            "stages": stages,
            "dag": dag,
        }
        report(pages=pages, **inputs, out=out)


if __name__ == "__main__":
    command.run(main)
