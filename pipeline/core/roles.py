"""Who sees what: the classes and clips of one split. Pure functions; every draw comes from a named seed."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.core.errors import DataError
from pipeline.core.hashing import value_digest
from pipeline.core.params import Params
from pipeline.core.schemas import ClipRow

_FEWEST_FIT_CLASSES = 3
# In place of a `clips_digest`: weights were trained on labels of clips that are not known.
UNKNOWN_CLIPS = "unknown"


@dataclass(frozen=True)
class Classes:
    """The class ids of a split, sorted: trained on, selected on (pseudo-unseen), and never seen."""

    fit: tuple[int, ...]
    val: tuple[int, ...]
    unseen: tuple[int, ...]


class ValClasses(Params):
    """How many of the seen classes are val classes: a share of them, rounded up, and at least `min`."""

    share: Annotated[float, Field(gt=0, lt=1)]
    min: Annotated[int, Field(ge=2)]  # among a single class every choice is right

    def number(self, num_seen: int) -> int:
        """The number of val classes of so many seen classes."""
        return max(self.min, math.ceil(round(self.share * num_seen, 9)))


@dataclass(frozen=True)
class Clip:
    """What decides a clip's role: `is_train` says whether it trains or tests, None that it does neither.

    Clips of one `performance` are the same event, seen by several cameras.
    """

    clip_id: str
    class_id: int
    is_train: bool | None
    performance: str


def performance(row: ClipRow) -> str:
    """What the clips of one event share, all but the camera, of a row of the clips table.

    A clip that does not say is an event of its own. Of a subject whose performances are not told apart, all clips of a
    class count as one: they may show the same.
    """
    if row.subject is None and row.replication is None:
        return row.clip_id
    return f"{row.class_id} {row.subject} {row.setup} {row.replication}"


def clips_digest(clip_ids: Iterable[str]) -> str:
    """A digest of the clips whose labels trained some weights, in any order.

    A split of the same name in another table may hold other clips, such as those of other subjects, and then has
    another digest.
    """
    return value_digest(sorted(clip_ids))


def joint_clips(digests: Iterable[str | None]) -> str | None:
    """The digest of weights that were made of several others: `UNKNOWN_CLIPS` if theirs differ."""
    known = sorted({digest for digest in digests if digest is not None})
    return UNKNOWN_CLIPS if len(known) > 1 else next(iter(known), None)


def draw_unseen(num_classes: int, num_unseen: int, rng: np.random.Generator) -> list[int]:
    """Ids of classes drawn to be unseen, sorted."""
    return sorted(rng.choice(num_classes, size=num_unseen, replace=False).tolist())


def split_seen_classes(
    num_classes: int, unseen: Sequence[int], val_classes: ValClasses, rng: np.random.Generator
) -> Classes:
    """The seen classes divided into fit and val, whose number `val_classes` tells.

    Raises DataError for an unseen id that is none or is listed twice, and if fewer than three fit classes are left.
    """
    strange = sorted({class_id for class_id in unseen if not 0 <= class_id < num_classes})
    if strange:
        raise DataError(f"unseen classes {strange} are out of range: the classes are 0 to {num_classes - 1}")
    if len(set(unseen)) < len(unseen):
        raise DataError(f"an unseen class is listed twice: {sorted(unseen)}")
    seen = sorted(set(range(num_classes)) - set(unseen))
    num_val = val_classes.number(len(seen))
    if len(seen) - num_val < _FEWEST_FIT_CLASSES:
        raise DataError(
            f"{len(seen)} seen of {num_classes} classes, {num_val} of them for validation, leave fewer than "
            f"{_FEWEST_FIT_CLASSES} to train on; name fewer unseen classes, or lower val_classes "
            f"(share {val_classes.share:g}, min {val_classes.min})"
        )
    val = sorted(rng.choice(seen, size=num_val, replace=False).tolist())
    fit = sorted(set(seen) - set(val))
    return Classes(fit=tuple(fit), val=tuple(val), unseen=tuple(sorted(unseen)))


def assign(clips: Sequence[Clip], classes: Classes) -> dict[str, str]:
    """The role of each clip, by id.

    Raises DataError if fit, val, seen_test or unseen_test stays empty, or an unseen class has no test clip. Without
    unseen classes, as in a source of cross-dataset transfer, nobody need test: other datasets do.
    """
    roles = {clip.clip_id: _role(clip, classes) for clip in clips}
    needed = {"fit", "val", "seen_test", "unseen_test"} if classes.unseen else {"fit", "val"}
    empty = sorted(needed - set(roles.values()))
    if empty:
        raise DataError(
            f"no clip gets the role {' or '.join(empty)}; see that the clips cover the subjects and classes"
        )
    tested = {clip.class_id for clip in clips if roles[clip.clip_id] == "unseen_test"}
    if missing := sorted(set(classes.unseen) - tested):
        raise DataError(
            f"no test clip shows the unseen classes {missing}, which would be chosen among and never be right; see "
            "that the clips cover them, or name other unseen classes"
        )
    return roles


def assign_target(clips: Sequence[Clip], classes: Classes) -> dict[str, str]:
    """The role of each clip of a cross-dataset target, by id: unseen_test, of any subject, or unused.

    Raises DataError for an unseen class without a clip.
    """
    missing = sorted(set(classes.unseen) - {clip.class_id for clip in clips})
    if missing:
        raise DataError(f"no clip shows the unseen classes {missing}; a target is tested on all of its clips")
    return {clip.clip_id: "unseen_test" if clip.class_id in classes.unseen else "unused" for clip in clips}


def _role(clip: Clip, classes: Classes) -> str:
    if clip.is_train is None:
        return "unused"
    if clip.class_id in classes.unseen:
        return "unused" if clip.is_train else "unseen_test"
    if clip.class_id in classes.val:
        return "val" if clip.is_train else "seen_test"
    if clip.class_id in classes.fit:
        return "fit" if clip.is_train else "seen_test"
    return "unused"


def held_out(clips: Sequence[Clip], roles: Mapping[str, str], rng: np.random.Generator) -> set[str]:
    """Ids of a tenth of the fit clips, stratified by class, whole performances at a time.

    All camera views of a performance stay together, because they show the same. The only performance of a class is
    held out only if every class has just one. At least one performance is held out and one is kept: DataError if there
    is only one.
    """
    by_class: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for clip in sorted(clips, key=lambda clip: clip.clip_id):
        if roles[clip.clip_id] == "fit":
            by_class[clip.class_id][clip.performance].append(clip.clip_id)
    if sum(len(performances) for performances in by_class.values()) < 2:
        raise DataError("all fit clips show one performance, none can be held out; the training subjects need more")
    quota = _quota({class_id: len(performances) for class_id, performances in by_class.items()}, rng)
    out: set[str] = set()
    for class_id, performances in sorted(by_class.items()):
        groups = list(performances.values())
        for index in rng.choice(len(groups), size=quota[class_id], replace=False):
            out.update(groups[index])
    return out


def _quota(sizes: Mapping[int, int], rng: np.random.Generator) -> dict[int, int]:
    """How many performances each class gives: a tenth, by largest remainders; ties are drawn."""
    quota = {class_id: size // 10 for class_id, size in sizes.items()}
    total = max(1, round(sum(sizes.values()) / 10))
    drawn = dict(zip(sorted(sizes), rng.random(len(sizes)).tolist(), strict=True))
    order = sorted(sizes, key=lambda class_id: (sizes[class_id] == 1, -(sizes[class_id] % 10), drawn[class_id]))
    for class_id in order[: total - sum(quota.values())]:
        quota[class_id] += 1
    return quota
