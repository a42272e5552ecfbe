"""No option of a row is idle."""

import pytest
import torch

from pipeline.steps import finetune as step
from tests.steps.finetuning import NoCode, changed, run, same, weights


@pytest.fixture(autouse=True)
def no_code(monkeypatch):
    monkeypatch.setattr(step, "Code", NoCode)


OPTIONS = {
    "objective.pooling": "central",
    "objective.negatives": None,
    "objective.negatives.weight": 3.0,
    "objective.negatives.scale": "paper",
    "objective.reconstruction": None,
    "objective.reconstruction.weight": 3.0,
    "objective.reconstruction.autoencoder.decoder.dim": 32,
    "objective.reconstruction.autoencoder.decoder.depth": 2,
    "objective.reconstruction.autoencoder.decoder.heads": 4,
    "objective.reconstruction.autoencoder.masking": "random",
    "objective.reconstruction.autoencoder.share": 0.75,
    "objective.reconstruction.autoencoder.ratio": 0.25,
    "objective.reconstruction.autoencoder.masked_input": "dropped",
    "learns.freeze": "image",
    "learns.lora.image": {"rank": 2, "alpha": 2.0},
    "learns.lora.text": {"rank": 2, "alpha": 2.0},
    "mixing": None,
    "mixing.shares": [0.25],
    "data.corpora": ["vg"],  # of pictures, so that no step shows clips
    "data.texts_per_graph": 2.0,
    "data.video_share": 0.5,
    "data.clip_frames": 3,
    "data.clip_stride": 2,
    "data.clip_batch_size": 3,
    "data.num_negatives": 1,
    "data.only_certain": True,
    "data.compositions.share": 0.05,
    "data.compositions.seed": 2,
    "data.crop": {"kind": "centre"},
    "data.general.val_share": 0.1,
    "data.general.seed": 1,
    "data.withheld": {},
    "selection.share": 0.2,
    "selection.max_pairs": 2,
    "selection.seed": 1,
    "training.optimizer.lr": 0.001,
    "training.batch_size": 16,
    "training.accumulate": 2,
    "training.clip_norm": 0.01,
    "training.ema": 0.5,
    "training.num_epochs": 2,
}


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_changes_what_is_written(option, tuning, tuned_row):
    row = changed(option, OPTIONS[option])
    if option == "data.corpora":
        row = changed("data.video_share", 0.0, row)
    found = run(row)
    one, other = weights(tuned_row), weights(found)
    if option.split(".")[0] in ("selection", "mixing"):
        assert not same(found / "history.csv", tuned_row / "history.csv") or not same(
            found / "page.json", tuned_row / "page.json"
        )
    else:
        assert any(not torch.equal(one[name], other[name]) for name in one)


def test_the_warm_up_changes_what_is_learnt(tuning):
    two = changed("training.num_epochs", 2)
    one, other = (weights(run(changed("training.warmup_epochs", num, two), out=f"w{num}")) for num in (0, 1))
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_activations_computed_again_give_the_same_weights(tuning, tuned_row):
    found = weights(run(changed("checkpoint_gradients", True)))
    assert all(torch.allclose(weight, found[name], atol=1e-5) for name, weight in weights(tuned_row).items())
