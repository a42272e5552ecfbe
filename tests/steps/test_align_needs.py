"""Methods that read tokens or variants of clips, from stores of features to scores, within a dataset and across two."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core import scores, store
from pipeline.core.errors import DataError
from pipeline.core.params import parse
from pipeline.models import checkpoint
from pipeline.models.methods.shared import MethodParams
from pipeline.models.tasks import Inputs
from pipeline.reporting.transfer import PageParams
from pipeline.steps import cross
from pipeline.training import selection
from pipeline.training.method_rows import Compute
from pipeline.transfer.params import Folds
from tests.steps import crossed
from tests.steps.aligning import DEVISE, aligned, by_space, generalised, top1, written

TEXTS = {"text_type": "label", "centre": "none"}
COURSE = {"lr": 0.01, "weight_decay": 0.0, "batch_size": 16, "epochs": 30, "keep_every": 15}
ASKING = {"texts": ["context", "label"], "centre": "none", "queries": "kind", "heads": 2, "head_size": 4}
NETWORK = {"hidden_size": 32, "hidden_layers": 0, "dropout": 0.0, "falling": True}
DISCRIMINATOR = {**TEXTS, **COURSE, "warmup_epochs": 2, "widths": [32]}
PARAMS: dict[str, dict[str, Any]] = {
    "purls": {**COURSE, **ASKING, **NETWORK},
    "smie": {**DISCRIMINATOR, "margin": 0.1, "constraint": 0.5},
}


def settings(name: str) -> MethodParams:
    return parse(selection.method(name).Params, PARAMS[name], "test")


def with_arrays(features: Path, num_joints: int = 4) -> None:
    """The same store, where tokens (of five frames) and two variants of each clip stand beside the vectors."""
    old = store.Store(features, "extract")
    groups = {name: (old.ids(name), old.group_attrs(name), old.read(name, "pooled")) for name in old.groups()}
    with store.create(features, old.attrs) as writer:
        for name, (ids, attrs, pooled_ND) in groups.items():
            group, random = writer.group(name, ids, attrs), np.random.default_rng(0)
            away = 0.3 * random.normal(size=(5, num_joints, pooled_ND.shape[1])).astype(np.float32)
            group.put("pooled", pooled_ND)
            group.put("tokens", pooled_ND[:, None, None] + away - away.mean((0, 1)))
            group.put("masked", np.stack([pooled_ND * np.float32(share) for share in (0.2, 0.6)], axis=1))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    found: Inputs = written(tmp_path_factory.mktemp("needs"))
    return found


@pytest.fixture
def world(tmp_path: Path, inputs: Inputs) -> Inputs:
    """With test clips of seen classes."""
    found: Inputs = generalised(inputs, tmp_path)
    with_arrays(found.features)
    return found


@pytest.mark.parametrize("name", PARAMS)
@pytest.mark.parametrize("chosen", [{}, {"selection": "folds", "num_folds": 3}], ids=["val", "folds"])
def test_unseen_classes_are_told_apart_by_what_the_method_reads(
    world: Inputs, tmp_path: Path, name: str, chosen: dict[str, Any]
) -> None:
    asked = {"spaces": ["unseen", "gzsl"], "explained": True, **chosen}
    folder = aligned(world, tmp_path, settings=settings(name), method=name, **asked)
    found = by_space(folder)
    assert top1(found["unseen"]) > 0.6
    assert len(found["gzsl"].clip_ids) == 15
    about = checkpoint.load(folder / "weights" / "s0-0.safetensors")[1]
    assert (about["feature_dim"], about["text_dim"]) == (8, 6)


@pytest.mark.parametrize(("name", "array"), [("purls", "tokens"), ("smie", "masked")])
def test_a_store_of_vectors_alone_is_refused(inputs: Inputs, tmp_path: Path, name: str, array: str) -> None:
    with pytest.raises(DataError, match=rf"f\.zarr: group 's0-0' holds no '{array}', which the method '{name}' reads"):
        aligned(inputs, tmp_path, settings=settings(name), method=name)


def test_a_method_of_vectors_reads_them_from_the_same_store(world: Inputs, inputs: Inputs, tmp_path: Path) -> None:
    plain = replace(world, features=inputs.features)
    devise = parse(selection.method("devise").Params, DEVISE, "test")
    found = [
        by_space(aligned(each, tmp_path, name, settings=devise, method="devise"))["unseen"].values
        for name, each in (("with", world), ("without", plain))
    ]
    assert found[0].tobytes() == found[1].tobytes()


def crossing(world: crossed.World, name: str) -> dict[str, float]:
    row = parse(cross.Row, {**crossed.ROW, "how": {"method": name, "variant": "v"}}, "cross.rows.k")
    told = cross.Settings(
        settings(name), Compute(num_threads=1), Folds(num_folds=3, seed=0), PageParams(num_clips=4, num_graphs=0)
    )
    cross.cross("k", row, told, world.yard.where, world.park.where, out=world.root / "out", cache=world.root / "cache")
    found = {}
    for one in scores.read(world.root / "out", "cross"):
        truth = np.array([world.park.class_id(clip_id) for clip_id in one.clip_ids])
        guesses = np.array(one.provenance.class_ids)[one.values[:, one.provenance.selected].argmax(axis=1)]
        found[one.provenance.split] = float(np.mean(guesses == truth))
    return found


@pytest.mark.parametrize("name", PARAMS)
def test_across_datasets_the_target_may_have_other_joints(tmp_path: Path, name: str) -> None:
    world = crossed.World(tmp_path)
    for place, num_joints in ((world.yard, 4), (world.park, 6)):
        with_arrays(place.inputs.features, num_joints)
    assert all(share > 1.5 / len(crossed.PARK_PARTS[split]) for split, share in crossing(world, name).items())


@pytest.mark.parametrize("without", ["yard", "park"])
def test_across_datasets_both_stores_must_have_what_the_method_reads(tmp_path: Path, without: str) -> None:
    world = crossed.World(tmp_path)
    for place in (world.yard, world.park):
        if place.name != without:
            with_arrays(place.inputs.features)
    with pytest.raises(
        DataError, match=rf"{without}\.zarr: group .* holds no 'tokens', which the method 'purls' reads"
    ):
        crossing(world, "purls")
