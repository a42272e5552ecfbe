"""Commands about inputs: profiles, raw datasets, texts of classes, weights of others."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import dataset_app, encoder_app, profile_app, prompts_app, raw_app
from pipeline.core.progress import say

Profile = typer.Argument(help="A name that `unseen profile list` prints, or a file of your own.")


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
    from pipeline.core import checkout, dag, params

    checkout.require(Path(), "params.yaml")
    gone = profile.use(name, Path(), force=force)
    removed = f"; removed the outputs of {len(gone)} rows that it lacks (DVC's cache keeps them)" if gone else ""
    say(f"params.yaml is now profile '{name}'{removed}")
    for folder in profile.unscanned(dag.instances(Path("dvc.yaml"), params.read()), Path()):
        say(f"before `dvc repro`: {profile.how_to_scan(folder)}")


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
    from pipeline.core import checkout

    checkout.require(Path(), f"data/raw/{dataset}")
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


@dataset_app.command("new")
def dataset_new(
    name: Annotated[str, typer.Argument(help="What to call the dataset: small letters, digits and '_'.")],
    folder: Annotated[Path, typer.Argument(file_okay=False, help="The folder of the recordings.")],
    pattern: Annotated[
        str | None,
        typer.Option(help="What names of files tell, without their ending, e.g. 'a{class}_s{subject}_t{take}'."),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="The names of numbered classes: a CSV file (class_id,name,context), or a dataset's list."),
    ] = None,
) -> None:
    """Write the lists of clips and classes and a profile for a folder of recordings; nothing is overwritten."""
    from pipeline.commands.collection import new

    for line in new.new(name, folder, Path(), pattern=pattern, classes=classes):
        typer.echo(line)
    say(f"next: `unseen plan {name}` says what will run; `unseen profile use {name}` and `dvc repro` run it")
