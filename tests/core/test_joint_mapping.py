import numpy as np
import pytest

from pipeline.core.errors import DataError
from pipeline.core.joint_mapping import mapped, weights
from pipeline.core.joints import LAYOUTS


@pytest.mark.parametrize("source", LAYOUTS)
@pytest.mark.parametrize("target", LAYOUTS)
def test_every_joint_is_a_mean_of_joints(source, target):
    found = weights(source, target)
    assert found.shape == (LAYOUTS[target].num_joints, LAYOUTS[source].num_joints)
    assert found.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("target", LAYOUTS)
def test_joints_of_the_same_name_stay_where_they_are(target):
    xyz = np.random.default_rng(0).normal(size=(2, 3, 25, 3)).astype(np.float32)
    found = mapped(xyz, "ntu25", target)
    for row, name in enumerate(LAYOUTS[target].names):
        if name in LAYOUTS["ntu25"].names:
            assert np.array_equal(found[..., row, :], xyz[..., LAYOUTS["ntu25"].names.index(name), :])


def test_kinect_v1_becomes_v2_with_the_spine_in_place():
    xyz = np.random.default_rng(0).normal(size=(4, 20, 3))
    found = mapped(xyz, "kinect20", "ntu25")
    old, new = LAYOUTS["kinect20"].names.index, LAYOUTS["ntu25"].names.index
    for there, here in (("spine_mid", "spine"), ("spine_base", "hip_centre"), ("neck", "shoulder_centre")):
        assert found[:, new(there)] == pytest.approx(xyz[:, old(here)])


def test_a_missing_neck_is_between_the_shoulders():
    xyz = np.random.default_rng(0).normal(size=(4, 17, 3))
    neck = mapped(xyz, "coco17", "openpose18")[:, LAYOUTS["openpose18"].names.index("neck")]
    right, left = LAYOUTS["coco17"].shoulders
    assert neck == pytest.approx((xyz[:, right] + xyz[:, left]) / 2)


def test_what_is_made_of_an_absent_joint_is_absent():
    xyz = np.zeros((1, 17, 3))
    xyz[0, LAYOUTS["coco17"].shoulders[0]] = np.nan
    found = np.isnan(mapped(xyz, "coco17", "ntu25")).any(axis=-1)[0]
    absent = {name for name, is_absent in zip(LAYOUTS["ntu25"].names, found, strict=True) if is_absent}
    assert absent == {"shoulder_right", "neck", "spine_shoulder", "spine_mid"}


def test_an_unknown_layout_is_refused():
    with pytest.raises(DataError, match="no joint layout 'mpii'"):
        weights("ntu25", "mpii")
