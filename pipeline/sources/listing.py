"""The clips of a source folder: what file names and annotation files say, joined with the stamped files."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from pipeline.core import progress
from pipeline.core.errors import DataError
from pipeline.core.hashing import known_digest, value_digest
from pipeline.core.stamp import StampedFile
from pipeline.datasets import shared
from pipeline.datasets.shared import ActionClass, Dataset, NamedFile, OwnList
from pipeline.formats import clip_manifest, segments
from pipeline.formats.shared import LabelledClip

CLASS_FILE = "classes.csv"  # in the source folder, where the project ships no list


@dataclass(frozen=True)
class Listed:
    """One clip: its place (a file, a part of one, or a folder) and what is known about it.

    `lists` has by protocol "train" or "test", as the dataset's own lists say; `fault` is why the clip is rejected
    unread.
    """

    file: StampedFile
    name: NamedFile
    lists: Mapping[str, str]
    fault: str | None = None


class Source:
    """A source folder as it was stamped."""

    def __init__(self, dataset: str, folder: Path, stamped: Sequence[StampedFile]) -> None:
        self.dataset, self.folder, self.stamped = dataset, folder, stamped

    def verified(self, file: StampedFile) -> Path:
        """The path of a file. Raises DataError unless it is the one that was stamped."""
        path = self.folder / file.path
        if changed := what_changed(path, file):
            raise DataError(f"{path}: {changed}; run `unseen raw scan {self.dataset}`")
        return path

    @cached_property
    def spelled(self) -> dict[str, str]:
        """Every file, and every folder that holds one, by its name in small letters."""
        folders = {parent.as_posix() for file in self.stamped for parent in PurePosixPath(file.path).parents}
        return {_plain(path): path for path in sorted({file.path for file in self.stamped} | (folders - {"."}))}

    def classes(self) -> list[ActionClass]:
        """The dataset's class list: the one that ships, or the user's `classes.csv`."""
        lists = [file for file in self.stamped if file.path == CLASS_FILE]
        if not lists and not shared.class_file(self.dataset).is_file():
            raise DataError(
                f"{self.folder}: no {CLASS_FILE} in it; list the classes there, columns class_id,name,context, and run "
                f"`unseen raw scan {self.dataset}`"
            )
        return shared.classes(self.dataset, self.verified(lists[0]) if lists else None)


def listed(dataset: Dataset, source: Source) -> list[Listed]:
    """Every clip of a dataset among the stamped files, in the order of their paths."""
    recordings = _recordings(dataset, source.stamped)
    labelled: list[_Labelled] = [
        (file, name, name.recording, None) for file, name in recordings if name.label is not None
    ]
    if dataset.annotations is not None:
        labelled += _annotated(dataset, source, recordings)
    sides = _sides(dataset, source)
    clips = [
        Listed(file, name, sides.get(name.recording, sides.get(recording, {})), fault)
        for file, name, recording, fault in labelled
    ]
    _say_what_is_left_over(dataset, recordings, clips, sides)
    return sorted(clips, key=lambda clip: (clip.file.path, clip.name.modality))


def what_changed(path: Path, file: StampedFile) -> str | None:
    """Why a file, or folder, is not the one that was stamped; None if it is."""
    if not path.exists():
        return "missing file: the stamp lists it, the folder lacks it"
    if not path.is_file() and not path.is_dir():
        return "changed file: neither a file nor a folder, as the stamp has it"
    parts = [path] if path.is_file() else [part for part in path.iterdir() if part.is_file()]
    num_bytes = sum(part.stat().st_size for part in parts)
    if num_bytes != file.num_bytes:
        return f"changed file: the stamp says {file.num_bytes} bytes, found {num_bytes}"
    if known_digest(path) != file.content_hash:
        return "changed file: its content is not what the stamp says"
    return None


_Recording = tuple[StampedFile, NamedFile]
_Labelled = tuple[StampedFile, NamedFile, str, str | None]  # ..., name of the recording, fault


def _recordings(dataset: Dataset, stamped: Sequence[StampedFile]) -> list[_Recording]:
    """Every file, or folder of files, that a pattern of the dataset knows."""
    named = [(file, name) for file in stamped for name in shared.named_files(dataset, file.path)]
    single: list[_Recording] = []
    parts: list[_Recording] = []
    for file, name in named:
        is_part = name.modality in dataset.folders and name.recording != file.path
        (parts if is_part else single).append((file, name))
    folders = {file.path.rpartition("/")[0]: name for file, name in parts}
    return [*single, *((folder, folders[folder.path]) for folder in _folders(stamped, set(folders)))]


def _folders(stamped: Sequence[StampedFile], wanted: set[str]) -> list[StampedFile]:
    """Folders as if they were files; the digest is that of core.hashing.folder_digest."""
    contents: dict[str, list[StampedFile]] = {folder: [] for folder in wanted}
    for file in stamped:
        folder, _, _ = file.path.rpartition("/")
        if folder in contents:
            contents[folder].append(file)
    return [
        StampedFile(
            folder,
            sum(file.num_bytes for file in files),
            value_digest([[file.path.removeprefix(f"{folder}/"), file.content_hash] for file in sorted(files)]),
        )
        for folder, files in contents.items()
    ]


def _annotated(dataset: Dataset, source: Source, recordings: Sequence[_Recording]) -> Iterator[_Labelled]:
    """The clips of annotation files, each with its recording in every modality."""
    by_name: dict[str, list[_Recording]] = defaultdict(list)
    for file, name in recordings:
        by_name[name.recording].append((file, name))
    assert dataset.annotations is not None
    for annotation in source.stamped:
        if dataset.annotations.files.search(annotation.path):
            foreign = 0
            for clip in dataset.annotations.read(source.verified(annotation)):
                if not clip.inside:
                    yield from _in_recordings(dataset, source, annotation, clip, by_name.get(clip.recording, []))
                elif known := shared.named_file(dataset, clip.recording):
                    yield from _in_recordings(dataset, source, annotation, clip, [(annotation, known)])
                else:
                    foreign += 1
            if foreign:
                progress.say(
                    f"{dataset.name}: {foreign} clips of {annotation.path} are named as none of its recordings"
                )


def _in_recordings(
    dataset: Dataset,
    source: Source,
    annotation: StampedFile,
    clip: LabelledClip,
    recordings: Sequence[_Recording],
) -> Iterator[_Labelled]:
    meant = [(file, name) for file, name in recordings if clip.modality in (None, name.modality)]
    fault: str | None = clip.fault
    if not meant:
        modality = clip.modality or next(iter(dataset.patterns))
        meant = [(StampedFile(clip.recording, 0, ""), NamedFile(modality, "", None, None, None, None, None))]
        fault = fault or _absent(source, annotation, clip, modality)
    for file, name in meant:
        if fault is None and name.label not in (None, clip.label):
            fault = f"unknown class: its file name says {name.label}, {annotation.path} says {clip.label}"
        subject = name.subject if clip.subject is None else clip.subject
        whole = replace(name, recording=clip.name, label=clip.label, subject=subject)
        yield replace(file, path=file.path + clip.part), whole, clip.recording, fault


def _absent(source: Source, annotation: StampedFile, clip: LabelledClip, modality: str) -> str:
    """Why no recording of a modality has the name that an annotation file gives to one."""
    there = source.spelled.get(_plain(clip.recording))
    if there == clip.recording:
        return f"unknown format: {clip_manifest.unfit(modality, source.folder / there)}"
    hint = f", it has '{there}': write it so" if there else ""
    return f"missing file: {annotation.path} names it, the folder has no such {modality}{hint}"


def _plain(path: str) -> str:
    """A path without what is easily mistyped."""
    return PurePosixPath(path).as_posix().casefold()


def _sides(dataset: Dataset, source: Source) -> dict[str, dict[str, str]]:
    """By recording or clip and protocol: "train" or "test", as the dataset's own lists say."""
    sides: dict[str, dict[str, str]] = defaultdict(dict)
    for protocol, own_list in dataset.subjects.items():
        if not isinstance(own_list, OwnList):
            continue
        files = [file for file in source.stamped if own_list.files.search(file.path)]
        if not files:
            progress.say(f"{dataset.name}: no list '{protocol}' in {source.folder} ({own_list.files.pattern})")
        for file in files:
            train, test = own_list.read(source.verified(file))
            for name, side in [*((name, "train") for name in train), *((name, "test") for name in test)]:
                if sides[name].setdefault(protocol, side) != side:
                    raise DataError(
                        f"{source.folder / file.path}: list '{protocol}': {name!r} both trains and tests; mend the list"
                    )
    return sides


def _say_what_is_left_over(
    dataset: Dataset, recordings: Sequence[_Recording], clips: Sequence[Listed], sides: Mapping[str, object]
) -> None:
    """Report how many recordings have no label, and how many names on lists have no recording."""
    used = {segments.file_of(clip.file.path) for clip in clips}
    unlabelled = sorted({file.path for file, _ in recordings} - used)
    if unlabelled:
        progress.say(f"{dataset.name}: {len(unlabelled)} recordings without a label, first {unlabelled[0]}")
    known = {clip.name.recording for clip in clips} | {name.recording for _, name in recordings}
    absent = sorted(set(sides) - known)
    if absent:
        progress.say(f"{dataset.name}: {len(absent)} names on its lists without a recording, first {absent[0]!r}")
