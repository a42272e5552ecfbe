"""raw: a dataset's folder as its owners publish it -> the stamp beside it, ingest's only raw dependency."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pipeline.core import progress, stamp
from pipeline.datasets import shared


@dataclass(frozen=True)
class Scan:
    """What a folder holds: number of files per modality, and the paths that no pattern of the dataset knows."""

    num_known: dict[str, int]
    unknown: list[str]


def scan(dataset: str, folder: Path) -> Scan:
    """Write the stamp of a dataset's folder; files that the dataset does not know are stamped too, and counted."""
    known = shared.load(dataset)
    total = len(stamp.files(folder))
    stamped = list(progress.track(stamp.scan(folder), total=total, what=f"{dataset}: files"))
    stamp.write(folder, stamped)
    names = {file.path: shared.named_file(known, file.path) for file in stamped}
    modalities = Counter(name.modality for name in names.values() if name)
    found = Scan(dict(sorted(modalities.items())), [path for path, name in names.items() if name is None])
    _report(dataset, folder, found)
    return found


def _report(dataset: str, folder: Path, found: Scan) -> None:
    counts = ", ".join(f"{number} {modality} files" for modality, number in found.num_known.items())
    progress.say(f"{dataset}: {counts or 'no file of this dataset'} in {folder}; {stamp.stamp_path(folder)} written")
    if found.unknown:
        progress.say(f"{dataset}: {len(found.unknown)} files that it does not know, first {found.unknown[0]}")
