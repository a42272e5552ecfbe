"""The `unseen` command and its groups; the commands stand in the other files of this folder, by what they are about."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import checkout

app = typer.Typer(
    help="Zero-shot action recognition: compare clips with texts, choose profiles, register data, inspect results. "
    "The pipeline itself runs with `dvc repro`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
profile_app = typer.Typer(help="Choose a profile, a file that says what the pipeline computes.", no_args_is_help=True)
raw_app = typer.Typer(help="Register datasets as their owners publish them, below data/raw/.", no_args_is_help=True)
dataset_app = typer.Typer(help="Bring recordings of your own.", no_args_is_help=True)
graph_app = typer.Typer(help="Look at scene graphs with their captions and false captions.", no_args_is_help=True)
prompts_app = typer.Typer(help="Get texts of classes from a language model.", no_args_is_help=True)
encoder_app = typer.Typer(help="Import encoders that others have trained.", no_args_is_help=True)
clip_app = typer.Typer(help="Look at one clip, of the pipeline or of your own.", no_args_is_help=True)
cache_app = typer.Typer(help="Look after what a checkout may lose, in .cache.", no_args_is_help=True)
features_app = typer.Typer(
    help="List, check and share features: stores of vectors, scores and texts.", no_args_is_help=True
)
weights_app = typer.Typer(help="List, check and share trained weights.", no_args_is_help=True)
app.add_typer(profile_app, name="profile")
app.add_typer(raw_app, name="raw")
app.add_typer(dataset_app, name="dataset")
app.add_typer(graph_app, name="graph")
app.add_typer(prompts_app, name="prompts")
app.add_typer(encoder_app, name="encoder")
app.add_typer(clip_app, name="clip")
app.add_typer(cache_app, name="cache")
app.add_typer(features_app, name="features")
app.add_typer(weights_app, name="weights")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(checkout.described(Path()))
        raise typer.Exit


@app.callback()
def before_every_command(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print which code runs, and exit.")
    ] = False,
) -> None:
    """Refuse to run the code of one checkout in the folder of another."""
    checkout.check(Path())
