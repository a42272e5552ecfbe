import hashlib

import numpy as np
import pytest

from pipeline.core import closure
from pipeline.core.array_cache import ArrayCache, packs
from pipeline.models import text_vectors
from pipeline.models.text_encoders import word_vectors


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


def packs_folder(root):
    (folder,) = (root / "texts").iterdir()
    return folder


def test_a_text_is_encoded_once_and_comes_back_bit_for_bit(tmp_path):
    encoder = Counting()
    cold = text_vectors.encode_cached(encoder, ["wave", "clap", "wave"], tmp_path)
    warm = text_vectors.encode_cached(encoder, ["clap", "wave"], tmp_path)
    assert encoder.asked == ["wave", "clap"]
    assert cold[[1, 0]].tobytes() == warm.tobytes()
    assert (warm.dtype, warm.shape) == (np.float32, (2, 8))


def test_other_weights_have_vectors_of_their_own(tmp_path):
    one = text_vectors.encode_cached(Counting("a"), ["wave"], tmp_path)
    other = text_vectors.encode_cached(Counting("b"), ["wave"], tmp_path)
    assert not np.array_equal(one, other)


def test_another_version_of_a_library_starts_afresh(tmp_path, monkeypatch):
    text_vectors.encode_cached(Counting(), ["wave"], tmp_path)
    monkeypatch.setattr(text_vectors, "version", lambda name: "0")
    encoder = Counting()
    text_vectors.encode_cached(encoder, ["wave"], tmp_path)
    assert encoder.asked == ["wave"]


def test_other_code_of_the_encoder_starts_afresh(tmp_path, monkeypatch):
    """What reads word vectors decides them as the file does."""
    (tmp_path / "words.txt").write_text("wave 1 0\nclap 0 1\n")

    def encoded():
        chosen = word_vectors.Params(path=str(tmp_path / "words.txt"), unit_words=False)
        return text_vectors.encode_cached(word_vectors.encoder(chosen, num_threads=1), ["wave clap"], tmp_path)

    before = encoded()
    monkeypatch.setattr(word_vectors.word_vectors, "text_vectors", lambda texts, *_, **__: (before + 1, {}))
    assert np.array_equal(encoded(), before)
    files = closure.Code().files("pipeline.models.text_encoders.word_vectors")
    assert {"pipeline/formats/word_vectors.py", "pipeline/formats/class_names.py"} <= set(files)
    monkeypatch.setattr(closure.Code, "files", lambda self, *modules: files | {modules[0]: "edited"})
    assert np.array_equal(encoded(), before + 1)


def flip(content):
    place = content.index(Counting().encode(["wave"]).tobytes())
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("damage", [flip, lambda c: c[:-4], lambda c: c[:10], lambda c: b"", lambda c: c[:4096]])
def test_a_damaged_entry_is_made_anew(tmp_path, damage):
    expected = text_vectors.encode_cached(Counting(), ["wave"], tmp_path)
    (pack,) = entries(tmp_path)
    pack.write_bytes(damage(pack.read_bytes()))
    for asked in (["wave"], []):
        text_vectors._cache.cache_clear()  # another process
        encoder = Counting()
        assert np.array_equal(text_vectors.encode_cached(encoder, ["wave"], tmp_path), expected)
        assert encoder.asked == asked


def test_texts_that_are_asked_for_together_are_one_file(tmp_path):
    text_vectors.encode_cached(Counting(), ["wave", "clap"], tmp_path)
    text_vectors.encode_cached(Counting(), ["wave", "bow", "sit", "bow"], tmp_path)
    assert len(entries(tmp_path)) == 2


def test_what_another_process_has_encoded_is_seen(tmp_path):
    text_vectors.encode_cached(Counting(), ["wave"], tmp_path)
    folder = packs_folder(tmp_path)
    with ArrayCache(folder).writing() as pack:
        pack.keep(hashlib.sha256(b"clap").hexdigest(), {}, np.arange(8, dtype=np.float32))
    assert text_vectors.encode_cached(Counting(), ["clap"], tmp_path).tolist() == [list(range(8))]
    for path in packs(folder):
        path.unlink()
    encoder = Counting()
    text_vectors.encode_cached(encoder, ["clap", "wave"], tmp_path)
    assert encoder.asked == ["clap", "wave"]


def test_the_code_of_the_cache_decides_no_vector():
    files = closure.Code().files("pipeline.models.text_encoders.word_vectors")
    assert not {"pipeline/core/array_cache.py", "pipeline/models/text_vectors.py"} & set(files)
