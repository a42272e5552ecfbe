import numpy as np
import pytest

from pipeline.core import store
from pipeline.core.errors import DataError
from pipeline.models.methods import shared


def texts_store(path, label, context=None, dim=2):
    with store.create(path, {"dataset": "toy", "dim": dim}) as writer:
        for kind, vectors in (("label", label), ("context", context)):
            if vectors:
                writer.group(kind, sorted(vectors)).put("pooled", np.array([vectors[i] for i in sorted(vectors)], "f4"))
    return store.Store(path, "embed")


def test_a_class_vector_is_the_mean_direction_of_its_texts():
    found = shared.class_vector(np.array([[3.0, 0.0], [0.0, 0.5]], np.float32))
    np.testing.assert_allclose(found, [2**-0.5, 2**-0.5], rtol=1e-6)


def test_class_texts_are_found_by_class_id(tmp_path):
    label = {"0001-00": [1, 0], "0007-00": [0, 2], "0007-01": [0, 4], "0003-00": [-1, 0]}
    texts = shared.class_texts(texts_store(tmp_path / "t.zarr", label), [7, 1])
    assert texts.class_ids == (7, 1)
    assert texts.label_KT.tolist() == [[0, 1], [1, 0]]
    assert texts.context_KT is None
    assert texts.of([1]).label_KT.tolist() == [[1, 0]]


def test_contexts_stand_beside_the_labels(tmp_path):
    two = texts_store(
        tmp_path / "t.zarr", {"0000-00": [1, 0], "0001-00": [0, 1]}, {"0000-00": [0, 1], "0001-00": [1, 0]}
    )
    assert shared.class_texts(two, [0, 1]).of([1]).contexts().tolist() == [[1, 0]]


def test_other_types_and_means_stand_beside_them_by_name(tmp_path):
    with store.create(tmp_path / "t.zarr", {"dataset": "toy", "dim": 2}) as writer:
        for kind, vectors in (("label", [[1, 0], [0, 1]]), ("all", [[0, 2], [3, 0]])):
            writer.group(kind, ["0000-00", "0001-00"]).put("pooled", np.array(vectors, "f4"))
    texts = shared.class_texts(store.Store(tmp_path / "t.zarr", "embed"), [0, 1])
    assert texts.of([1]).of_type("all").tolist() == [[1, 0]]
    assert texts.of_type("label").tolist() == [[1, 0], [0, 1]]
    with pytest.raises(DataError, match="no type 'hands'; they have label, all; run `dvc repro prompt embed`"):
        texts.of_type("hands")


def test_a_class_without_text_is_refused_by_its_id(tmp_path):
    with pytest.raises(DataError, match=r"no 'label' text for classes \[5\].*prompt"):
        shared.class_texts(texts_store(tmp_path / "t.zarr", {"0001-00": [1, 0]}), [1, 5])


def test_of_texts_of_several_seeds_those_of_the_seed_are_read(tmp_path):
    with store.create(tmp_path / "t.zarr", {"dim": 2}) as writer:
        for kind, seed, vector in (
            ("label", 0, [1, 0]),
            ("label", 3, [0, 1]),
            ("context", 0, [0, 1]),
            ("context", 3, [1, 0]),
        ):
            writer.group(shared.seed_group(kind, seed), ["0001-00"]).put("pooled", np.array([vector], "f4"))
    two = store.Store(tmp_path / "t.zarr", "embed")
    for seed, label in ((0, [1, 0]), (3, [0, 1])):
        found = shared.class_texts(two, [1], seed)
        assert found.label_KT.tolist() == [label]
        assert found.contexts().tolist() == [label[::-1]]
    with pytest.raises(DataError, match=r"no 'label' texts for seed 2, there are \['label@0', 'label@3'\]"):
        shared.class_texts(two, [1], 2)


def test_texts_without_seeds_serve_every_seed(tmp_path):
    texts = texts_store(tmp_path / "t.zarr", {"0001-00": [1, 0]})
    assert shared.class_texts(texts, [1], 5).label_KT.tolist() == [[1, 0]]


def test_a_store_without_labels_says_what_it_holds(tmp_path):
    with pytest.raises(DataError, match=r"no 'label' texts, there are \['context'\]"):
        shared.class_texts(texts_store(tmp_path / "t.zarr", {}, {"0001-00": [1, 0]}), [1])


def test_vectors_of_another_size_than_the_store_says_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"'label' vectors have shape \(1, 2\), expected \(texts, 3\)"):
        shared.class_texts(texts_store(tmp_path / "t.zarr", {"0001-00": [1, 0]}, dim=3), [1])


def test_standardisation_gives_deviation_1_and_ignores_what_was_constant_in_training():
    features_ND = np.array([[1.0, 5.0], [3.0, 5.0], [5.0, 5.0]], np.float32)
    mean_D, scale_D = shared.standardisation(features_ND)
    np.testing.assert_allclose(mean_D, [3, 5])
    np.testing.assert_allclose(scale_D, [(8 / 3) ** -0.5, 0], rtol=1e-6)
