"""How an object is named, and which other names a definite phrase fits: "the dog" fits "an old dog" and "a puppy".

This is judged as a reader of the caption would, by the words alone. Recorded attributes that the caption leaves out do
not count, and nobody takes "the desk" for "a table"; but a puppy is a dog, a guy is a man, and a man is a person.
"""

from collections.abc import Sequence

import msgspec

from pipeline.text import english
from pipeline.text.lexicon import Lexicon

Described = tuple[str, tuple[str, ...]]  # what an object is called, its recorded attributes

_ORDINALS = ("", "first", "second", "third", "fourth", "fifth")
MAX_COUNTED = len(_ORDINALS) - 1  # "the eleventh window" helps nobody


class Phrase(msgspec.Struct, frozen=True, gc=False):
    """How an object is named ("an old car", "the old car"), the recorded attributes in that, and its meaning."""

    indefinite: str
    definite: str
    says: frozenset[str]
    head: str  # the last word of the name, or its meaning where it names a person
    sorts: frozenset[str]  # `head` and all more general names
    words: frozenset[str]  # meanings of the words before it, also inside the name: "parking" of "parking meter"
    counted: bool  # takes "a", so that there may be a second one; false of plurals and stuff
    unique: bool  # only one in the world ("the sky"), or the text of a sign, which has no article

    def fits(self, other: "Phrase") -> bool:
        """Whether "the ..." of this phrase may mean an object that the other phrase introduced."""
        return self.counted == other.counted and self.head in other.sorts and self.words <= other.words

    def numbered(self, number: int, *, definite: bool) -> str:
        """ "a second old car" or "the second old car"; not numbered where the number is 0."""
        if number == 0:
            return self.definite if definite else self.indefinite
        described = f"{_ORDINALS[number]} {self.definite.removeprefix('the ')}"
        return f"the {described}" if definite else f"{english.article(described)} {described}"


def phrase_of(noun: str, attributes: Sequence[str], says: frozenset[str], lexicon: Lexicon) -> Phrase:
    """The phrase of a name and its adjectives in order; `says` are the recorded attributes that these stand for."""
    indefinite, definite = (english.noun_phrase(noun, tuple(attributes), definite=the) for the in (False, True))
    head = english.head(noun)
    head_noun = lexicon.noun(head)
    inside = noun.split(" ")
    inside.remove(head)
    last = head_noun.meaning if head_noun.kind == "person" else head
    return Phrase(
        indefinite,
        definite,
        says,
        head=last,
        sorts=lexicon.noun(noun).general | head_noun.general | {last},
        words=_meanings([*attributes, *inside], lexicon),
        counted=not english.takes_no_article(noun),
        unique=indefinite == definite,
    )


def _meanings(words: Sequence[str], lexicon: Lexicon) -> frozenset[str]:
    """The meanings of single words as attributes; unlisted words mean themselves."""
    single = [word for part in words for word in part.split(" ") if word not in ("and", "")]
    return frozenset(lexicon.attribute(word).value for word in single)
