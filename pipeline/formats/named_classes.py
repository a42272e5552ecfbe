"""Which classes a text names: all content words of the class's name stand in it, by their stems and in any order.

The rule of labels/overlap.same_words, one-sided: a caption says more than a name. It errs on the side of naming.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from pipeline.core.bounded_memo import BoundedMemo
from pipeline.formats.class_names import content_words, stem

ClassId = tuple[str, int]  # dataset, class id

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


class ClassNames:
    """The class lists of some datasets, class names by id, and what any text names of them."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        stems = {
            (dataset, class_id): frozenset(map(stem, content_words(name)))
            for dataset, classes in names.items()
            for class_id, name in enumerate(classes)
        }
        common = Counter(word for words in stems.values() for word in words)
        self._by_rarest: dict[str, list[tuple[frozenset[str], ClassId]]] = {}  # so that most texts meet no name at all
        for class_id, words in stems.items():
            rarest = min(words, key=lambda word: (common[word], -len(word), word))
            self._by_rarest.setdefault(rarest, []).append((words, class_id))
        self._stem = BoundedMemo(stem)

    def named(self, text: str) -> list[ClassId]:
        """The classes that a text names, in no particular order.

        >>> ClassNames({"gym": ["lift left knee", "jump"]}).named("The left knee is lifted.")
        [('gym', 0)]
        """
        stem_of, by_rarest = self._stem, self._by_rarest
        stems = {stem_of[word] for word in _WORD.findall(text.lower())}
        return [class_id for word in stems & by_rarest.keys() for words, class_id in by_rarest[word] if words <= stems]
