"""What relation words mean and which may be true of the same two things.

A predicate says where ("on"), what is done ("holding"), or how something is where it is ("sitting on"). Two that say
where go together unless they are listed as contrary ("on", "under"), whatever the verbs before them: who grazes in a
field is in it, and what is in a field may be grazing there. Only postures of people and animals exclude each other: a
vase that sits on a table stands on it. Two deeds do not go together unless they are listed to ("holding", "eating"); a
deed goes with the places listed for it and with those that are true of most pairs at hand ("near", "in front of"). Of
a word in no list nothing is known, so nothing excludes it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from pipeline.core.bounded_memo import BoundedMemo
from pipeline.text import english, wordlists

Setting = tuple[bool, bool]  # the subject is a person or an animal; one of the two is ground
_SURFACE = ("on", "in")  # a sign on the road stands next to it

_UNUSUAL = ("of", "far from")  # between two things that are otherwise related
_NOT = ("not ", "without", "no ")
_ANY = "any"  # in may_also: goes with every deed

LISTED = 2  # is true or may be, whatever else is known: the same, implied, or listed to go together
OPEN = 1  # nothing speaks against it
CONTRARY = 0


class Predicate(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A relation word. The same `meaning` is the same claim."""

    meaning: str
    said: str  # "" where nothing can be said with it
    verb: str  # "sitting" of "sitting on"; "" where it says only where, or is listed as a whole
    places: tuple[str, ...]  # meanings of its prepositions: "on"; () = a deed
    inverse: str  # the meaning that is true the other way round; "" = none
    mirrored: str  # "yes": true both ways round, or may be; "alike": between two that live, or two that do not; "no"
    placing: bool  # says only where: true of many pairs of which no annotator says it
    known: bool  # listed, or made of a listed preposition
    negated: bool  # says that something is not so


class Predicates:
    """The listed predicates with a corpus's aliases. `of` and `compared` keep what they were asked."""

    def __init__(self, aliases: Iterable[Sequence[str]] = ()) -> None:
        rows = wordlists.rows("predicates")
        self._meaning = merged({row["word"]: row["meaning"] for row in rows}, aliases)
        self._said_as = {row["word"]: row["said_as"] for row in rows if row["said_as"]}
        self._facts = {row["meaning"]: row for row in rows if row["word"] == row["meaning"]}
        self._may_also = both_ways({name: row["may_also"] for name, row in self._facts.items()})
        self._not_with = both_ways({name: row["not_with"] for name, row in self._facts.items()})
        verbs = wordlists.rows("verbs")
        self._verbs = {row["word"]: row["meaning"] for row in verbs}
        self._other_postures = both_ways({row["word"]: row["not_with"] for row in verbs if row["not_with"]})
        self.of: Callable[[str], Predicate] = BoundedMemo(self._make).__getitem__
        # claim, fact, setting -> what the fact says of the claim about the same two things
        self.compared: Callable[[tuple[str, str, Setting]], int] = BoundedMemo(self._compare).__getitem__
        self.tells: Callable[[str], bool] = BoundedMemo(
            self._tells
        ).__getitem__  # whether it speaks against anything common

    def _make(self, word: str) -> Predicate:
        said = self._said_as.get(word) or english.said(word)
        listed = self._meaning.get(word) or self._meaning.get(said)
        if listed is None:
            return self._made_up(said or word, said)
        row = self._facts.get(listed)
        if row is None:  # an alias of words that are in no list
            return msgspec.structs.replace(self._made_up(listed, said), said=said)
        places = () if row["kind"] == "act" else (listed,)
        placing, negated = row["placing"] == "yes", said.startswith(_NOT)
        return Predicate(listed, said, "", places, row["inverse"], row["mirrored"], placing, True, negated)

    def _made_up(self, phrase: str, said: str) -> Predicate:
        """A phrase in no list: its verb and its prepositions, the longest listed ones, "sitting" and "on"."""
        words = phrase.split()
        first, places = self._prepositions(words)
        if not places:
            return Predicate(phrase, said, "", (), "", "alike", False, False, said.startswith(_NOT))
        verb = " ".join(words[:first])
        plain = self._verbs.get(verb, verb)
        if not plain and len(places) == 1:
            return msgspec.structs.replace(self.of(places[0]), said=said)
        facts = [self._facts[place] for place in places]
        mirrored = "yes" if any(row["mirrored"] == "yes" for row in facts) else "no"
        placing = any(row["placing"] == "yes" for row in facts)
        meaning = " ".join(filter(None, (plain, *places)))
        inverse, negated = facts[0]["inverse"], said.startswith(_NOT)
        return Predicate(meaning, said, plain, places, inverse, mirrored, placing, True, negated)

    def _prepositions(self, words: Sequence[str]) -> tuple[int, tuple[str, ...]]:
        """Where the first preposition of a phrase begins, and the meanings of all."""
        found: list[str] = []
        first, start = len(words), 0
        while start < len(words):
            for stop in range(len(words), start, -1):
                meaning = self._meaning.get(" ".join(words[start:stop]), "")
                if meaning in self._facts and self._facts[meaning]["kind"] != "act":
                    first = min(first, start)
                    found.append(meaning)
                    start = stop - 1
                    break
            start += 1
        return first, tuple(dict.fromkeys(found))

    def _compare(self, asked: tuple[str, str, Setting]) -> int:
        """LISTED, OPEN or CONTRARY, for two meanings."""
        claim, fact = self.of(asked[0]), self.of(asked[1])
        if claim.meaning == fact.meaning or fact.meaning in self._may_also[claim.meaning]:
            return LISTED
        if claim.places and fact.places:
            if claim.meaning in fact.places:
                return LISTED  # who sits on it is on it
            living, ground = asked[2]
            excluded = living and self._exclude(claim.verb, fact.verb)
            return OPEN if not excluded and self._same_place(claim, fact, ground=ground) else CONTRARY
        if fact.meaning in self._not_with[claim.meaning]:
            return CONTRARY
        if not (claim.known and fact.known):
            return OPEN
        if claim.places or fact.places:
            deed, where = (fact, claim) if claim.places else (claim, fact)
            return max(self._done_there(deed.meaning, place) for place in where.places)
        either = self._may_also[claim.meaning] | self._may_also[fact.meaning]
        return OPEN if _ANY in either else CONTRARY

    def _tells(self, fact: str) -> bool:
        """Whether a meaning excludes any that is usual; "has", "with" and "near" go with nearly all."""
        usual = (claim for claim in self._facts if claim not in _UNUSUAL)
        return any(self.compared((claim, fact, (True, False))) == CONTRARY for claim in usual)

    def _same_place(self, one: Predicate, other: Predicate, *, ground: bool) -> bool:
        for a in one.places:
            for b in other.places:
                if b not in self._not_with[a] or (ground and "next to" in (a, b) and not {a, b}.isdisjoint(_SURFACE)):
                    return True
        return False

    def _exclude(self, verb: str, other: str) -> bool:
        """Whether two verbs are postures that nobody takes at once."""
        return other.split(" ")[0] in self._other_postures[verb.split(" ")[0]]

    def _done_there(self, deed: str, place: str) -> int:
        if place in self._may_also[deed]:
            return LISTED
        loose = self._facts[place]["kind"] == "loose" and place not in self._not_with[deed]
        return OPEN if loose else CONTRARY


def merged(meanings: dict[str, str], aliases: Iterable[Sequence[str]]) -> dict[str, str]:
    """A word list with a corpus's aliases: a group means what its first listed member means, else its first."""
    made = dict(meanings)
    for group in aliases:
        words = [word.strip().lower() for word in group]
        meaning = next((made[word] for word in words if word in made), words[0])
        for word in words:
            made.setdefault(word, meaning)
    return made


def both_ways(listed: dict[str, str]) -> defaultdict[str, set[str]]:
    """Word -> the words of its list, both ways; "" lists nothing."""
    closed: defaultdict[str, set[str]] = defaultdict(set)
    for name, others in listed.items():
        for other in filter(None, others.split(";")):
            closed[name].add(other)
            closed[other].add(name)
    return closed
