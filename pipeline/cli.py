"""The `unseen` command. Heavy imports stay inside the commands, so that --help answers at once."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import command
from pipeline.core.progress import say

app = typer.Typer(
    help="Zero-shot action recognition: profiles and raw data. The pipeline itself runs with `dvc repro`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
profile_app = typer.Typer(help="Complete params files, by name.", no_args_is_help=True)
raw_app = typer.Typer(help="Datasets as their owners publish them, below data/raw/.", no_args_is_help=True)
app.add_typer(profile_app, name="profile")
app.add_typer(raw_app, name="raw")


@profile_app.command("list")
def profile_list() -> None:
    """List the profiles and what each is for."""
    from pipeline.steps import profile

    for name in profile.names():
        typer.echo(f"{name:14} {profile.summary(name)}")


@profile_app.command("show")
def profile_show(name: str) -> None:
    """Print a profile's complete params file."""
    from pipeline.steps import profile

    typer.echo(profile.text(name), nl=False)


@profile_app.command("use")
def profile_use(
    name: str,
    force: Annotated[bool, typer.Option(help="Overwrite a params.yaml that was edited.")] = False,
) -> None:
    """Make a profile the params.yaml of this checkout and remove outputs it has no rows for."""
    from pipeline.steps import profile

    gone = profile.use(name, Path(), force=force)
    say(f"params.yaml is now profile '{name}'" + (f"; removed outputs of {len(gone)} stages" if gone else ""))


@raw_app.command("scan")
def raw_scan(dataset: str) -> None:
    """Hash every file of data/raw/DATASET and write data/raw/DATASET.stamp beside it."""
    from pipeline.steps import raw

    raw.scan(dataset, Path("data/raw") / dataset)


@app.command("dag")
def draw_dag() -> None:
    """Draw dvc.yaml, with the rows of profile demo, as docs/dag.svg."""
    from pipeline.core.outputs import whole
    from pipeline.reporting import dag
    from pipeline.steps import profile

    with whole(Path("docs/dag.svg")) as scratch:
        scratch.write_text(dag.svg(Path("dvc.yaml"), profile.PROFILES / "demo.yaml"), encoding="utf-8")


def main() -> None:
    """Entry point of the `unseen` command."""
    command.guarded(app)
