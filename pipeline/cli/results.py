"""Commands about results: tables and comparisons, label lists, compositions, scene graphs."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.cli.app import app, graph_app
from pipeline.core.progress import say

Cap = Literal["row", "column", "both"]
Overlap = Literal["remove", "keep"]
Kind = Literal["auto", "aro", "sugarcrepe", "vl_checklist", "csv", "jsonl"]


@graph_app.command("show")
def graph_show(
    image_id: Annotated[str, typer.Argument(help="An image_id in data/graph/CORPUS.parquet.")],
    corpus: Annotated[str, typer.Option(help="A row of negate in params.yaml.")] = "demo_vg",
    out: Annotated[Path, typer.Option(dir_okay=False, help="The PNG file to write.")] = Path("reports/graph.png"),
) -> None:
    """Draw the scene graph of an image beside the picture; print its caption and false captions."""
    from pipeline.commands import show_graph
    from pipeline.core import params
    from pipeline.steps import negate

    stages = {"graphs": "graph", "captions": "caption", "negatives": "negate"}
    tables = {name: Path("data") / stage / f"{corpus}.parquet" for name, stage in stages.items()}
    source = Path(params.row(negate.Params, "negate", corpus).source)
    for line in show_graph.show_graph(image_id, **tables, source=source, out=out):
        typer.echo(line)
    say(f"drawn as {out}")


@app.command("dag")
def draw_dag() -> None:
    """Draw the stages of dvc.yaml, with the rows of the profile demo, as docs/dag.svg."""
    from pipeline.commands import profile
    from pipeline.core.outputs import whole
    from pipeline.reporting import dag

    drawn = dag.svg(Path("dvc.yaml"), profile.tree("demo"))
    with whole(Path("docs/dag.svg")) as scratch:
        scratch.write_text(drawn, encoding="utf-8")


@app.command("overlap")
def audit_overlap(
    source: Annotated[str, typer.Argument(help="A label list of the project (kinetics700, ...) or a .txt file.")],
    targets: Annotated[list[str], typer.Argument(help="One or more target lists, compared as one list.")],
    threshold: Annotated[
        float, typer.Option(min=0, max=2, help="Cosine distance below which two classes are the same.")
    ] = 0.05,
    published: Annotated[
        list[int] | None, typer.Option(min=1, help="Print the threshold that keeps about so many.")
    ] = None,
    encoder: Annotated[str, typer.Option(help="A file in pipeline/models/text_encoders.")] = "minilm",
    model: Annotated[str, typer.Option(help="The params of the encoder, as JSON.")] = "{}",
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="A JSON file to write everything to.")] = None,
) -> None:
    """List source classes that are also target classes, judged by their names, their words and text vectors."""
    from pipeline.commands import overlap

    texts = overlap.text_encoder(encoder, model, num_threads=1)
    audit = overlap.overlap(source, targets, texts, threshold=threshold, published=published or (), out=out)
    for line in overlap.lines(audit):
        typer.echo(line)


@app.command("compose")
def compose_classes(
    source: Annotated[str, typer.Argument(help="The seen classes: a label list of the project or a .txt file.")],
    target: Annotated[str, typer.Argument(help="The unseen classes, given in the same way.")],
    k: Annotated[int, typer.Option(min=1, help="Constraint I: choose among the K nearest seen classes.")] = 10,
    rho: Annotated[int, typer.Option(min=1, help="Constraint III: seen classes for each unseen one, at most.")] = 4,
    theta: Annotated[float, typer.Option(min=0, help="Constraint II: relative distance to rivals; 0 is off.")] = 0.9,
    cap: Annotated[Cap, typer.Option(help="Where rho is a limit: unseen classes (row), seen ones, or both.")] = "row",
    overlap: Annotated[Overlap, typer.Option(help="What to do with seen classes that are unseen ones.")] = "remove",
    threshold: Annotated[
        float, typer.Option(min=0, max=2, help="Cosine distance below which two are the same.")
    ] = 0.05,
    encoder: Annotated[str, typer.Option(help="A file in pipeline/models/text_encoders.")] = "minilm",
    model: Annotated[str, typer.Option(help="The params of the encoder, as JSON.")] = "{}",
) -> None:
    """Print which seen classes would make up each unseen class, judged by the names alone."""
    from pipeline.commands import compose
    from pipeline.commands.overlap import text_encoder
    from pipeline.transfer.prototypes import Setting

    texts, setting = text_encoder(encoder, model, num_threads=1), Setting(k, rho, theta)
    composed = compose.compose(source, target, texts, setting, cap=cap, overlap=overlap, threshold=threshold)
    for line in compose.lines(composed):
        typer.echo(line)


@app.command("constraints")
def compare_constraints(
    row: Annotated[str, typer.Argument(help="A key of transfer.rows in params.yaml.")],
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="A JSON file of every measurement to write.")] = None,
) -> None:
    """Compare accuracy and hubness of a transfer row under each set of constraints (ResT Table 8)."""
    from pipeline.commands import constraints
    from pipeline.core import params
    from pipeline.models.tasks import Inputs
    from pipeline.steps import transfer
    from pipeline.transfer.params import Folds

    chosen = params.row(transfer.Row, "transfer", row)
    inputs = Inputs(
        features=Path("features") / chosen.features,
        embeddings=Path("features/embed") / f"{chosen.embeddings}.zarr",
        split=Path("data/split") / f"{chosen.dataset}-{chosen.split_table}.parquet",
    )
    measured = constraints.constraints(
        chosen,
        params.load(Folds, "transfer.folds"),
        inputs,
        prompts=Path("data/prompt") / f"{chosen.dataset}.parquet",
        clips=Path("data/ingest") / f"{chosen.dataset}.parquet",
        out=out,
    )
    for line in constraints.lines(measured):
        typer.echo(line)


@app.command("compositional")
def tell_captions_apart(
    file: Annotated[Path, typer.Argument(help="Pictures with a true and a false caption (see --kind).")],
    weights: Annotated[
        Path, typer.Option(help="features/finetune/ROW of a row of finetune in params.yaml, or a start file.")
    ],
    seed: Annotated[int, typer.Option(help="The seed of the training.")] = 0,
    images: Annotated[Path | None, typer.Option(help="Folder of the pictures. Default: that of FILE.")] = None,
    kind: Annotated[Kind, typer.Option(help="The layout of FILE.")] = "auto",
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="A JSON file to write the figures to.")] = None,
) -> None:
    """Measure how often an encoder prefers the true caption (ARO, SugarCrepe, VL-CheckList)."""
    from pipeline.commands import compositional

    texts = compositional.encoder(weights, seed)
    measured = compositional.measured(file, texts, images=images or file.parent, kind=kind, out=out)
    for line in compositional.lines(measured):
        typer.echo(line)


@app.command("difference")
def print_difference(
    one: Annotated[str, typer.Argument(help="A key of evaluate.rows in params.yaml.")],
    other: Annotated[str, typer.Argument(help="The row that it is compared with.")],
) -> None:
    """Compare two rows of evaluate split by split, and say whether their difference is noise."""
    from pipeline.commands import difference

    for line in difference.lines(difference.difference(one, other, Path("reports/evaluate"))):
        typer.echo(line)


@app.command("table")
def print_table(
    name: Annotated[
        str | None, typer.Argument(help="A key of report.tables in params.yaml. Without it all tables are listed.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one line for each cell.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print a table in Markdown.")] = False,
) -> None:
    """Print a table of results in the form of a paper's table, filled from reports/evaluate."""
    from pipeline.commands import table

    if as_csv and as_markdown:
        raise typer.BadParameter("--csv and --markdown: choose one")
    if name is None:
        for line in table.listed():
            typer.echo(line)
        return
    filled = table.filled(name, Path("reports/evaluate"))
    if as_csv:
        typer.echo(table.as_csv(filled), nl=False)
    elif sys.stdout.isatty() and not as_markdown:
        from rich.console import Console

        Console().print(table.rich(filled), *table.notes(filled), sep="\n", markup=False, highlight=False)
    else:
        for line in table.markdown(filled) if as_markdown else table.plain(filled):
            typer.echo(line)


@app.command("trail")
def print_trail(
    row: Annotated[str, typer.Argument(help="A key of evaluate.rows in params.yaml.")],
) -> None:
    """Print where a figure comes from: commit, params, hashes of inputs and outputs, seconds of each stage."""
    from pipeline.commands import trail

    for line in trail.lines(trail.trail(row)):
        typer.echo(line)
