"""raw: the folder of a dataset or corpus as its owners publish it -> a stamp, the only dependency on raw data.

A folder of image-text shards may have any name; it is recognised by its tars.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from pipeline.core import members, progress, stamp
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.near_names import hint
from pipeline.datasets import shared
from pipeline.sources import listing

DATASETS, CORPORA = "pipeline.datasets", "pipeline.graphs.corpora"
SHARDS = {"*.tar": "shard", "*_stats.json": "statistics", "*.parquet": "list"}  # as img2dataset writes them


@dataclass(frozen=True)
class Scan:
    """The number of files by modality or kind, and the paths that match no pattern of the dataset."""

    num_known: dict[str, int]
    unknown: list[str]


def scan(dataset: str, folder: Path) -> Scan:
    """Write the stamp of a dataset's folder; unknown files are stamped too, and counted.

    Raises ParamsError for a name of nothing, DataError for a folder that is not there or has no file: no stamp is
    written then.
    """
    datasets, corpora = members.names(DATASETS), members.names(CORPORA)
    if dataset in datasets or shared.is_collection(dataset):
        kind_of = _dataset(dataset)
    elif dataset in corpora:
        kind_of = _matching(members.load(CORPORA, dataset).FILES)
    elif any(folder.glob("*.tar")):
        kind_of = _matching(SHARDS)
    else:
        near = hint(dataset, [*datasets, *corpora])
        raise ParamsError(
            f"no dataset '{dataset}'{near}: the datasets are {datasets}, of scene graphs {corpora}; a folder of "
            f"image-text shards may have any name, but there is no *.tar in {folder}, and recordings of your own "
            f"begin with `unseen dataset new {dataset} FOLDER`"
        )
    total = len(stamp.files(folder))
    if not total:
        raise DataError(
            f"{folder}: an empty folder, so there is nothing to scan; link or copy the recordings there first"
        )
    stamped = list(progress.track(stamp.scan(folder), total=total, what=f"{dataset}: files"))
    stamp.write(folder, stamped)
    kinds = {file.path: kind_of(file.path) for file in stamped}
    counts = Counter(kind for kind in kinds.values() if kind)
    result = Scan(dict(sorted(counts.items())), [path for path, kind in kinds.items() if kind is None])
    _report(dataset, folder, result)
    return result


def _dataset(name: str) -> Callable[[str], str | None]:
    """A function from a path to its modality, `annotation` or `list` (of who trains); None for unknown files."""
    known = shared.load(name)
    lists = [listed.files for listed in known.subjects.values() if isinstance(listed, shared.OwnList)]
    kinds = {modality: [pattern] for modality, pattern in known.patterns.items()}
    annotations = [known.annotations.files] if known.annotations else []
    kinds |= {"annotation": [*annotations, re.compile(f"^{re.escape(listing.CLASS_FILE)}$")], "list": lists}
    return lambda path: next((kind for kind, files in kinds.items() if any(file.search(path) for file in files)), None)


def _matching(patterns: Mapping[str, str]) -> Callable[[str], str | None]:
    """A function from a path of a corpus or of shards to the kind of the file; None for unknown files."""
    return lambda path: next((kind for pattern, kind in patterns.items() if fnmatch(path, pattern)), None)


def _report(dataset: str, folder: Path, scan: Scan) -> None:
    counts = ", ".join(f"{number} {modality} files" for modality, number in scan.num_known.items())
    progress.say(f"{dataset}: {counts or 'no file of this dataset'} in {folder}; {stamp.stamp_path(folder)} written")
    if scan.unknown:
        progress.say(f"{dataset}: {len(scan.unknown)} files that it does not know, first {scan.unknown[0]}")
