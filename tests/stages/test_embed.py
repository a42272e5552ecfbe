import numpy as np
import pytest
import yaml

from pipeline.core import store, tables
from pipeline.core.schemas import PROMPTS
from pipeline.models.text_encoders import minilm
from stages import embed

PARAMS = {
    "embed": {
        "compute": {"num_threads": 1},
        "rows": {
            "toy-minilm": {
                "dataset": "toy",
                "encoder": "minilm",
                "weights": "requirements.txt",
                "model": {},
                "means": {},
                "movement": [],
            }
        },
    }
}


class Constant:
    weights_hash = "constant"

    def encode(self, texts):
        return np.ones((len(texts), 2), np.float32)


@pytest.fixture
def prompts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(minilm, "encoder", lambda params, *, num_threads: Constant())
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    text = {
        "class_id": 0,
        "class_name": "wave",
        "type": "label",
        "index": 0,
        "origin": "template",
        "text": "a person waves",
    }
    tables.write(tmp_path / "toy.parquet", PROMPTS, [text])
    return tmp_path / "toy.parquet"


def test_a_row_of_params_becomes_a_store_of_vectors(prompts, tmp_path):
    embed.main(row="toy-minilm", prompts=prompts, out=tmp_path / "toy-minilm.zarr")
    assert store.Store(tmp_path / "toy-minilm.zarr", "embed").read("label", "pooled").tolist() == [[1, 1]]
