"""Which relations are actions: what somebody does, as against where a thing is or what it is part of."""

from collections.abc import Mapping

from pipeline.graphs.scene import Relation, SceneGraph
from pipeline.text.lexicon import Lexicon, Thing

_ACTORS = frozenset(("person", "animal", "vehicle"))
_STATES = frozenset(("being", "belonging", "containing", "covering", "during", "having", "including", "surrounding"))
_PARTICIPLES = frozenset(("caught", "driven", "eaten", "fed", "held", "hit", "led", "ridden", "thrown", "worn"))


def actions(graph: SceneGraph, lexicon: Lexicon) -> list[int]:
    """The indices of a graph's relations that are actions.

    In Action Genome: every contact, but neither looks nor places. In Visual Genome, which has no groups: an -ing form
    of which a person, an animal or a vehicle is the subject ("man riding horse", but not "bus parked"), or a passive
    of which one of these is the agent ("ball held by man").
    """
    things = {node.id: lexicon.thing(node.names, node.synsets) for node in graph.objects}
    return [index for index, edge in enumerate(graph.relations) if _is_action(edge, things, lexicon)]


def _is_action(edge: Relation, things: Mapping[int, Thing], lexicon: Lexicon) -> bool:
    if edge.group:
        return edge.group == "contacting" and edge.predicate != "not contacting"
    words = lexicon.wordings[edge.predicate].split(" ")
    return (_is_active(words[0]) and things[edge.subject].kind in _ACTORS) or (
        _is_passive(words) and things[edge.object].kind in _ACTORS
    )


def _is_active(word: str) -> bool:
    return word.endswith("ing") and len(word) > len("thing") and word not in _STATES


def _is_passive(words: list[str]) -> bool:
    return words[1:] == ["by"] and (words[0] in _PARTICIPLES or words[0].endswith("ed"))
