import pytest

from pipeline.text import clip_tokens, cutting

CONTEXT = 77  # tokens that CLIP reads, start and end counted


def words(text: str) -> int:
    return len(text.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two three", ["one two three"]),
        ("one two. three four. five", ["one two. three four.", "five"]),
        ("one two three four, five six. seven.", ["one two three four,", "five six. seven."]),
        ("one two three four five six", ["one two three four", "five six"]),
        ("one (two three) four; five six", ["one (two three) four;", "five six"]),
        ("3.5 mm and e.g. nothing else", ["3.5 mm and e.g.", "nothing else"]),
        ("one two three.\nfour five", ["one two three.", "four five"]),
    ],
)
def test_it_is_cut_after_sentences_else_clauses_else_words(text, expected):
    assert cutting.split(text, 4, words) == expected


def test_a_word_that_does_not_fit_is_cut_between_characters():
    assert cutting.split("ab abcdefgh ij", 3, len) == ["ab", "abc", "def", "gh", "ij"]


def test_a_text_that_fits_stays_as_it_is():
    text = "  Two  spaces,  and a\nnew line. "
    assert cutting.split(text, 9, words) == [text]


def test_every_piece_of_a_long_paragraph_fits_clip_and_no_word_is_lost():
    sentence = "the person lifts the left arm, then the right one; both hands meet above the head and fall again"
    text = ". ".join(f"{sentence} {number} times" for number in range(40)) + " ".join(["swing"] * 200) + " " + "x1" * 99
    count = clip_tokens.tokens().count
    pieces = cutting.split(text, CONTEXT, count)
    assert max(map(count, pieces)) <= CONTEXT
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")
    told = [piece for piece in pieces if "swing" not in piece and "x1" not in piece]
    assert len(told) > 10
    assert all(piece.endswith("times.") for piece in told[:-1])  # the last sentence has no end that would fit
