"""dataset new: a folder of recordings -> manifest.csv, classes.csv, a stamped link below data/raw, and a profile."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from pipeline.commands import profile
from pipeline.commands.collection import files, lists, naming, profile_text
from pipeline.commands.collection.files import Survey
from pipeline.commands.collection.lists import Row
from pipeline.core import members, progress, stamp
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.outputs import whole
from pipeline.datasets import shared
from pipeline.datasets.shared import ActionClass
from pipeline.formats import skeleton_arrays, skeleton_layout
from pipeline.sources.listing import CLASS_FILE

MANIFEST = files.LISTS[0]
_NUM_SHOWN = 5
_PARTED = {
    "folders": "as their folders say",
    "subjects": "every other subject trains, the others test",
    "clips": "by clip, half of each class: whoever trains may also test, as nothing tells the subjects apart",
    "list": f"as {MANIFEST} says",
}


@dataclass(frozen=True)
class Found:
    """What the folder holds: its clips, classes, files that are none, how the names were read, and who trains."""

    rows: list[Row]
    classes: list[ActionClass]
    survey: Survey
    title: str
    parted: lists.Parted


def new(name: str, folder: Path, root: Path, *, pattern: str | None, classes: str | None) -> list[str]:
    """Write what is missing for a collection, and return a table of what was found.

    `classes` is a CSV file, or the name of a dataset whose class list ships. Nothing that is there is overwritten, and
    nothing is written where something is wrong. Raises ParamsError for a name that cannot be used and a pattern that
    cannot be read, DataError for a folder that no table can come of.
    """
    _check(name, folder, root)
    found = _found(folder, pattern, classes)
    senses = _covered(found)
    sizes = profile_text.fitted(len(found.classes), {sense: _num_training(found.rows, sense) for sense in senses})
    has_contexts = all(known.context for known in found.classes)
    facts = {sense: found.survey.facts.get(sense, files.Facts()) for sense in senses}
    _say_who_lies(found.survey)
    text = profile_text.written(name, sizes, facts, has_contexts=has_contexts)
    wanted = {MANIFEST: lists.manifest(found.rows), CLASS_FILE: lists.class_list(found.classes)}
    _write_lists(folder, wanted)
    _link(folder, root / shared.RAW / name)
    _stamp(name, root / shared.RAW / name)
    _write(root / f"{name}.yaml", text, "the profile: rows of every stage, commented")
    return _table(found, senses)


def _check(name: str, folder: Path, root: Path) -> None:
    if not shared.COLLECTION_NAME.fullmatch(name):
        raise ParamsError(f"'{name}' cannot name a dataset; expected small letters, digits and '_', such as my_kitchen")
    ships = (*members.names(shared.PACKAGE), *members.names("pipeline.graphs.corpora"), *profile.names())
    if name in (*ships, "params", "dvc"):  # params.yaml and dvc.yaml are no profiles
        raise ParamsError(f"'{name}' is the name of a dataset or profile that ships; choose another")
    if not (root / "dvc.yaml").is_file():
        raise ParamsError(f"{root / 'dvc.yaml'}: no such file; run this in the folder of the checkout")
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; name the one that holds the recordings")
    place = root / shared.RAW / name
    if (place.is_symlink() or place.exists()) and place.resolve() != folder.resolve():
        raise DataError(f"{place}: leads elsewhere already ({place.resolve()}); remove it, or choose another name")
    if folder.resolve() != place.resolve() and root.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{folder}: holds this checkout itself; name the folder of the recordings")


def _found(folder: Path, pattern: str | None, classes: str | None) -> Found:
    survey = files.survey(folder)
    given = _class_list(folder, classes)
    existing = next((path for path in (folder / MANIFEST, folder / files.LISTS[1]) if path.is_file()), None)
    if existing is not None:
        if pattern is not None:
            raise ParamsError(f"--pattern: {existing} lists the clips already; remove it, or leave out --pattern")
        known, how, title = lists.read(existing), "list", existing.name
        taken = {row.path.partition("#")[0] for row in known}
    else:
        places = [recording.place for recording in survey.recordings]
        read = naming.by_pattern(pattern, places) if pattern is not None else naming.detected(places)
        if read is None:
            raise DataError(_unnamed(folder, survey))
        known, title, how = lists.clips(survey.recordings, read), read.title, ""
        taken = {row.path for row in known}
    for recording in survey.recordings:
        if recording.path not in taken:
            survey.misfits[recording.path] = f"a recording that {title} does not tell the class of"
    rows, used = lists.named(known, given, str(folder))
    if how == "list":
        return _checked(Found(rows, used, survey, title, "list"), folder)
    rows = _with_two(rows, survey)
    rows, parted = lists.parted(rows)
    labels = {row.label for row in rows}
    used = [replace(c, class_id=place) for place, c in enumerate(c for c in used if c.name in labels)]
    return _checked(Found(rows, used, survey, title, parted), folder)


def _checked(found: Found, folder: Path) -> Found:
    if len(found.classes) < profile_text.FEWEST_CLASSES:
        raise DataError(
            f"{folder}: {len(found.classes)} classes with clips ({found.title}), and {profile_text.FEWEST_CLASSES} are "
            "the fewest: two unseen, two to select on and three to learn from"
        )
    return found


def _class_list(folder: Path, classes: str | None) -> list[ActionClass] | None:
    """The user's class list: classes.csv in the folder, or what is named in its place."""
    own = folder / CLASS_FILE
    if classes is None:
        return shared.read_classes(own) if own.is_file() else None
    if own.is_file():
        raise ParamsError(f"--classes: {own} is there already; remove it, or leave out --classes")
    if Path(classes).is_file():
        return shared.read_classes(Path(classes))
    if classes in shared.class_lists():
        return shared.classes(classes)
    raise ParamsError(f"--classes '{classes}': neither a file nor a dataset whose list ships: {shared.class_lists()}")


def _unnamed(folder: Path, survey: Survey) -> str:
    return (
        f"{folder}: nothing tells the classes of {len(survey.recordings)} recordings, first "
        f"'{survey.recordings[0].path}'; tried: {'; '.join(naming.KNOWN)}; say what a file's name, without its ending, "
        f"tells, as in --pattern '{naming.EXAMPLE}'"
    )


def _with_two(rows: Sequence[Row], survey: Survey) -> list[Row]:
    """The rows without the only clip of a class in a sense, which cannot both train and test."""
    counts = Counter((row.label, row.modality) for row in rows)
    for row in rows:
        if counts[row.label, row.modality] < 2:
            survey.misfits[row.path] = "the only clip of its class in its sense: one cannot both train and test"
    return [row for row in rows if counts[row.label, row.modality] > 1]


def _covered(found: Found) -> list[str]:
    """The senses in which every class has a clip that trains and one that tests; the profile has rows of these."""
    senses = [sense for sense in ("skeleton", "depth", "thermal", "video") if _num_training(found.rows, sense)]
    covered = []
    for sense in senses:
        of_sense = [row for row in found.rows if row.modality == sense]
        lacking = lists.lacking(of_sense)
        missing = [c.name for c in found.classes if c.name not in {row.label for row in of_sense}]
        lacking |= dict.fromkeys(missing, f"no {sense} clip")
        if lacking:
            first = min(lacking)
            progress.say(
                f"{sense}: left out of the profile: {len(lacking)} classes lack clips in it, first '{first}': "
                f"{lacking[first]}"
            )
        else:
            covered.append(sense)
    if not covered:
        raise DataError(
            f"no sense has clips that train and that test of all {len(found.classes)} classes; record more, or take "
            "out the classes that lack them"
        )
    return covered


def _say_who_lies(survey: Survey) -> None:
    """Arrays are as their layout says; one that leaves out `up` may be why nobody stands."""
    upward = survey.facts["skeleton"].upward if "skeleton" in survey.facts else None
    arrays = [
        one.path for one in survey.recordings if PurePosixPath(one.path).suffix.lower() in skeleton_arrays.ENDINGS
    ]
    if upward not in (None, "y") and arrays:
        progress.say(
            f"skeleton: with {skeleton_layout.FILE} as it is, bodies stand along {upward}, not y, as in {arrays[0]}: "
            "set `up` in it (docs/formats.md) and remove the profile before you type this again, unless people lie down"
        )


def _num_training(rows: Sequence[Row], sense: str) -> int:
    return sum(row.modality == sense and row.split == "train" for row in rows)


def _write_lists(folder: Path, wanted: Mapping[str, str]) -> None:
    missing = {name: text for name, text in wanted.items() if not (folder / name).is_file()}
    if (folder / "manifest.parquet").is_file():
        missing.pop(MANIFEST, None)
    if missing and not os.access(folder, os.W_OK):
        raise DataError(
            f"{folder}: cannot be written, and {' and '.join(missing)} must lie beside the recordings; copy them "
            f"(`cp -r {folder} WRITABLE`) and name the copy"
        )
    whats = {MANIFEST: "the clips, with who trains and who tests", CLASS_FILE: "the classes; add a sentence to each"}
    for name in wanted:
        if name in missing:
            _write(folder / name, wanted[name], whats[name])
        else:
            progress.say(f"{folder / name}: there already, kept")


def _write(path: Path, text: str, what: str) -> None:
    if path.exists():
        progress.say(f"{path}: there already, kept")
        return
    with whole(path) as scratch:
        scratch.write_text(text, encoding="utf-8")
    progress.say(f"{path}: written, {what}")


def _link(folder: Path, place: Path) -> None:
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(folder.resolve(), target_is_directory=True)
        progress.say(f"{place}: links to {folder.resolve()}")


def _stamp(name: str, place: Path) -> None:
    total = len(stamp.files(place))
    stamp.write(place, progress.track(stamp.scan(place), total=total, what=f"{name}: files"))
    progress.say(f"{stamp.stamp_path(place)}: written; after a change of files type `unseen raw scan {name}`")


def _table(found: Found, senses: Sequence[str]) -> list[str]:
    """What was found, as lines for a reader."""
    lines = [f"{'sense':<10} {'clips':>7} {'train':>7} {'test':>7} {'classes':>8} {'subjects':>9}"]
    for sense in senses:
        rows = [row for row in found.rows if row.modality == sense]
        train = _num_training(rows, sense)
        subjects = {row.subject for row in rows} - {""}
        lines.append(
            f"{sense:<10} {len(rows):>7} {train:>7} {sum(row.split == 'test' for row in rows):>7} "
            f"{len({row.label for row in rows}):>8} {len(subjects) or 'unknown':>9}"
        )
    lines.append(f"classes are told by: {found.title}; train and test: {_PARTED[found.parted]}")
    misfits = found.survey.misfits
    if misfits:
        lines.append(f"{len(misfits)} files are none of these clips:")
        reasons = files.counted(misfits)
        for number, reason in reasons[:_NUM_SHOWN]:
            lines.append(f"  {number} x {reason}, as {min(path for path in misfits if misfits[path] == reason)}")
        if len(reasons) > _NUM_SHOWN:
            lines.append(f"  and {len(reasons) - _NUM_SHOWN} other reasons")
    return lines
