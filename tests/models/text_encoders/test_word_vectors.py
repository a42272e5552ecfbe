"""Word vectors as a text encoder: means of known words, unknown ones said, the hash names what decides the bytes."""

import pytest

from pipeline.core.errors import DataError
from pipeline.models.text_encoders import word_vectors


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("ride 3 4\nbike 0 1\n")
    return path


def encoder(path, unit_words=False):
    return word_vectors.encoder(word_vectors.Params(path=str(path), unit_words=unit_words), num_threads=1)


def test_a_text_is_the_mean_of_its_words(file) -> None:
    assert encoder(file).encode(["RideTheBike"]).tolist() == [[1.5, 2.5]]
    assert encoder(file, unit_words=True).encode(["ride bike"])[0] == pytest.approx([0.3, 0.9])


def test_unknown_words_are_said(file, capsys) -> None:
    encoder(file).encode(["ride unicycle"])
    assert "glove.txt: no vector for unicycle in 'ride unicycle'" in capsys.readouterr().err


def test_a_text_without_a_known_word_is_refused(file) -> None:
    with pytest.raises(DataError, match="'playing daf'"):
        encoder(file).encode(["playing daf"])


def test_the_hash_names_the_file_and_the_weighing(file) -> None:
    hashes = {encoder(file).weights_hash, encoder(file, unit_words=True).weights_hash}
    file.write_text("ride 3 5\n")
    assert len(hashes | {encoder(file).weights_hash}) == 3


def test_a_missing_file_is_refused_before_any_text_is_read(tmp_path) -> None:
    with pytest.raises(DataError, match="no such word-vector file"):
        encoder(tmp_path / "none.txt")
