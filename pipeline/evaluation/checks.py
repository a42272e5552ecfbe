"""The leak audit as a list for readers: each check by name, what it compared, and whether it passed.

A figure is written only where no check of `leakage` has refused it. What is left is therefore either passed, a declared
exception (allowed, but not plain zero-shot), or a question that nothing could be compared for. An exception and an open
question are never called passed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.core.roles import UNKNOWN_CLIPS, clips_digest
from pipeline.core.scores import Provenance
from pipeline.evaluation import leakage
from pipeline.evaluation.leakage import Clip


@dataclass(frozen=True)
class Check:
    """One line of the audit; `passed` is None where there was nothing to compare, False for a declared exception."""

    name: str
    compared: str
    passed: bool | None
    detail: str


@dataclass(frozen=True)
class Audited:
    """What the audit of one (split, seed, label space) has looked at."""

    provenance: Provenance
    clip_ids: Sequence[str]  # scored
    clips: Mapping[str, Clip]  # all of the split, by id
    training: Mapping[str, Sequence[str]]  # ids of the split table by training role, of all modalities
    parts: Mapping[str, Sequence[int]]  # classes of the split
    protocol: str | None
    num_names: int  # classes of the dataset
    texts: tuple[int, int]  # kinds of class text that were compared, and kinds in which classes may share words


def checks(audited: Audited, selection: str) -> list[dict[str, Any]]:
    """Every check of the audit, in the order in which a reader would ask, as plain values for JSON."""
    made = (
        _training_classes(audited),
        _training_clips(audited),
        _choice(audited, selection),
        _inference(audited),
        _source(audited),
        _pairs(audited),
        _pretrained(audited),
        _people(audited),
        _bytes(audited),
        _scored(audited),
        _candidates(audited),
        *_classes(audited),
        _texts(audited),
        _roles(audited),
    )
    return [asdict(check) for check in made]


def _training_classes(audited: Audited) -> Check:
    num = len(set(audited.provenance.training_classes))
    compared = f"{_many(num, 'class', 'classes')} that the weights were taught, with {_unseen(audited)}"
    if not num:
        return Check("training classes", compared, None, "The weights were taught no class of this dataset.")
    return Check("training classes", compared, True, "None is the same.")


def _training_clips(audited: Audited) -> Check:
    name, digest = "training clips", audited.provenance.training_clips
    if digest is None:
        return Check(name, "no clip", None, "The encoder read the label of no clip of this dataset.")
    if digest == UNKNOWN_CLIPS:
        detail = "The encoder tells its classes, but not its clips: test subjects may be among them."
        return Check(name, "no clip: they are not known", False, detail)
    fit, val = (audited.training[role] for role in leakage.TRAINING_ROLES)
    only_fit = clips_digest(fit) == digest
    num, which = (len(fit), "fit") if only_fit else (len(fit) + len(val), "fit and val")
    compared = f"the digest of the encoder’s training clips with that of the split’s {num} {which} clips"
    return Check(name, compared, True, "It learnt from these clips and from no other.")


def _choice(audited: Audited, selection: str) -> Check:
    name, num_settings = "choice of the setting", len(audited.provenance.settings)
    among = _many(num_settings, "setting")
    num_val = len(audited.parts["val"])
    if selection == "oracle":
        detail = "Chosen by its accuracy on the test clips: to be compared with no honest figure."
        return Check(name, f"{among} on {_many(len(audited.clip_ids), 'test clip')}", False, detail)
    if selection == "none":
        return Check(name, among, None, "No score decided which.")
    where = f"{num_val} val classes" if selection.startswith("validation") else "folds of the seen classes"
    compared = f"{where}, on which {among} competed, with what the encoder was taught"
    if selection.endswith("_seen"):
        detail = "The encoder was taught or bound with these classes too: they stand in badly for unseen ones."
        return Check(name, compared, False, detail)
    if audited.provenance.training_clips == UNKNOWN_CLIPS:
        return Check(name, compared, None, "The row declares that it was taught none; its clips are not known.")
    return Check(name, compared, True, "The encoder had learnt none of them when they decided.")


def _inference(audited: Audited) -> Check:
    provenance = audited.provenance
    compared = f"inference “{provenance.inference}” with what the method and the encoder declare"
    if provenance.inference == "transductive":
        what = (
            "the scores of a clip depend on the other test clips" if provenance.scored_together else "see paired clips"
        )
        detail = f"Transductive ({what}): to be compared with no inductive figure."
        return Check("inference", compared, False, detail)
    return Check("inference", compared, True, "No unlabelled test clip took part in training or in another’s scores.")


def _source(audited: Audited) -> Check:
    name, provenance = "classes of other datasets", audited.provenance
    if provenance.source is None:
        return Check(name, "no class", None, "Nothing was learnt from another dataset.")
    num = len(provenance.source_classes)
    compared = f"{_many(num, 'class', 'classes')} of {provenance.source} with {_unseen(audited)}, by name and by words"
    if provenance.kept_overlap:
        kept = ", ".join(provenance.kept_overlap)
        return Check(name, compared, False, f"Taught here and tested, kept on purpose: {kept}. No zero-shot figure.")
    return Check(name, compared, True, "None is the same, in any order of its words.")


def _pairs(audited: Audited) -> Check:
    name, provenance = "paired clips", audited.provenance
    if provenance.pairs is None:
        return Check(name, "no clip", None, "The encoder was not bound to other senses.")
    paired, unseen = set(provenance.paired_classes), set(audited.parts["unseen"])
    compared = f"{_many(len(paired), 'class', 'classes')} of bound clips with {_unseen(audited)}"
    if provenance.pairs == "all":
        detail = f"Clips of {len(paired & unseen)} unseen classes took part in binding, without their labels."
        return Check(name, compared, False, detail)
    return Check(name, compared, True, "None is the same.")


def _pretrained(audited: Audited) -> Check:
    name, weights = "weights of the web", audited.provenance.pretrained
    if weights is None:
        return Check(name, "no weights", None, "The encoder did not begin as weights of the web.")
    detail = f"It began as {weights}: nobody knows which classes these saw."
    return Check(name, f"{weights} with {_unseen(audited)}: not possible", False, detail)


def _people(audited: Audited) -> Check:
    name, protocol = "who trains and who is tested", audited.protocol
    column = leakage.PROTOCOL_COLUMN.get(protocol or "", "side")
    tested = {audited.clips[clip_id].split_group for clip_id in audited.clip_ids} - {None}
    training = {clip.split_group for clip in _taught(audited).values()} - {None}
    compared = f"{_many(len(tested), column)} of scored clips with {len(training)} of training clips"
    if not _taught(audited):
        return Check(name, compared, None, "No clip of this dataset trains.")
    if not tested or not training:
        return Check(name, compared, None, "The dataset does not tell them apart.")
    if shared := leakage.num_shared_subjects(audited.clip_ids, audited.clips):
        detail = f"{_many(shared, 'test subject')} in training as well: the protocol {protocol} parts something else."
        return Check(name, compared, False, detail)
    return Check(name, compared, True, "None is the same.")


def _bytes(audited: Audited) -> Check:
    scored = [audited.clips[clip_id] for clip_id in audited.clip_ids]
    taught = list(_taught(audited).values())
    bare = [sum(not clip.contents for clip in clips) for clips in (scored, taught)]
    compared = f"the bytes of {_many(len(scored) - bare[0], 'scored clip')} with {len(taught) - bare[1]} training clips"
    if not taught:
        return Check("same recordings", compared, None, "No clip of this dataset trains.")
    if any(bare):
        detail = f"{bare[0]} scored and {bare[1]} training clips have no digest: of these nobody can tell."
        is_open = bare[0] == len(scored) or bare[1] == len(taught)
        return Check("same recordings", compared, None if is_open else False, detail)
    return Check("same recordings", compared, True, "None is the same under another id.")


def _scored(audited: Audited) -> Check:
    roles = leakage.TEST_ROLES[audited.provenance.label_space]
    due = sum(clip.role in roles for clip in audited.clips.values())
    compared = f"{_many(len(audited.clip_ids), 'scored clip')} with {due} of the role {' or '.join(sorted(roles))}"
    left = f" {due - len(audited.clip_ids)} of them could not be scored." if due > len(audited.clip_ids) else ""
    return Check("test clips", compared, True, f"Every scored clip is one of these.{left}")


def _candidates(audited: Audited) -> Check:
    provenance, parts = audited.provenance, audited.parts
    num = len(parts["unseen"]) + (provenance.label_space != "unseen") * (len(parts["fit"]) + len(parts["val"]))
    which = "unseen classes" if provenance.label_space == "unseen" else "classes, seen and unseen"
    return Check("candidates", f"{len(provenance.class_ids)} candidates with {num} {which}", True, "They are the same.")


def _classes(audited: Audited) -> list[Check]:
    sizes = ", ".join(f"{len(audited.parts[part])} {part}" for part in ("fit", "val", "unseen"))
    named = f"{audited.num_names} names with one another, apart from case and spacing"
    return [
        Check("classes of the split", f"{sizes} classes with one another", True, "None is in two parts."),
        Check("class names", named, True, "No class has two ids."),
    ]


def _texts(audited: Audited) -> Check:
    num, num_left = audited.texts
    compared = f"{_many(num, 'kind')} of text of {audited.num_names} classes, each with each other"
    left = f" {_many(num_left, 'kind')} of which classes may share words: not compared." if num_left else ""
    if not num:
        return Check("class texts", compared, None, left.strip())
    return Check("class texts", compared, True, f"No two classes have the same vector.{left}")


def _roles(audited: Audited) -> Check:
    compared = f"the roles of {_many(len(audited.clips), 'clip')} with their classes"
    return Check("roles", compared, True, "Each fits, and the split table tells the class of no test clip.")


def _taught(audited: Audited) -> dict[str, Clip]:
    """The clips of the modality that train."""
    return {clip_id: clip for clip_id, clip in audited.clips.items() if clip.role in leakage.TRAINING_ROLES}


def _unseen(audited: Audited) -> str:
    return _many(len(audited.parts["unseen"]), "unseen class", "unseen classes")


def _many(number: int, one: str, several: str | None = None) -> str:
    return f"{number} {one if number == 1 else several or one + 's'}"
