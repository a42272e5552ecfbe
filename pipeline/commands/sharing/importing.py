"""`unseen features import`, `unseen weights import`: a pack -> outputs in their place, all of them or none.

A pack is a file from outside. What it holds goes to scratch folders, is compared with its manifest byte by byte and
checked like outputs of our own, and only then takes its place.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from pipeline.commands.sharing import placing
from pipeline.commands.sharing.checks import output_faults
from pipeline.commands.sharing.locking import entry, record
from pipeline.commands.sharing.project import Project, printable
from pipeline.core.dvc_hash import FOLDER, content_hash
from pipeline.core.errors import DataError, FormatError
from pipeline.core.hashing import file_digest
from pipeline.core.outputs import PARTIAL, remove, whole_folder
from pipeline.core.progress import track
from pipeline.core.runs import CACHE
from pipeline.core.sizes import size_text
from pipeline.formats import pack
from pipeline.formats.pack import Kind, Manifest, Pack, PackedFile, Tracked

_CARDS = ("card.json", "card.md")
_MAY_HOLD = {
    "features": ("adopt", "align", "bind", "cross", "embed", "extract", "finetune", "pretrain", "rest", "transfer"),
    "data": ("ingest", "prompt", "split"),
}
KEPT = CACHE / "packs"  # the manifests of what was imported, and their cards


@dataclass(frozen=True)
class Imported:
    """What an import has done."""

    manifest: Manifest
    placed: list[str]  # outputs
    as_before: list[str]  # outputs that were there already, the same
    recorded: list[str]  # rows that dvc.lock now takes for made
    unlike: dict[str, str]  # rows that differ from those of this checkout, each with how
    evaluates: list[str]  # rows of this checkout that can now be run without recordings


def take(file: Path, kind: Kind, project: Project, *, force: bool, max_bytes: int) -> Imported:
    """Put what a pack holds into a checkout.

    Raises FormatError for a pack that is damaged or holds what does not verify, and DataError where an output is there
    and differs (without `force`) or the disk is too small. Nothing has changed then, but that what a killed import had
    left is put right.
    """
    with pack.opened(file, max_bytes) as opened, ExitStack() as cleaning:
        manifest = opened.manifest
        _check_kind(file, manifest, kind, "import")
        outs = _outs(file, manifest)
        placing.mend(project.root / path for path in outs)
        there = {path: _state(project.root / path, out) for path, out in outs.items()}
        _check_own([path for path, state in there.items() if state == "differs"], outs, project, force=force)
        wanted = [path for path, state in there.items() if state != "same"]
        _check_space(project.root, sum(outs[path].size for path in wanted))
        scratch = {path: _scratch(project.root / path) for path in wanted}
        for folder in scratch.values():
            remove(folder)  # left by a killed run
            cleaning.callback(remove, folder)
        kept = cleaning.enter_context(whole_folder(project.root / KEPT / file_digest(file)[:16]))
        _extract(opened, outs, scratch, kept)
        for path, folder in scratch.items():
            if faults := _faults(path, outs[path], folder):
                raise FormatError(f"{file}: refused, nothing was changed: {faults[0]}{_more(faults)}")
        (kept / pack.MANIFEST).write_bytes(msgspec.json.encode(manifest))
        placing.place({project.root / path: folder for path, folder in scratch.items()})
    unlike = dict(_unlike(manifest, project, force=force))
    rows = [row for row in manifest.rows if row.name not in unlike]
    evaluates = [row for row in manifest.evaluates if row in project.by_name]  # what it says else is never shown
    as_before = sorted(set(outs) - set(wanted))
    return Imported(manifest, wanted, as_before, record(project.root, rows), unlike, evaluates)


def verify(file: Path, kind: Kind) -> Iterator[str]:
    """What is wrong with a pack that need not be imported, one line each: all that `take` would refuse it for.

    Raises DataError for a pack of the other kind, and where there is no room to unpack it.
    """
    try:
        with pack.opened(file) as opened, TemporaryDirectory() as name:
            folder = Path(name)
            _check_kind(file, opened.manifest, kind, "verify")
            outs = _outs(file, opened.manifest)
            _check_space(folder, sum(out.size for out in outs.values()))
            scratch = {path: folder / path for path in outs}
            _extract(opened, outs, scratch, folder)
            for path, place in scratch.items():
                yield from (f"{file}: {text}" for text in _faults(path, outs[path], place))
    except FormatError as error:
        yield str(error)


def _check_kind(file: Path, manifest: Manifest, kind: Kind, command: str) -> None:
    if manifest.kind != kind:
        raise DataError(f"{file}: a pack of {manifest.kind}; run `unseen {manifest.kind} {command} {file}`")


def kept(root: Path) -> Iterator[Manifest]:
    """The manifests of the packs that were imported into a checkout, but those that cannot be read (any more)."""
    for file in sorted((root / KEPT).glob(f"*/{pack.MANIFEST}")):
        with suppress(msgspec.DecodeError, OSError):
            yield msgspec.json.decode(file.read_bytes(), type=Manifest)


def _outs(file: Path, manifest: Manifest) -> dict[str, Tracked]:
    """The outputs of a pack by their paths, of which every file but the cards lies in one. Raises FormatError."""
    outs = {out.path: out for row in manifest.rows for out in row.outs}
    for path in sorted(outs):
        column, stage, *rest = path.split("/")
        if not pack.is_path(path) or not rest or stage not in _MAY_HOLD.get(column, ()):
            raise FormatError(f"{file}: '{path[:200]}' is no output that a pack may hold")
        above = ("/".join([column, stage, *rest[:end]]) for end in range(1, len(rest)))
        if inside := next((one for one in above if one in outs), None):
            raise FormatError(f"{file}: one output lies in another, '{inside}'")
    sizes: dict[str, list[int]] = {path: [] for path in outs}
    for packed in manifest.files:
        if packed.path in _CARDS:
            continue
        if (holder := _out_of(packed.path, outs)) is None:
            raise FormatError(f"{file}: '{packed.path}' belongs to no row of the pack")
        sizes[holder].append(packed.size)
    for path, out in outs.items():
        if (sum(sizes[path]), len(sizes[path])) != (out.size, 1 if out.nfiles is None else out.nfiles):
            raise FormatError(f"{file}: '{path}' has other files or bytes in the pack than its row says")
    return outs


def _out_of(path: str, outs: Mapping[str, Tracked]) -> str | None:
    """The output that a file is, or lies in."""
    parts = path.split("/")
    for end in range(len(parts), 2, -1):
        out = "/".join(parts[:end])
        if out in outs:
            return out if (end < len(parts)) == outs[out].md5.endswith(FOLDER) else None
    return None


def _state(path: Path, out: Tracked) -> str:
    if not path.exists() and not path.is_symlink():
        return "absent"
    return "same" if content_hash(path) == out.md5 else "differs"


def _check_own(differing: Sequence[str], outs: Mapping[str, Tracked], project: Project, *, force: bool) -> None:
    """Raise DataError where a pack would take the place of something else, on the disk or in dvc.lock alone."""
    if force:
        return
    if differing:
        raise DataError(
            f"{differing[0]} is there and differs from the pack's{_more(differing)}; move it away, or give --force "
            "to replace it"
        )
    recorded = {path: project.recorded_out(path) for path in outs}
    others = [path for path, entry in recorded.items() if entry and entry.get("md5") != outs[path].md5]
    if others:
        raise DataError(
            f"{others[0]}: dvc.lock has recorded other bytes than the pack's{_more(others)}; `dvc checkout` or "
            "`dvc pull` may bring yours, --force replaces them"
        )


def _more(paths: Sequence[str]) -> str:
    return f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""


def _check_space(root: Path, num_bytes: int) -> None:
    free = shutil.disk_usage(root).free
    if num_bytes > free:
        raise DataError(
            f"{root}: {size_text(free)} are free, the pack needs {size_text(num_bytes)}; make room and run this again"
        )


def _scratch(path: Path) -> Path:
    return path.with_name(path.name + PARTIAL)


def _extract(opened: Pack, outs: Mapping[str, Tracked], scratch: Mapping[str, Path], kept_in: Path) -> None:
    """Write the files of a pack; those of outputs that are there already are read for their hashes alone."""
    for path, folder in scratch.items():
        (folder if outs[path].md5.endswith(FOLDER) else folder.parent).mkdir(parents=True, exist_ok=True)

    def place(file: PackedFile) -> Path | None:
        out = _out_of(file.path, outs)
        if out is None:
            return kept_in / file.path
        return scratch[out] / file.path[len(out) :].lstrip("/") if out in scratch else None

    for _ in track(opened.extract(place), total=len(opened.manifest.files), what="files"):
        pass


def _faults(path: str, out: Tracked, folder: Path) -> list[str]:
    """What is wrong with an output that lies in a scratch folder: it is not sound, or not what its row has made."""
    faults = [text.replace(str(folder), path) for text in output_faults(folder)]
    if not faults and content_hash(folder) != out.md5:
        return [f"{path} is not what its row has made (its MD5 differs)"]
    return faults


def _unlike(manifest: Manifest, project: Project, *, force: bool) -> Iterator[tuple[str, str]]:
    """Rows of a pack that this checkout has not, has with other settings or, without `force`, made of other inputs."""
    for row in manifest.rows:
        instance = project.by_name.get(row.name)
        if instance is None:
            yield row.name, "params.yaml has no such row"
        elif row.params != project.settings(instance) or row.cmd.split() != instance.cmd.split():
            yield row.name, "params.yaml has other settings for it"
        elif {dep.path for dep in row.deps} != set(instance.deps) or {out.path for out in row.outs} != set(
            instance.outs
        ):
            yield row.name, "dvc.yaml has it read or write other files"
        elif not force and (own := project.recorded(instance)) and own != entry(row):
            yield row.name, "dvc.lock has the same outputs, made of other inputs or settings"


def lines(done: Imported) -> Iterator[str]:
    """What an import has done, and what to run next."""
    yield from (f"placed {path}" for path in done.placed)
    yield from (f"as before {path}" for path in done.as_before)
    yield f"licence: {printable(done.manifest.licence)}"
    yield from [f"note: {printable(done.manifest.note)}"] if done.manifest.note else []
    yield from (
        f"{row}: {how}; dvc.lock stays as it was, `dvc repro` may make it anew" for row, how in done.unlike.items()
    )
    if done.recorded:
        yield f"dvc.lock has {len(done.recorded)} rows of the pack: {', '.join(done.recorded)}"
        yield "that they were made as it says is the word of who packed them; `dvc repro --force ROW` makes one anew"
    if done.evaluates:
        yield f"to compute the figures: dvc repro -s fingerprint {' '.join(done.evaluates)}"
