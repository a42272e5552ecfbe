import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pipeline.core.errors import FormatError
from pipeline.models import checkpoint

ABOUT = {"training_classes": [3, 1], "split": "s0", "seed": 0}


@pytest.fixture
def module():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def test_weights_and_what_they_are_come_back(module, tmp_path):
    checkpoint.save(tmp_path / "w.safetensors", module, ABOUT)
    state, about = checkpoint.load(tmp_path / "w.safetensors")
    other = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    checkpoint.restore(other, state, tmp_path / "w.safetensors")
    assert about == ABOUT
    assert all(
        torch.equal(a, b) for a, b in zip(module.state_dict().values(), other.state_dict().values(), strict=True)
    )


def test_restored_weights_are_frozen(module, tmp_path):
    checkpoint.restore(module, module.state_dict(), tmp_path)
    assert not module.training
    assert not any(weight.requires_grad for weight in module.parameters())


def test_two_runs_write_the_same_bytes(module, tmp_path):
    checkpoint.save(tmp_path / "a", module, {"a": 1, "b": [2]})
    checkpoint.save(tmp_path / "b", module, {"b": [2], "a": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def damaged(name, path):
    whole = path.read_bytes()
    files = {
        "empty": b"",
        "noise": b"\x80\x04" * 40,
        "cut short": whole[:-4],
        "huge header": (1 << 62).to_bytes(8, "little") + whole[8:],
        "not JSON": (8).to_bytes(8, "little") + b"{{{{{{{{",
    }
    return files[name]


@pytest.mark.parametrize("name", ["empty", "noise", "cut short", "huge header", "not JSON"])
def test_a_damaged_file_is_refused_in_one_line(name, module, tmp_path):
    path = tmp_path / "w.safetensors"
    checkpoint.save(path, module, ABOUT)
    path.write_bytes(damaged(name, path))
    with pytest.raises(FormatError, match=r"w\.safetensors: not safetensors .*; run `dvc repro pretrain`") as caught:
        checkpoint.load(path)
    assert "\n" not in str(caught.value)


def test_missing_weights_name_the_stage(tmp_path):
    with pytest.raises(FormatError, match=r"no such weights; run `dvc repro pretrain`"):
        checkpoint.load(tmp_path / "w.safetensors")


@pytest.mark.parametrize("metadata", [None, {"other": "{}"}, {"unseen": "{"}, {"unseen": json.dumps([1])}])
def test_weights_of_another_origin_are_refused(metadata, tmp_path):
    save_file({"w": torch.zeros(2)}, tmp_path / "w.safetensors", metadata=metadata)
    with pytest.raises(FormatError, match="metadata 'unseen'"):
        checkpoint.load(tmp_path / "w.safetensors")


def test_weights_of_another_network_are_refused(module, tmp_path):
    with pytest.raises(FormatError, match="do not fit the network"):
        checkpoint.restore(nn.Linear(3, 3), module.state_dict(), tmp_path / "w")
