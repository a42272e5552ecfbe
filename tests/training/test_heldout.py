"""What is held out, encoded: every vector is that of its picture or text, and nothing is encoded twice."""

from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.errors import DataError
from pipeline.core.hashing import path_digest, value_digest
from pipeline.core.pairs import FalseText, GeneralPair, GraphPair
from pipeline.core.seeds import generator
from pipeline.training import heldout

DIM = 8


def vector(what: str):
    x_D = generator(0, what).normal(size=DIM)
    return (x_D / np.linalg.norm(x_D)).astype(np.float32)


class Encoder:
    """Vectors drawn from the text or the picture's bytes; remembers what it was asked."""

    def __init__(self) -> None:
        self.pictures: list[list[str]] = []
        self.texts: list[list[str]] = []

    def image_vectors(self, pictures):
        self.pictures.append([str(picture.tolist()) for picture in pictures])
        return np.stack([vector(named) for named in self.pictures[-1]])

    def text_vectors(self, texts):
        self.texts.append(list(texts))
        return np.stack([vector(text) for text in texts])


def shown(pair):
    """A picture that differs by file and crop, or by the sample's key."""
    named = pair.key if isinstance(pair, GeneralPair) else f"{pair.picture} {pair.crop_xywh}"
    return generator(1, named).integers(0, 256, (2, 3, 3)).astype(np.uint8)


def pair(image: str, caption: str, *false: FalseText, corpus="vg", region="", crop=None) -> GraphPair:
    return GraphPair(corpus, image, region, Path(f"{image}.jpg"), crop, caption, false)


SWAP = FalseText("swap_roles", 0, "a horse rides a man", certain=True, unseen=True)
OTHER = FalseText("replace_object", 0, "a man rides a dog", certain=False, unseen=False)
AGAIN = FalseText("replace_object", 1, "a horse rides a man", certain=True, unseen=False)  # the text of SWAP
PAIRS = [
    pair("9", "a man rides a horse", SWAP, OTHER, AGAIN),
    pair("10", "a man rides a horse", OTHER),
    pair("10", "a red hat", corpus="vg", region="7", crop=(0, 0, 4, 4)),
    pair("10", "hat", corpus="vg", region="8", crop=(0, 0, 4, 4)),
    pair("a|b.mp4/1.png", "a cup", corpus="ag"),
]
GENERAL = [GeneralPair("s2", "a cup"), GeneralPair("s1", "a blue sky")]


@pytest.fixture
def written(tmp_path):
    encoder = Encoder()
    heldout.write(tmp_path / "a.zarr", encoder, PAIRS, GENERAL, shown, 3)
    return encoder, heldout.read(tmp_path / "a.zarr")


def test_every_vector_is_that_of_its_picture_or_text(written):
    _, found = written
    by_key = {one.key: one for one in PAIRS}
    assert found.pairs == sorted(by_key)
    for row, key in enumerate(found.pairs):
        picture = found.picture_PD[found.picture_N[row]]
        np.testing.assert_array_equal(picture, vector(str(shown(by_key[key]).tolist())))
        np.testing.assert_array_equal(found.text_TD[found.caption_N[row]], vector(by_key[key].caption))
        assert found.texts[found.caption_N[row]] == value_digest(by_key[key].caption)
    told = {one.key: one for one in GENERAL}
    assert found.general == sorted(told)
    for row, key in enumerate(found.general):
        np.testing.assert_array_equal(found.general_GD[row], vector(str(shown(told[key]).tolist())))
        np.testing.assert_array_equal(found.text_TD[found.general_G[row]], vector(told[key].caption))


def test_negatives_are_joined_by_pair_rule_and_index(written):
    _, found = written
    assert len(found.negatives) == 4
    said = {(one.key, false.rule, false.index): false for one in PAIRS for false in one.negatives}
    for row, id_ in enumerate(found.negatives):
        key, rule, index = id_.rsplit("|", 2)
        false = said[key, rule, int(index)]
        assert (found.pairs[found.pair_M[row]], found.rules[row]) == (key, rule)
        assert (found.certain_M[row], found.unseen_M[row]) == (false.certain, false.unseen)
        np.testing.assert_array_equal(found.text_TD[found.negative_M[row]], vector(false.text))


def test_nothing_is_encoded_twice(written):
    encoder, found = written
    texts, pictures = (list(chain.from_iterable(asked)) for asked in (encoder.texts, encoder.pictures))
    assert len(texts) == len(set(texts)) == len(found.texts)
    assert len(pictures) == len(set(pictures))
    assert len(found.picture_PD) == len(PAIRS) - 1  # two regions of one crop
    assert len(pictures) == len(PAIRS) - 1 + len(GENERAL)


def test_captions_are_shuffled_by_the_seed_alone_and_a_single_word_has_no_other_order(written):
    _, found = written
    expected = {one.key: heldout.shuffled(one.caption, 3) for one in PAIRS}
    for row, key in enumerate(found.pairs):
        if expected[key] is None:
            assert (key, found.shuffled_N[row]) == ("vg|10|8", -1)
        else:
            np.testing.assert_array_equal(found.text_TD[found.shuffled_N[row]], vector(expected[key]))


@pytest.mark.parametrize("caption", ["a dog", "A man on a horse, wearing a red hat. A man's dog.", "a a a a a b"])
def test_a_shuffle_has_the_same_words_and_signs_in_another_order(caption):
    found = {heldout.shuffled(caption, seed) for seed in range(20)}
    for text in found:
        assert text != caption
        words, others = (sorted(s.replace(",", "").replace(".", "").split()) for s in (text, caption))
        assert words == others
        assert [c for c in text if c in ",."] == [c for c in caption if c in ",."]
        assert (text[-1] == ".") == (caption[-1] == ".")
    assert heldout.shuffled(caption, 5) == heldout.shuffled(caption, 5)
    assert caption == "a dog" or len(found) > 1


@pytest.mark.parametrize("caption", ["", "dog", "dog dog", "... ,"])
def test_what_has_no_other_order_is_not_shuffled(caption):
    assert heldout.shuffled(caption, 0) is None


def test_pictures_and_texts_are_encoded_some_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(heldout, "_PICTURES", 2)
    monkeypatch.setattr(heldout, "_TEXTS", 3)
    encoder = Encoder()
    heldout.write(tmp_path / "b.zarr", encoder, PAIRS, GENERAL, shown, 3)
    heldout.write(tmp_path / "a.zarr", Encoder(), PAIRS[::-1], GENERAL[::-1], shown, 3)
    assert max(map(len, encoder.pictures)) == 2
    assert max(map(len, encoder.texts)) == 3
    monkeypatch.undo()
    heldout.write(tmp_path / "c.zarr", Encoder(), PAIRS, GENERAL, shown, 3)
    digests = [path_digest(tmp_path / f"{name}.zarr") for name in "abc"]
    assert digests[0] == digests[1] == digests[2]


@pytest.mark.parametrize(("pairs", "general"), [(PAIRS, []), ([], GENERAL), ([PAIRS[4]], [])])
def test_either_kind_may_be_missing(tmp_path, pairs, general):
    heldout.write(tmp_path / "a.zarr", Encoder(), pairs, general, shown, 0)
    found = heldout.read(tmp_path / "a.zarr")
    assert (len(found.pairs), len(found.general), len(found.general_GD)) == (len(pairs), len(general), len(general))
    assert found.picture_PD.shape[1] == found.general_GD.shape[1] == DIM
    assert found.seed == 0


def test_what_cannot_be_stored_is_refused(tmp_path):
    with pytest.raises(DataError, match="nothing is held out"):
        heldout.write(tmp_path / "a.zarr", Encoder(), [], [], shown, 0)
    odd = pair("9", "a man", replace(SWAP, rule="a|b"))
    with pytest.raises(DataError, match=r"'\|' in the corpus, region or rule of 'vg\|9\|'"):
        heldout.write(tmp_path / "a.zarr", Encoder(), [odd], [], shown, 0)
    with pytest.raises(DataError, match="sorted, unique"):
        heldout.write(tmp_path / "a.zarr", Encoder(), [PAIRS[0], PAIRS[0]], [], shown, 0)


def test_a_key_comes_apart_again():
    assert heldout.parted("ag|a|b.mp4/1.png|7") == ("ag", "a|b.mp4/1.png", "7")
