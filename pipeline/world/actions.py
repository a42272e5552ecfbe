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

# The position is the class id; names and sentences ship in pipeline/datasets/classes/demo.csv.
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
