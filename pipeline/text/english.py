"""English word forms: articles, number, participles and adjectives, for words as annotators type them."""

import re

from pipeline.text import wordlists

_FORMS = wordlists.groups("forms", "word", by="form")
_PLURALS, _SINGULAR_S, _MASS, _UNIQUE = (_FORMS[form] for form in ("plural", "singular_s", "mass", "unique"))
_BASE_VERBS, _NOT_VERBS, _PARTICLES = (_FORMS[form] for form in ("base_verb", "not_verb", "particle"))
_BE, _IDLE = _FORMS["be"], _FORMS["idle"]
_AN_BY_SOUND = re.compile(r"(?:hour|honest|heir|honou?r|suv\b|lcd\b|led\b|mri\b|mp3|x-?ray|[fhlmnrsx]\b|8|11\b|18\b)")
_A_BY_SOUND = re.compile(r"(?:uni(?!n|m)|use|usual|usab|eu|ewe|one\b|once|u-|ur[ai]n|ufo|u\b)")
_VOWELS = "aeiou"
_SAYS_NOTHING = frozenset(("unsure", "other relationship"))


def article(phrase: str) -> str:
    """ "a" or "an" for a phrase, by its first sound.

    >>> [article(word) for word in ("car", "orange car", "uniform", "hour glass", "suv")]
    ['a', 'an', 'a', 'an', 'an']
    """
    if _AN_BY_SOUND.match(phrase):
        return "an"
    return "an" if phrase[:1] in _VOWELS and not _A_BY_SOUND.match(phrase) else "a"


def takes_no_article(noun: str) -> bool:
    """Whether a noun stands without "a": plurals ("shoes") and stuff ("hair"), by the last word of the name.

    >>> [takes_no_article(noun) for noun in ("white shoes", "glass", "bus", "grass", "parking meter", "pair of shoes")]
    [True, False, False, True, False, False]
    """
    word = head(noun)
    return word in _MASS or word in _PLURALS or is_plural(word)


def is_plural(word: str) -> bool:
    """Whether one word looks like a plural: a guess by its ending, with the common exceptions."""
    if word in _PLURALS:
        return True
    return (
        len(word) > 2 and word.endswith("s") and not word.endswith(("ss", "us", "is", "'s")) and word not in _SINGULAR_S
    )


def head(noun: str) -> str:
    """The word that carries the number of a name: the last one before an "of", "with", "in" or "on".

    >>> [head(noun) for noun in ("street light", "pair of shoes", "man in suit")]
    ['light', 'pair', 'man']
    """
    words = noun.split(" ")
    for place, word in enumerate(words[1:], 1):
        if word in ("of", "with", "in", "on", "for", "from", "at"):
            return words[place - 1]
    return words[-1]


def noun_phrase(noun: str, attributes: tuple[str, ...], *, definite: bool) -> str:
    """Article, attributes and noun; "the" where it is definite or there is only one in the world.

    >>> noun_phrase("orange car", ("old",), definite=False), noun_phrase("sky", (), definite=False)
    ('an old orange car', 'the sky')
    """
    described = " ".join([*attributes, noun])
    if noun.startswith('"'):
        return described  # what a sign says
    if definite or head(noun) in _UNIQUE:
        return f"the {described}"
    return described if takes_no_article(noun) else f"{article(described)} {described}"


def participle(verb: str) -> str:
    """The -ing form of a verb in its base form.

    >>> [participle(verb) for verb in ("carry", "ride", "sit", "lie", "see", "cover", "show")]
    ['carrying', 'riding', 'sitting', 'lying', 'seeing', 'covering', 'showing']
    """
    if verb.endswith("ie"):
        return f"{verb[:-2]}ying"
    if verb.endswith("e") and not verb.endswith(("ee", "ye", "oe")):
        return f"{verb[:-1]}ing"
    short = re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", verb)
    return f"{verb}{verb[-1]}ing" if short else f"{verb}ing"


def base_of_third_person(verb: str) -> str:
    """The base form of a verb that ends in -s.

    >>> [base_of_third_person(verb) for verb in ("carries", "watches", "rides", "lies", "holds", "goes")]
    ['carry', 'watch', 'ride', 'lie', 'hold', 'go']
    """
    if verb.endswith("ies"):
        return verb[:-1] if len(verb) == 4 else f"{verb[:-3]}y"
    if verb.endswith(("ches", "shes", "sses", "xes", "zzes", "oes")):
        return verb[:-2]
    return verb[:-1]


def relation_words(predicate: str) -> str:
    """A predicate as it stands between two nouns, or "" where it says nothing there.

    Verbs become participles and "has" becomes "with", so that chains read as one phrase: "a man wearing a shirt
    with a stripe". Forms of "to be" and articles at the end are dropped.

    >>> [relation_words(p) for p in ("wears", "is sitting on the", "has", "are fully", "ON", "in a", "carries")]
    ['wearing', 'sitting on', 'with', '', 'on', 'in', 'carrying']
    >>> [relation_words(p) for p in ("unsure", "other relationship")]  # words of Action Genome for what nobody can name
    ['', '']
    """
    if predicate in _SAYS_NOTHING:
        return ""
    words = predicate.lower().split()
    if any(word in _BE for word in words):
        words = [word for word in words if word not in _BE and word not in ("has", "have", "had")]
    while words and words[-1] in _IDLE and words[-1] not in ("to", "not"):
        words.pop()
    while words and words[0] in _IDLE - {"not", "to"}:
        words.pop(0)
    if all(word in _IDLE and word != "to" for word in words):
        return ""
    if words[0] in ("has", "have", "having", "had"):
        return " ".join(["with", *words[1:]])
    return " ".join([_verb_form(words[0]), *words[1:]])


def attribute_words(attribute: str, noun: str) -> str:
    """An attribute as it stands before its noun, or "" where it says nothing there.

    >>> [attribute_words(a, n) for a, n in (("far away", "bike"), ("off", "lamp"), ("made of bricks", "wall"))]
    ['far-away', 'switched-off', 'brick']
    >>> [attribute_words(a, n) for a, n in (("office phone", "phone"), ("cream colour", "wall"), ("light blue", "car"))]
    ['office', 'cream', 'light blue']
    """
    words = attribute.replace('"', "").split()
    if words[:2] == ["made", "of"]:
        words = [word.removesuffix("s") if is_plural(word) else word for word in words[2:]]
    while len(words) > 1 and words[-1] in ("colour", "color", "coloured", "colored"):
        words.pop()
    taken = set(noun.replace('"', "").split())
    words = [word for word in words if word not in taken]
    if not words or words[0] in ("is", "has", "with", "to", "in", "of", "there", "here"):
        return ""
    if len(words) == 1:
        return _POSTPOSED.get(words[0], words[0])
    loose = words[-1] in _PARTICLES or words[-1].endswith(("ed", "ing"))
    return ("-" if loose else " ").join(words)


_POSTPOSED = {"off": "switched-off", "on": "switched-on", "up": "raised", "down": "lowered", "visible": ""}


def _verb_form(word: str) -> str:
    if word in _BASE_VERBS:
        return participle(word)
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss") and word not in _NOT_VERBS:
        return participle(base_of_third_person(word))
    return word
