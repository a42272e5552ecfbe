"""What relation words mean, and which of them may be true of the same two things.

A predicate names a place ("on"), an action ("holding"), or both ("sitting on").

- Two places go together unless they are listed as contrary ("on", "under"). Their verbs do not matter: a cow that
  grazes in a field is in it, and a cow in a field may be grazing. Only postures of people and animals exclude each
  other: a vase that sits on a table also stands on it.
- Two actions exclude each other unless they are listed as compatible ("holding", "eating").
- An action goes with the places listed for it, and with those that are true of most pairs ("near", "in front of").
- Nothing is known of a word in no list, so nothing excludes it.
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
_ANY = "any"  # in may_also: goes with every action

LISTED = 2  # true, or possible whatever else is known: the same, implied, or listed as compatible
OPEN = 1  # nothing excludes it
CONTRARY = 0


class Predicate(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A relation word. The same `meaning` is the same claim."""

    meaning: str
    wording: str  # how a caption puts it; "" where it cannot be put
    verb: str  # "sitting" of "sitting on"; "" where it names only a place, or is listed as a whole
    places: tuple[str, ...]  # meanings of its prepositions: "on"; () = an action
    inverse: str  # the meaning that is true the other way round; "" = none
    mirrored: str  # "yes": true or possible both ways round; "alike": between two living or two lifeless things; "no"
    placing: bool  # names only a place: true of many pairs of which no annotator says it
    known: bool  # listed, or made of a listed preposition
    negated: bool  # says that something is not so


class Predicates:
    """The listed predicates with a corpus's aliases. `of` and `compare` remember their answers."""

    def __init__(self, aliases: Iterable[Sequence[str]] = ()) -> None:
        rows = wordlists.rows("predicates")
        self._meaning = merged({row["word"]: row["meaning"] for row in rows}, aliases)
        self._wordings = {row["word"]: row["said_as"] for row in rows if row["said_as"]}
        self._facts = {row["meaning"]: row for row in rows if row["word"] == row["meaning"]}
        self._may_also = both_ways({name: row["may_also"] for name, row in self._facts.items()})
        self._not_with = both_ways({name: row["not_with"] for name, row in self._facts.items()})
        verbs = wordlists.rows("verbs")
        self._verbs = {row["word"]: row["meaning"] for row in verbs}
        self._other_postures = both_ways({row["word"]: row["not_with"] for row in verbs if row["not_with"]})
        self.of: Callable[[str], Predicate] = BoundedMemo(self._make).__getitem__
        # claim, fact, setting -> LISTED, OPEN or CONTRARY: whether a fact about two things allows a claim about them
        self.compare: Callable[[tuple[str, str, Setting]], int] = BoundedMemo(self._compare).__getitem__
        # meaning -> whether it excludes any common predicate; "has", "with" and "near" go with nearly all
        self.is_informative: Callable[[str], bool] = BoundedMemo(self._excludes_any).__getitem__

    def _make(self, word: str) -> Predicate:
        wording = self._wordings.get(word) or english.relation_words(word)
        listed = self._meaning.get(word) or self._meaning.get(wording)
        if listed is None:
            return self._unlisted(wording or word, wording)
        row = self._facts.get(listed)
        if row is None:  # an alias of words that are in no list
            return msgspec.structs.replace(self._unlisted(listed, wording), wording=wording)
        places = () if row["kind"] == "act" else (listed,)
        placing, negated = row["placing"] == "yes", wording.startswith(_NOT)
        return Predicate(listed, wording, "", places, row["inverse"], row["mirrored"], placing, True, negated)

    def _unlisted(self, phrase: str, wording: str) -> Predicate:
        """A phrase in no list, read as its verb and its longest listed prepositions: "sitting" and "on"."""
        words = phrase.split()
        first, places = self._prepositions(words)
        if not places:
            return Predicate(phrase, wording, "", (), "", "alike", False, False, wording.startswith(_NOT))
        verb = " ".join(words[:first])
        plain = self._verbs.get(verb, verb)
        if not plain and len(places) == 1:
            return msgspec.structs.replace(self.of(places[0]), wording=wording)
        facts = [self._facts[place] for place in places]
        mirrored = "yes" if any(row["mirrored"] == "yes" for row in facts) else "no"
        placing = any(row["placing"] == "yes" for row in facts)
        meaning = " ".join(filter(None, (plain, *places)))
        inverse, negated = facts[0]["inverse"], wording.startswith(_NOT)
        return Predicate(meaning, wording, plain, places, inverse, mirrored, placing, True, negated)

    def _prepositions(self, words: Sequence[str]) -> tuple[int, tuple[str, ...]]:
        """Where the first preposition of a phrase begins, and the meanings of all."""
        meanings: list[str] = []
        first, start = len(words), 0
        while start < len(words):
            for stop in range(len(words), start, -1):
                meaning = self._meaning.get(" ".join(words[start:stop]), "")
                if meaning in self._facts and self._facts[meaning]["kind"] != "act":
                    first = min(first, start)
                    meanings.append(meaning)
                    start = stop - 1
                    break
            start += 1
        return first, tuple(dict.fromkeys(meanings))

    def _compare(self, claim_fact_setting: tuple[str, str, Setting]) -> int:
        """LISTED, OPEN or CONTRARY, for two meanings."""
        claim, fact = map(self.of, claim_fact_setting[:2])
        if claim.meaning == fact.meaning or fact.meaning in self._may_also[claim.meaning]:
            return LISTED
        if claim.places and fact.places:
            if claim.meaning in fact.places:
                return LISTED  # who sits on it is on it
            living, ground = claim_fact_setting[2]
            excluded = living and self._exclude(claim.verb, fact.verb)
            return OPEN if not excluded and self._same_place(claim, fact, ground=ground) else CONTRARY
        if fact.meaning in self._not_with[claim.meaning]:
            return CONTRARY
        if not (claim.known and fact.known):
            return OPEN
        if claim.places or fact.places:
            action, location = (fact, claim) if claim.places else (claim, fact)
            return max(self._done_there(action.meaning, place) for place in location.places)
        either = self._may_also[claim.meaning] | self._may_also[fact.meaning]
        return OPEN if _ANY in either else CONTRARY

    def _excludes_any(self, fact: str) -> bool:
        usual = (claim for claim in self._facts if claim not in _UNUSUAL)
        return any(self.compare((claim, fact, (True, False))) == CONTRARY for claim in usual)

    def _same_place(self, claim: Predicate, fact: Predicate, *, ground: bool) -> bool:
        return any(
            second not in self._not_with[first]
            or (ground and "next to" in (first, second) and not {first, second}.isdisjoint(_SURFACE))
            for first in claim.places
            for second in fact.places
        )

    def _exclude(self, verb: str, other: str) -> bool:
        """Whether two verbs are postures that nobody takes at once."""
        return other.split(" ")[0] in self._other_postures[verb.split(" ")[0]]

    def _done_there(self, action: str, place: str) -> int:
        if place in self._may_also[action]:
            return LISTED
        loose = self._facts[place]["kind"] == "loose" and place not in self._not_with[action]
        return OPEN if loose else CONTRARY


def merged(meanings: dict[str, str], aliases: Iterable[Sequence[str]]) -> dict[str, str]:
    """A word list with a corpus's aliases: a group means what its first listed member means, else its first."""
    with_aliases = dict(meanings)
    for group in aliases:
        words = [word.strip().lower() for word in group]
        meaning = next((with_aliases[word] for word in words if word in with_aliases), words[0])
        for word in words:
            with_aliases.setdefault(word, meaning)
    return with_aliases


def both_ways(listed: dict[str, str]) -> defaultdict[str, set[str]]:
    """Word -> the words of its list, both ways; "" lists nothing."""
    symmetric: defaultdict[str, set[str]] = defaultdict(set)
    for name, others in listed.items():
        for other in filter(None, others.split(";")):
            symmetric[name].add(other)
            symmetric[other].add(name)
    return symmetric
