"""What the classes say and what the bodies do are the same."""

import numpy as np
import pytest

from pipeline.core.joints import NTU25
from pipeline.datasets import shared
from pipeline.labels import overlap
from pipeline.world.actions import ACTIONS, REPERTOIRES
from pipeline.world.bodies import Sizes, Style, sampled_body
from pipeline.world.performances import idle, performed
from pipeline.world.poses import CHANNELS, placed
from pipeline.world.primitives import PRIMITIVES

NAMES = [action.name for action in ACTIONS]
EVERY = [action for repertoire in REPERTOIRES.values() for action in repertoire]
TARGETS = ("demo_gym", "demo_home")
UNSEEN = shared.published_splits("demo")["composed"]
SIZES = Sizes(mean=1.0, deviation=0.06)
BODY = sampled_body(np.random.default_rng(0), SIZES)
STILL = Style(
    pace=1.0, amplitude=1.0, weaker_arm=1.0, right_handed=True, stoop=0.0, arm_spread=8.0, elbow_bend=10.0, stance=3.0,
    sympathy=0.0, sway=0.0,
)  # fmt: skip


def kind_and_side(limb):
    side, _, kind = limb.rpartition(" ")
    return kind, side


def joints(name, style=STILL):
    """Each joint's way xyz_T3 in one performance of the class of that name, of any world."""
    action = next(action for action in EVERY if action.name == name)
    pose = performed(action, style, 60, np.random.default_rng(0))
    xyz_TV3 = placed(BODY, pose)
    return {joint: xyz_TV3[:, index] for index, joint in enumerate(NTU25.names)}


def spread(xyz_T3):
    """Greatest distance from the first place, in metres."""
    return np.linalg.norm(xyz_T3 - xyz_T3[0], axis=1).max()


@pytest.mark.parametrize("dataset", REPERTOIRES)
def test_the_class_list_names_the_actions_in_order(dataset):
    actions, classes = REPERTOIRES[dataset], shared.classes(dataset)
    assert [row.name for row in classes] == [action.name for action in actions]
    assert all(row.context.startswith("A person ") and row.context.endswith(".") for row in classes)
    assert len({row.context for row in classes}) == len(classes)
    shared.check_names([row.name for row in classes], dataset)
    assert len({action.steps for action in actions}) == len(actions)


def test_there_are_two_dozen_classes_to_train_on():
    assert len(ACTIONS) >= 24


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_overlaps_the_demo_in_part_and_mostly_under_other_names(target):
    known = {action.steps: action.name for action in ACTIONS}
    same = {action.name: known[action.steps] for action in REPERTOIRES[target] if action.steps in known}
    assert len(REPERTOIRES[target]) / 4 <= len(same) <= 3 * len(REPERTOIRES[target]) / 4
    assert len(overlap.same_name(list(same), NAMES)) < len(same) / 2


def test_each_check_of_names_has_something_to_find():
    names = [action.name for target in TARGETS for action in REPERTOIRES[target]]
    exact, same_words = overlap.same_name(names, NAMES), overlap.same_words(names, NAMES)
    assert exact == {"jump": "jump"}
    assert set(same_words) > set(exact)


def test_every_primitive_exists_and_every_motion_is_used():
    used = {(kind_and_side(limb)[0], motion) for action in EVERY for limb, motion in action.primitives}
    assert used == {(kind, motion) for kind, motions in PRIMITIVES.items() for motion in motions}
    for action in EVERY:
        assert all(kind_and_side(limb)[1] in ("left", "right") for limb, _ in action.primitives if " " in limb)
    channels = {curve.channel for motions in PRIMITIVES.values() for curves in motions.values() for curve in curves}
    assert all(channel in CHANNELS or f"{channel}_left" in CHANNELS for channel in channels)


def test_unseen_classes_are_new_compositions_of_primitives_of_seen_ones():
    seen = [action for class_id, action in enumerate(ACTIONS) if class_id not in UNSEEN]
    known = frozenset().union(*(action.primitives for action in seen))
    for class_id in UNSEEN:
        primitives = ACTIONS[class_id].primitives
        assert len(primitives) > 1
        assert primitives <= known
        assert primitives not in [action.primitives for action in seen]


def test_most_primitives_occur_in_several_classes_so_that_any_split_can_transfer():
    for action in ACTIONS:
        others = frozenset().union(*(other.primitives for other in ACTIONS if other is not action))
        if len(action.steps) > 1 or len(action.primitives) > 2:
            assert action.primitives <= others


@pytest.mark.parametrize("action", EVERY, ids=lambda action: action.name)
def test_only_the_limbs_that_are_named_move(action):
    moved = joints(action.name)
    still = {"left arm": "hand_left", "right arm": "hand_right", "left leg": "knee_left", "right leg": "knee_right"}
    limbs = {limb for limb, _ in action.primitives}
    for limb, joint in still.items():
        if limb in limbs:
            assert spread(moved[joint]) > 0.1
        elif not limbs & {"trunk", "body"}:
            assert spread(moved[joint]) < 0.02


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_raised_arm_ends_above_the_head_and_comes_down(side):
    moved = joints(f"raise {side} arm")
    above_T = moved[f"hand_{side}"][:, 1] - moved["head"][:, 1]
    assert above_T.max() > 0.1
    assert above_T[0] < -0.5 > above_T[-1]


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_waving_hand_is_high_and_goes_from_side_to_side(side):
    moved = joints(f"wave {side} hand")
    hand_T3, high_T = moved[f"hand_{side}"], moved[f"hand_{side}"][:, 1] > moved["spine_shoulder"][:, 1]
    assert high_T.sum() > 20
    assert np.ptp(hand_T3[high_T, 0]) > 0.2
    assert (np.diff(np.sign(np.diff(hand_T3[high_T, 0]))) != 0).sum() >= 3


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_punch_goes_forward_twice(side):
    moved = joints(f"punch with {side} fist")
    reach_T = moved[f"hand_{side}"][:, 2] - moved[f"shoulder_{side}"][:, 2]
    far_T = reach_T > 0.85 * (BODY.upper_arm + BODY.forearm + BODY.hand)
    assert (np.diff(far_T.astype(int)) == 1).sum() == 2


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_kick_goes_forward_and_a_lifted_knee_to_the_hip(side):
    kick = joints(f"kick with {side} leg")
    assert (kick[f"foot_{side}"][:, 2] - kick["spine_base"][:, 2]).max() > 0.7
    lift = joints(f"lift {side} knee")
    assert (lift[f"knee_{side}"][:, 1] - lift[f"hip_{side}"][:, 1]).max() > -0.1
    assert (lift[f"foot_{side}"][:, 2] - lift["spine_base"][:, 2]).max() < 0.7


def test_who_sits_down_stays_down_and_who_squats_or_bends_comes_up():
    for name in ("sit down", "sit down and clap hands", "sit down and wave left hand"):
        hips_T = joints(name)["spine_base"][:, 1]
        assert hips_T[-1] < hips_T[0] - 0.3
    squat_T, bend = joints("squat")["spine_base"][:, 1], joints("bend forward")
    assert squat_T.min() < squat_T[0] - 0.45
    assert squat_T[-1] == pytest.approx(squat_T[0], abs=0.02)
    assert bend["head"][:, 1].min() < bend["head"][0, 1] - 0.35
    assert bend["head"][-1, 1] == pytest.approx(bend["head"][0, 1], abs=0.02)
    assert bend["hand_left"][30, 1] < bend["shoulder_left"][30, 1] - 0.4  # hanging


def test_who_jumps_leaves_the_floor_twice():
    for name in ("jump", "jump and clap hands"):
        foot_T = joints(name)["foot_left"][:, 1]
        assert (np.diff((foot_T > 0.1).astype(int)) == 1).sum() == 2


def test_clapping_hands_meet_and_part():
    for name in ("clap hands", "sit down and clap hands", "jump and clap hands"):
        moved = joints(name)
        apart_T = np.linalg.norm(moved["hand_left"] - moved["hand_right"], axis=1)
        closest = [t for t in range(1, 59) if apart_T[t] < 0.2 and apart_T[t] <= min(apart_T[t - 1], apart_T[t + 1])]
        assert len(closest) >= 3
        assert moved["hand_left"][closest[0], 2] > moved["spine_shoulder"][closest[0], 2] + 0.2


def test_swinging_arms_go_before_and_behind_and_a_turning_trunk_to_both_sides():
    swing = joints("swing both arms")
    for side in ("left", "right"):
        ahead_T = swing[f"hand_{side}"][:, 2] - swing[f"shoulder_{side}"][:, 2]
        assert ahead_T.max() > 0.3
        assert ahead_T.min() < -0.15
    turn = joints("turn upper body")
    shoulder_T = turn["shoulder_left"][:, 2]
    assert shoulder_T.max() > 0.1
    assert shoulder_T.min() < -0.1
    assert spread(turn["foot_left"]) < 1e-9


def test_who_stands_up_begins_on_a_seat_and_ends_upright():
    hips_T = joints("stand up from a chair")["spine_base"][:, 1]
    assert hips_T[0] < hips_T[-1] - 0.3
    assert hips_T[-1] == pytest.approx(joints("raise left arm")["spine_base"][0, 1], abs=0.02)


def test_arms_spread_to_the_height_of_the_shoulders():
    for name in ("lateral raise", "jumping jack"):
        moved = joints(name)
        for side in ("left", "right"):
            hand_T3, shoulder_T3 = moved[f"hand_{side}"], moved[f"shoulder_{side}"]
            assert np.abs(hand_T3[30, 1] - shoulder_T3[30, 1]) < 0.15
            assert np.abs(hand_T3[30, 0] - shoulder_T3[30, 0]) > 0.5


def test_a_curl_brings_the_hands_to_the_shoulders_three_times():
    moved = joints("biceps curl")
    near_T = np.linalg.norm(moved["hand_left"] - moved["shoulder_left"], axis=1) < 0.35
    assert (np.diff(near_T.astype(int)) == 1).sum() == 3


def test_who_drinks_has_the_hand_before_the_face_and_who_phones_beside_it():
    for name, side in (("drink from a cup", "right"), ("make a phone call", "left")):
        moved = joints(name)
        offset_3 = moved[f"hand_{side}"][30] - moved["head"][30]
        assert np.linalg.norm(offset_3) < 0.3, (name, offset_3)
        before, beside = offset_3[2], np.abs(offset_3[0])
        assert before > 0.1 > beside if name.startswith("drink") else beside > 0.08 > np.abs(before), (name, offset_3)


def test_the_head_alone_turns_and_nods():
    for name, axis in (("look around", 0), ("nod yes", 2)):
        moved = joints(name)
        assert np.ptp(moved["head"][:, axis]) > 0.02
        assert spread(moved["neck"]) < 1e-9


def test_who_picks_something_up_has_one_hand_low():
    moved = joints("pick something up")
    assert moved["hand_right"][30, 1] < 0.5
    assert moved["hand_right"][30, 2] > moved["spine_base"][30, 2] + 0.2


def test_steps_follow_each_other():
    moved = joints("sit down and wave left hand")
    hand_T, hips_T = moved["hand_left"][:, 1] - moved["spine_shoulder"][:, 1], moved["spine_base"][:, 1]
    assert hips_T[np.argmax(hand_T > 0)] < hips_T[0] - 0.3


@pytest.mark.parametrize(
    ("change", "joint"),
    [({"amplitude": 0.7}, "hand_left"), ({"weaker_arm": 0.7}, "hand_left"), ({"sympathy": 0.3}, "hand_right"),
     ({"stoop": 9.0}, "head"), ({"arm_spread": 14.0}, "hand_right"), ({"elbow_bend": 25.0}, "hand_right"),
     ({"stance": 8.0}, "foot_right"), ({"sway": 2.0}, "head")],
)  # fmt: skip
def test_each_trait_of_style_shows(change, joint):
    other = Style(**(vars(STILL) | change))
    plain, styled = joints("raise left arm"), joints("raise left arm", other)
    assert np.abs(plain[joint] - styled[joint]).max() > 0.02


def test_only_the_weaker_arm_is_weaker():
    left_handed = Style(**(vars(STILL) | {"weaker_arm": 0.7, "right_handed": False}))
    plain, styled = joints("raise left arm"), joints("raise left arm", left_handed)
    np.testing.assert_allclose(plain["hand_left"], styled["hand_left"])


def test_who_is_idle_sways_but_stays():
    pose = idle(Style(**(vars(STILL) | {"sway": 2.0})), 60, np.random.default_rng(0))
    xyz_TV3 = placed(BODY, pose)
    assert 0.001 < np.ptp(xyz_TV3, axis=0).max() < 0.3
