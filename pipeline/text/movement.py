"""Sentences about actions -> movements: which part of the body, on which side, does what, where to, how and how often.

They form the scene graph of a skeleton: a node is a limb, an edge a movement. The words stand in words/movement.csv.
"Lifts the right hand beside the head and lowers it" gives two movements of the right arm, one up and one down.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.text.movement_words import Entry, read

SIDES = ("left", "right")
BOTH = frozenset(SIDES)
POSTURE = "posture_"  # prefix of the classes of verbs that state a posture and no movement
TRACE = "trace"  # the class of "draws" with a figure, and the mark of figures
IDLE = frozenset(("hold", "look"))  # classes of verbs that leave a limb where it is
_OF_MANNER = {"bend": "bent", "extend": "straight", "straighten": "straight"}  # participles before a noun: "bent knees"
_HEIGHTS_BELOW_OVERHEAD = frozenset(("head", "shoulder"))
_RELATIONS = frozenset(("front", "behind", "beside", "below"))
_JOINING = frozenset(("and", "or"))
_TRACING = frozenset(("circle", "clockwise", "counterclockwise", "diagonal"))


@dataclass(frozen=True)
class Limb:
    """A part of the body; without sides where the sentence does not say which."""

    part: str
    sides: frozenset[str]
    together: bool  # both at once


@dataclass
class Movement:
    """One verb with its limbs and adverbs; `verb` is its class."""

    verb: str
    part: str  # what the verb moves unless the sentence names another part; "" if it may be any
    limbs: list[Limb] = field(default_factory=list)
    directions: set[str] = field(default_factory=set)
    manners: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)
    likened: bool = False  # part of a comparison: "as if pushing"


@dataclass(frozen=True)
class MovementText:
    """The movements and postures of a text."""

    movements: list[Movement]
    postures: frozenset[str]


def parse(text: str) -> MovementText:
    """The movements of a text in its order, and its postures.

    >>> movements = parse("lifts the right hand, lowers it").movements
    >>> [(movement.verb, sorted(movement.limbs[0].sides)) for movement in movements]
    [('raise', ['right']), ('lower', ['right'])]
    """
    reading = _Reading(list(read(text)))
    reading.run()
    _resolve(reading.movements)
    return MovementText(reading.movements, frozenset(reading.postures))


class _Reading:
    """One pass over the words of a text. A noun after a preposition is a place; any other noun is moved."""

    def __init__(self, words: Sequence[Entry]) -> None:
        self.words = words
        self.movements: list[Movement] = []
        self.postures: set[str] = set()
        self.subjects: list[Limb] = []  # of the next verb
        self.coming = Movement("", "")  # adverbs before the verb they belong to
        self.sides: set[str] = set()  # of the next noun
        self.relation = ""  # the preposition before the next noun
        self.likened = False

    def run(self) -> None:
        """Read every word."""
        readers = {
            "mark": self._bound,
            "conjunction": self._bound,
            "verb": self._verb,
            "side": self._side,
            "preposition": self._preposition,
            "part": self._part,
            "direction": self._adverb,
            "manner": self._adverb,
        }
        for place, word in enumerate(self.words):
            if word.kind:
                readers[word.kind](word, place)

    def _current(self) -> Movement:
        return self.movements[-1] if self.movements else self.coming

    def _bound(self, word: Entry, _: int) -> None:
        if word.text in (".", ";") or word.text == "as if":
            self.likened = word.text == "as if"
        if word.text not in _JOINING:
            self.subjects, self.relation = [], ""

    def _verb(self, word: Entry, place: int) -> None:
        if word.form == "participle" and self._kind(place + 1) in ("part", "side"):  # "both bent arms"
            current = self._current()
            current.manners.update([_OF_MANNER[word.value]] if word.value in _OF_MANNER else [])
            current.directions.update([] if word.value in _OF_MANNER else word.directions)
            return
        if word.value.startswith(POSTURE):
            self.postures.add(word.value.removeprefix(POSTURE))
            return
        movement = Movement(word.value, word.part, self.subjects, likened=self.likened)
        movement.directions = {*self.coming.directions, *word.directions}
        movement.manners = {*self.coming.manners, *word.manners}
        self.movements.append(movement)
        self.subjects, self.coming, self.relation = [], Movement("", ""), ""

    def _kind(self, place: int) -> str:
        return self.words[place].kind if place < len(self.words) else ""

    def _side(self, word: Entry, _: int) -> None:
        self.sides.update(("both", *SIDES) if word.value == "both" else (word.value,))

    def _preposition(self, word: Entry, _: int) -> None:
        self.relation = word.value

    def _part(self, word: Entry, place: int) -> None:
        sides, relation = self.sides, self.relation
        self.sides, self.relation = set(), ""
        bends_there = bool(self.movements) and self.movements[-1].verb == "bend" and relation == "at"
        if relation and relation != "with" and not bends_there:
            self._place(word, relation)
        elif word.part:
            plural = word.form == "plural"
            limb = Limb(word.part, BOTH & sides or (BOTH if plural else frozenset()), "both" in sides or plural)
            if self._is_subject(place):
                self.subjects = [*self.subjects, limb]
            elif self.movements:
                self.movements[-1].limbs.append(limb)

    def _place(self, word: Entry, relation: str) -> None:
        over = relation == "above" and word.place in _HEIGHTS_BELOW_OVERHEAD
        where = {"overhead" if over else word.place} | ({relation} & _RELATIONS)
        self._current().places |= where - {""}

    def _is_subject(self, place: int) -> bool:
        """Whether a verb follows before the clause ends: "the knees rise"."""
        for word in self.words[place + 1 :]:
            if word.kind in ("mark", "conjunction", "preposition"):
                return False
            if word.kind == "verb":
                return not word.value.startswith(POSTURE)
        return False

    def _adverb(self, word: Entry, _: int) -> None:
        self._current().directions.update(word.directions)
        self._current().manners.update(word.manners)


def _resolve(movements: list[Movement]) -> None:
    """Give every movement its limbs: those that it names, else those of the verb, else those that moved before.

    A limb without a side takes the sides that the text gave it last: "lifts the right arm, draws the hand back".
    """
    before: list[Limb] = []
    known: dict[str, frozenset[str]] = {}
    for movement in movements:
        traces = TRACE in movement.manners or "circle" in movement.directions
        if movement.verb == "retract" and traces and not movement.directions - _TRACING:
            movement.verb = TRACE  # "draws a circle"
        movement.manners.discard(TRACE)
        limbs = _limbs(movement, before)
        movement.limbs = [Limb(x.part, x.sides or known.get(x.part, frozenset()), x.together) for x in limbs]
        known.update({limb.part: limb.sides for limb in movement.limbs if limb.sides})
        before = movement.limbs


def _limbs(movement: Movement, before: list[Limb]) -> list[Limb]:
    named, part = movement.limbs, movement.part
    if part in ("leg", "body") and not any(limb.part in ("leg", "body") for limb in named):
        return [*named, Limb(part, BOTH, together=True)]
    if named:
        return named
    if part and part != "arm":
        return [Limb(part, BOTH, together=True)]
    if before and (not part or any(limb.part == part for limb in before)):
        return list(before)
    return [Limb(part or "body", frozenset(), together=False)]
