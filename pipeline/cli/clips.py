"""Commands that look at single clips."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import clip_app


@clip_app.command("show")
def clip_show(
    clip: Annotated[
        str,
        typer.Argument(metavar="ID|FILE", help="A clip of data/ingest, as demo/S001C001P001R001A001, or a file."),
    ],
    modality: Annotated[
        str | None, typer.Option(help="Needed where the clip has several modalities, or the file could be of several.")
    ] = None,
    row: Annotated[
        str | None, typer.Option(help="A row of preprocess: show what it makes of the clip, and no other row.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="The .png (a strip) or .gif (moving) to write.", show_default="reports/clips"
        ),
    ] = None,
) -> None:
    """Draw one clip as recorded, with what the recipes of preprocess make of it, and say what it is."""
    from pipeline.commands import clip_show as command

    for line in command.show(clip, modality=modality, row=row, out=out):
        typer.echo(line)
