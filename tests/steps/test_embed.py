import numpy as np
import pytest

from pipeline.core import hashing, params, store, tables
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.schemas import PROMPTS
from pipeline.models.text_encoders import minilm
from pipeline.steps import embed

ROW = embed.Row(dataset="toy", encoder="minilm", model={}, means={})
COMPUTE = embed.Compute(num_threads=1)
TEXTS = [(1, "label", 0, "clap"), (0, "label", 0, "wave"), (0, "label", 1, "wave a hand"), (0, "context", 0, "hello")]


class Letters:
    """Vectors of letter counts."""

    weights_hash = "letters"

    def encode(self, texts):
        return np.array([[text.count("a"), len(text)] for text in texts], dtype=np.float32)


@pytest.fixture(autouse=True)
def letters(monkeypatch):
    monkeypatch.setattr(minilm, "encoder", lambda params, *, num_threads: Letters())


def prompts(path, texts=TEXTS):
    names = ("class_id", "type", "index", "text")
    tables.write(
        path,
        PROMPTS,
        [
            {
                **dict(zip(names, t, strict=True)),
                "class_name": f"class {t[0]}",
                "origin": "ours",
            }
            for t in texts
        ],
    )
    return path


def embedded(tmp_path, out="toy-minilm.zarr", row=ROW, texts=TEXTS):
    table = prompts(tmp_path / "toy.parquet", texts)
    embed.embed(row, COMPUTE, prompts=table, out=tmp_path / out, cache=tmp_path / "cache")
    return store.Store(tmp_path / out, "embed")


def test_each_type_is_a_group_of_vectors_by_class_and_text(tmp_path):
    found = embedded(tmp_path)
    assert found.groups() == ["context", "label"]
    assert found.ids("label") == ["0000-00", "0000-01", "0001-00"]
    assert found.read("label", "pooled").tolist() == [[1, 4], [3, 11], [1, 4]]
    assert found.attrs == {"dataset": "toy", "encoder": "minilm", "weights_hash": "letters", "dim": 2}


def test_warm_and_cold_runs_write_the_same_bytes(tmp_path):
    embedded(tmp_path, "cold.zarr")
    embedded(tmp_path, "warm.zarr")
    assert hashing.path_digest(tmp_path / "cold.zarr") == hashing.path_digest(tmp_path / "warm.zarr")


def test_an_encoder_that_does_not_exist_is_refused_with_those_that_do(tmp_path):
    with pytest.raises(ParamsError, match=r"no 'bert'.*minilm.*sentence_transformer"):
        embedded(tmp_path, row=ROW.model_copy(update={"encoder": "bert"}))


def test_a_parameter_the_encoder_does_not_know_is_refused(tmp_path):
    with pytest.raises(ParamsError, match="unknown key 'size'"):
        embedded(tmp_path, row=ROW.model_copy(update={"model": {"size": 3}}))


@pytest.mark.parametrize("text", [(10_000, "label", 0, "x"), (0, "label", 100, "x")])
def test_more_than_the_ids_can_count_is_refused(tmp_path, text):
    with pytest.raises(DataError, match="at most 10000 classes of 100 texts"):
        embedded(tmp_path, texts=[*TEXTS, text])


def test_a_table_without_texts_is_refused(tmp_path):
    with pytest.raises(DataError, match="no texts in it"):
        embedded(tmp_path, texts=[])


def test_a_mean_of_types_is_the_mean_direction_of_the_classes_vectors(tmp_path):
    texts = [*TEXTS, (1, "context", 0, "banana")]
    plain = embedded(tmp_path, texts=texts)
    found = embedded(tmp_path, "mean.zarr", ROW.model_copy(update={"means": {"both": ["label", "context"]}}), texts)
    assert found.groups() == ["both", "context", "label"]
    assert found.ids("both") == ["0000-00", "0001-00"]
    for kind in ("context", "label"):
        assert np.array_equal(found.read(kind, "pooled"), plain.read(kind, "pooled"))

    def direction(*vectors):
        mean = np.mean([np.array(one, np.float64) / np.linalg.norm(one) for one in vectors], axis=0)
        return mean / np.linalg.norm(mean)

    expected = [direction(direction([1, 4], [3, 11]), direction([0, 5])), direction([1, 4], [3, 6])]
    np.testing.assert_allclose(found.read("both", "pooled"), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("means", "message"),
    [
        ({"both": ["label", "legs"]}, "means.both: no texts of type 'legs'; the types are context, label"),
        ({"label": ["label"]}, "means.label: the name is taken"),
        ({"mean": ["label"]}, "means.mean: the name is taken"),
    ],
)
def test_a_mean_of_unknown_types_or_under_a_taken_name_is_refused(tmp_path, means, message):
    with pytest.raises(ParamsError, match=message):
        embedded(tmp_path, row=ROW.model_copy(update={"means": means}))


def test_a_mean_whose_name_is_none_of_a_group_is_refused():
    with pytest.raises(ParamsError, match="should match pattern"):
        params.parse(embed.Row, ROW.model_dump() | {"means": {"a/b": ["label"]}}, "embed.rows.toy")


def test_a_mean_of_a_type_that_lacks_a_class_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"means\.both: class 0001 has not texts of all of label, context"):
        embedded(tmp_path, row=ROW.model_copy(update={"means": {"both": ["label", "context"]}}))
