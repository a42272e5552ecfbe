"""How an object is named, and which other names a definite phrase fits: "the dog" fits "an old dog" and "a puppy".

What a phrase fits is judged as a reader of the caption must: by its words alone. Attributes recorded but not said do
not count, and beside "a table" nobody takes "the desk" for it; but a puppy is a dog, a guy is a man, and a man is a
person.
"""

from collections.abc import Sequence

import msgspec

from pipeline.text import english
from pipeline.text.lexicon import Lexicon

Described = tuple[str, tuple[str, ...]]  # what an object is called, its recorded attributes

_ORDINALS = ("", "first", "second", "third", "fourth", "fifth")
MAX_COUNTED = len(_ORDINALS) - 1  # "the eleventh window" helps nobody


class Phrase(msgspec.Struct, frozen=True, gc=False):
    """How an object is named: "an old car", "the old car", which recorded attributes that says, and what it means."""

    indefinite: str
    definite: str
    says: frozenset[str]
    head: str  # the last word of the name, for people what it means
    sorts: frozenset[str]  # `head` and all more general names
    words: frozenset[str]  # what the words before it mean, those inside the name included: "parking" of "parking meter"
    counted: bool  # takes "a", so that there is a second one; not plurals and stuff
    unique: bool  # "the sky": there is only one in the world, or a sign's text, which has no article

    def fits(self, other: "Phrase") -> bool:
        """Whether "the ..." of this phrase may mean an object that was introduced by the other."""
        return self.counted == other.counted and self.head in other.sorts and self.words <= other.words

    def numbered(self, number: int, *, definite: bool) -> str:
        """ "a second old car" or "the second old car"; not numbered where the number is 0."""
        if number == 0:
            return self.definite if definite else self.indefinite
        described = f"{_ORDINALS[number]} {self.definite.removeprefix('the ')}"
        return f"the {described}" if definite else f"{english.article(described)} {described}"


def phrase_of(noun: str, attributes: Sequence[str], says: frozenset[str], lexicon: Lexicon) -> Phrase:
    """The phrase of a name and its attributes as they are said, in their order; `says` is what of them is recorded."""
    indefinite, definite = (english.noun_phrase(noun, tuple(attributes), definite=the) for the in (False, True))
    head = english.head(noun)
    about = lexicon.noun(head)
    inside = noun.split(" ")
    inside.remove(head)
    last = about.meaning if about.kind == "person" else head
    return Phrase(
        indefinite,
        definite,
        says,
        head=last,
        sorts=lexicon.noun(noun).general | about.general | {last},
        words=_meanings([*attributes, *inside], lexicon),
        counted=not english.takes_no_article(noun),
        unique=indefinite == definite,
    )


def _meanings(words: Sequence[str], lexicon: Lexicon) -> frozenset[str]:
    """What single words mean as attributes; unlisted ones mean themselves."""
    single = [word for part in words for word in part.split(" ") if word not in ("and", "")]
    return frozenset(lexicon.attribute(word).value for word in single)
