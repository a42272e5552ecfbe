"""Stored features as tokens, in whatever order they are asked for, and clips with hidden words."""

import pickle

import numpy as np
import pytest

from pipeline.core import store
from pipeline.core.errors import DataError
from pipeline.core.store import Store
from pipeline.models.rest.tokens import MASK, NO_TARGET, PAD, Vocabulary
from pipeline.sources.hidden_words import HiddenWords
from pipeline.sources.stored_clips import Array, ShownTokens, StoredClips, Tokens

IDS = ["d/a", "d/b", "d/c"]
TOKENS = np.arange(3 * 2 * 2 * 5, dtype=np.float32).reshape(3, 2, 2, 5)
REGIONS = [np.full((count, 5), number, np.float32) for number, count in enumerate((2, 0, 1), 1)]
BOXES = [np.array([[0, 0.1, 0.2, 0.5, 0.8], [3, 0, 0, 1, 1]], np.float32), np.zeros((0, 5), np.float32)]
BOXES = [*BOXES, np.array([[1, 0.25, 0.5, 0.75, 1.0]], np.float32)]


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("features") / "f.zarr"
    with store.create(path, {"dataset": "d", "box_labels": ["cup"]}) as writer:
        group = writer.group("all", IDS)
        group.put("tokens", TOKENS)
        group.put("pooled", TOKENS.mean(axis=(1, 2)))
        group.put_ragged("regions", REGIONS)
        group.put_ragged("boxes", BOXES)
        group.put_ragged("box_labels", [np.zeros(len(boxes), np.int32) for boxes in BOXES])
    return Store(path, "extract")


def tokens(features: Store, array: Array) -> Tokens:
    return Tokens(features, "all", array, 4 if array == "regions" else None)


def test_tokens_of_several_axes_stand_in_one_row(features: Store) -> None:
    found = tokens(features, "tokens")
    assert (found.dim, found.max_tokens) == (5, 4)
    assert np.array_equal(found.read(["d/c", "d/a"])["x"], TOKENS[[2, 0]].reshape(2, 4, 5))


def test_a_vector_of_a_clip_is_one_token(features: Store) -> None:
    found = tokens(features, "pooled")
    assert (found.dim, found.max_tokens) == (5, 1)
    assert np.array_equal(found.read(["d/b"])["x"][:, 0], TOKENS[1:2].mean(axis=(1, 2)))


def test_regions_come_with_their_places_and_padding_is_told(features: Store) -> None:
    found = tokens(features, "regions")
    assert (found.dim, found.max_tokens) == (5, 2)
    arrays = found.read(["d/c", "d/a", "d/b"])
    assert arrays["known"].tolist() == [[True, False], [True, True], [False, False]]
    assert arrays["x"][:, 0, 0].tolist() == [3, 1, 0]
    assert np.allclose(arrays["place"][0, 0], [0.25, 0.5, 0.75, 1.0, 0.5, 0.5, 1 / 3])
    assert np.allclose(arrays["place"][1, 1], [0, 0, 1, 1, 1, 1, 1])


def test_a_region_after_the_last_frame_is_refused(features: Store) -> None:
    with pytest.raises(DataError, match=r"d/a has a region in frame 3, from 0, but input\.num_frames says 3"):
        Tokens(features, "all", "regions", 3)


def test_a_source_of_stored_clips_numbers_its_rows_by_epoch(features: Store) -> None:
    data = StoredClips(tokens(features, "pooled"), ["d/c", "d/a"], [7, 8], 1, shuffled=True)
    rows = [np.concatenate(data.steps(0, epoch)).tolist() for epoch in range(5)]
    assert [sorted(each) for each in rows] == [[2 * epoch, 2 * epoch + 1] for epoch in range(5)]
    assert data.names(np.array([2, 5])) == ["d/c", "d/a"]
    arrays = data.read(np.array([3, 4]), seed=0)
    assert arrays["label"].tolist() == [8, 7]
    assert np.array_equal(arrays["x"][:, 0], TOKENS[[0, 2]].mean(axis=(1, 2)))
    in_turn = StoredClips(data.tokens, data.ids, data.labels, 2, shuffled=False)
    assert [rows.tolist() for rows in in_turn.steps(0, 3)] == [[0, 1]]
    assert np.array_equal(
        pickle.loads(pickle.dumps(data)).read(np.array([0]), 0)["x"], data.read(np.array([0]), 0)["x"]
    )


def test_of_stored_features_one_clip_stands_for_a_recording(features: Store) -> None:
    data = ShownTokens(tokens(features, "regions"), IDS, 2)
    assert [rows.tolist() for rows in data.steps(0, 0)] == [[0, 1], [2]]
    arrays = data.read(np.array([0, 1]), seed=0)
    assert (arrays["x"].shape, arrays["place"].shape) == ((2, 1, 2, 5), (2, 1, 2, 7))
    assert data.names(np.array([2])) == ["d/c"]


NAMES = ["jump up and down again", "sit"]


def words(features: Store, *, shuffled: bool = True, seed: int = 0, share: float = 0.3) -> HiddenWords:
    table = Vocabulary.of(NAMES).table(NAMES)
    clips = StoredClips(tokens(features, "pooled"), IDS, [0, 1, 0], 3, shuffled)
    return HiddenWords(clips, table, share, seed)


def test_hidden_words_are_those_of_the_clips_class(features: Store) -> None:
    data = words(features)
    table = Vocabulary.of(NAMES).table(NAMES)
    for epoch in range(20):
        rows = np.arange(3) + 3 * epoch
        arrays = data.read(rows, seed=0)
        hidden_NW = arrays["word_targets"] != NO_TARGET
        assert (arrays["words"][hidden_NW] == MASK).all()
        assert (hidden_NW.sum(axis=1) >= 1).all()
        whole_NW = np.where(hidden_NW, arrays["word_targets"], arrays["words"])
        assert np.array_equal(whole_NW, table[arrays["label"]])
        assert (arrays["words"][1, 1:] == PAD).all()
    assert set(arrays) == {"x", "label", "words", "word_targets"}


def test_what_is_hidden_depends_on_seed_epoch_and_clip_alone(features: Store) -> None:
    data = words(features)
    together, alone = data.read(np.array([2, 0, 1]), seed=1), data.read(np.array([0]), seed=2)
    assert np.array_equal(together["words"][1], alone["words"][0])
    many = [data.read(np.array([3 * epoch]), seed=0)["words"].tolist() for epoch in range(20)]
    assert len({str(each) for each in many}) > 3
    other = [words(features, seed=1).read(np.array([3 * epoch]), seed=0)["words"].tolist() for epoch in range(20)]
    assert many != other
    assert data.names(np.array([4])) == ["d/b"]
    assert [rows.tolist() for rows in words(features, shuffled=False).steps(0, 0)] == [[0, 1, 2]]


def test_more_words_are_hidden_the_larger_the_share(features: Store) -> None:
    counts = []
    for share in (0.0, 0.15, 1.0):
        targets = words(features, share=share).read(np.arange(0, 300, 3), seed=0)["word_targets"]
        counts.append((targets != NO_TARGET).sum(axis=1).mean())
    assert counts[0] == 1
    assert 1 < counts[1] < 2
    assert counts[2] == 5
