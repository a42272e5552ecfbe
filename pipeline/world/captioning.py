"""Short captions in varied plain words, true of a scene of things or of somebody who does an action."""

from collections.abc import Collection

import numpy as np

from pipeline.formats.named_classes import ClassNames
from pipeline.world.actions import ACTIONS, Action, Primitive
from pipeline.world.scenes import PEOPLE, Scene, Thing, holds, told_relations

# What somebody does, by the kind of limb and the motion; {side} is left or right.
_ONE = {
    ("arm", "raise"): ("raises the {side} arm", "holds the {side} arm up", "has the {side} arm above the head"),
    ("arm", "wave"): ("waves the {side} hand", "waves with the {side} hand", "holds up a waving {side} hand"),
    ("arm", "punch"): ("punches with the {side} fist", "thrusts the {side} fist forward", "throws a {side} punch"),
    ("leg", "lift"): ("lifts the {side} knee", "pulls the {side} knee up", "stands with the {side} knee high"),
    ("leg", "kick"): ("kicks with the {side} leg", "kicks the {side} leg forward", "gives a {side} kick"),
}
_BOTH = {
    "raise": ("raises both arms", "holds both arms up"),
    "clap": ("claps the hands", "claps", "brings both hands together in front of the chest"),
    "swing": ("swings both arms", "swings the arms back and forth", "lets both arms swing"),
}
_WHOLE = {
    ("body", "sit"): ("sits down", "sits", "takes a seat"),
    ("body", "squat"): ("squats", "squats deeply", "crouches close to the floor"),
    ("body", "jump"): ("jumps", "jumps up", "leaps into the air"),
    ("trunk", "bend"): ("bends forward", "bends far down", "leans over with a straight back"),
    ("trunk", "turn"): ("turns the upper body", "twists the upper body", "turns the shoulders to one side"),
}
_PEOPLE = ("a person", "someone", "somebody")
_OPENINGS = ("{who} {does}", "a picture of {who} who {does}", "{who} {does} in a room", "here {who} {does}")
_SCENES = ("{}", "{}", "a picture of {}", "there is {}", "one can see {}")


class Words:
    """What may be said of the actions that are shown: nothing that names a class which is not."""

    def __init__(self, shown: Collection[int]) -> None:
        classes = ClassNames({"demo": [action.name for action in ACTIONS]})
        self._of_class = {
            class_id: [
                phrase
                for phrase in _sentences(ACTIONS[class_id])
                if all(named in shown for _, named in classes.named(phrase))
            ]
            for class_id in shown
        }

    def unsaid(self) -> list[int]:
        """The classes that nothing can be said of: whatever is true of them names another one."""
        return sorted(class_id for class_id, phrases in self._of_class.items() if not phrases)

    def of_action(self, class_id: int, rng: np.random.Generator) -> str:
        """A caption of somebody who does an action."""
        phrases = self._of_class[class_id]
        who, opening = _PEOPLE[rng.integers(len(_PEOPLE))], _OPENINGS[rng.integers(len(_OPENINGS))]
        return opening.format(who=who, does=phrases[rng.integers(len(phrases))])


def _sentences(action: Action) -> list[str]:
    """All that may be said of an action: "sits and claps"."""
    sentences = [""]
    for step in action.steps:
        for phrases in _phrases(step):
            sentences = [f"{before} and {phrase}" if before else phrase for before in sentences for phrase in phrases]
    return sentences


def _phrases(step: tuple[Primitive, ...]) -> list[tuple[str, ...]]:
    """The phrases of what is done at once; two arms that do the same are said as one."""
    phrases: dict[tuple[str, str], tuple[str, ...]] = {}
    for limb, motion in step:
        side, _, kind = limb.rpartition(" ")
        if not side:
            phrases[limb, motion] = _WHOLE[kind, motion]
        elif {(f"left {kind}", motion), (f"right {kind}", motion)} <= set(step):
            phrases[kind, motion] = _BOTH[motion]
        else:
            phrases[limb, motion] = tuple(phrase.format(side=side) for phrase in _ONE[kind, motion])
    return list(phrases.values())


def of_scene(made: Scene, rng: np.random.Generator) -> tuple[str, list[Thing]]:
    """A caption that says a relation of a scene, or how one of its things looks, and the things that it tells of."""
    relations = told_relations(made)
    if rng.random() < 0.25:
        things = [thing for thing in made.things if thing.words]
        things_named = [things[rng.integers(len(things))]]
        sentence = f"a {things_named[0].noun} that is {' and '.join(things_named[0].words)}"
    else:
        chosen = relations[rng.integers(len(relations))]
        things_named = [made.things[chosen[0]], made.things[chosen[2]]]
        sentence = _related(made, chosen, rng)
    return _SCENES[rng.integers(len(_SCENES))].format(sentence), things_named


def _related(made: Scene, relation: tuple[int, str, int], rng: np.random.Generator) -> str:
    """One relation, sometimes the other way round."""
    subject, predicate, object_ = relation
    first, other = made.things[subject], made.things[object_]
    if rng.random() < 0.3 and predicate in _TURNED:
        first, predicate, other = other, _TURNED[predicate], first
        assert holds(first, predicate, other)
    return f"{_named(first, rng)} {predicate} {_named(other, rng)}"


_TURNED = {
    "on": "under",
    "to the left of": "to the right of",
    "to the right of": "to the left of",
    "next to": "next to",
}


def _named(thing: Thing, rng: np.random.Generator) -> str:
    """A thing with all, one or none of its attributes."""
    words = list(thing.words)
    if words and thing.noun not in PEOPLE:
        num_said = rng.choice([0, 1, len(words)], p=[0.25, 0.45, 0.3])
        keep = sorted(rng.permutation(len(words))[:num_said].tolist())
        words = [words[place] for place in keep]
    described = " ".join([*words, thing.noun])
    return f"{'an' if described[0] in 'aeiou' else 'a'} {described}"
