"""How a method reads the texts of classes: types joined end to end, centred on the classes of the training clips."""

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.core import store
from pipeline.core.errors import DataError
from pipeline.models.methods import shared
from pipeline.models.methods.shared import ClassEmbedder, ClassTexts, Clips, unit

RANDOM = np.random.default_rng(3)
TEXTS = ClassTexts(
    (2, 5, 7, 9),
    *(unit(1 + RANDOM.normal(size=(4, 3)).astype(np.float32)) for _ in range(2)),
    {"movement": unit(RANDOM.normal(size=(4, 6)).astype(np.float32))},
)


def lengths(vectors_KT):
    return np.linalg.norm(vectors_KT, axis=1)


@pytest.mark.parametrize("kind", ["label", "context", "mean", "movement"])
def test_one_type_as_it_is_keeps_its_bytes(kind):
    found = ClassEmbedder.of(kind, "none", TEXTS)(TEXTS)
    assert found.tobytes() == TEXTS.of_type(kind).tobytes()


@pytest.mark.parametrize("kind", ["label", "mean", "movement"])
def test_centring_takes_off_the_mean_of_the_seen_classes_alone(kind):
    seen, every = TEXTS.of([5, 9]), TEXTS.of_type(kind).astype(np.float64)
    expected = every - every[[1, 3]].mean(axis=0)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    embedder = ClassEmbedder.of(kind, "seen", seen)
    np.testing.assert_allclose(embedder(TEXTS), expected, atol=1e-6)
    np.testing.assert_allclose(embedder(TEXTS.of([7])), expected[2:3], atol=1e-6)  # whoever else is asked about


def test_types_are_joined_end_to_end_and_count_alike():
    found = ClassEmbedder.of("context+movement", "none", TEXTS)(TEXTS)
    parts = [TEXTS.contexts(), TEXTS.of_type("movement")]
    np.testing.assert_allclose(found, np.concatenate(parts, axis=1) / np.sqrt(2), atol=1e-6)
    cosine_KK = (parts[0] @ parts[0].T + parts[1] @ parts[1].T) / 2
    np.testing.assert_allclose(found @ found.T, cosine_KK, atol=1e-6)


def test_each_type_is_centred_by_itself():
    found = ClassEmbedder.of("context+movement", "seen", TEXTS)(TEXTS)
    alone = [ClassEmbedder.of(kind, "seen", TEXTS)(TEXTS) for kind in ("context", "movement")]
    np.testing.assert_allclose(found, np.concatenate(alone, axis=1) / np.sqrt(2), atol=1e-6)
    np.testing.assert_allclose(lengths(found), 1, atol=1e-6)


def test_the_only_seen_class_leaves_nothing_and_no_nan():
    embedder = ClassEmbedder.of("label", "seen", TEXTS.of([5]))
    assert embedder(TEXTS.of([5])).tolist() == [[0, 0, 0]]
    assert lengths(embedder(TEXTS.of([7]))) == pytest.approx([1])


def test_a_type_that_is_not_there_is_named():
    with pytest.raises(DataError, match="no type 'hands'; they have label, context, mean, movement"):
        ClassEmbedder.of("label+hands", "none", TEXTS)


def test_the_classes_of_the_clips_decide_the_mean():
    class Params(shared.OneTextParams):
        pass

    params = Params(text_type="label", centre="seen")
    clips = Clips(np.zeros((3, 2), np.float32), (9, 5, 9))
    expected = ClassEmbedder.of("label", "seen", TEXTS.of([5, 9]))(TEXTS)
    assert params.embedder(clips, TEXTS)(TEXTS).tobytes() == expected.tobytes()
    state = params.embedder(clips, TEXTS).state_dict()
    np.testing.assert_allclose(state["text_mean.label"], TEXTS.label_KT[[1, 3]].mean(axis=0), atol=1e-6)
    for wrong in ("", "+label", "label+", "label++context"):
        with pytest.raises(ValidationError):
            Params(text_type=wrong, centre="none")


def test_a_group_of_another_width_says_so_itself(tmp_path):
    with store.create(tmp_path / "t.zarr", {"dataset": "toy", "dim": 2}) as writer:
        writer.group("label", ["0000-00"]).put("pooled", np.ones((1, 2), np.float32))
        writer.group("movement", ["0000-00"], {"dim": 3}).put("pooled", np.ones((1, 3), np.float32))
    texts = shared.class_texts(store.Store(tmp_path / "t.zarr", "embed"), [0])
    assert (texts.label_KT.shape, texts.further["movement"].shape) == ((1, 2), (1, 3))
    with store.create(tmp_path / "w.zarr", {"dataset": "toy", "dim": 2}) as writer:
        writer.group("label", ["0000-00"]).put("pooled", np.ones((1, 2), np.float32))
        writer.group("movement", ["0000-00"], {"dim": 4}).put("pooled", np.ones((1, 3), np.float32))
    with pytest.raises(DataError, match=r"'movement' vectors have shape \(1, 3\), expected \(texts, 4\)"):
        shared.class_texts(store.Store(tmp_path / "w.zarr", "embed"), [0])
