"""Commands about what is kept: caches of this checkout."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import cache_app


@cache_app.command("info")
def cache_info() -> None:
    """Print what lies in .cache, how big it is and when it was last used."""
    from pipeline.commands import cache
    from pipeline.core import checkout, runs

    checkout.require(Path(), "unseen cache info")
    for line in cache.lines(runs.CACHE):
        typer.echo(line)


@cache_app.command("prune")
def cache_prune(
    older_than: Annotated[
        float | None, typer.Option(min=0, metavar="DAYS", help="Remove what was not used for so many days.")
    ] = None,
    max_size: Annotated[
        str | None, typer.Option(help="Remove the least recently used until no more is left, e.g. 10GB.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="samples, encoded, texts, index or parts; may be repeated. Default: all but parts."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
) -> None:
    """Remove leftovers and what was not used for long, and join small packs."""
    from pipeline.commands import cache_prune
    from pipeline.core import checkout, runs, sizes

    checkout.require(Path(), "unseen cache prune")
    max_bytes = None if max_size is None else sizes.parse_size(max_size, "--max-size")
    kinds = tuple(dict.fromkeys(kind or cache_prune.DEFAULT))
    for line in cache_prune.prune(cache_prune.Request(kinds, older_than, max_bytes, dry_run), runs.CACHE):
        typer.echo(line)


@cache_app.command("seed")
def cache_seed() -> None:
    """Fill .cache from stores that `dvc pull` has brought, so that new clips cost no more than themselves."""
    from pipeline.commands import cache_seed
    from pipeline.core import checkout

    checkout.require(Path(), "unseen cache seed")
    for line in cache_seed.seed(Path()):
        typer.echo(line)
