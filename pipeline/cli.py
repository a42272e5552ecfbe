"""The `unseen` command. Heavy imports stay inside the commands, so that --help answers at once."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.core import command
from pipeline.core.progress import say

Cap = Literal["row", "column", "both"]
Overlap = Literal["remove", "keep"]
Kind = Literal["auto", "aro", "sugarcrepe", "vl_checklist", "csv", "jsonl"]
Profile = typer.Argument(help="A name that `unseen profile list` prints, or a file of your own.")
# Of the commands over bound encoders.
Files = Annotated[list[Path], typer.Argument(help="Clips, or folders of them. A folder of PNG frames is one clip.")]
SENSE = "The sense of the files: a key of `senses` in the row of bind, or a modality that only one of them has."
Sense = Annotated[str, typer.Option("--sense", "--modality", help=SENSE)]
Bound = Annotated[
    Path | None, typer.Option(help="features/bind/ROW of a row of bind in params.yaml. Needed where there are several.")
]
Split = Annotated[str | None, typer.Option(help="The split of the training. Needed where the row has several.")]
Seed = Annotated[int | None, typer.Option(help="The seed of the training. Needed where the row has several.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(
    help="Zero-shot action recognition: compare clips with texts, choose profiles, register data, inspect results. "
    "The pipeline itself runs with `dvc repro`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
profile_app = typer.Typer(help="Choose a profile, a file that says what the pipeline computes.", no_args_is_help=True)
raw_app = typer.Typer(help="Register datasets as their owners publish them, below data/raw/.", no_args_is_help=True)
app.add_typer(profile_app, name="profile")
app.add_typer(raw_app, name="raw")
graph_app = typer.Typer(help="Look at scene graphs with their captions and false captions.", no_args_is_help=True)
app.add_typer(graph_app, name="graph")
prompts_app = typer.Typer(help="Get texts of classes from a language model.", no_args_is_help=True)
app.add_typer(prompts_app, name="prompts")
encoder_app = typer.Typer(help="Import encoders that others have trained.", no_args_is_help=True)
app.add_typer(encoder_app, name="encoder")


@profile_app.command("list")
def profile_list() -> None:
    """List the profiles and what each of them is for."""
    from pipeline.commands import profile

    width = max(map(len, profile.names()))
    for name in profile.names():
        typer.echo(f"{name:{width}}  {profile.summary(name)}")


@profile_app.command("show")
def profile_show(name: Annotated[str, Profile]) -> None:
    """Print a profile in full, as `use` would write it to params.yaml."""
    from pipeline.commands import profile

    typer.echo(profile.text(name), nl=False)


@profile_app.command("use")
def profile_use(
    name: Annotated[str, Profile],
    force: Annotated[bool, typer.Option(help="Overwrite params.yaml even if you have edited it.")] = False,
) -> None:
    """Write a profile to params.yaml and remove outputs for which it has no rows."""
    from pipeline.commands import profile

    gone = profile.use(name, Path(), force=force)
    removed = f"; removed the outputs of {len(gone)} rows that it lacks (DVC's cache keeps them)" if gone else ""
    say(f"params.yaml is now profile '{name}'{removed}")


@raw_app.command("scan")
def raw_scan(
    dataset: Annotated[
        str,
        typer.Argument(
            help="A dataset in pipeline/datasets, a corpus in pipeline/graphs/corpora, or a folder of shards."
        ),
    ],
) -> None:
    """Hash every file in data/raw/DATASET and write the digests to data/raw/DATASET.stamp."""
    from pipeline.commands import raw

    raw.scan(dataset, Path("data/raw") / dataset)


@prompts_app.command("request")
def prompts_request(
    dataset: Annotated[str, typer.Argument(help="The name of a file in pipeline/datasets.")],
    type_: Annotated[str, typer.Option("--type", help="The type of texts: context, paragraph, synonym, ...")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="The JSON Lines file of requests to write.")],
    classes: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Your class list, for a dataset without one.")
    ] = None,
) -> None:
    """Write a request about every class for a language model; the stage `prompt` reads its answers."""
    from pipeline.commands import prompts

    num_requests = prompts.request(dataset, type_, classes=classes, out=out)
    say(f'{num_requests} requests in {out}; answer each with a line {{"id": ..., "answer": ...}}')


@encoder_app.command("list")
def encoder_list() -> None:
    """List the architectures whose released weights can be imported, with the source of their weight names."""
    from pipeline.commands import encoder

    for line in encoder.listed():
        typer.echo(line)


@encoder_app.command("import")
def encoder_import(
    files: Annotated[list[Path], typer.Argument(help="Files of weights, written by torch or safetensors.")],
    arch: Annotated[str, typer.Option(help="A name that `unseen encoder list` prints.")],
    classes: Annotated[str, typer.Option(help="The dataset of their classes, a name in pipeline/datasets.")],
    stream: Annotated[
        list[str] | None, typer.Option(help="What the network of each file sees: joint (default), bone, ...")
    ] = None,
    layout: Annotated[str, typer.Option(help="The joint layout, a name in pipeline/core/joints.py.")] = "ntu25",
    recipe: Annotated[
        str | None, typer.Option(help="The recipe that prepares clips. Default: that of the release.")
    ] = None,
    options: Annotated[list[str] | None, typer.Option(help="KEY=VALUE of the encoder. Default: as released.")] = None,
    split_table: Annotated[
        str | None, typer.Option(help="If trained on a split: TABLE of data/split/CLASSES-TABLE.parquet.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="The split whose seen classes they learnt. Default: all classes.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="A number that tells several trainings apart.")] = 0,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder to write. Default: data/raw/encoders/CLASSES-ARCH.")
    ] = None,
) -> None:
    """Convert released weights, and declare the classes that they were trained on."""
    from pipeline.commands import encoder

    table = Path("data/split") / f"{classes}-{split_table}.parquet" if split_table is not None else None
    streams = stream or ["joint"]
    request = encoder.ImportRequest(arch, streams, classes, layout, recipe, options or (), table, split, seed)
    name = "-".join([classes, arch, *(stream or ())])
    imported = encoder.take(files, request, out or Path("data/raw/encoders") / name)
    if None in imported.meta["released"]["num_classes"]:
        say("there is no classifier in the weights, so that the number of their classes could not be checked")
    num_classes = len(imported.meta["training_classes"])
    say(f"{imported.file}: taught {num_classes} classes of {classes}; a row of extract for it:")
    typer.echo(imported.row)


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


@app.command("classify")
def classify_files(
    files: Files,
    sense: Sense,
    labels: Annotated[
        str, typer.Option(help="Labels separated by commas, or a file of lines `label` or `label: prompt | prompt`.")
    ],
    bound: Bound = None,
    split: Split = None,
    seed: Seed = None,
    top: Annotated[int, typer.Option(min=1, help="The number of labels to print.")] = 5,
    json: Json = False,
) -> None:
    """Rank labels for each clip, with the encoders that the stage `bind` trained."""
    from pipeline.commands import bound as rows
    from pipeline.commands import classify

    recogniser = rows.opened(bound, split, seed)
    failures: rows.Failures = []
    # All before any is printed: while a bar is shown, what is printed would go where the bar is.
    answers = list(classify.classify(recogniser, files, sense, labels, top=top, failures=failures))
    lines = [classify.as_json(recogniser, sense, answers, failures)] if json else classify.lines(answers)
    for line in lines:
        typer.echo(line)
    rows.check(failures)


@app.command("embed")
def embed_files(
    files: Files,
    sense: Sense,
    out: Annotated[Path, typer.Option(dir_okay=False, help="The parquet file to write.")],
    bound: Bound = None,
    split: Split = None,
    seed: Seed = None,
) -> None:
    """Write the vectors of clips; they can be compared with those of texts and of all other senses."""
    from pipeline.commands import bound as rows
    from pipeline.commands import embed

    embed.check_name(out)
    recogniser = rows.opened(bound, split, seed)
    failures: rows.Failures = []
    num_vectors = embed.embed(recogniser, files, sense, out=out, failures=failures)
    say(f"{num_vectors} vectors" + (f" in {out}" if num_vectors else ""))
    rows.check(failures)


@app.command("search")
def search_clips(
    query: Annotated[str, typer.Argument(help="A text, or with --sense a file.")],
    sense: Annotated[
        str | None, typer.Option("--sense", "--modality", help="For a query that is a file. " + SENSE)
    ] = None,
    among: Annotated[list[str] | None, typer.Option("--in", help="Search clips of this sense only.")] = None,
    bound: Bound = None,
    split: Split = None,
    seed: Seed = None,
    top: Annotated[int, typer.Option(min=1, help="The number of clips to print.")] = 10,
    json: Json = False,
) -> None:
    """Find the clips of the pipeline, of any sense, that are most similar to a text or a file."""
    from pipeline.commands import bound as rows
    from pipeline.commands import search

    matches = search.search(rows.opened(bound, split, seed), query, sense, among=among or None, top=top)
    for line in [search.as_json(query, matches)] if json else search.lines(matches):
        typer.echo(line)


def main() -> None:
    """Entry point of the `unseen` command."""
    command.guarded(app)
