"""The class texts of a store, read once a seed whoever asks for them."""

from collections.abc import Collection, Sequence

from pipeline.core.bounded_memo import BoundedMemo
from pipeline.core.store import Store
from pipeline.models.methods.shared import ClassTexts, class_texts


class StoredTexts:
    """The vectors of some classes from a store of the embed stage, joined and normalised when they are first needed.

    They are read once for all seeds, unless the text encoder was trained with several.
    """

    def __init__(self, store: Store, class_ids: Collection[int]) -> None:
        self.store = store
        self._has_seeds = any("@" in group for group in store.groups())
        self._by_seed = BoundedMemo[int | None, ClassTexts](lambda seed: class_texts(store, sorted(class_ids), seed))

    def of(self, class_ids: Sequence[int], seed: int) -> ClassTexts:
        """Of some of these classes, in the order asked for. DataError for a class, a seed or a size that is missing."""
        return self._by_seed[seed if self._has_seeds else None].of(class_ids)
