"""Action Genome -> scene graphs. Object 0 is the person; attention and contacting run from it, spatial to it."""

import re
from collections.abc import Iterator

from pipeline.formats.action_genome import Annotations, BadFrameError, Frame, FrameObject, Person
from pipeline.graphs.corpora.shared import Reading, clean
from pipeline.graphs.crops import within
from pipeline.graphs.scene import Box, Relation, SceneObject, scene_graph

PERSON = 0
FILES = {"*.pkl": "annotation", "*.txt": "list", "frames/*": "picture"}  # what `unseen raw scan` knows
_MAX_SIDE = 1 << 16
_KEY = re.compile(r"([^/]+)/([0-9]{1,9})\.png")


def readings(source: Annotations) -> Iterator[Reading]:
    """Every frame in name order."""
    for key in source.frame_keys():
        yield reading(source, key)


def reading(source: Annotations, key: str) -> Reading:
    """One frame; a frame without a visible object is rejected."""
    try:
        made = _reading(source.read(key))
    except BadFrameError as error:
        made = Reading(key, None, str(error))
    except ValueError as error:  # of scene_graph
        made = Reading(key, None, str(error))
    named = _KEY.fullmatch(key)
    if named:
        made.video, made.frame = named[1], int(named[2])
    return made


def _reading(frame: Frame) -> Reading:
    faults: list[str] = []
    width, height = frame.size if frame.size and 0 < min(frame.size) <= max(frame.size) <= _MAX_SIDE else (None, None)
    subset = next((thing.subset for thing in frame.objects if thing.subset), None)
    objects = [SceneObject(PERSON, ("person",), box_xywh=_person_box(frame.persons, width, height))]
    relations: list[Relation] = []
    for number, thing in enumerate(sorted(frame.objects, key=_order), PERSON + 1):
        box = within(thing.box_xywh, width, height) if thing.box_xywh else None
        if not thing.visible:
            continue  # the annotators say it is there but not seen: nothing of it can be said of the picture
        if box is None:
            faults.append(f"box outside the image: {thing.name}")
            continue
        names = tuple(plain for part in thing.name.split("/") if (plain := clean(part)))
        objects.append(SceneObject(number, names, box_xywh=box))
        relations += _relations(number, thing)
    if len(objects) == 1:
        return Reading(frame.key, None, "no visible object", faults, subset=subset)
    graph = scene_graph(frame.key, "", (width, height), objects, relations)
    return Reading(frame.key, graph, None, faults, f"frames/{frame.key}", subset)


def _relations(number: int, thing: FrameObject) -> Iterator[Relation]:
    for group, words in thing.relations.items():
        ends = (number, PERSON) if group == "spatial" else (PERSON, number)
        for word in words:
            if predicate := clean(word.replace("_", " ")):
                yield Relation(*ends, predicate, group)


def _person_box(persons: list[Person], width: int | None, height: int | None) -> Box | None:
    """The box of the surest detection, as x, y, w, h; None where no person was detected."""
    if not persons:
        return None
    left, top, right, bottom = max(persons, key=lambda person: (person.score, person.box_xyxy)).box_xyxy
    return within((left, top, right - left, bottom - top), width, height)


def _order(thing: FrameObject) -> tuple[str, Box, str]:
    return (thing.name, thing.box_xywh or (0.0, 0.0, 0.0, 0.0), repr(sorted(thing.relations.items())))
