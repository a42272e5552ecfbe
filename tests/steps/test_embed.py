import numpy as np
import pytest

from pipeline.core import hashing, store, tables
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
