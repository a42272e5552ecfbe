import json

import numpy as np
import pytest

from pipeline.commands import overlap
from pipeline.core.errors import DataError
from pipeline.models import clip
from pipeline.models.text_encoders import clip as member
from pipeline.models.text_encoders.shared import SplittingEncoder, TrainedMember
from pipeline.models.text_vectors import encode_cached

VISION = {"image_size": 16, "patch_size": 8, "layers": 1, "width": 16, "head_width": 8}
TEXT = {"context_length": 77, "vocab_size": 49408, "layers": 1, "width": 8, "heads": 2}
LONG = "a person lifts the left arm and then the right one. " * 10
TEXTS = ["wave", LONG, "a person claps twice, then once"]


@pytest.fixture
def start(tmp_path):
    architecture = {"embed_dim": 4, "vision_cfg": VISION, "text_cfg": TEXT}
    path = tmp_path / "start.json"
    path.write_text(json.dumps({"architecture": architecture, "pretrained": None, "checkpoint": None}))
    return path


def encoder(weights, seed=0):
    return member.encoder(member.Params(weights=str(weights), seed=seed), num_threads=1)


def test_it_is_the_text_tower_of_its_weights(start):
    found = encoder(start, 3)
    assert found.encode(TEXTS).dtype == np.float32
    np.testing.assert_allclose(found.encode(TEXTS), clip.start(start, 3).text_vectors(TEXTS), atol=1e-6)
    assert found.weights_hash == encoder(start, 3).weights_hash != encoder(start, 4).weights_hash


def test_a_vector_does_not_depend_on_its_company(start):
    found = encoder(start)
    assert np.array_equal(found.encode(TEXTS)[0], found.encode(["wave"])[0])


def test_texts_read_in_pieces_are_counted(start):
    assert isinstance(encoder(start), SplittingEncoder)
    assert encoder(start).num_cut(TEXTS) == 1


def test_vectors_computed_before_are_not_computed_again(start, tmp_path, monkeypatch):
    first = encode_cached(encoder(start), TEXTS, tmp_path / "cache")
    monkeypatch.setattr(clip, "start", None)
    assert np.array_equal(encode_cached(encoder(start), TEXTS, tmp_path / "cache"), first)


def test_its_weights_have_seeds_where_they_are_of_a_row(start, tmp_path):
    for seed in (11, 2):
        clip.save(tmp_path / f"row/{seed}.safetensors", clip.start(start, seed), {})
    assert isinstance(member, TrainedMember)
    assert member.seeds(tmp_path / "row") == [2, 11]
    assert member.seeds(start) is None


def test_a_command_names_the_weights_as_json(start):
    found = overlap.text_encoder("clip", json.dumps({"weights": str(start), "seed": 3}), num_threads=1)
    assert np.array_equal(found.encode(["wave"]), encoder(start, 3).encode(["wave"]))


def test_weights_that_are_not_there_are_refused_at_once(start, tmp_path):
    with pytest.raises(DataError, match="no such start file"):
        encoder(tmp_path / "none.json")
    clip.save(tmp_path / "row/2.safetensors", clip.start(start), {})
    with pytest.raises(DataError, match=r"no such weights, there are seeds \[2\]"):
        encoder(tmp_path / "row", 0)
