"""Which classes the clips of a binding show, for the audit: no label of theirs is learnt from, and none may be unseen.

Another dataset may have an unseen class under its own number, and even the same recordings of it (NTU RGB+D 60 within
120). So its classes are compared with those of the row's dataset by the words of their names, as captions are.
"""

from collections.abc import Mapping, Sequence

from pipeline.core.errors import LeakError
from pipeline.core.scores import PAIRS_MAY_NOT_HOLD
from pipeline.labels import overlap
from pipeline.training.paired import Clip, Of, RecordedClips

Names = Mapping[str, Sequence[str]]  # by dataset the names of its classes, in the order of their ids


def paired_classes(
    clips: Sequence[Clip], recorded: Sequence[RecordedClips], own: str, names: Names
) -> dict[str, list[int]]:
    """By dataset the classes of the clips; of `own` also those whose name a paired class of another dataset bears."""
    events = {recording.dataset: recording.events for recording in recorded}
    class_ids: dict[str, set[int]] = {dataset: set() for dataset in events}
    for clip in clips:
        class_ids[clip.dataset].add(events[clip.dataset][clip.clip_id].class_id)
    for dataset in class_ids.keys() - {own}:
        class_ids[own] |= namesakes(names[own], [names[dataset][class_id] for class_id in class_ids[dataset]])
    return {dataset: sorted(ids) for dataset, ids in class_ids.items()}


def namesakes(names: Sequence[str], others: Sequence[str]) -> set[int]:
    """Places of the names that are made of the words of another, in any order and inflection."""
    same = overlap.same_words(names, others)
    return {place for place, name in enumerate(names) if name in same}


def refuse_held_back(of: Of, paired: Sequence[int], roles: Mapping[str, Sequence[int]], where: str) -> None:
    """LeakError where classes are paired that `of` keeps back from binding; `roles` are the classes of a split."""
    for role in PAIRS_MAY_NOT_HOLD[of]:
        both = sorted(set(paired) & set(roles[role]))
        if both:
            raise LeakError(
                f"{where}: `of: {of}` pairs clips of the {role} classes {both}, by number or, in another dataset, by "
                "name: in pairs.further name a split table without them, or say `of: all`, which is transductive"
            )
