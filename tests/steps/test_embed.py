import json

import numpy as np
import pytest

from pipeline.core import hashing, params, store, tables
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.schemas import PROMPTS
from pipeline.models import clip, open_clips
from pipeline.models.methods.shared import class_texts
from pipeline.models.text_encoders import minilm
from pipeline.steps import embed
from pipeline.text import movement_vectors

ROW = embed.Row(dataset="toy", encoder="minilm", weights="requirements.txt", model={}, means={}, movement=[])
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


class TestWeightsOfOurOwn:
    """CLIP's text tower: of a start file, and of a row of finetune with several seeds."""

    LONG = "a person lifts the left arm and then the right one. " * 10
    TEXTS = (*TEXTS, (1, "context", 0, LONG))

    @pytest.fixture
    def start(self, tmp_path):
        vision = {"image_size": 16, "patch_size": 8, "layers": 1, "width": 16, "head_width": 8}
        text = {"context_length": 77, "vocab_size": 49408, "layers": 1, "width": 8, "heads": 2}
        architecture = {"embed_dim": 4, "vision_cfg": vision, "text_cfg": text}
        path = tmp_path / "start.json"
        path.write_text(json.dumps({"architecture": architecture, "pretrained": None, "checkpoint": None}))
        return path

    def run(self, tmp_path, weights, out="toy-clip.zarr"):
        return embedded(
            tmp_path,
            out,
            embed.Row(dataset="toy", encoder="clip", weights=str(weights), model={}, means={}, movement=[]),
            self.TEXTS,
        )

    def test_a_start_file_gives_a_group_a_type_and_counts_what_it_cut(self, tmp_path, start, capsys):
        found = self.run(tmp_path, start)
        assert found.groups() == ["context", "label"]
        assert (found.attrs["dim"], found.attrs["num_cut"]) == (4, 1)
        assert found.attrs["weights_hash"] == open_clips.identity(start)
        expected = clip.start(start).text_vectors(["hello", self.LONG])
        np.testing.assert_allclose(found.read("context", "pooled"), expected, atol=1e-6)
        assert "toy, clip: 1 of 5 texts are too long and were read in pieces" in capsys.readouterr().err

    def test_every_seed_of_a_row_gives_groups_of_its_own(self, tmp_path, start):
        models = {seed: clip.start(start, seed) for seed in (0, 7)}
        for seed, model in models.items():
            clip.save(tmp_path / f"row/{seed}.safetensors", model, {})
        found = self.run(tmp_path, tmp_path / "row")
        assert found.groups() == ["context@0", "context@7", "label@0", "label@7"]
        for seed, model in models.items():
            expected = model.text_vectors(["wave", "wave a hand", "clap"])
            np.testing.assert_allclose(found.read(f"label@{seed}", "pooled"), expected, atol=1e-6)
            hash_ = open_clips.identity(tmp_path / "row", seed)
            assert found.group_attrs(f"label@{seed}") == {"seed": seed, "weights_hash": hash_}

    def test_warm_and_cold_runs_write_the_same_bytes(self, tmp_path, start):
        self.run(tmp_path, start, "cold.zarr")
        self.run(tmp_path, start, "warm.zarr")
        assert hashing.path_digest(tmp_path / "cold.zarr") == hashing.path_digest(tmp_path / "warm.zarr")

    def test_weights_are_named_in_one_place(self, tmp_path, start):
        row = embed.Row(dataset="toy", encoder="clip", weights=str(start), model={"seed": 1}, means={}, movement=[])
        with pytest.raises(ParamsError, match="are named by the key weights"):
            embedded(tmp_path, row=row)


def test_a_mean_whose_name_is_none_of_a_group_is_refused():
    with pytest.raises(ParamsError, match="should match pattern"):
        params.parse(embed.Row, ROW.model_dump() | {"means": {"a/b": ["label"]}}, "embed.rows.toy")


def test_a_mean_of_a_type_that_lacks_a_class_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"means\.both: class 0001 has not texts of all of label, context"):
        embedded(tmp_path, row=ROW.model_copy(update={"means": {"both": ["label", "context"]}}))


class TestMovements:
    TEXTS = (
        (0, "label", 0, "wave"),
        (1, "label", 0, "sit"),
        (0, "context", 0, "A person raises the left hand."),
        (0, "context", 1, "He waves it several times."),
        (1, "context", 0, "A person sits down."),
    )

    def run(self, tmp_path, types, out="toy-minilm.zarr", texts=TEXTS, **changed):
        return embedded(tmp_path, out, ROW.model_copy(update={"movement": types, **changed}), texts)

    def test_each_class_has_a_vector_of_what_its_texts_tell_as_one(self, tmp_path):
        found = self.run(tmp_path, ["context"])
        assert found.groups() == ["context", "label", "movement", "told"]
        joined = ["A person raises the left hand.. He waves it several times.", "A person sits down."]
        for name, expected in zip(
            ("movement", "told"), movement_vectors.of_classes([[text] for text in joined]), strict=True
        ):
            assert found.ids(name) == ["0000-00", "0001-00"]
            np.testing.assert_array_equal(found.read(name, "pooled"), expected)
            about = found.group_attrs(name)
            assert (about["dim"], about["of"]) == (expected.shape[1], ["context"])
            assert (len(about["names"]), about["lexicon"]) == (about["dim"], movement_vectors.digest())
        names = found.group_attrs("movement")["names"]
        assert (
            found.read("movement", "pooled")[0, names.index("arm.left/manner=repeated")] == 1
        )  # "it" is the left hand
        texts = class_texts(found, [1, 0])
        assert texts.of_type("movement").shape == (2, len(names))

    def test_of_several_types_it_is_the_mean(self, tmp_path):
        both, *each = (
            self.run(tmp_path, types, f"{'-'.join(types)}.zarr").read("movement", "pooled")
            for types in (["context", "label"], ["context"], ["label"])
        )
        np.testing.assert_allclose(both, (each[0] + each[1]) / 2, atol=1e-6)
        assert not np.allclose(both, each[0])

    def test_a_class_that_tells_nothing_is_said(self, tmp_path, capsys):
        found = self.run(tmp_path, ["label"], texts=[(0, "label", 0, "wave"), (1, "label", 0, "hum")])
        assert not found.read("movement", "pooled")[1].any()
        assert "toy: of 1 of 2 classes the texts tell no movement" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("types", "changed", "message"),
        [
            (["gloss"], {}, "movement: no texts of type 'gloss'; the types are context, label"),
            (["label"], {"means": {"told": ["label"]}}, "'told' is what its vectors are called"),
        ],
    )
    def test_what_is_not_there_or_taken_is_refused(self, tmp_path, types, changed, message):
        with pytest.raises(ParamsError, match=message):
            self.run(tmp_path, types, **changed)

    def test_a_class_without_a_text_of_the_type_is_refused(self, tmp_path):
        with pytest.raises(DataError, match="movement: class 0001 has not texts of all of context"):
            self.run(tmp_path, ["context", "label"], texts=self.TEXTS[:-1])
