"""Whether stores, weights and tables are sound: what `verify` prints, and what packs are refused for."""

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from safetensors import SafetensorError, safe_open

from pipeline.commands.sharing import placing
from pipeline.commands.sharing.project import FEATURES, STORE, WEIGHTS, Project, chosen, stores
from pipeline.commands.sharing.project import weights as known_weights
from pipeline.core import outside, schemas, split_table, store, tables
from pipeline.core.dvc_hash import files_below
from pipeline.core.errors import DataError, FormatError, UnseenError
from pipeline.core.outputs import PARTIAL
from pipeline.core.progress import track
from pipeline.core.sizes import size_text

_KEY = "unseen"  # of the metadata of our weights
_MAX_JSON_BYTES = 64 << 20  # programs of methods; looked through, not built
_MAX_CSV_BYTES = 16 << 20  # histories: a row of empty values takes twenty times its bytes
_MAX_HEADER_BYTES = 16 << 20  # of weights: built as JSON
_TABLES: dict[str, schemas.Format[Any]] = {form.stage: form for form in (schemas.CLIPS, schemas.SPLIT, schemas.PROMPTS)}


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights as its header describes it; no tensor is read."""

    meta: dict[str, Any]
    num_tensors: int
    num_values: int


def weights(file: Path) -> WeightsFile:
    """The header of a file of weights. Raises FormatError for one that this project did not write whole."""
    _check_header(file)
    try:
        with safe_open(file, framework="numpy") as opened:
            shapes = [opened.get_slice(name).get_shape() for name in opened.keys()]  # noqa: SIM118 - not a mapping
            meta = json.loads((opened.metadata() or {})[_KEY])
    except (SafetensorError, OSError) as error:
        raise FormatError(f"{file}: not safetensors, or cut short ({' '.join(str(error).split())})") from None
    except (KeyError, ValueError, RecursionError):
        raise FormatError(f"{file}: weights without readable metadata '{_KEY}'") from None
    if not isinstance(meta, dict):
        raise FormatError(f"{file}: metadata '{_KEY}' is no JSON object")
    return WeightsFile(meta, len(shapes), sum(math.prod(shape) for shape in shapes))


def _check_header(file: Path) -> None:
    """Raise FormatError where the header of a file of weights would take much memory."""
    with outside.opened(file, "weights as safetensors") as opened:
        num_bytes = int.from_bytes(opened.read(8), "little")
    if _MAX_HEADER_BYTES < num_bytes < file.stat().st_size:  # longer than its file: not safetensors
        raise FormatError(
            f"{file}: a header of {size_text(num_bytes)}, more than the {_MAX_HEADER_BYTES >> 20} MiB that weights "
            "of this project may have"
        )


def weights_faults(file: Path, project: Project | None) -> Iterator[str]:
    """What is wrong with a file of weights: its header, whom it belongs to, and classes it should not have seen.

    With a project the split's table is asked too, where it is there.
    """
    try:
        meta = weights(file).meta
    except FormatError as error:
        yield str(error)
        return
    seen = meta.get("training_classes", [])
    if not _are_ids(seen) or not _are_ids(meta.get("unseen_classes", [])):
        yield f"{file}: metadata 'training_classes' and 'unseen_classes' should be lists of class ids"
        return
    split, seed = meta.get("split"), meta.get("seed")
    if split is not None and file.stem != f"{split}-{seed}":
        yield f"{file}: holds weights of split '{split}', seed {seed}, so its name should be {split}-{seed}{WEIGHTS}"
    unseen = set(meta.get("unseen_classes", [])) | _unseen(meta, file, project)
    if leaked := sorted(set(seen) & unseen):
        yield f"{file}: trained on classes {leaked}, which split '{split}' calls unseen"


def _are_ids(values: object) -> bool:
    return isinstance(values, list) and all(type(value) is int for value in values)


def _unseen(meta: dict[str, Any], file: Path, project: Project | None) -> set[int]:
    """The unseen classes of the split that trained some weights, as its table has them."""
    if project is None:
        return set()
    row = project.writer(file.relative_to(project.root).as_posix())
    section = project.tree.get(row[0].stage, {}).get("rows", {}).get(row[0].key, {}) if row else {}
    dataset, table = (meta.get(key, section.get(key)) for key in ("dataset", "split_table"))
    path = project.root / f"data/split/{dataset}-{table}.parquet"
    if dataset is None or table is None or not path.is_file():
        return set()
    try:
        splits = split_table.read(path, ()).splits
    except FormatError:
        return set()  # the table's own fault
    return set(splits.get(str(meta.get("split")), {}).get("unseen", []))


def verify_stores(asked: Sequence[str], project: Project) -> Iterator[str]:
    """What is wrong with some stores, all without a name: their own faults, then bytes that dvc.lock does not have."""
    known = stores(project.root)
    paths = [known[name] for name in chosen(asked, known, "features")]
    for path in track(paths, total=len(paths), what="stores"):
        yield from store.verify(project.root / path)
    yield from placing.leftovers(project.root / FEATURES)
    yield from _other_bytes(paths, project)


def verify_weights(asked: Sequence[str], project: Project) -> Iterator[str]:
    """The same of weights: their headers, classes they should not have seen, and bytes."""
    known = known_weights(project)
    paths = [path for name in chosen(asked, known, "weights") for path in known[name]]
    for path in track(paths, total=len(paths), what="weights"):
        yield from weights_faults(project.root / path, project)
    yield from placing.leftovers(project.root / FEATURES)
    yield from _other_bytes(paths, project)


def _other_bytes(paths: Sequence[str], project: Project) -> Iterator[str]:
    """Outputs whose bytes are not those of dvc.lock, each once."""
    outs = dict.fromkeys(written[1] for written in map(project.writer, paths) if written)
    for out in track(outs, total=len(outs), what="compared with dvc.lock"):
        if fault := project.has_other_bytes(out):
            yield fault


def output_faults(path: Path, project: Project | None = None) -> Iterator[str]:
    """What is wrong with an output of a row, a file or a folder: every store, table and file of weights in it."""
    folders = sorted(folder for folder in (path, *path.rglob("*")) if folder.is_dir() and _ending(folder) == STORE)
    for folder in folders:
        yield from store.verify(folder)
    for file in files_below(path) if path.is_dir() else [path]:
        if not any(file.is_relative_to(folder) for folder in folders):
            yield from _file_faults(file, project)


def _ending(path: Path) -> str:
    """The ending of a name, of what is not finished as well."""
    return Path(path.name.removesuffix(PARTIAL)).suffix


def _file_faults(file: Path, project: Project | None) -> Iterator[str]:
    ending = _ending(file)
    if ending == WEIGHTS:
        yield from weights_faults(file, project)
    elif ending not in _READERS:
        yield f"{file}: neither a store nor weights, a table, JSON or CSV: a pack may not hold it"
    else:
        try:
            _READERS[ending](file)
        except UnseenError as error:
            yield str(error)
        except (csv.Error, ValueError, RecursionError, msgspec.DecodeError) as error:
            yield f"{file}: not readable as {ending[1:]} ({error})"


def _read_json(file: Path) -> None:
    msgspec.json.decode(outside.content(file, _MAX_JSON_BYTES, "JSON"), type=msgspec.Raw)


def _read_csv(file: Path) -> None:
    for _ in csv.reader(io.StringIO(outside.text(file, _MAX_CSV_BYTES, "a table as CSV"), newline="")):
        pass


def _read_table(file: Path) -> None:
    stage = file.parent.name
    if stage not in _TABLES:
        raise DataError(f"{file}: a table of no stage that packs may hold")
    for _ in tables.batches(file, _TABLES[stage]):
        pass


_READERS: dict[str, Callable[[Path], None]] = {
    ".json": _read_json,
    ".csv": _read_csv,
    ".parquet": _read_table,
}
