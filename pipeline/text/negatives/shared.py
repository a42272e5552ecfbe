"""What the rules work on: a graph with its caption, and the edits that they propose.

An edit changes only some words of the caption: a new noun keeps the adjectives before it, a new adjective keeps the
noun and the other adjectives.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice

import msgspec

from pipeline.core.bounded_memo import BoundedMemo
from pipeline.graphs.scene import Relation, SceneGraph
from pipeline.text import english, wordlists
from pipeline.text.lexicon import Thing
from pipeline.text.pools import NounPlace, Pools
from pipeline.text.realisation import Piece
from pipeline.text.rng import Rng
from pipeline.text.truth import Truth

Words = tuple[tuple[int, str], ...]  # index of a piece, its new text

TRIES_PER_PLACE = 4  # words drawn for one place before the next place is tried
MORE = "would change more than one thing"

# attribute and noun -> the words before the noun
_ADJECTIVES: BoundedMemo[tuple[str, str], list[str]] = BoundedMemo(lambda pair: english.attribute_words(*pair).split())
_FORMS = wordlists.groups("forms", "word", by="form")
_COUNTING, _ASPECTS = _FORMS["counting"], _FORMS["aspect"]


class Edit(msgspec.Struct, frozen=True, gc=False):
    """One proposed edit. `reason` says why the result may be true; None if it is false of the graph."""

    place: str  # object | relation | attribute
    objects: tuple[int, ...]
    original: str
    new: str
    words: Words
    reason: str | None


class Scene:
    """A graph, its caption, what is true of it, and the words to choose from.

    `truth` may cover more than the graph: a region is judged by its whole image.
    """

    def __init__(self, graph: SceneGraph, text: str, pieces: Sequence[Piece], truth: Truth, pools: Pools) -> None:
        self.graph = graph
        self.text = text
        self.pieces = pieces
        self.lexicon = truth.lexicon
        self.pools = pools
        self.truth = truth
        relations: list[int] = []
        mentions: dict[int, list[int]] = {}
        for place, piece in enumerate(pieces):
            if piece.object >= 0:
                relations.append(place)
            elif piece.subject in mentions:
                mentions[piece.subject].append(place)
            else:
                mentions[piece.subject] = [place]
        self.relations = relations  # the indices of the pieces that name a relation
        self.mentions = mentions  # object id -> the indices of the pieces that name it

    def is_asserted(self, node: int) -> bool:
        """Whether the caption asserts that the object is there, which "not touching a cup" does not."""
        places = self.mentions[node]
        if places[0] == 0:
            return True
        previous = [self.pieces[place - 1] for place in places]
        return any(piece.object != node or not self.lexicon.predicate(piece.predicate).negated for piece in previous)

    @cached_property
    def _num_ties(self) -> Counter[int]:
        """Object id -> to how many others the caption relates it: looking at a cup and holding it are one tie."""
        ties = {frozenset((self.pieces[place].subject, self.pieces[place].object)) for place in self.relations}
        return Counter(node for tie in ties for node in tie)

    @cached_property
    def attribute_places(self) -> list[tuple[int, str, str]]:
        """The attributes that others are known to exclude: object of the caption, attribute, its kind.

        Left out are the colours of people, of whom "white" means something else than of a wall, and colours and
        patterns that were recorded as things: "a red color" is true of whatever is red.
        """
        attribute, objects, things = self.lexicon.attribute, self.truth.objects, self.truth.things
        places = []
        for node in self.mentions:
            if not objects[node].attributes or not self.is_asserted(node) or english.head(self.name(node)) in _ASPECTS:
                continue
            for word in objects[node].attributes:
                kind = attribute(word).kind
                if kind and not (kind == "colour" and things[node].kind == "person"):
                    places.append((node, word, kind))
        return places

    def relation(self, place: int) -> Relation:
        """The relation that a piece names."""
        piece = self.pieces[place]
        edges = self.truth.leaving(piece.subject)
        return next(edge for edge in edges if edge.object == piece.object and edge.predicate == piece.predicate)

    def name(self, node: int) -> str:
        """The name of an object in the caption."""
        return self.truth.things[node].name

    def thing(self, node: int) -> Thing:
        """An object in terms of the lexicon."""
        return self.truth.things[node]

    def attributes(self, node: int) -> tuple[str, ...]:
        """The recorded attributes of an object."""
        return self.truth.objects[node].attributes

    def renamed(self, node: int, noun: str) -> Words | None:
        """All pieces that name an object, with another noun and the same adjectives; None if that reads badly."""
        alone = english.takes_no_article
        words: list[tuple[int, str]] = []
        for place in self.mentions[node]:
            adjectives = self._adjectives(place)
            if adjectives is None or not set(adjectives).isdisjoint(noun.split(" ")):
                return None
            if not _COUNTING.isdisjoint(adjectives) and alone(noun) != alone(self.name(node)):
                return None  # "two cats", but not "two cat"
            words.append((place, self._phrase(place, adjectives, noun)))
        return tuple(words)

    def described(self, node: int, old: str, new: str) -> Words | None:
        """All pieces that name an attribute of an object, with another one instead; None if that reads badly."""
        name = self.name(node)
        before, after = _ADJECTIVES[old, name], _ADJECTIVES[new, name]
        words: list[tuple[int, str]] = []
        for place in self.mentions[node]:
            adjectives = self._adjectives(place) or []
            start = _find(adjectives, before)
            if start is None:
                continue
            left, right = adjectives[:start], adjectives[start + len(before) :]
            if not after or not set(after).isdisjoint(left + right):
                return None
            words.append((place, self._phrase(place, [*left, *after, *right], name)))
        return tuple(words)

    def names_attribute(self, node: int, attribute: str) -> bool:
        """Whether the caption names this attribute of the object; the first mention names most."""
        adjectives = self._adjectives(self.mentions[node][0])
        if not adjectives:
            return False
        name = self.name(node)
        words = _ADJECTIVES[attribute, name]
        if not words or words[0] not in adjectives or _find(adjectives, words) is None:
            return False
        for other in self.attributes(node):
            longer = _ADJECTIVES[other, name]
            if len(longer) > len(words) and _find(longer, words) is not None:
                return False  # "light blue" does not say "blue"
        return True

    def is_bound(self, node: int) -> bool:
        """Whether the caption says more of the object than relations to one other: an attribute, or a third object."""
        if self._adjectives(self.mentions[node][0]):
            return True
        return self._num_ties[node] > 1

    def phrase_at(self, place: int, target: int) -> str:
        """The phrase of one piece as it reads in the place of another, with a capital at the start of a sentence."""
        piece, other = self.pieces[place], self.pieces[target]
        phrase = self.text[piece.start : piece.stop]
        first = phrase[0].upper() if self._opens(other.start) else phrase[0].lower()
        return first + phrase[1:]

    def edited(self, edit: Edit) -> str:
        """The caption with an edit's words."""
        text, end = self.text, 0
        parts: list[str] = []
        for place, words in sorted(edit.words):
            piece = self.pieces[place]
            parts += (text[end : piece.start], words)
            end = piece.stop
        return "".join((*parts, text[end:]))

    def _adjectives(self, place: int) -> list[str] | None:
        """The words between article and noun of a piece that names an object; None if it does not end in its name."""
        piece = self.pieces[place]
        return _BETWEEN[self.text[piece.start : piece.stop], self.name(piece.subject)]

    def _phrase(self, place: int, adjectives: Sequence[str], noun: str) -> str:
        """The text of a piece with these adjectives and this noun."""
        piece = self.pieces[place]
        phrase = english.noun_phrase(noun, tuple(adjectives), definite=piece.definite)
        return phrase[0].upper() + phrase[1:] if self._opens(piece.start) else phrase

    def _opens(self, start: int) -> bool:
        """Whether a sentence begins there, even with a digit or a quotation mark."""
        return start == 0 or self.text[start - 2 : start] == ". "


def _between(phrase_and_name: tuple[str, str]) -> list[str] | None:
    phrase, name = phrase_and_name
    if not phrase.lower().endswith(name):
        return None
    words = phrase[: -len(name)].lower().split()
    return words[1:] if words and words[0] in ("a", "an", "the") else words


_BETWEEN = BoundedMemo(_between)


def _find(words: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Where some words follow each other among others; None if nowhere."""
    for start in range(len(words) - len(wanted) + 1):
        if words[start : start + len(wanted)] == wanted:
            return start
    return None


def replaced_nouns(scene: Scene, rng: Rng, side: str) -> Iterator[Edit]:
    """Edits of every subject or object (`side`) of a relation in the caption, to nouns of its pool."""
    for place in _in_turn(scene, rng, side):
        piece = scene.pieces[place]
        node, other = (piece.subject, piece.object) if side == "subject" else (piece.object, piece.subject)
        original, thing = scene.name(node), scene.thing(node)
        if not scene.is_asserted(node) or (thing.kind == "person" and not scene.pools.knows_others(thing)):
            continue  # where all people are "person", no thing does what a person does
        meaning = scene.lexicon.noun(original).meaning
        predicate = scene.lexicon.predicate(piece.predicate).meaning
        where = NounPlace(side, predicate, scene.thing(other), original, thing.kind, scene.is_bound(node))
        others = (noun for noun in scene.pools.nouns(where, rng) if scene.lexicon.noun(noun).meaning != meaning)
        for noun in islice(others, TRIES_PER_PLACE):
            reason = scene.truth.of_noun(noun)
            words = scene.renamed(node, noun) if reason is None else ()
            yield Edit("object", (node,), original, noun, words or (), MORE if words is None else reason)


def _in_turn(scene: Scene, rng: Rng, side: str) -> Iterator[int]:
    """The relations in random order; those whose noun is deferred come last."""
    deferred: list[int] = []
    for place in rng.order(scene.relations):
        piece = scene.pieces[place]
        if scene.pools.defers(scene.name(piece.subject if side == "subject" else piece.object), rng):
            deferred.append(place)
        else:
            yield place
    yield from deferred
