"""`unseen features list, info` and `unseen weights list, info`: what is there, and where it comes from."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.commands.sharing import cards, checks, importing
from pipeline.commands.sharing.project import Project, chosen, name_of, printable, stores, weights
from pipeline.core.errors import UnseenError
from pipeline.core.params import PARAMS_FILE
from pipeline.core.sizes import size_text
from pipeline.core.store import Store


def list_stores(project: Project) -> Iterator[str]:
    """A line for every store below features/, and one for each of its groups."""
    for name, path in stores(project.root).items():
        yield f"{name}  {_size(project.root / path)}, {_row(project, path)}"
        try:
            store = Store(project.root / path, _stage(project, path))
            for group in store.groups():
                yield f"  {group}  {len(store.ids(group))} ids; {', '.join(_arrays(store, group))}"
        except UnseenError as error:
            yield f"  {error}"


def list_weights(project: Project) -> Iterator[str]:
    """A line for every row with weights, and one for each file."""
    for name, files in weights(project).items():
        yield f"{name}  {_row(project, files[0])}"
        for path in files:
            file = project.root / path
            try:
                header = checks.weights(file)
            except UnseenError as error:
                yield f"  {error}"
                continue
            seen = header.meta.get("training_classes")
            taught = f", taught {len(seen)} classes" if isinstance(seen, list) else ""
            yield f"  {file.name}  {size_text(file.stat().st_size)}, {header.num_values} values{taught}"


def about_stores(asked: Sequence[str], project: Project) -> Iterator[str]:
    """All that is known of some stores: attributes, groups, arrays, hashes, and the row that made them."""
    known = stores(project.root)
    for name in chosen(asked, known, "features"):
        path = known[name]
        store = Store(project.root / path, _stage(project, path))
        yield name
        yield from _origin(project, path)
        yield from _facts("  ", store.attrs)
        for group in store.groups():
            yield f"  group {group}: {len(store.ids(group))} ids"
            yield from _facts("    ", store.group_attrs(group))
            yield from (f"    array {text}" for text in _arrays(store, group))


def about_weights(asked: Sequence[str], project: Project) -> Iterator[str]:
    """The cards of some rows of weights, and what made them."""
    known = weights(project)
    for name in chosen(asked, known, "weights"):
        yield name
        yield from _origin(project, known[name][0])
        yield from cards.lines(cards.card(known[name], project), indent="  ")


def _origin(project: Project, path: str) -> Iterator[str]:
    """The row that writes a path, its params, commit and hashes as dvc.lock has them."""
    written = project.writer(path)
    if written is None:
        yield "  row: none of params.yaml writes it"
        return
    instance, out = written
    entry = project.recorded(instance)
    same = "as dvc.lock has it" if project.recorded_out(out) else "not in dvc.lock"
    yield f"  row: {instance.name}, {project.has_other_bytes(out) or same}"
    for recorded in entry.get("outs", []):
        if recorded["path"] == out:
            yield f"  MD5 in dvc.lock: {recorded.get('md5')}"
            yield from _packs(project, out, str(recorded.get("md5")))
            yield f"  commit of dvc.lock: {first_commit(project.root, str(recorded.get('md5'))) or 'not in git'}"
    for param, value in entry.get("params", {}).get(PARAMS_FILE.name, {}).items():
        yield f"  params {param}: {_value(value)}"
    for dep in entry.get("deps", []):
        yield f"  made of {dep['path']} {dep.get('md5')}"


def _packs(project: Project, out: str, md5: str) -> Iterator[str]:
    """The licences of the packs that an output was imported from, as long as .cache is there."""
    for manifest in importing.kept(project.root):
        if any((out, md5) == (each.path, each.md5) for row in manifest.rows for each in row.outs):
            yield f"  imported from a pack under the licence: {printable(manifest.licence)}"
            yield from [f"    note: {printable(manifest.note)}"] if manifest.note else []


def first_commit(root: Path, md5: str) -> str | None:
    """The commit in which dvc.lock first named a hash; None where git knows of none."""
    git = shutil.which("git")
    if git is None:
        return None
    words = [git, "-C", str(root), "log", "--reverse", "--format=%H", f"-S{md5}", "--", "dvc.lock"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - git
    return done.stdout.split("\n", 1)[0] or None if done.returncode == 0 else None


def _row(project: Project, path: str) -> str:
    written = project.writer(path)
    return "of no row of params.yaml" if written is None else f"{written[0].name}, {project.beside_lock(written[1])}"


def _stage(project: Project, path: str) -> str:
    written = project.writer(path)
    return written[0].name if written else name_of(path).split("/")[0]


def _size(folder: Path) -> str:
    return size_text(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()))


def _arrays(store: Store, group: str) -> Iterator[str]:
    for name, (shape, dtype) in store.shapes(group).items():
        yield f"{name} {'x'.join(map(str, shape))} {dtype}"


def _facts(indent: str, facts: Mapping[str, Any]) -> Iterator[str]:
    for key, value in sorted(facts.items()):
        yield f"{indent}{printable(key)}: {_value(value)}"


def _value(value: Any) -> str:
    """A value of JSON in one line."""
    return printable(value if isinstance(value, str) else json.dumps(value, sort_keys=True))
