"""What a dataset's file says, and how its class list and published splits are read."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.core import members
from pipeline.core.errors import DataError, FormatError, ParamsError
from pipeline.core.near_names import hint
from pipeline.formats import rows

PACKAGE = "pipeline.datasets"
COLLECTION = "manifest"  # the member that reads every collection of a user's own
COLLECTION_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")  # hyphens part the names of rows
RAW = Path("data/raw")  # below the checkout, where stages run

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class SubjectProtocol:
    """Who trains: the clips whose `column` (subject, camera or setup) is in `train`.

    Clips in `test` are for testing (None: all others); clips in neither are not used.
    """

    column: str
    train: frozenset[int]
    test: frozenset[int] | None = None


@dataclass(frozen=True)
class LeaveOneOut:
    """One training subject tests, so that settings can be chosen without the test subjects.

    The name of the split says who: `s7_out_3` has the unseen classes of `s7`, and subject 3 tests.
    """

    column: str
    train: frozenset[int]

    def without(self, subject: int) -> SubjectProtocol:
        """Who trains and who tests. Raises DataError for a subject who does not train."""
        if subject not in self.train:
            some = ", ".join(str(number) for number in sorted(self.train)[:8])
            raise DataError(f"leaves out subject {subject}, who is no training subject; name one of {some}")
        return SubjectProtocol(self.column, self.train - {subject}, frozenset({subject}))


def by_subject(train: frozenset[int]) -> dict[str, "SubjectProtocol | LeaveOneOut | OwnList"]:
    """The protocols of a dataset whose training subjects are published."""
    return {"xsub": SubjectProtocol("subject", train), "leave_one_out": LeaveOneOut("subject", train)}


@dataclass(frozen=True)
class OwnList:
    """The dataset's own list of training and test clips.

    It lies in the source folder in one or several `files`; `read` gives the recordings, or clips, of one of them.
    """

    files: re.Pattern[str]
    read: Callable[[Path], tuple[list[str], list[str]]]  # training, test


@dataclass(frozen=True)
class Annotations:
    """Files of the source folder that list the clips, where file names do not; `read` gives the clips of one file."""

    files: re.Pattern[str]
    read: Callable[[Path], list[Any]]  # LabelledClip of formats.shared


@dataclass(frozen=True)
class FileList:
    """A list that users bring in the source folder: its file name, and how many recordings it must name."""

    file_name: str
    num_recordings: int
    read: Callable[[Path, int], set[str]]  # of such a file; FormatError where the number is another


@dataclass(frozen=True)
class Dataset:
    """All facts that differ between datasets.

    `patterns` are searched in a file's path below the source folder, one per modality; their named groups are
    `recording` (which with the dataset's name makes the clip id), `class` (a number or a name), and of subject, camera,
    setup and replication those that the file names tell. `class_base` is the file names' number of class 0, `letters`
    the numbers that they write as letters. A recording whose pattern has no `class` is a clip, or several, only if
    `annotations` say so. Of a modality in `folders` the recording is the folder that the matching files lie in, unless
    `recording` is a file's whole path;
    modalities in `aligned` have the same number of frames in every clip. `subjects` says by protocol who trains. Beside
    modalities there may be `boxes` of people and things; they lie in the pictures of the modalities in `boxed`.

    Where others have published vectors and no recordings, `vectors` names each split's folder, which formats.synse
    reads; the clips are rows of its arrays, there are no readers, and the files themselves say who trains.
    """

    name: str
    title: str
    citation: str
    terms: str
    published_by: str
    patterns: Mapping[str, re.Pattern[str]]
    readers: Mapping[str, Callable[[Path], Any]]  # a Recording of formats.shared; Boxes
    subjects: Mapping[str, SubjectProtocol | LeaveOneOut | OwnList]
    class_base: int = 0
    letters: Mapping[str, int] = field(default_factory=dict)
    annotations: Annotations | None = None
    missing_skeletons: FileList | None = None
    folders: frozenset[str] = frozenset()
    aligned: frozenset[str] = frozenset()
    boxed: frozenset[str] = frozenset()
    vectors: Mapping[str, str] = field(default_factory=dict)  # split -> folder


@dataclass(frozen=True)
class NamedFile:
    """What a file's name says about it; the label is a class id or a class's name, None if the name does not tell."""

    modality: str
    recording: str
    label: int | str | None
    subject: int | None
    camera: int | None
    setup: int | None
    replication: int | None


@dataclass(frozen=True)
class ActionClass:
    """One row of a class list; `context` is a sentence that describes the action, or empty."""

    class_id: int
    name: str
    context: str


def load(name: str) -> Dataset:
    """The dataset of that name, or the user's collection; ParamsError, with the names there are, if there is none."""
    member = member_of(name)
    dataset: Dataset = members.load(PACKAGE, member).DATASET
    return dataset if member == name else replace(dataset, name=name)


def member_of(name: str) -> str:
    """The file of this folder that reads a dataset: its own, or `manifest` of a user's collection.

    Raises ParamsError, with the names there are, if it is neither.
    """
    known = members.names(PACKAGE)
    if name in known or is_collection(name):
        return name if name in known else COLLECTION
    raise ParamsError(
        f"no '{name}' in {PACKAGE.replace('.', '/')}{hint(name, known)}: the datasets are {known}; a collection of "
        f"your own has a {RAW / name}/manifest.csv, which `unseen dataset new {name} FOLDER` writes"
    )


def is_collection(name: str) -> bool:
    """Whether data/raw/<name> is a collection of the user's own, which needs no file here: it brings a manifest."""
    return bool(COLLECTION_NAME.fullmatch(name)) and any(
        (RAW / name / f"manifest.{ending}").is_file() for ending in ("csv", "parquet")
    )


def named_file(dataset: Dataset, path: str) -> NamedFile | None:
    """What the path of a file below the source folder says; None if no pattern of the dataset knows it."""
    return next(iter(named_files(dataset, path)), None)


def named_files(dataset: Dataset, path: str) -> list[NamedFile]:
    """As `named_file`, in every modality whose pattern knows the path (a video may be colour or thermal)."""
    matches = {modality: pattern.search(path) for modality, pattern in dataset.patterns.items()}
    return [_named(dataset, modality, match.groupdict()) for modality, match in matches.items() if match]


def _named(dataset: Dataset, modality: str, groups: Mapping[str, str | None]) -> NamedFile:
    numbers = {key: _number(dataset, groups.get(key)) for key in ("subject", "camera", "setup", "replication")}
    text = groups.get("class")
    label = int(text) - dataset.class_base if text and text.isdecimal() else text
    return NamedFile(modality, groups["recording"] or "", label, **numbers)


def _number(dataset: Dataset, text: str | None) -> int | None:
    if not text:
        return None
    return dataset.letters[text] if text in dataset.letters else int(text)


def read_classes(file: Path) -> list[ActionClass]:
    """A class list; FormatError unless ids are 0, 1, 2, ... and every class has a name of one line.

    A list without the column `context` describes no class.
    """
    table = rows.read_csv(file, ("class_id", "name"), "a class list")
    for class_id, row in enumerate(table):
        if row["class_id"] != str(class_id) or not row["name"] or not row["name"].isprintable():
            raise FormatError(f"{file}: expected class {class_id} with a name, found {row}")
    return [ActionClass(class_id, row["name"], row.get("context", "")) for class_id, row in enumerate(table)]


def classes(name: str, own: Path | None = None) -> list[ActionClass]:
    """The class list of a dataset, by class id; the user's `own` file where none ships (datasets of manifests)."""
    shipped = class_file(name)
    return read_classes(own if own is not None and not shipped.is_file() else shipped)


def class_file(name: str) -> Path:
    """Where the class list of a dataset stands."""
    return _HERE / "classes" / f"{name}.csv"


def class_lists() -> list[str]:
    """The datasets whose class list ships, sorted."""
    return sorted(path.stem for path in (_HERE / "classes").glob("*.csv"))


def published_splits(name: str) -> dict[str, list[int]]:
    """Unseen class ids of a dataset's published splits, by split name."""
    file = _HERE / "splits" / f"{name}.json"
    if not file.is_file():
        return {}
    splits: dict[str, list[int]] = json.loads(file.read_text(encoding="utf-8"))
    return splits


def normalised(name: str) -> str:
    """A class name with case and white space made alike.

    >>> normalised(" Sit  to Stand")
    'sit to stand'
    """
    return " ".join(name.split()).casefold()


def check_names(names: Sequence[str], where: str) -> None:
    """Refuse two classes of one name: such a class could be both seen and unseen. `where` begins the message."""
    first: dict[str, int] = {}
    for class_id, name in enumerate(names):
        other = first.setdefault(normalised(name), class_id)
        if other != class_id:
            raise DataError(
                f"{where}: classes {other} and {class_id} have the same name '{name}', so that it could be both seen "
                f"and unseen; rename or merge them"
            )
