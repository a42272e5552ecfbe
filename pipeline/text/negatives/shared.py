"""What the rules work on: a graph with its caption, and the edits they propose."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice

import msgspec

from pipeline.graphs.scene import Relation, SceneGraph
from pipeline.text.captions import Captioner
from pipeline.text.draws import Draws
from pipeline.text.pools import Pools
from pipeline.text.telling import Piece
from pipeline.text.truth import Truth

Words = tuple[tuple[int, str], ...]  # piece -> what stands there instead

TRIES_A_PLACE = 4  # words drawn for one place before the next place has its turn


class Edit(msgspec.Struct, frozen=True, gc=False):
    """One proposed edit. `reason` says why the result may be true, None if it is false of the graph."""

    place: str  # object | relation | attribute
    objects: tuple[int, ...]
    original: str
    new: str
    words: Words
    reason: str | None


class Scene:
    """A graph, its caption and its truths, with the words to choose from."""

    def __init__(
        self, graph: SceneGraph, text: str, pieces: Sequence[Piece], captioner: Captioner, pools: Pools
    ) -> None:
        self.text = text
        self.pieces = pieces
        self.captioner = captioner
        self.lexicon = captioner.lexicon
        self.pools = pools
        self.truth = Truth(graph, captioner.lexicon)
        relations: list[int] = []
        mentions: dict[int, list[int]] = {}
        for place, piece in enumerate(pieces):
            if piece.object >= 0:
                relations.append(place)
            elif piece.subject in mentions:
                mentions[piece.subject].append(place)
            else:
                mentions[piece.subject] = [place]
        self.relations = relations  # the pieces that say one
        self.mentions = mentions  # object id -> the pieces that name it

    @cached_property
    def attribute_places(self) -> list[tuple[int, str, str]]:
        """The attributes for which others are known that exclude them: object of the caption, attribute, its kind.

        The colours of people are left alone: "white" says something else of them than of a wall.
        """
        attribute, objects, things = self.lexicon.attribute, self.truth.objects, self.truth.things
        places = []
        for node in self.mentions:
            for word in objects[node].attributes:
                kind = attribute(word).kind
                if kind and not (kind == "colour" and things[node].kind == "person"):
                    places.append((node, word, kind))
        return places

    def relation(self, place: int) -> Relation:
        """The relation a piece says."""
        piece = self.pieces[place]
        edges = self.truth.leaving(piece.subject)
        return next(edge for edge in edges if edge.object == piece.object and edge.predicate == piece.predicate)

    def name(self, node: int) -> str:
        """What the caption calls an object."""
        return self.truth.things[node].name

    def attributes(self, node: int) -> tuple[str, ...]:
        """The recorded attributes of an object."""
        return self.truth.objects[node].attributes

    def kind(self, node: int) -> str:
        """The most general name of an object."""
        return self.truth.things[node].kind

    def renamed(self, node: int, noun: str) -> Words:
        """All pieces that name an object, with another noun."""
        return tuple((place, self._named(place, noun, self._shown(place, node))) for place in self.mentions[node])

    def described(self, node: int, attributes: tuple[str, ...]) -> Words:
        """All pieces that name an object with its attributes, with other ones."""
        name = self.name(node)
        places = [place for place in self.mentions[node] if self._shown(place, node)]
        return tuple((place, self._named(place, name, attributes)) for place in places)

    def shows(self, node: int, attribute: str) -> bool:
        """Whether the caption says this attribute of the object; its first mention says most."""
        place = self.mentions[node][0]
        phrase = self.captioner.phrase((self.name(node), self.attributes(node)), self._following(place))
        return attribute in phrase.says

    def stands(self, place: int, where: int) -> str:
        """The phrase of one piece as it reads where another stands, with that one's capital if it has one."""
        piece, other = self.pieces[place], self.pieces[where]
        phrase = self.text[piece.start : piece.stop]
        first = phrase[0].upper() if self.text[other.start].isupper() else phrase[0].lower()
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

    def _named(self, place: int, noun: str, attributes: tuple[str, ...]) -> str:
        """The piece that names an object, with another noun or other attributes, in the form it had."""
        piece = self.pieces[place]
        both = self.captioner.phrase((noun, attributes), self._following(place))
        phrase = both.numbered(piece.number, definite=piece.definite)
        return phrase[0].upper() + phrase[1:] if self.text[piece.start].isupper() else phrase

    def _following(self, place: int) -> str:
        """How the relation is said that follows an object in its clause; "" if none does."""
        following = self.pieces[place + 1].predicate if place + 1 < len(self.pieces) else ""
        return self.lexicon.predicate(following).said if following else ""

    def _shown(self, place: int, node: int) -> tuple[str, ...]:
        """The attributes where the piece says them: a second mention may leave them out."""
        return self.attributes(node) if self.pieces[place].described else ()


def with_attribute(scene: Scene, node: int, old: str, new: str) -> tuple[str, ...]:
    """The attributes of an object with one replaced; others that mean the same as the old one go."""
    about = scene.lexicon.attribute(old)
    own = scene.attributes(node)
    kept = [word for word in own if word == old or scene.lexicon.attribute(word).value != about.value]
    return tuple(new if word == old else word for word in kept)


def replaced_nouns(scene: Scene, draws: Draws, side: str) -> Iterator[Edit]:
    """Every subject ("subject") or object ("object") of a relation in the caption, called by nouns of its pool."""
    for place in draws.order(scene.relations):
        piece = scene.pieces[place]
        node = piece.subject if side == "subject" else piece.object
        original = scene.name(node)
        meaning = scene.lexicon.noun(original).meaning
        pool = scene.pools.nouns(side, scene.lexicon.predicate(piece.predicate).meaning, scene.kind(node))
        for noun in islice(draws.order(pool), TRIES_A_PLACE):
            if scene.lexicon.noun(noun).meaning == meaning:
                continue
            reason = scene.truth.of_noun(noun)
            words = scene.renamed(node, noun) if reason is None else ()
            yield Edit("object", (node,), original, noun, words, reason)
