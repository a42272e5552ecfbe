"""Scene graphs of classes -> class texts, by the rules that caption the scene graphs of pictures (captions.py).

A CSV of such graphs has one row a relation: the class, and the columns `subject`, `relation` and `object`. A thing is
written as its name, followed by its attributes, if any, in square brackets: "cup [white, paper]". Things of one class
that are written alike are the same thing.
"""

import re
from collections.abc import Iterable, Sequence

from pipeline.core.errors import DataError
from pipeline.graphs.scene import Relation, SceneGraph, SceneObject, scene_graph
from pipeline.text.captions import Captioner, Params
from pipeline.text.class_tables import ClassRow
from pipeline.text.lexicon import Lexicon
from pipeline.text.prompts import Text

TYPE = "scene_graph"
COLUMNS = ("subject", "relation", "object")

Triple = tuple[str, str, str]  # subject, relation, object, as written

_THING = re.compile(r"([^\[\]]*[^\[\]\s])\s*(?:\[([^\[\]]+)\])?")
_MAX_TRIPLES = 50  # of one class; a caption of more is no class text


def from_rows(rows: Sequence[ClassRow], names: Sequence[str], where: str) -> dict[int, SceneGraph]:
    """The graph of each class, by class id; `where` is the file. Raises DataError for a faulty relation."""
    triples: dict[int, list[Triple]] = {}
    for row in rows:
        subject, relation, thing = (" ".join(row.cells[name].split()) for name in COLUMNS)
        triples.setdefault(row.class_id, []).append((subject, relation, thing))
    return {class_id: graph(triples[class_id], f"{where}: class '{names[class_id]}'") for class_id in sorted(triples)}


def graph(triples: Sequence[Triple], where: str) -> SceneGraph:
    """The graph of some relations; things are numbered as they come. `where` begins the message of a DataError."""
    if len(triples) > _MAX_TRIPLES:
        raise DataError(f"{where}: {len(triples)} relations, a class's scene graph has at most {_MAX_TRIPLES}")
    things: dict[str, SceneObject] = {}
    relations = []
    for subject, relation, thing in triples:
        if not relation:
            raise DataError(f"{where}: no relation between '{subject}' and '{thing}'")
        for written in (subject, thing):
            things.setdefault(written, _thing(written, len(things), where))
        relations.append(Relation(things[subject].id, things[thing].id, relation))
    try:
        return scene_graph("", "", (None, None), things.values(), relations)
    except ValueError as error:
        raise DataError(f"{where}: {error}") from None


def texts(graphs: Iterable[tuple[int, SceneGraph]], params: Params, origin: str, where: str) -> list[Text]:
    """One text a class: the caption of its graph. DataError for a graph with an empty caption."""
    captioner = Captioner(params, Lexicon())
    captions = []
    for class_id, class_graph in graphs:
        text = captioner.caption(class_graph).text
        if not text:
            raise DataError(f"{where}: class {class_id}: its scene graph has an empty caption")
        captions.append(Text(class_id, TYPE, 0, text, origin))
    return captions


def _thing(written: str, number: int, where: str) -> SceneObject:
    match = _THING.fullmatch(written)
    if not match:
        raise DataError(f"{where}: found '{written}', expected a thing such as 'cup' or 'cup [white, paper]'")
    attributes = tuple(word.strip() for word in (match[2] or "").split(",") if word.strip())
    return SceneObject(number, (match[1].strip().lower(),), tuple(word.lower() for word in attributes))
