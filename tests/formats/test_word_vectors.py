"""The three word-vector formats agree; only wanted words are kept; damage is one clear line."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.errors import DataError, FormatError
from pipeline.formats import word_vectors

VECTORS = {"ride": [1.0, 0.5, -2.0], "bike": [0.25, 1e-3, 4.0], "ümlaut": [0.0, 0.0, 1.0]}


def text_lines() -> bytes:
    return "".join(f"{word} {' '.join(map(str, v))}\n" for word, v in VECTORS.items()).encode()


def binary(*, newline: bytes = b"\n") -> bytes:
    records = [word.encode() + b" " + np.array(v, "<f4").tobytes() + newline for word, v in VECTORS.items()]
    return b"3 3\n" + b"".join(records)


CONTENTS = {
    "glove.txt": text_lines(),
    "word2vec.txt": b"3 3\n" + text_lines(),
    "word2vec.bin": binary(),
    "google.bin": binary(newline=b""),
    "glove.txt.gz": gzip.compress(text_lines()),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_every_format_gives_the_wanted_words_and_no_others(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(CONTENTS[name])
    found = word_vectors.read(tmp_path / name, {"bike", "ümlaut", "plane"})
    assert found.dim == 3
    assert sorted(found.by_word) == ["bike", "ümlaut"]
    assert found.by_word["bike"] == pytest.approx(VECTORS["bike"])


def test_a_word_with_blanks_in_it_does_not_shift_the_numbers(tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_bytes(b"ride 1 2 3\n. . . 7 8 9\nbike 4 5 6\n")
    assert word_vectors.read(tmp_path / "g.txt", {"bike"}).by_word["bike"].tolist() == [4, 5, 6]


def test_of_a_word_given_twice_the_first_counts(tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_bytes(b"ride 1 2\nride 3 4\n")
    assert word_vectors.read(tmp_path / "g.txt", {"ride"}).by_word["ride"].tolist() == [1, 2]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    record = b"word " + np.ones(300, "<f4").tobytes() + b"\n"
    (tmp_path / "big.bin").write_bytes(b"10000 300\n" + record * 10_000)  # 12 MB
    tracemalloc.start()
    word_vectors.read(tmp_path / "big.bin", {"word"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 << 20


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not GloVe"),
        (b"\x00\xff\x00 no\n", "not GloVe"),
        (b"3 99999999\n", "99999999 numbers"),
        (binary()[:-7], "promises 3 words, found 2"),
        (b"9 3\n" + text_lines(), "promises 9 words, found 3"),
        (b"ride 1 2 3\nbike 4 5\n", "line 2: expected a word and 3 numbers"),
        (b"ride 1 2 3\nbike 4 nan 5\n", "'bike' is not 3 finite numbers"),
        (b"ride 1 2 3\nbike 4 x 5\n", "'bike' is not 3 finite numbers"),
        (b"x" * (1 << 19), "line 1 is longer"),
        (b"2 3\n" + b"\xff" * (1 << 17), "too long|found 0"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "f.bin").write_bytes(content)
    with pytest.raises(FormatError, match=message):
        word_vectors.read(tmp_path / "f.bin", {"bike"})


def test_a_cut_gzip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "g.txt.gz").write_bytes(gzip.compress(text_lines())[:-9])
    with pytest.raises(FormatError, match="cut short"):
        word_vectors.read(tmp_path / "g.txt.gz", {"ümlaut"})


def test_a_missing_file_says_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such word-vector file"):
        word_vectors.read(tmp_path / "none.txt", {"bike"})


def test_a_text_is_the_mean_of_its_known_words_and_reports_the_rest() -> None:
    known = word_vectors.WordVectors(2, {"ride": np.array([3, 4], "f4"), "bike": np.array([0, 1], "f4")})
    plain, unknown = word_vectors.text_vectors(["RideABike", "ride unicycle"], known, unit_words=False)
    assert plain.tolist() == [[1.5, 2.5], [3, 4]]
    assert unknown == {"ride unicycle": ["unicycle"]}
    scaled, _ = word_vectors.text_vectors(["RideABike"], known, unit_words=True)
    assert scaled[0] == pytest.approx([0.3, 0.9])


def test_a_text_without_a_known_word_is_refused() -> None:
    with pytest.raises(DataError, match=r"'playing daf'.*\['playing', 'daf'\]"):
        word_vectors.text_vectors(["playing daf"], word_vectors.WordVectors(2, {}), unit_words=False)


@pytest.mark.parametrize("place", range(10, 40))
def test_a_damaged_gzip_is_refused_or_read(tmp_path: Path, place: int) -> None:
    packed = bytearray(gzip.compress(b"3 3\n" + text_lines()))
    packed[place] ^= 0xFF
    (tmp_path / "g.txt.gz").write_bytes(packed)
    with pytest.raises(FormatError, match=r"damaged|not GloVe|longer than|expected a word"):
        word_vectors.read(tmp_path / "g.txt.gz", {"ümlaut"})


def test_a_number_of_words_of_five_thousand_digits_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f.bin").write_bytes(b"1" * 5000 + b" 3\n" + text_lines())
    with pytest.raises(FormatError, match="a header of 5003 digits"):
        word_vectors.read(tmp_path / "f.bin", {"bike"})


def test_a_folder_in_place_of_the_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such word-vector file"):
        word_vectors.read(tmp_path, {"bike"})


def test_many_short_words_are_read_in_time_that_grows_with_the_file(tmp_path: Path) -> None:
    count = 400_000  # copying what is left of a block for each took ten minutes
    (tmp_path / "short.bin").write_bytes(f"{count} 1\n".encode() + b"a \0\0\0\0" * count)
    assert list(word_vectors.read(tmp_path / "short.bin", {"a"}).by_word) == ["a"]
