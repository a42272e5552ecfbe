"""evaluate: a method's scores -> accuracies on the unseen classes, with intervals."""

from pathlib import Path
from typing import Annotated

from typer import Option

from pipeline.core import command, params, runs
from pipeline.steps.evaluate import Bootstrap, EvaluateRow, Inputs, evaluate


def main(
    row: Annotated[str, Option(help="Row of evaluate.rows in params.yaml.")],
    scores: Annotated[Path, Option(help="Folder of the method's row; holds scores.zarr.")],
    clips: Annotated[Path, Option(help="Clips table, with the labels.")],
    split: Annotated[Path, Option(help="Split table.")],
    embeddings: Annotated[Path, Option(help="Store of class text vectors.")],
    prompts: Annotated[Path, Option(help="Class texts, with the class names.")],
    out: Annotated[Path, Option(help="Figures, as JSON.")],
    predictions: Annotated[Path, Option(help="Predictions, as parquet.")],
    shown: Annotated[Path, Option(help="Folder of the row's page, empty where its method explains nothing.")],
) -> None:
    """Audit for leaks, then measure one method."""
    inputs = Inputs(scores=scores, clips=clips, split=split, embeddings=embeddings, prompts=prompts)
    with runs.recorded("evaluate", row):
        evaluate(
            params.row(EvaluateRow, "evaluate", row),
            params.load(Bootstrap, "evaluate.bootstrap"),
            inputs,
            out=out,
            predictions=predictions,
            shown=shown,
        )


if __name__ == "__main__":
    command.run(main)
