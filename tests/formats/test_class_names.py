"""Class names of many spellings become the same words; lists that cannot be used are refused."""

from pathlib import Path

import pytest

from pipeline.core.errors import DataError, FormatError
from pipeline.formats import class_names


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ApplyEyeMakeup", ("apply", "eye", "makeup")),
        ("brush_hair", ("brush", "hair")),
        ("YoYo", ("yo", "yo")),
        ("TVShow", ("tv", "show")),
        ("hurling (sport)", ("hurling", "sport")),
        ("petting animal (not cat)", ("petting", "animal")),
        ("eat meal/snack", ("eat", "meal", "snack")),
        ("Rock-paper-scissors", ("rock", "paper", "scissors")),
        ("opening mother's door", ("opening", "mother's", "door")),
    ],
)
def test_a_name_is_split_into_lower_case_words(name: str, words: tuple[str, ...]) -> None:
    assert class_names.words(name) == words


def test_stop_words_are_dropped_unless_nothing_were_left() -> None:
    assert class_names.content_words("walking the dog") == ("walking", "dog")
    assert class_names.content_words("do the") == ("do", "the")


@pytest.mark.parametrize(
    ("one", "other"),
    [("riding", "ride"), ("shaking", "shake"), ("swimming", "swim"), ("jacks", "jack"), ("carries", "carry"),
     ("typed", "typing"), ("hopping", "hop"), ("kissing", "kiss"), ("dancing", "dance")],
)  # fmt: skip
def test_inflections_share_a_stem(one: str, other: str) -> None:
    assert class_names.stem(one) == class_names.stem(other)


@pytest.mark.parametrize(("one", "other"), [("sing", "s"), ("ring", "rang"), ("bus", "bu"), ("kiss", "kit")])
def test_other_words_keep_their_own(one: str, other: str) -> None:
    assert class_names.stem(one) != class_names.stem(other)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", DataError, "no class names"),
        (b"walk\n\nrun\n", DataError, "line 2: ''"),
        (b"walk\nRun\nWALK\n", DataError, "lines 1 and 3 name the same class 'WALK'"),
        (b"\xff\xfe\n", FormatError, "not UTF-8"),
        (b"x\n" * (1 << 20), FormatError, "larger than"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(
    tmp_path: Path, content: bytes, error: type[Exception], message: str
) -> None:
    (tmp_path / "names.txt").write_bytes(content)
    with pytest.raises(error, match=message):
        class_names.read_names(tmp_path / "names.txt")


def test_a_missing_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        class_names.read_names(tmp_path / "names.txt")


def test_names_that_differ_in_what_they_are_not_are_two_classes(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("passing football (in game)\npassing football (not in game)\n")
    assert len(class_names.read_names(tmp_path / "names.txt")) == 2


def test_a_folder_in_place_of_the_list_is_said(tmp_path):
    with pytest.raises(FormatError, match="a folder, expected a list of class names"):
        class_names.read_names(tmp_path)
