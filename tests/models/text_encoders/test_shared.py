import hashlib

import numpy as np
import pytest

from pipeline.core import closure
from pipeline.models.text_encoders import shared, word_vectors


class Counting:
    """Vectors from the text itself; remembers what it was asked."""

    def __init__(self, weights_hash="w"):
        self.weights_hash = weights_hash
        self.asked = []

    def encode(self, texts):
        self.asked += texts
        numbers = [hashlib.sha256((self.weights_hash + text).encode()).digest()[:8] for text in texts]
        return np.array([list(number) for number in numbers], dtype=np.float32) / 7


def entries(root):
    return sorted(path for path in (root / "texts").rglob("*") if path.is_file())


def test_a_text_is_encoded_once_and_comes_back_bit_for_bit(tmp_path):
    encoder = Counting()
    cold = shared.encode_cached(encoder, ["wave", "clap", "wave"], tmp_path)
    warm = shared.encode_cached(encoder, ["clap", "wave"], tmp_path)
    assert encoder.asked == ["wave", "clap"]
    assert cold[[1, 0]].tobytes() == warm.tobytes()
    assert (warm.dtype, warm.shape) == (np.float32, (2, 8))


def test_other_weights_have_vectors_of_their_own(tmp_path):
    one = shared.encode_cached(Counting("a"), ["wave"], tmp_path)
    other = shared.encode_cached(Counting("b"), ["wave"], tmp_path)
    assert not np.array_equal(one, other)


def test_another_version_of_a_library_starts_afresh(tmp_path, monkeypatch):
    shared.encode_cached(Counting(), ["wave"], tmp_path)
    monkeypatch.setattr(shared, "version", lambda name: "0")
    encoder = Counting()
    shared.encode_cached(encoder, ["wave"], tmp_path)
    assert encoder.asked == ["wave"]


def test_other_code_of_the_encoder_starts_afresh(tmp_path, monkeypatch):
    """What reads word vectors decides them as the file does."""
    (tmp_path / "words.txt").write_text("wave 1 0\nclap 0 1\n")

    def encoded():
        chosen = word_vectors.Params(path=str(tmp_path / "words.txt"), unit_words=False)
        return shared.encode_cached(word_vectors.encoder(chosen, num_threads=1), ["wave clap"], tmp_path)

    before = encoded()
    monkeypatch.setattr(word_vectors.word_vectors, "text_vectors", lambda texts, *_, **__: (before + 1, {}))
    assert np.array_equal(encoded(), before)
    files = closure.Code().files("pipeline.models.text_encoders.word_vectors")
    assert {"pipeline/formats/word_vectors.py", "pipeline/formats/class_names.py"} <= set(files)
    monkeypatch.setattr(closure.Code, "files", lambda self, *modules: files | {modules[0]: "edited"})
    assert np.array_equal(encoded(), before + 1)


def flip(content):
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("damage", [flip, lambda c: c[:-4], lambda c: c[:10], lambda c: b"", lambda c: c[:32]])
def test_a_damaged_entry_is_made_anew(tmp_path, damage):
    expected = shared.encode_cached(Counting(), ["wave"], tmp_path)
    (entry,) = entries(tmp_path)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    encoder = Counting()
    assert np.array_equal(shared.encode_cached(encoder, ["wave"], tmp_path), expected)
    assert encoder.asked == ["wave"]
    assert entry.read_bytes() == whole
