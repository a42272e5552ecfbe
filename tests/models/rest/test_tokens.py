"""Names as numbers, and what is masked."""

import re

import numpy as np
import pytest

from pipeline.core.errors import DataError, FormatError
from pipeline.models.rest.tokens import MASK, NO_TARGET, PAD, Vocabulary, mask_words

NAMES = ["BrushHair", "brush_teeth", "throw a ball", "clap"]


def test_words_are_numbered_in_alphabetical_order_behind_pad_and_mask():
    vocabulary = Vocabulary.of(NAMES)
    assert vocabulary.words == ("a", "ball", "brush", "clap", "hair", "teeth", "throw")
    assert (len(vocabulary), vocabulary.max_words) == (9, 3)
    assert vocabulary.encode("brush hair") == [4, 6]
    assert vocabulary.encode("ThrowABall") == vocabulary.encode("throw a ball") == [8, 2, 3]
    assert vocabulary.table(NAMES).tolist() == [[4, 6, PAD], [4, 7, PAD], [8, 2, 3], [5, PAD, PAD]]


def test_words_that_nobody_taught_are_left_out_of_a_name():
    assert Vocabulary.of(NAMES).encode("brush shoes") == [4]


def test_names_that_cannot_be_told_are_refused():
    vocabulary = Vocabulary.of(NAMES)
    with pytest.raises(DataError, match=re.escape("class 'yo-yo': none of its words ['yo', 'yo'] is in the vocab")):
        vocabulary.encode("yo-yo")
    for name in ("", "(not)", "--"):
        with pytest.raises(DataError, match=f"class '{re.escape(name)}': no word in its name"):
            Vocabulary.of(["clap", name])
    with pytest.raises(DataError, match=r"class 'clap clap clap clap': 4 words, the longest name taught has 3"):
        vocabulary.encode("clap clap clap clap")
    with pytest.raises(DataError, match="there are none"):
        Vocabulary.of([])


def test_a_vocabulary_comes_back_from_json():
    vocabulary = Vocabulary.of(NAMES)
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        {"words": ["a"]},
        {"words": ["b", "a"], "max_words": 1},
        {"words": ["a", "a"], "max_words": 1},
        {"words": [1], "max_words": 1},
        {"words": ["a"], "max_words": 0},
        {"words": ["a"], "max_words": True},
    ],
)
def test_anything_else_is_no_vocabulary(told):
    with pytest.raises(FormatError, match="alphabetical order"):
        Vocabulary.from_json(told)


def test_a_word_is_masked_or_is_no_target():
    ids_L = np.array([4, 6, 2, 3, PAD, PAD])
    for seed in range(50):
        input_L, target_L = mask_words(ids_L, np.random.default_rng(seed), 0.5)
        hidden_L = input_L == MASK
        assert hidden_L[:4].any()
        assert not hidden_L[4:].any()
        assert np.array_equal(input_L[~hidden_L], ids_L[~hidden_L])
        assert np.array_equal(target_L, np.where(hidden_L, ids_L, NO_TARGET))


@pytest.mark.parametrize("num_words", [1, 3, 8])
def test_each_word_is_masked_with_the_share_and_one_where_chance_masks_none(num_words):
    """P(word masked) = share + (1 - share)^L / L: each by itself, or as the one of the unlucky draws."""
    rng, share, num_draws = np.random.default_rng(0), 0.15, 20_000
    ids_L = np.arange(2, 2 + num_words)
    drawn = np.stack([mask_words(ids_L, rng, share)[0] == MASK for _ in range(num_draws)])
    assert drawn.any(axis=1).all()
    expected = share + (1 - share) ** num_words / num_words
    assert np.abs(drawn.mean(axis=0) - expected).max() < 4 * np.sqrt(expected * (1 - expected) / num_draws) + 1e-12


def test_share_zero_masks_one_word_and_share_one_all():
    ids_L = np.array([2, 3, 4])
    assert (mask_words(ids_L, np.random.default_rng(0), 0.0)[0] == MASK).sum() == 1
    assert (mask_words(ids_L, np.random.default_rng(0), 1.0)[0] == MASK).all()


def test_the_same_generator_masks_alike():
    ids_L = np.array([2, 3, 4, 5, 6])
    one, two = (mask_words(ids_L, np.random.default_rng(3), 0.15) for _ in range(2))
    assert np.array_equal(one, two)
