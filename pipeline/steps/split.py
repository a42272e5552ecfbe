"""split: clips -> one role per clip and split: who is trained on, selected on, tested on."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from pipeline.core import roles, tables
from pipeline.core.errors import DataError
from pipeline.core.params import Params
from pipeline.core.roles import Classes, Clip, ValClasses
from pipeline.core.schemas import CLIPS, SPLIT, ClipRow, SplitRow
from pipeline.core.seeds import generator
from pipeline.datasets import shared
from pipeline.datasets.shared import Dataset, LeaveOneOut, OwnList, SubjectProtocol
from pipeline.formats import synse
from pipeline.labels import overlap

FILES = "files"  # the protocol of a dataset of vectors: its files say who trains
_DRAWN = re.compile(r"s(0|[1-9]\d*)")
_HALF = re.compile(r"half_(0|[1-9]\d{0,8})")
_LEFT_OUT = re.compile(r"(?P<drawn>.+)_out_(?P<subject>0|[1-9]\d{0,8})")
_WITHOUT = re.compile(r"without((?:_(?:0|[1-9]\d{0,8}))+)")
SOURCE = "source"  # the split in which no class is unseen


class Row(Params):
    """One split table, by its `name`. `splits` names published splits, or draws: s<seed>.

    Of a source of cross-dataset transfer there are two more: in `source` no class is unseen, and in
    `without_<id>_<id>...` exactly these are, such as those that are classes of a target.

    `protocol` says who trains and who tests, such as xsub. With `leave_one_out` clips of its training subjects alone
    are used, to choose settings by: the splits are those of xsub, each with the subject who tests (s<seed>_out_<id>).
    With `protocol: null` the dataset is a target of cross-dataset transfer: nobody trains, all clips of the unseen
    classes are test clips, and `splits` are the halves that E2E draws (half_<seed>, its 0/50) or `full` (0/100).

    Roles are given to the clips that have `modality`: the classes of a split are the same for all modalities, but not
    every clip need be filmed, and a role of a clip that a modality lacks could not be filled.

    Random splits have `num_unseen` unseen classes. For published splits the number is checked, except for `source`.
    It is null where the splits of a table differ (halves beside `full`).

    `val_classes` says how many of the seen classes are val classes; it is null where nobody trains, and only there.
    """

    dataset: str
    name: str
    modality: str
    protocol: str | None
    num_unseen: Annotated[int, Field(ge=1)] | None
    val_classes: ValClasses | None
    splits: Annotated[list[str], Field(min_length=1)]

    @model_validator(mode="after")
    def _select_where_somebody_trains(self) -> "Row":
        if (self.val_classes is None) != (self.protocol is None):
            raise ValueError("val_classes is null where protocol is, of a target, and else such as share: 0.2, min: 3")
        return self


def split(row: Row, *, clips: Path, out: Path) -> None:
    """Write the roles of all clips that were not rejected.

    Raises DataError for names, counts or protocols that do not fit, and for a split with an empty role.
    """
    dataset = shared.load(row.dataset)
    where = f"split.rows.{row.dataset}-{row.name}"
    protocols = [FILES] if dataset.vectors else sorted(dataset.subjects)
    if row.protocol is not None and row.protocol not in protocols:
        raise DataError(f"{where}: {row.dataset} has no protocol '{row.protocol}', only {protocols}")
    if len(set(row.splits)) < len(row.splits):
        raise DataError(f"{where}: a split is named twice: {row.splits}")
    names = tables.read_meta(clips, CLIPS)["class_names"]
    shared.check_names(names, where)
    known = [clip for clip in tables.read(clips, CLIPS) if clip.modality == row.modality]
    if not known:
        raise DataError(f"{where}: {clips} has no clip of modality '{row.modality}'")
    of_files = bool(dataset.vectors) and row.protocol == FILES
    parting = dataset.subjects[row.protocol] if row.protocol and not of_files else None
    # Of files, and where one is left out, who trains depends on the split.
    everyone = [] if of_files or isinstance(parting, LeaveOneOut) else _clips(known, row.protocol, parting, clips)
    divided: dict[str, Classes] = {}
    rows: list[SplitRow] = []
    for name in row.splits:
        try:
            drawn, subjects = _left_out(name, parting) if isinstance(parting, LeaveOneOut) else (name, None)
            divided[name] = _classes(row, drawn, len(names))
            candidates = _clips(known, row.protocol, subjects, clips) if subjects else everyone
            candidates = _listed(known, dataset, name, divided[name]) if of_files else candidates
            rows += _roles(candidates, divided[name], (name, drawn), row)
        except DataError as error:
            raise DataError(f"{where}: split '{name}': {error}") from None
    tables.write(out, SPLIT, rows, _meta(row, names, divided))


def classes_of(row: Row, num_classes: int) -> dict[str, Classes]:
    """The classes of every split of a row, which depend on no clip. Raises DataError as `split` does."""
    parting = shared.load(row.dataset).subjects.get(row.protocol or "")
    divided = {}
    for name in row.splits:
        try:
            drawn = _left_out(name, parting)[0] if isinstance(parting, LeaveOneOut) else name
            divided[name] = _classes(row, drawn, num_classes)
        except DataError as error:
            raise DataError(f"split.rows.{row.dataset}-{row.name}: split '{name}': {error}") from None
    return divided


def _left_out(name: str, subjects: LeaveOneOut) -> tuple[str, SubjectProtocol]:
    """The split whose classes are meant, and who trains and tests."""
    match = _LEFT_OUT.fullmatch(name)
    if not match:
        raise DataError("does not say which training subject tests; name it, as in 's0_out_3'")
    return match["drawn"], subjects.without(int(match["subject"]))


def _clips(
    rows: Sequence[ClipRow],
    protocol: str | None,
    subjects: SubjectProtocol | OwnList | None,
    table: Path,
) -> list[Clip]:
    """The clips that were accepted, and whether they train, test or do neither."""
    accepted = [row for row in rows if row.reason is None]
    if subjects is None or protocol is None:
        trains: list[bool | None] = [False for _ in accepted]  # of a target nobody trains
    elif isinstance(subjects, OwnList):
        trains = [_trains_by_list(row, protocol) for row in accepted]
        if not any(trains):
            raise DataError(f"{table}: no clip trains by the list '{protocol}'; {_remedy(trains, subjects)}")
    else:
        trains = [_trains_by_subject(row, subjects, table) for row in accepted]
    return [
        Clip(row.clip_id, row.class_id, is_train, roles.performance(row))
        for row, is_train in zip(accepted, trains, strict=True)
    ]


def _remedy(trains: Sequence[bool | None], listed: OwnList) -> str:
    """What to do where a list has no clip train: it says of clips that they test, or there is none."""
    num_tests = sum(side is False for side in trains)
    if num_tests:
        return f"it lets {num_tests} clips of this modality test; name training clips in it too, and scan again"
    return f"put the file ({listed.files.pattern}) into the source folder, or name training clips in it, and scan again"


def _trains_by_list(row: ClipRow, protocol: str) -> bool | None:
    if protocol in (row.train_lists or ()):
        return True
    return False if protocol in (row.test_lists or ()) else None


def _trains_by_subject(row: ClipRow, subjects: SubjectProtocol, table: Path) -> bool | None:
    number: int | None = getattr(row, subjects.column)
    if number is None:
        raise DataError(f"{table}: {row.clip_id} has no {subjects.column}, which decides who trains")
    if number in subjects.train:
        return True
    return False if subjects.test is None or number in subjects.test else None


def _listed(rows: Sequence[ClipRow], dataset: Dataset, name: str, classes: Classes) -> list[Clip]:
    """The clips of one split where the files say who trains; the folders of other splits hold other vectors.

    The unseen clips of gtest are those of ztest once more: like training clips of unseen classes they are not used.
    """
    clips = []
    for row in rows:
        folder, _, file = row.path.removesuffix(".npy").partition("/")
        if row.reason is not None or folder != dataset.vectors.get(name):
            continue
        is_unseen = row.class_id in classes.unseen
        if (file == synse.TRAIN and is_unseen) or (file == synse.UNSEEN_TEST and not is_unseen):
            raise DataError(f"{row.clip_id} is of class {row.class_id}, which is {'un' * is_unseen}seen")
        is_train = file == synse.TRAIN or (file == synse.ALL_TEST and is_unseen)
        clips.append(Clip(row.clip_id, row.class_id, is_train, row.clip_id))
    return clips


def _seed(name: str) -> int | None:
    """The seed of a drawn split, e.g. 7 of "s7"; None for a published one."""
    drawn = _DRAWN.fullmatch(name)
    return int(drawn.group(1)) if drawn else None


def _classes(row: Row, name: str, num_classes: int) -> Classes:
    if row.val_classes is None:
        return _target(row, name, num_classes)
    seed = _seed(name)
    if name == SOURCE:
        unseen: list[int] = []
    elif without := _WITHOUT.fullmatch(name):
        unseen = [int(number) for number in without.group(1).split("_")[1:]]
        _check_size(row, unseen)
    elif seed is None:
        unseen = _published(row, name)
    elif row.num_unseen is None:
        raise DataError("is drawn, so num_unseen must say how many classes it has unseen; it is null")
    elif row.num_unseen < num_classes:
        unseen = roles.draw_unseen(num_classes, row.num_unseen, generator(seed, "unseen", row.dataset, row.num_unseen))
    else:
        raise DataError(f"num_unseen is {row.num_unseen}, {row.dataset} has {num_classes} classes")
    rng = generator(seed or 0, "val", row.dataset, name)
    return roles.split_seen_classes(num_classes, unseen, row.val_classes, rng)


def _target(row: Row, name: str, num_classes: int) -> Classes:
    drawn = _HALF.fullmatch(name)
    if not drawn and name != "full":
        raise DataError("is no split of a target, which are 'half_<seed>' and 'full'; name a protocol for any other")
    unseen = overlap.half(num_classes, int(drawn.group(1))) if drawn else range(num_classes)
    _check_size(row, unseen)
    return Classes(fit=(), val=(), unseen=tuple(sorted(unseen)))


def _published(row: Row, name: str) -> list[int]:
    published = shared.published_splits(row.dataset)
    if name not in published:
        raise DataError(
            f"is neither published for {row.dataset} ({sorted(published)}) nor a draw such as 's0', nor 'source', nor "
            "'without_<id>' with the ids of its unseen classes"
        )
    _check_size(row, published[name])
    return published[name]


def _check_size(row: Row, unseen: Sequence[int]) -> None:
    if row.num_unseen is not None and len(unseen) != row.num_unseen:
        raise DataError(f"has {len(unseen)} unseen classes, num_unseen says {row.num_unseen}")


def _roles(clips: Sequence[Clip], classes: Classes, names: tuple[str, str], row: Row) -> list[SplitRow]:
    """The lines of one split, called by the first of its names; what is drawn is drawn as for the second."""
    name, drawn = names
    assigned = roles.assign(clips, classes) if row.protocol else roles.assign_target(clips, classes)
    rng = generator(_seed(drawn) or 0, "held_out", row.dataset, drawn)
    out = roles.held_out(clips, assigned, rng) if row.protocol else set()
    return [
        SplitRow(
            split=name,
            clip_id=clip.clip_id,
            role=assigned[clip.clip_id],
            class_id=clip.class_id if assigned[clip.clip_id] in ("fit", "val") else None,
            held_out=clip.clip_id in out,
        )
        for clip in clips
    ]


def _meta(row: Row, names: Sequence[str], divided: Mapping[str, Classes]) -> dict[str, Any]:
    return {
        "dataset": row.dataset,
        "split_table": row.name,
        "protocol": row.protocol,
        "class_names": list(names),
        "splits": {
            name: {"fit": list(classes.fit), "val": list(classes.val), "unseen": list(classes.unseen)}
            for name, classes in divided.items()
        },
    }
