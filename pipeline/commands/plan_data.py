"""plan: the rows of a profile against the recordings: what is there, scanned and enough for the splits that are asked.

Nothing is written into the checkout: the step `split` runs on a table of the listed clips in a folder that is removed.
"""

import io
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.core import params, stamp, tables
from pipeline.core.errors import UnseenError
from pipeline.core.profile_rules import Tree
from pipeline.core.schemas import CLIPS, SPLIT, ClipRow
from pipeline.datasets import shared
from pipeline.sources import listing
from pipeline.steps import ingest, split
from pipeline.transfer.params import Folds

SAMPLES = 3  # clips of each modality that are read
_MAX_BYTES = 64 << 20  # of annotation files and of released pickles: reading more takes minutes
_FEW_TEST_CLIPS = 5  # of an unseen class: each is then a fifth of its recall


@dataclass
class Known:
    """What was found of a dataset: its clips, None where they could not be listed, and those that were read."""

    names: list[str]
    rows: list[ClipRow] | None = None
    read: Mapping[str, Sequence[ClipRow]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)  # that reading one of a modality took


@dataclass
class Found:
    """Problems that stop a stage, notes that do not, and what is known of datasets and splits."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    datasets: dict[str, Known] = field(default_factory=dict)
    classes: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)  # by row and split
    num_clips: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)  # by row and split, of each role


def look(tree: Tree, root: Path, finished: frozenset[str], file: Path) -> Found:
    """Look at the data of every row of ingest and split; `finished` are the instances that are up to date."""
    found = Found()
    for dataset, row in tree.get("ingest", {}).get("rows", {}).items():
        try:
            with redirect_stderr(io.StringIO()):  # what is left over in a folder is told by ingest
                found.datasets[dataset] = _dataset(dataset, row, root, f"ingest@{dataset}" in finished, found)
        except UnseenError as error:
            found.problems.append(str(error))
    with tempfile.TemporaryDirectory() as scratch:
        for key, row in tree.get("split", {}).get("rows", {}).items():
            known = found.datasets.get(str(row.get("dataset")))
            if known is not None and known.names:
                _split(key, row, known, Path(scratch), found, file)
    found.problems += _too_many_neighbours(tree, found, file)
    return found


def _dataset(dataset: str, row: Tree, root: Path, is_finished: bool, found: Found) -> Known:
    """The clips of a dataset: of the table that ingest has written, or listed by names and annotations."""
    table, source = root / f"data/ingest/{dataset}.parquet", root / row["source"]
    if is_finished and table.is_file():
        return Known(tables.read_meta(table, CLIPS)["class_names"], tables.read(table, CLIPS))
    shipped = shared.class_file(dataset)
    names = [known.name for known in shared.read_classes(shipped)] if shipped.is_file() else []
    if not source.is_dir() or not stamp.is_scanned(source):
        return Known(names)  # told as a source that was never scanned, or made by a stage
    stamped = stamp.read(source)
    if changed := stamp.what_changed(source, stamped):
        found.problems.append(f"{source}: {changed}")
        return Known(names)
    names = [known.name for known in listing.Source(dataset, source, stamped).classes()]
    annotations = shared.load(dataset).annotations
    files = [file for file in stamped if annotations is not None and annotations.files.search(file.path)]
    if sum(file.num_bytes for file in files) > _MAX_BYTES:
        found.notes.append(f"{source}: its clips are not counted, for {files[0].path} takes long to read")
        return Known(names)
    rows, read, seconds = ingest.sampled(dataset, source, SAMPLES)
    for sampled in read.values():
        reasons = [clip.reason for clip in sampled if clip.reason is not None]
        if reasons and len(reasons) == len(sampled):
            where = f"{source}: {sampled[0].modality}: none of {len(sampled)} clips that were tried can be used"
            found.problems.append(f"{where}, as {sampled[0].path}: {reasons[0]}")
    rejected = Counter(clip.reason for clip in rows if clip.reason is not None)
    if rejected:
        reason, _ = rejected.most_common(1)[0]
        found.notes.append(f"{source}: {sum(rejected.values())} of {len(rows)} clips are rejected, most by: {reason}")
    return Known(names, rows, read, seconds)


def _split(key: str, row: Tree, known: Known, scratch: Path, found: Found, file: Path) -> None:
    """What the step split makes of a row, and who then has few clips."""
    clips, out = scratch / f"{row['dataset']}.parquet", scratch / f"{key}.parquet"
    shown = f"data/ingest/{row['dataset']}.parquet"
    try:
        wanted = params.parse(split.Row, row, f"split.rows.{key}", file)
        if known.rows is None:
            for name, of_split in split.classes_of(wanted, len(known.names)).items():
                found.classes[key, name] = vars(of_split)
            return
        tables.write(clips, CLIPS, known.rows, {"dataset": row["dataset"], "class_names": known.names})
        split.split(wanted, clips=clips, out=out)
    except UnseenError as error:
        found.problems.append(str(error).replace(str(clips), shown))
        return
    divided = tables.read_meta(out, SPLIT)["splits"]
    shown_by = {clip.clip_id: clip.class_id for clip in known.rows if clip.modality == wanted.modality}
    for name, classes in divided.items():
        found.classes[key, name] = classes
    roles: dict[str, list[tuple[str, int]]] = {name: [] for name in divided}
    for line in tables.read(out, SPLIT):
        roles[line.split].append((line.role, shown_by[line.clip_id]))
    for name, lines in roles.items():
        found.num_clips[key, name] = Counter(role for role, _ in lines)
        found.notes += _few(f"split.rows.{key}: split '{name}'", Counter(lines), divided[name], known.names)


def _few(
    where: str, num_clips: Mapping[tuple[str, int], int], classes: Mapping[str, Sequence[int]], names: Sequence[str]
) -> Iterator[str]:
    """Classes with so few clips that a figure means little, or nothing can be learnt."""
    for role, of_role, fewest in (("fit", "fit", 2), ("val", "val", 2), ("unseen_test", "unseen", _FEW_TEST_CLIPS)):
        few = {class_id: num_clips.get((role, class_id), 0) for class_id in classes[of_role]}
        told = [f"'{names[class_id]}' {number}" for class_id, number in few.items() if number < fewest]
        if told:
            more = ", ..." if len(told) > SAMPLES else ""
            some = ", ".join(told[:SAMPLES]) + more
            yield f"{where}: fewer than {fewest} {role} clips of {len(told)} classes: {some}"


def _too_many_neighbours(tree: Tree, found: Found, file: Path) -> Iterator[str]:
    """Rows of transfer, and of cross by its program, whose K is larger than the seen classes that are left."""
    folds = tree.get("transfer", {}).get("folds")
    rows = [(f"transfer.rows.{key}", row, row, row.get("splits", [])) for key, row in _rows(tree, "transfer")]
    for key, row in _rows(tree, "cross"):
        source, how = row.get("source", {}), row.get("how", {})
        rows.append((f"cross.rows.{key}.how", how, source, [source.get("split")]))
    for section, how, task, splits in rows:
        grid = how.get("grid")
        if not isinstance(grid, dict) or how.get("constraints") not in ("I", "all"):
            continue
        table = f"{task.get('dataset')}-{task.get('split_table')}"
        left = [_left(found.classes[table, name], how, folds) for name in splits if (table, name) in found.classes]
        most = max(grid.get("num_neighbours", []), default=0)
        if left and most > min(left):
            yield (
                f"{file}: section '{section}' tries K = {most} in grid.num_neighbours, but there are {min(left)} seen "
                f"classes when a setting is chosen (selection: {how.get('selection')}); list no K above that"
            )


def _left(classes: Mapping[str, Sequence[int]], how: Tree, folds: object) -> int:
    """How many seen classes an unseen one is composed of while settings are tried: fit, or all but a fold."""
    if how.get("selection") == "val":
        return len(classes["fit"])
    num_seen = len(classes["fit"]) + len(classes["val"])
    num_folds = params.parse(Folds, folds, "transfer.folds").num_folds if folds else 1
    return num_seen - -(-num_seen // num_folds)


def _rows(tree: Tree, stage: str) -> list[tuple[str, Tree]]:
    return list(tree.get(stage, {}).get("rows", {}).items())
