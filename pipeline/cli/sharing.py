"""Commands about what is kept: features and weights, to look at, check and share, and caches of this checkout."""

import os
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.app import cache_app, features_app, weights_app
from pipeline.core.progress import say

if TYPE_CHECKING:
    from pipeline.formats.pack import Kind

Verified = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME|FILE]...", help="Names that `list` prints, folders of them, or packs. Default: all there are."
    ),
]
Exported = Annotated[list[str], typer.Argument(help="Names that `list` prints, or folders of them.")]
Shown = Annotated[
    str, typer.Argument(metavar="NAME|FILE", help="A name that `list` prints, a folder of them, or a pack.")
]
Pack = Annotated[Path, typer.Argument(help="A pack that `export` has written.")]
Out = Annotated[Path, typer.Option(dir_okay=False, help="The pack to write.")]
Licence = Annotated[
    str, typer.Option("--licence", "--license", help="Who may use it: an SPDX identifier such as CC-BY-4.0, or a text.")
]
Note = Annotated[str, typer.Option(help="What else its readers should know: papers, consent, contact.")]
Force = Annotated[bool, typer.Option(help="Replace outputs that are there and differ.")]
Overwrite = Annotated[bool, typer.Option("--force", help="Replace a file that is there and differs.")]
MaxSize = Annotated[str, typer.Option(help="Refuse packs whose files are larger together.")]


@features_app.command("list")
def features_list() -> None:
    """List every store below features/: its row, groups, clips, arrays, and whether dvc.lock has it so."""
    from pipeline.commands.sharing import listing, project

    _print(listing.list_stores(project.read(Path())))


@features_app.command("info")
def features_info(name: Shown) -> None:
    """Print where a store comes from: attributes, groups, hashes, settings, commit; or what a pack holds."""
    from pipeline.commands.sharing import exporting, listing, project

    if os.path.isfile(name):  # noqa: PTH113 - that of Path fails for names too long for a file
        _print(exporting.read(Path(name)))
    else:
        _print(listing.about_stores([name], project.read(Path())))


@features_app.command("verify")
def features_verify(names: Verified = None) -> None:
    """Check stores: every file and checksum, ids, shapes, the hash in dvc.lock; or packs. Exit code 1 for faults."""
    _verify("features", names or [])


@features_app.command("export")
def features_export(names: Exported, out: Out, licence: Licence, note: Note = "", force: Overwrite = False) -> None:
    """Pack stores, with the small tables from which figures can be computed without recordings."""
    _export("features", names, out, licence, note, force=force)


@features_app.command("import")
def features_import(file: Pack, force: Force = False, max_size: MaxSize = "64GB") -> None:
    """Put the stores of a pack into their places, if all of it verifies."""
    _import("features", file, force, max_size)


@weights_app.command("list")
def weights_list() -> None:
    """List every row with weights below features/."""
    from pipeline.commands.sharing import listing, project

    _print(listing.list_weights(project.read(Path())))


@weights_app.command("info")
def weights_info(name: Shown) -> None:
    """Print the card of weights: classes seen, data, split, settings, selection, hashes; or what a pack holds."""
    from pipeline.commands.sharing import exporting, listing, project

    if os.path.isfile(name):  # noqa: PTH113 - that of Path fails for names too long for a file
        _print(exporting.read(Path(name)))
    else:
        _print(listing.about_weights([name], project.read(Path())))


@weights_app.command("verify")
def weights_verify(names: Verified = None) -> None:
    """Check weights: whole files, metadata, no unseen class among those seen, the hash in dvc.lock; or packs."""
    _verify("weights", names or [])


@weights_app.command("export")
def weights_export(names: Exported, out: Out, licence: Licence, note: Note = "", force: Overwrite = False) -> None:
    """Pack weights with their card, and the tables of clips and splits that they were trained by."""
    _export("weights", names, out, licence, note, force=force)


@weights_app.command("import")
def weights_import(file: Pack, force: Force = False, max_size: MaxSize = "64GB") -> None:
    """Put the weights of a pack into their places, if all of it verifies."""
    _import("weights", file, force, max_size)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)


def _verify(kind: "Kind", names: list[str]) -> None:
    from pipeline.commands.sharing import checks, importing, project

    packs = [name for name in names if os.path.isfile(name)]  # noqa: PTH113 - that of Path fails for long names
    others = [name for name in names if name not in packs]
    faults, what = [importing.verify(Path(file), kind) for file in packs], ["packs"] * bool(packs)
    if others or not packs:
        verify = checks.verify_stores if kind == "features" else checks.verify_weights
        faults.append(verify(others, project.read(Path())))
        what.append("stores" if kind == "features" else kind)
    _judge(chain.from_iterable(faults), " and ".join(what))


def _judge(faults: Iterable[str], what: str) -> None:
    """Print a line a fault; exit with 1 if there are any."""
    num_faults = 0
    for num_faults, fault in enumerate(faults, 1):  # noqa: B007 - the last number is the sum
        typer.echo(fault)
    if num_faults:
        say(f"{what}: {num_faults} faults")
        raise typer.Exit(1)
    say(f"{what}: no faults")


def _export(kind: "Kind", names: list[str], out: Path, licence: str, note: str, *, force: bool) -> None:
    from pipeline.commands.sharing import exporting, project

    manifest = exporting.export(exporting.Request(kind, names, licence, note), out, project.read(Path()), force=force)
    _print(exporting.described(manifest))
    say(f"{out}: written; `unseen {kind} import {out.name}` puts it into another checkout")


def _import(kind: "Kind", file: Path, force: bool, max_size: str) -> None:
    from pipeline.commands.sharing import importing, project
    from pipeline.core import sizes

    max_bytes = sizes.parse_size(max_size, "--max-size")
    done = importing.take(file, kind, project.read(Path()), force=force, max_bytes=max_bytes)
    _print(importing.lines(done))


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
