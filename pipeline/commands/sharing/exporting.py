"""`unseen features export`, `unseen weights export`: rows of this checkout -> one pack, with all that its use needs.

With features go the small tables that methods and figures are computed from, so that who has no recordings can compute
both. Recordings, and what shows them, stay where they are.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from pipeline.commands.sharing import cards
from pipeline.commands.sharing.checks import output_faults
from pipeline.commands.sharing.importing import kept
from pipeline.commands.sharing.listing import first_commit
from pipeline.commands.sharing.project import Project, chosen, printable, stores, weights
from pipeline.core import checkout, dag
from pipeline.core.dag import Instance
from pipeline.core.dvc_hash import files_below
from pipeline.core.errors import DataError, FormatError
from pipeline.core.params import PARAMS_FILE
from pipeline.core.progress import track
from pipeline.core.sizes import size_text
from pipeline.formats import pack
from pipeline.formats.pack import Kind, Manifest, PackedRow, Tracked

_LIBRARIES = ("numpy", "pyarrow", "safetensors", "torch", "zarr")  # whose version may decide bytes
_CODE = "data/fingerprint/"
_TABLES = ("ingest", "split", "prompt", "embed")  # small, and read by what methods and figures are computed from
_EVALUATING = ("align", "transfer", "cross", "evaluate")
_RECORDINGS = ("preprocess",)  # stages whose outputs are recordings in another shape


@dataclass(frozen=True)
class Request:
    """What to pack: names as `list` prints them, and who may use it."""

    kind: Kind
    names: Sequence[str]
    licence: str
    note: str


@dataclass
class _Reach:
    """What can be computed with a pack: rows, the tables that they need, and rows that need more."""

    rows: list[Instance] = field(default_factory=list)
    tables: list[Instance] = field(default_factory=list)
    lacking: dict[str, list[str]] = field(default_factory=dict)


def export(request: Request, out: Path, project: Project, *, force: bool = False) -> Manifest:
    """Write a pack, and say what is in it.

    Raises DataError for a name of no row, for what is not as dvc.lock has recorded it, for recordings, and for a
    licence that says nothing; what does not verify is a DataError too, which names it. So is a file at `out` with other
    bytes than the pack's, unless `force` is given.
    """
    if not request.licence.strip():
        raise DataError("--licence: say who may use the pack: an SPDX identifier such as CC-BY-4.0, or a text")
    rows = _rows(request, project)
    reach = _reach(rows, project) if request.kind == "features" else _Reach(tables=_seen_tables(rows, project))
    packed = sorted({*_names(rows), *_names(reach.tables)})
    taken = [project.by_name[name] for name in packed]
    outs = [out_path for row in taken for out_path in row.outs]
    for out_path in track(outs, total=len(outs), what="checked"):
        _check(out_path, project)
    _check_licence(request, rows, project)
    contents = _contents(outs, project) | _cards(request, project)
    manifest = pack.manifest(
        kind=request.kind,
        names=sorted(request.names),
        licence=request.licence.strip(),
        note=request.note.strip(),
        packed_by=pack.Maker(checkout.described_code(), {name: metadata.version(name) for name in _LIBRARIES}),
        rows=[_packed(row, project) for row in taken],
        upstream=[_packed(row, project) for row in _upstream(taken, project) if project.recorded(row)],
        evaluates=_names(reach.rows),
        lacking=reach.lacking,
        files=pack.listed(contents.items()),
    )
    if force or not out.exists():
        pack.write(out, manifest, lambda file: contents[file.path])
    elif not _is_already(out, manifest):
        raise DataError(f"{out} is there and is not this pack; name another file, or give --force to replace it")
    return manifest


def _is_already(out: Path, manifest: Manifest) -> bool:
    """Whether a file is a sound pack with this manifest, and so with the bytes that would be written."""
    try:
        with pack.opened(out) as there:
            return there.manifest == manifest and all(there.extract(lambda _: None))
    except FormatError:
        return False


def _check_licence(request: Request, rows: Sequence[Instance], project: Project) -> None:
    """Raise DataError where an output came in a pack under another licence: it is not ours to give another."""
    licences = {
        out.md5: manifest.licence for manifest in kept(project.root) for row in manifest.rows for out in row.outs
    }
    for out in (out for row in rows for out in _packed(row, project).outs):
        licence = licences.get(out.md5, request.licence.strip())
        if licence != request.licence.strip():
            raise DataError(
                f"{out.path} came in a pack under '{printable(licence)}': say --licence '{printable(licence)}', "
                "or leave it out"
            )


def read(file: Path) -> Iterator[str]:
    """What a pack holds, line by line. Raises FormatError for another file."""
    yield from map(printable, described(pack.read_manifest(file)))


def described(manifest: Manifest) -> Iterator[str]:
    """What a pack holds and rests on, line by line."""
    total = sum(file.size for file in manifest.files)
    yield f"{manifest.kind}: {len(manifest.rows)} rows, {len(manifest.files)} files, {size_text(total)}"
    yield f"licence: {manifest.licence}"
    yield from [f"note: {manifest.note}"] if manifest.note else []
    libraries = ", ".join(f"{name} {version}" for name, version in sorted(manifest.packed_by.libraries.items()))
    yield f"packed by: {manifest.packed_by.version}, with {libraries}"
    for row in manifest.rows:
        yield from (f"holds {out.path}, MD5 {out.md5}, of {row.name}" for out in row.outs)
    held = {out.path for row in manifest.rows for out in row.outs}
    rests = {dep.path: dep.md5 for row in (*manifest.rows, *manifest.upstream) for dep in row.deps}
    for path, md5 in sorted(rests.items()):
        if not path.startswith(_CODE) and not any(path == out or path.startswith(f"{out}/") for out in held):
            yield f"rests on {path}, MD5 {md5}, which is not in the pack"
    yield from [f"suffices for {', '.join(manifest.evaluates)}"] if manifest.evaluates else []
    yield from (f"does not suffice for {row}, which needs {', '.join(m)} too" for row, m in manifest.lacking.items())


def _names(rows: Sequence[Instance]) -> list[str]:
    return [row.name for row in rows]


def _rows(request: Request, project: Project) -> list[Instance]:
    """The rows that write what was asked for."""
    if not request.names:
        raise DataError(f"name what to export; `unseen {request.kind} list` names all there is")
    paths = stores(project.root) if request.kind == "features" else {k: v[0] for k, v in weights(project).items()}
    found: dict[str, Instance] = {}
    for name in chosen(request.names, paths, request.kind):
        written = project.writer(paths[name])
        if written is None:
            raise DataError(f"{paths[name]}: no row of params.yaml writes it, so nothing says where it comes from")
        if written[0].stage in _RECORDINGS:
            raise DataError(
                f"{paths[name]}: recordings in another shape, which a pack never holds; "
                "share them through a DVC remote that your team alone can read"
            )
        found[written[0].name] = written[0]
    return list(found.values())


def _reach(rows: Sequence[Instance], project: Project) -> _Reach:
    """The rows that can be computed from some features and small tables alone."""
    reach = _Reach()
    given = {row.name for row in rows if row.stage not in _TABLES}
    waiting = [row for row in project.instances if row.stage in _EVALUATING and row not in rows]
    while waiting:
        ready = [row for row in waiting if any(_writer(dep, project) in given for dep in row.deps)]
        if not ready:
            break
        for row in ready:
            waiting.remove(row)
            writers = {dep: _writer(dep, project) for dep in row.deps if not dep.startswith(_CODE)}
            tables = {name for name in writers.values() if name and name.split("@")[0] in _TABLES}
            if lacking := sorted(dep for dep, name in writers.items() if name not in given | tables):
                reach.lacking[row.name] = lacking
                continue
            given.add(row.name)
            reach.rows.append(row)
            reach.tables += [project.by_name[n] for n in sorted(tables) if project.by_name[n] not in reach.tables]
    return reach


def _writer(path: str, project: Project) -> str | None:
    written = project.writer(path)
    return written[0].name if written else None


def _seen_tables(rows: Sequence[Instance], project: Project) -> list[Instance]:
    """The tables that say on which clips and classes some weights were trained."""
    return [row for row in _upstream(rows, project) if row.stage in ("ingest", "split")]


def _upstream(rows: Sequence[Instance], project: Project) -> list[Instance]:
    """All that some rows rest on, without themselves, in the order of dvc.yaml."""
    found = {one.name for row in rows for one in dag.upstream(project.instances, row.name, project.tree)}
    return [one for one in project.instances if one.name in found - {row.name for row in rows}]


def _check(out: str, project: Project) -> None:
    """Raise DataError unless an output is there, sound, and what dvc.lock has recorded."""
    path = project.root / out
    written = project.writer(out)
    row = written[0].name if written else out
    if not path.exists():
        raise DataError(f"{out}: not there; run `dvc checkout {out}`, `dvc pull {out}` or `dvc repro {row}`")
    if project.recorded_out(out) is None:
        raise DataError(f"{out}: dvc.lock does not say what it was made of; run `dvc repro {row}`")
    faults = [fault for fault in [project.has_other_bytes(out)] if fault] or list(output_faults(path, project))
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise DataError(f"nothing is packed: {faults[0]}{more}")


def _contents(outs: Sequence[str], project: Project) -> dict[str, Path | bytes]:
    found: dict[str, Path | bytes] = {}
    for out in outs:
        path = project.root / out
        files = files_below(path) if path.is_dir() else [path]
        found |= {file.relative_to(project.root).as_posix(): file for file in files}
    return found


def _cards(request: Request, project: Project) -> dict[str, Path | bytes]:
    """The pages about weights, for people and for programs."""
    if request.kind != "weights":
        return {}
    known = weights(project)
    described_all = [cards.card(known[name], project) for name in chosen(request.names, known, "weights")]
    text = json.dumps({"licence": request.licence.strip(), "weights": described_all}, sort_keys=True, indent=1)
    page = cards.markdown(described_all, request.licence.strip(), request.note.strip())
    return {"card.json": f"{text}\n".encode(), "card.md": page.encode()}


def _packed(row: Instance, project: Project) -> PackedRow:
    entry = project.recorded(row)
    outs = _tracked(entry, "outs")
    commit = first_commit(project.root, outs[0].md5) if outs else None
    settings = entry.get("params", {}).get(PARAMS_FILE.name, {})
    return PackedRow(row.name, str(entry.get("cmd", "")), _tracked(entry, "deps"), settings, outs, commit)


def _tracked(entry: Mapping[str, Any], key: str) -> list[Tracked]:
    return [
        Tracked(each["path"], str(each.get("md5", "")), int(each.get("size", 0)), each.get("nfiles"))
        for each in entry.get(key, [])
    ]
