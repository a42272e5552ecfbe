"""Commands about clips of your own, over the encoders that the stage `bind` trained."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import app
from pipeline.core.progress import say

Files = Annotated[list[Path], typer.Argument(help="Clips, or folders of them. A folder of PNG frames is one clip.")]
SENSE = "The sense of the files: a key of `senses` in the row of bind, or a modality that only one of them has."
Sense = Annotated[str, typer.Option("--sense", "--modality", help=SENSE)]
Bound = Annotated[
    Path | None, typer.Option(help="features/bind/ROW of a row of bind in params.yaml. Needed where there are several.")
]
Split = Annotated[str | None, typer.Option(help="The split of the training. Needed where the row has several.")]
Seed = Annotated[int | None, typer.Option(help="The seed of the training. Needed where the row has several.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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
    index: Annotated[
        bool, typer.Option("--index", help="Search through the indexes of `unseen index`: faster, may miss clips.")
    ] = False,
    json: Json = False,
) -> None:
    """Find the clips of the pipeline, of any sense, that are most similar to a text or a file."""
    from pipeline.commands import bound as rows
    from pipeline.commands import search

    recogniser = rows.opened(bound, split, seed)
    matches = search.search(recogniser, query, sense, among=among or None, top=top, index=index)
    for line in [search.as_json(query, matches)] if json else search.lines(matches):
        typer.echo(line)


@app.command("index")
def index_clips(
    bound: Bound = None,
    split: Split = None,
    seed: Seed = None,
    min_clips: Annotated[
        int, typer.Option(min=1, help="Leave senses of fewer clips to exact search, which is as fast there.")
    ] = 50_000,
    recall: Annotated[float, typer.Option(help="The share of the ten nearest clips that a search must find.")] = 0.95,
) -> None:
    """Index the clips of the pipeline for `unseen search --index`, and measure how many of the nearest it finds."""
    from pipeline.commands import bound as rows
    from pipeline.commands import index

    for line in index.build(rows.opened(bound, split, seed), min_clips=min_clips, recall=recall):
        typer.echo(line)


@app.command("serve")
def serve_page(
    bound: Bound = None,
    split: Split = None,
    seed: Seed = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on. Any but the default can be reached by others.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes a free one.")] = 8765,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
    max_mb: Annotated[int, typer.Option("--max-mb", min=1, help="The most megabytes of one clip.")] = 200,
    max_seconds: Annotated[float, typer.Option(min=1, help="The most seconds for one answer.")] = 120,
) -> None:
    """Open a local page: drop a clip, type labels, see what fits; find clips by words or by a clip."""
    from pipeline.commands import serve

    of = serve.training(bound, split, seed)
    serve.serve(of, serve.settings(max_mb, max_seconds), host, port, open_page=open_page)
