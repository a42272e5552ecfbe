import json

import pytest

from pipeline.core.errors import DataError, FormatError
from pipeline.models.text_encoders import sentence_transformer
from pipeline.models.text_encoders.sentence_transformer import Params


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


def encoder(folder):
    return sentence_transformer.encoder(Params(name=str(folder)), num_threads=1)


def test_a_model_that_is_not_here_is_not_fetched():
    with pytest.raises(DataError, match=r"no such folder.*hf download sentence-transformers/no-such-model"):
        sentence_transformer.encoder(Params(name="no-such-model"), num_threads=1)


def test_a_name_that_can_be_no_model_is_refused_alike():
    with pytest.raises(DataError, match="no such folder"):
        sentence_transformer.encoder(Params(name="../../etc/passwd"), num_threads=1)


def test_weights_that_need_unpickling_are_refused(folder):
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(FormatError, match="pickled weights"):
        encoder(folder)


def test_a_folder_without_safetensors_is_refused(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(FormatError, match=r"no \*.safetensors"):
        encoder(folder)


def test_a_pickle_beside_safetensors_is_left_alone(folder):
    (folder / "pytorch_model.bin").write_bytes(b"")
    assert encoder(folder).folder == folder


def test_the_name_of_the_weights_follows_every_file(folder):
    before = encoder(folder).weights_hash
    (folder / "config.json").write_text('{"a": 1}')
    assert encoder(folder).weights_hash != before


def test_code_that_a_model_brings_along_is_not_run(folder):
    (folder / "evil.py").write_text("raise SystemExit('the code was run')\nclass Net: pass\n")
    modules = [{"idx": 0, "name": "0", "path": "", "type": "evil.Net"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(DataError, match="not a sentence-transformers model"):
        encoder(folder).encode(["wave"])


def test_a_folder_that_is_no_model_is_said_in_one_line(folder):
    with pytest.raises(DataError, match="not a sentence-transformers model") as caught:
        encoder(folder).encode(["wave"])
    assert "\n" not in str(caught.value)
