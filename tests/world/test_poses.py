import numpy as np
import pytest

from pipeline.core.joints import NTU25
from pipeline.world.bodies import Sizes, sampled_body
from pipeline.world.poses import CHANNELS, at_rest, placed, stood

SIZES = Sizes(mean=1.0, deviation=0.06)
BODY = sampled_body(np.random.default_rng(0), SIZES)


def joints(**channels):
    pose = at_rest(1)
    for name, value in channels.items():
        pose[name] = np.array([float(value)])
    xyz_V3 = placed(BODY, pose)[0]
    return dict(zip(NTU25.names, xyz_V3, strict=True))


def test_at_rest_left_is_at_positive_x_and_feet_are_on_the_floor():
    rest = joints()
    for part in ("shoulder", "elbow", "hand", "hip", "knee", "foot"):
        assert rest[f"{part}_left"][0] > 0.05 > -0.05 > rest[f"{part}_right"][0]
    assert min(xyz[1] for xyz in rest.values()) == pytest.approx(0)
    height = BODY.lower_spine + BODY.upper_spine + BODY.neck + BODY.head + BODY.thigh + BODY.shank + 0.04 + 0.05
    assert rest["head"][1] == pytest.approx(height)
    assert rest["foot_left"][2] > rest["ankle_left"][2]  # toes to the front


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_arm_goes_where_its_channels_say(side):
    sign = 1 if side == "left" else -1
    arm = BODY.upper_arm + BODY.forearm + BODY.hand
    for channels, direction in [
        ({f"shoulder_forward_{side}": 90}, (0, 0, 1)),
        ({f"shoulder_forward_{side}": 180}, (0, 1, 0)),
        ({f"shoulder_side_{side}": 90}, (sign, 0, 0)),
        ({f"shoulder_forward_{side}": 90, f"shoulder_side_{side}": 90}, (sign, 0, 0)),
    ]:
        moved = joints(**channels)
        reach = moved[f"hand_{side}"] - moved[f"shoulder_{side}"]
        np.testing.assert_allclose(reach, arm * np.array(direction), atol=1e-12)


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_elbow_bends_forward_and_a_twisted_one_upward(side):
    bent = joints(**{f"elbow_{side}": 90})
    np.testing.assert_allclose(bent[f"wrist_{side}"] - bent[f"elbow_{side}"], (0, 0, BODY.forearm), atol=1e-12)
    up = joints(**{f"shoulder_side_{side}": 90, f"shoulder_twist_{side}": 90, f"elbow_{side}": 90})
    np.testing.assert_allclose(up[f"wrist_{side}"] - up[f"elbow_{side}"], (0, BODY.forearm, 0), atol=1e-12)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_leg_goes_where_its_channels_say(side):
    sign = 1 if side == "left" else -1
    lifted = joints(**{f"hip_forward_{side}": 90, f"knee_{side}": 90})
    np.testing.assert_allclose(lifted[f"knee_{side}"] - lifted[f"hip_{side}"], (0, 0, BODY.thigh), atol=1e-12)
    np.testing.assert_allclose(lifted[f"ankle_{side}"] - lifted[f"knee_{side}"], (0, -BODY.shank, 0), atol=1e-12)
    apart = joints(**{f"hip_side_{side}": 90})
    np.testing.assert_allclose(apart[f"knee_{side}"] - apart[f"hip_{side}"], (sign * BODY.thigh, 0, 0), atol=1e-12)


def test_the_trunk_bends_forward_leans_right_and_twists_left():
    assert joints(bend=60)["head"][2] > 0.3
    assert joints(lean=40)["head"][0] < -0.3
    assert joints(twist=40)["shoulder_right"][2] > 0.05  # the right shoulder comes forward
    assert joints(nod=40)["head"][2] > joints()["head"][2]
    assert joints(shake=90)["head"][0] > 0.02


def test_sitting_lowers_the_hips_by_the_thigh_and_lifting_lifts_all():
    seated = joints(hip_forward_left=90, hip_forward_right=90, knee_left=90, knee_right=90)
    assert joints()["spine_base"][1] - seated["spine_base"][1] == pytest.approx(BODY.thigh)
    assert joints(lift=0.3)["foot_left"][1] == pytest.approx(joints()["foot_left"][1] + 0.3)
    assert joints(shift_forward=0.5)["head"][2] - joints()["head"][2] == pytest.approx(0.5)
    assert joints(shift_side=0.5)["head"][0] - joints()["head"][0] == pytest.approx(0.5)


def test_bones_keep_their_length_in_every_pose():
    rng = np.random.default_rng(1)
    pose = {channel: rng.uniform(-90, 90, 50) for channel in CHANNELS}
    xyz_TV3 = placed(BODY, pose)
    rigid = [edge for edge in NTU25.edges if NTU25.names[edge[0]] not in ("hip_left", "hip_right")]
    length_TE = np.stack([np.linalg.norm(xyz_TV3[:, a] - xyz_TV3[:, b], axis=1) for a, b in rigid], axis=1)
    np.testing.assert_allclose(length_TE, np.broadcast_to(length_TE[0], length_TE.shape), rtol=1e-9)


def test_a_body_that_turns_to_its_left_and_moves_keeps_its_shape():
    xyz_TV3 = placed(BODY, at_rest(2))
    moved_TV3 = stood(xyz_TV3, heading_degrees=90, left_m=1.0, front_m=2.0)
    toes_3 = moved_TV3[0, NTU25.names.index("foot_left")] - moved_TV3[0, NTU25.names.index("ankle_left")]
    np.testing.assert_allclose(toes_3, (BODY.foot, -0.05, 0), atol=1e-12)  # its front is now where its left was
    np.testing.assert_allclose(moved_TV3[:, 0], np.array([[1.0, xyz_TV3[0, 0, 1], 2.0]] * 2), atol=1e-12)
    distance = np.linalg.norm(xyz_TV3[0, :, None] - xyz_TV3[0], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(moved_TV3[0, :, None] - moved_TV3[0], axis=-1), distance, atol=1e-12)
