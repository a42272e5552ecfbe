"""Requests to a language model about each class, and how its answers become class texts.

The request for `context` is DVTA's, word for word (paper 001, "Semantic description enhancement"); the others are ours.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.errors import DataError, ParamsError
from pipeline.core.hashing import file_digest
from pipeline.formats import answers
from pipeline.graphs.scene import SceneGraph
from pipeline.text import class_graphs
from pipeline.text.captions import Params
from pipeline.text.class_graphs import TYPE as SCENE_GRAPH
from pipeline.text.prompts import Text

HASH_DIGITS = 16  # of a file's SHA-256 in an origin

PARTS = ("head", "hand", "arm", "hip", "leg", "foot")  # of the type body_parts, in the order of its texts

_SEEN = "Say only what a camera could see: no feelings, purposes or guesses."
TEMPLATES = {
    "body_parts": "Six lines, nothing else: what do the head, the hands, the arms, the hips, the legs and the feet of "
    f'a person do during the action "{{name}}"? One sentence a line, in this order. {_SEEN}',
    "context": "Describe the context in which the {name} occurs",
    "noun": 'Which thing or part of the body is the action "{name}" done to or with? Answer with the noun alone.',
    "paragraph": f'Describe in three or four short sentences how a person performs the action "{{name}}". {_SEEN}',
    "scene_graph": 'Write a scene graph of one moment of the action "{name}": three to six lines such as '
    f'"person | holding | cup [white]", each a subject, a relation and an object, nothing else. {_SEEN}',
    "synonym": 'Give four other names for the action "{name}", one a line, nothing else.',
    "verb": 'Which verb says what is done in the action "{name}"? Answer with its base form alone.',
}

_BY_LINE = ("body_parts", "synonym")
_BY_SENTENCE = ("context", "paragraph")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[\"'(A-Z])")
_BULLET = re.compile(r"^(?:[-*•]|\d{1,2}[.)])\s+")


@dataclass(frozen=True)
class Request:
    """One question to a language model; `id` comes back with the answer."""

    id: str
    dataset: str
    class_id: int
    class_name: str
    type: str
    prompt: str


def requests(dataset: str, names: Sequence[str], type_: str) -> list[Request]:
    """One request a class. ParamsError, with the types there are, for a type that has no template."""
    if type_ not in TEMPLATES:
        raise ParamsError(f"no request for texts of type '{type_}'; there are {', '.join(sorted(TEMPLATES))}")
    return [
        Request(_id(dataset, class_id, type_), dataset, class_id, name, type_, TEMPLATES[type_].format(name=name))
        for class_id, name in enumerate(names)
    ]


def from_answers(file: Path, model: str, type_: str, dataset: str, names: Sequence[str], params: Params) -> list[Text]:
    """The texts of every class from a model's answers.

    For some types an answer gives several texts: its lines or its sentences. `params` are those of captions of scene
    graphs. Raises FormatError as formats.answers, and DataError for answers that are missing, were not requested or are
    not of the requested form.
    """
    if type_ not in TEMPLATES:
        raise ParamsError(f"{file}: no answers are read for type '{type_}'; only for {', '.join(sorted(TEMPLATES))}")
    answer_of = answers.read(file)
    wanted = {_id(dataset, class_id, type_): class_id for class_id in range(len(names))}
    unknown = next((id_ for id_ in answer_of if id_ not in wanted), None)
    if unknown is not None:
        raise DataError(f"{file}: '{unknown}' was not asked; expected ids such as '{_id(dataset, 0, type_)}'")
    missing = [id_ for id_ in wanted if id_ not in answer_of]
    if missing:
        raise DataError(f"{file}: no answer for {len(missing)} of {len(names)} classes, first '{missing[0]}'")
    origin = f"model:{model}:{file_digest(file)[:HASH_DIGITS]}"
    if type_ == SCENE_GRAPH:
        graphs = [(class_id, _graph(answer_of[id_], f"{file}: '{id_}'")) for id_, class_id in wanted.items()]
        return class_graphs.texts(graphs, params, origin, str(file))
    split = _splitter(type_)
    texts = []
    for id_, class_id in wanted.items():
        parts = split(answer_of[id_])
        if type_ == "body_parts" and len(parts) != len(PARTS):
            raise DataError(f"{file}: '{id_}': {len(parts)} lines, expected {len(PARTS)}: {', '.join(PARTS)}")
        texts += [Text(class_id, type_, index, part, origin) for index, part in enumerate(parts)]
    return texts


def sentences(text: str) -> list[str]:
    """The sentences of a text.

    >>> sentences("A person waves. The hand is raised to approx. head height.  Then it sinks!")
    ['A person waves.', 'The hand is raised to approx. head height.', 'Then it sinks!']
    """
    return _SENTENCE_END.split(" ".join(text.split()))


def _id(dataset: str, class_id: int, type_: str) -> str:
    return f"{dataset}/{class_id:04d}/{type_}"


def _splitter(type_: str) -> Callable[[str], list[str]]:
    if type_ in _BY_LINE:
        return _lines
    return sentences if type_ in _BY_SENTENCE else lambda answer: [" ".join(answer.split())]


def _lines(answer: str) -> list[str]:
    lines = (_BULLET.sub("", " ".join(line.split())) for line in answer.splitlines())
    return [line for line in lines if line]


def _graph(answer: str, where: str) -> SceneGraph:
    """The scene graph of lines such as "person | holding | cup"."""
    triples = []
    for line in _lines(answer):
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) != len(class_graphs.COLUMNS):
            raise DataError(f"{where}: line '{line}', expected such as 'person | holding | cup'")
        triples.append((cells[0], cells[1], cells[2]))
    return class_graphs.graph(triples, where)
