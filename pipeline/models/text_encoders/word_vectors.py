"""Mean word vectors (GloVe, word2vec) as the encoder: what ResT and E2E read labels with (ResT 3.3.1)."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.core import params
from pipeline.core.hashing import file_digest, value_digest
from pipeline.core.progress import say
from pipeline.formats import word_vectors
from pipeline.formats.class_names import content_words
from pipeline.models.text_encoders.shared import Vectors


class Params(params.Params):
    """Which file, and how its words are weighted."""

    path: str  # GloVe text, word2vec text or binary, plain or .gz
    unit_words: bool  # normalise every word vector before the mean, as E2E does


class WordVectorEncoder:
    """Texts to the mean vector of their known words."""

    def __init__(self, chosen: Params) -> None:
        self._chosen = chosen
        self._path = Path(chosen.path)
        self._hash = ""

    @property
    def weights_hash(self) -> str:
        """SHA-256 that identifies the file and the weighting of words."""
        self._hash = self._hash or value_digest(
            {"file": file_digest(self._path), "unit_words": self._chosen.unit_words}
        )
        return self._hash

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors (N, D). Unknown words are left out and said; a text without a known word is a DataError."""
        wanted = {word for text in texts for word in content_words(text)}
        known = word_vectors.read(self._path, wanted)
        vectors, unknown = word_vectors.text_vectors(texts, known, unit_words=self._chosen.unit_words)
        for text, words in unknown.items():
            say(f"{self._path.name}: no vector for {', '.join(words)} in {text!r}; the other words stand for it")
        return vectors


def encoder(params: Params, *, num_threads: int) -> WordVectorEncoder:  # noqa: ARG001 - the interface of the folder
    """The encoder. Raises DataError if there is no such file, before any text is read."""
    word_vectors.check_exists(Path(params.path))
    return WordVectorEncoder(params)
