"""Which row, split, seed and hub a recogniser is opened on."""

import shutil

import numpy as np
import pytest
import torch

from pipeline.core import bound
from pipeline.core.errors import DataError
from pipeline.core.hashing import file_digest
from pipeline.modalities import depth
from pipeline.modalities.video import clip as hub_member
from pipeline.models import checkpoint, clip
from pipeline.models.bound import BoundEncoder
from pipeline.models.mapped import MappedEncoder
from pipeline.recognition import Recogniser, rows
from pipeline.training import bound as weights
from pipeline.training.determinism import deterministic
from tests.recognition.toy import NAMES, edited, files

ROW = "features/bind/demo-sgfa"


def test_two_senses_of_a_modality_go_by_their_names(copy):
    there = copy / ROW
    shutil.copytree(there / "depth", there / "near")
    recogniser = Recogniser.load(there)
    assert recogniser.sense("near").modality == "depth"
    (there / "depth").rename(there / "far")
    with pytest.raises(
        DataError, match=r"several senses of 'depth', there are far \(depth\), near \(depth\), skeleton"
    ):
        Recogniser.load(there).sense("depth")


def test_a_row_is_found_or_those_there_are_named(copy):
    there = copy / "features/bind"
    shutil.copytree(there / "demo-sgfa", there / "being-made.partial")  # what a row leaves until it is finished
    assert rows.only_row(there) == there / "demo-sgfa"
    beside = r"\(rows in it and beside it: demo-sgfa\)"
    with pytest.raises(DataError, match=f"other: no weights of bind there {beside}; run `dvc repro bind`"):
        Recogniser.load(there / "other")
    shutil.copytree(there / "demo-sgfa", there / "two")
    with pytest.raises(DataError, match="several rows, demo-sgfa, two; name one with --bound"):
        rows.only_row(there)
    with pytest.raises(DataError, match="nothing: no bound encoders; run `dvc repro bind`"):
        rows.only_row(copy / "nothing")


def test_a_training_is_found_or_those_there_are_named(copy):
    folder = copy / ROW
    shutil.copy(folder / "depth/composed-0.safetensors", folder / "depth/composed-1.safetensors")
    assert (Recogniser.load(folder, seed=0).row.split, Recogniser.load(folder, seed=1).row.senses) == (
        "composed", ("depth",)
    )  # fmt: skip
    with pytest.raises(DataError, match="several trainings, of <split>-<seed> there are composed-0, composed-1"):
        Recogniser.load(folder, split="composed")
    with pytest.raises(DataError, match="no such training, of <split>-<seed> there are composed-0, composed-1"):
        Recogniser.load(folder, seed=9)


def test_a_hub_without_texts_says_so_and_can_still_be_searched(copy):
    for file in (copy / ROW).glob("*/composed-0.safetensors"):
        edited(file, lambda told: told["hub"].update(encoder="framecnn"))
    recogniser = Recogniser.load(copy / ROW)
    with pytest.raises(DataError, match=r"demo-sgfa: bound to video \(framecnn\), which has no texts"):
        recogniser.texts(["a"])
    query_D = recogniser.embed(files(copy, "depth")[:1], "depth")[0]
    assert recogniser.search(query_D, ["depth"], top=1)[0].clip_id == f"demo/{NAMES[0]}"


def test_weights_other_than_those_bound_to_are_refused(copy):
    clip.save(copy / "features/finetune/toy/0.safetensors", clip.start(copy / "start.json", 8), {})
    for use in (lambda one: one.texts(["a"]), lambda one: one.sense("hub")):
        with pytest.raises(
            DataError, match=r"finetune/toy: not the weights that .*demo-sgfa was bound to; run `dvc repro bind`"
        ):
            use(Recogniser.load(copy / ROW))


def test_a_hub_that_learnt_lies_beside_its_senses(copy, recogniser):
    tower = clip.start(copy / "features/finetune/toy", 0)
    with torch.no_grad():
        tower.model.visual.proj.mul_(-1)
    encoder = hub_member.Encoder(hub_member.PoolingParams(pooling="mean_unit"), 3, tower)
    kept = BoundEncoder(encoder, 6)
    torch.nn.init.eye_(kept.projection.weight)
    _, told = weights.load(bound.weights(copy / ROW, "depth", "composed", 0))
    hub = told.hub.model_copy(update={"learned": True})
    told = told.model_copy(
        update={
            **hub.model_dump(include={"modality", "recipe", "recipe_options", "encoder", "layout"}),
            "sense": "hub",
            "options": {**hub.options, "architecture": tower.architecture},
            "hub": hub,
        }
    )
    weights.save(bound.weights(copy / ROW, "hub", "composed", 0), kept, told)
    for file in (copy / ROW).glob("*/composed-0.safetensors"):
        edited(file, lambda said: said["hub"].update(learned=True))
    [path] = files(copy, "video")[:1]
    learnt = Recogniser.load(copy / ROW)
    assert learnt.row.senses == ("depth", "skeleton", "thermal")
    np.testing.assert_allclose(learnt.embed([path], "hub"), -recogniser.embed([path], "hub"), atol=1e-5)


@pytest.mark.parametrize("dim", [None, 5])
def test_a_hub_trained_on_a_split_is_the_file_of_its_digest(copy, dim):
    """With `dim` it has kept its map to texts."""
    folder = copy / "features/pretrain/deep"
    options = {"widths": [4], "dropout": 0.0}
    for seed in (0, 1):
        with deterministic(seed, 1):
            module = depth.build("r2plus1d", options, "depth_mm", "here")
            module = MappedEncoder(module, dim) if dim else module
        kept = {"text_space": {"dim": dim}} if dim else {}
        metadata = {"modality": "depth", "encoder": "r2plus1d", "layout": "depth_mm", "options": options, **kept}
        checkpoint.save(folder / f"composed-{seed}.safetensors", module, metadata)
    digest = file_digest(folder / "composed-1.safetensors")
    _, told = weights.load(bound.weights(copy / ROW, "depth", "composed", 0))
    hub = {
        **told.model_dump(include={"modality", "recipe", "recipe_options", "encoder", "layout"}),
        "options": {}, "weights": "features/pretrain/deep", "seed": 1, "weights_hash": digest,
    }  # fmt: skip
    for file in (copy / ROW).glob("*/composed-0.safetensors"):
        edited(file, lambda said: said["hub"].update(hub))
    sense = Recogniser.load(copy / ROW).sense("hub")
    assert (sense.modality, sense.weights_hash) == ("depth", digest)
    for found, wanted in zip(sense.encoder.parameters(), module.parameters(), strict=True):
        assert torch.equal(found, wanted)
    (folder / "composed-1.safetensors").unlink()
    with pytest.raises(DataError, match="pretrain/deep: not the weights that"):
        Recogniser.load(copy / ROW).sense("hub")
