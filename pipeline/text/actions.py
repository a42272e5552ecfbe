"""Which relations are actions: what somebody does, and not where a thing is or what it is part of."""

from pipeline.graphs.scene import SceneGraph
from pipeline.text.lexicon import Lexicon, Thing

_ACTORS = frozenset(("person", "animal", "vehicle"))
_STATES = frozenset(("being", "belonging", "containing", "covering", "during", "having", "including", "surrounding"))
_PARTICIPLES = frozenset(("caught", "driven", "eaten", "fed", "held", "hit", "led", "ridden", "thrown", "worn"))


def actions(graph: SceneGraph, lexicon: Lexicon) -> list[int]:
    """The places of a graph's relations that are actions.

    In Action Genome every contact, for its looks and places are no deed. In Visual Genome, which has no groups, what is
    said with an -ing form of a person, an animal or a vehicle ("man riding horse", "bus parked" is none), or with a
    participle and "by" of what one of these does something to ("ball held by man").
    """
    things: dict[int, Thing] = {}
    for one in graph.objects:
        things[one.id] = lexicon.thing(one.names, one.synsets)
    found = []
    for place, edge in enumerate(graph.relations):
        if edge.group:
            acts = edge.group == "contacting" and edge.predicate != "not contacting"
        else:
            words = lexicon.predicate(edge.predicate).said.split(" ")
            acts = (_is_deed(words[0]) and things[edge.subject].kind in _ACTORS) or (
                _is_suffered(words) and things[edge.object].kind in _ACTORS
            )
        if acts:
            found.append(place)
    return found


def _is_deed(word: str) -> bool:
    return word.endswith("ing") and len(word) > len("thing") and word not in _STATES


def _is_suffered(words: list[str]) -> bool:
    return words[1:] == ["by"] and (words[0] in _PARTICIPLES or words[0].endswith("ed"))
