"""Networks side by side, from a row of pretrain to the encoder that extract is given."""

import pytest
import torch

from pipeline.core.errors import ParamsError
from pipeline.core.store import Store
from pipeline.models import checkpoint
from pipeline.models.encoder import StreamedEncoder
from pipeline.training import frozen
from tests.steps.test_pretrain import make_world, run

OPTIONS = {"encoder": "ctr_gcn", "options": {"num_slots": 1, "width": 8}, "streams": ["joint", "bone_motion"]}


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return make_world(tmp_path)


def test_streams_are_trained_and_found_again(world):
    folder = run(world, encoder="streams", options=OPTIONS, splits=["s0"])[1]
    state, about = checkpoint.load(folder / "s0-0.safetensors")
    assert about["options"] == OPTIONS
    assert {name.split(".")[1] for name in state} == {"joint", "bone_motion"}
    assert not any("head" in name for name in state)
    asked = frozen.EncoderRequest("toy", "random", "skeleton", "dvta50", "streams", {}, "here")
    encoder = frozen.encoders(asked, folder, "kinect20")["s0-0"]().encoder
    assert isinstance(encoder, StreamedEncoder)
    x = torch.from_numpy(Store(world / "x.zarr", "").read("all", "x"))
    with torch.inference_mode():
        assert torch.equal(encoder(x), torch.cat(encoder.by_stream(x), 1))
    assert (encoder.dim, list(encoder.dims)) == (64, [32, 32])


def test_streams_of_a_closed_formula_are_refused(world):
    with pytest.raises(ParamsError, match="encodes body by body, 'kinematics' does not"):
        run(world, encoder="streams", options={"encoder": "kinematics", "options": {}, "streams": ["bone"]})
