"""A user's own joints: prepared by every recipe, learned from by every network, measured, and mapped by their names."""

import numpy as np
import pytest
import torch

from pipeline.core import joint_mapping, joints
from pipeline.core.errors import DataError
from pipeline.core.joints import NTU25, JointLayout
from pipeline.formats.shared import Skeleton
from pipeline.modalities import skeleton
from tests.contracts.test_encoders import SAMPLES

RECIPES = {
    "agcn300": {"num_frames": 20, "num_bodies": 1},
    "ctrgcn64": {"num_frames": 20, "num_bodies": 1, "share": 0.95},
    "dvta50": {"num_frames": 20, "num_bodies": 1},
    "stgcn300": {"num_frames": 20, "num_bodies": 1},
    "whole50": {"num_frames": 20, "num_bodies": 1, "smoothing": 1, "up": "auto"},
}


def permuted() -> tuple[JointLayout, list[int]]:
    """NTU's joints in another order, about another centre; and where they stand in NTU's."""
    order = np.random.default_rng(0).permutation(25).tolist()
    names = [NTU25.names[joint] for joint in order]
    parents: dict[str, str | None] = {NTU25.names[child]: NTU25.names[near] for child, near in NTU25.edges}
    return joints.own(
        names, parents, NTU25.names[NTU25.centre], ("shoulder_right", "shoulder_left"), planar=False
    ), order


def walk() -> np.ndarray:
    rng = np.random.default_rng(1)
    return (rng.normal(size=(1, 1, 25, 3)) + 0.1 * rng.normal(size=(1, 30, 25, 3))).astype(np.float32)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_gives_the_same_joints_in_any_order(recipe: str) -> None:
    own, order = permuted()
    prepare = skeleton.prepare(recipe, RECIPES[recipe], "s")
    known = prepare(Skeleton("ntu25", walk(), (0,)))
    found = prepare(Skeleton(own.name, walk()[:, :, order], (0,)))
    np.testing.assert_allclose(found, known[:, :, order], atol=1e-5)


def test_kinematics_measures_the_same_in_any_order() -> None:
    own, order = permuted()
    x_NCTVM = walk().transpose(0, 3, 1, 2)[..., None]
    known, found = (
        skeleton.build("kinematics", {}, layout, "s")(torch.from_numpy(np.ascontiguousarray(x)))
        for layout, x in (("ntu25", x_NCTVM), (own.name, x_NCTVM[:, :, :, order]))
    )
    torch.testing.assert_close(found, known)


@pytest.mark.parametrize("name", [name for sense, name in SAMPLES if sense == "skeleton"])
def test_an_encoder_is_built_for_an_own_layout(name: str) -> None:
    own, _ = permuted()
    model = skeleton.build(name, SAMPLES["skeleton", name][0], own.name, "s").eval()
    assert model(torch.randn(2, 3, 16, 25, 1)).shape == (2, model.dim)


@pytest.mark.parametrize("recipe", RECIPES)
def test_joints_of_other_names_are_prepared_or_refused_in_a_line(recipe: str) -> None:
    parents: dict[str, str | None] = {"b": "a", "c": "b", "d": "b"}
    body = joints.own(("a", "b", "c", "d"), parents, None, ("c", "d"), planar=False)
    prepare = skeleton.prepare(recipe, RECIPES[recipe], "s")
    recording = Skeleton(body.name, walk()[:, :, :4], (0,))
    if recipe == "agcn300":
        with pytest.raises(DataError, match="expected joints spine_mid and spine_base or spine and hip_centre"):
            prepare(recording)
    else:
        assert prepare(recording).shape == (3, 20, 4, 1)
        assert not skeleton.is_empty(prepare(recording)[None])[0]


def test_another_layout_is_mapped_by_names() -> None:
    own, order = permuted()
    xyz = walk()
    np.testing.assert_array_equal(joint_mapping.mapped(xyz[:, :, order], own.name, "ntu25"), xyz)
    np.testing.assert_array_equal(joint_mapping.mapped(xyz, "ntu25", own.name), xyz[:, :, order])
    few = joints.own(
        ("shoulder_right", "shoulder_left"),
        {"shoulder_left": "shoulder_right"},
        None,
        ("shoulder_right", "shoulder_left"),
        planar=False,
    )
    with pytest.raises(DataError, match="has nothing that stands for joint 'spine_base' of ntu25; name the joint so"):
        joint_mapping.weights(few.name, "ntu25")
