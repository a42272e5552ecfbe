"""Actions: primitives of single limbs, at the same time or one after the other. One action is one class."""

from dataclasses import dataclass

# A limb and a motion of it, both as in primitives.PRIMITIVES; arms and legs with their side.
Primitive = tuple[str, str]


@dataclass(frozen=True)
class Action:
    """A class of the demo world: what is done at once is one step; steps follow each other."""

    name: str
    steps: tuple[tuple[Primitive, ...], ...]

    @property
    def primitives(self) -> frozenset[Primitive]:
        """Every (limb, motion) the action is made of."""
        return frozenset(primitive for step in self.steps for primitive in step)


def _both(kind: str, motion: str) -> tuple[Primitive, ...]:
    return (f"left {kind}", motion), (f"right {kind}", motion)


def _at_once(name: str, *primitives: Primitive) -> Action:
    return Action(name, (primitives,))


def _in_turn(name: str, *steps: tuple[Primitive, ...]) -> Action:
    return Action(name, steps)


_SIT, _SQUAT, _JUMP, _TURN, _BEND = (
    ("body", "sit"),
    ("body", "squat"),
    ("body", "jump"),
    ("trunk", "turn"),
    ("trunk", "bend"),
)

# In each of these the position is the class id; names and sentences ship in pipeline/datasets/classes/<dataset>.csv.
ACTIONS: tuple[Action, ...] = (
    _at_once("raise left arm", ("left arm", "raise")),
    _at_once("raise right arm", ("right arm", "raise")),
    _at_once("raise both arms", *_both("arm", "raise")),
    _at_once("wave left hand", ("left arm", "wave")),
    _at_once("wave right hand", ("right arm", "wave")),
    _at_once("lift left knee", ("left leg", "lift")),
    _at_once("lift right knee", ("right leg", "lift")),
    _at_once("raise right arm and lift left knee", ("right arm", "raise"), ("left leg", "lift")),
    _at_once("raise left arm and lift right knee", ("left arm", "raise"), ("right leg", "lift")),
    _at_once("sit down", _SIT),
    _at_once("clap hands", *_both("arm", "clap")),
    _in_turn("sit down and clap hands", (_SIT,), _both("arm", "clap")),
    _in_turn("sit down and wave left hand", (_SIT,), (("left arm", "wave"),)),
    _at_once("jump", _JUMP),
    _at_once("squat", _SQUAT),
    _at_once("bend forward", _BEND),
    _at_once("jump and clap hands", _JUMP, *_both("arm", "clap")),
    _at_once("punch with left fist", ("left arm", "punch")),
    _at_once("punch with right fist", ("right arm", "punch")),
    _at_once("kick with left leg", ("left leg", "kick")),
    _at_once("kick with right leg", ("right leg", "kick")),
    _at_once("swing both arms", *_both("arm", "swing")),
    _at_once("turn upper body", _TURN),
    _at_once("squat and swing both arms", _SQUAT, *_both("arm", "swing")),
    _at_once("bend forward and swing both arms", _BEND, *_both("arm", "swing")),
)

# Other people's words for some of the same movements, and movements of their own.
GYM: tuple[Action, ...] = (
    _in_turn("boxing", (("left arm", "punch"),), (("right arm", "punch"),)),
    _at_once("deep knee bend", _SQUAT),
    _at_once("jump", _JUMP),
    _in_turn("high knees", (("left leg", "lift"),), (("right leg", "lift"),)),
    _at_once("jumping jack", _JUMP, *_both("arm", "spread")),
    _at_once("front kick", ("right leg", "kick")),
    _at_once("trunk rotation", _TURN),
    _at_once("toe touch", _BEND),
    _at_once("arms swinging", *_both("arm", "swing")),
    _at_once("biceps curl", *_both("arm", "curl")),
    _at_once("lateral raise", *_both("arm", "spread")),
    _at_once("overhead reach", *_both("arm", "raise")),
)

HOME: tuple[Action, ...] = (
    _at_once("greet somebody", ("right arm", "wave")),
    _at_once("applaud", *_both("arm", "clap")),
    _at_once("sitting down", _SIT),
    _at_once("stand up from a chair", ("body", "rise")),
    _at_once("drink from a cup", ("right arm", "drink")),
    _at_once("make a phone call", ("left arm", "phone")),
    _at_once("look around", ("head", "shake")),
    _at_once("nod yes", ("head", "nod")),
    _at_once("bow", _BEND),
    _at_once("stretch", *_both("arm", "raise")),
    _at_once("pick something up", _SQUAT, ("right arm", "reach")),
    _in_turn("sit down to drink", (_SIT,), (("right arm", "drink"),)),
)

REPERTOIRES = {"demo": ACTIONS, "demo_gym": GYM, "demo_home": HOME}
