"""compare: fine-tuned rows and their start -> what fine-tuning changed on held-out compositions."""

from pathlib import Path
from typing import Annotated

from typer import Option

from pipeline.core import command, params, runs
from pipeline.steps.compare import Bootstrap, Inputs, Measure, Row, compare


def main(
    row: Annotated[str, Option(help="Row of compare.rows in params.yaml.")],
    finetuned: Annotated[Path, Option(help="Folder of the rows of finetune.")],
    graphs: Annotated[Path, Option(help="Folder of the tables of scene graphs.")],
    negatives: Annotated[Path, Option(help="Folder of the tables of negatives.")],
    out: Annotated[Path, Option(help="Figures, as JSON.")],
    page: Annotated[Path, Option(help="Folder of the page to write.")],
) -> None:
    """Set fine-tuned rows against what they started from."""
    with runs.recorded("compare", row):
        compare(
            row,
            params.row(Row, "compare", row),
            params.load(Bootstrap, "compare.bootstrap"),
            params.load(Measure, "compare.measure"),
            Inputs(finetuned=finetuned, graphs=graphs, negatives=negatives),
            out=out,
            page=page,
        )


if __name__ == "__main__":
    command.run(main)
