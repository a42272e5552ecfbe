"""Scenes of a demo Visual Genome: coloured things on floors and tables and in hands, with all that is true of them.

Geometry decides the truth: a thing on a table stands on it, "to the left of" means that the boxes are apart and in
this order. Everything is drawn from named seeds, so one more scene leaves the others as they were.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipeline.core.seeds import generator

COLOURS = {
    "red": (200, 40, 40),
    "blue": (50, 80, 200),
    "green": (50, 150, 60),
    "yellow": (235, 205, 60),
    "purple": (130, 60, 160),
    "orange": (240, 140, 40),
    "white": (245, 245, 245),
    "black": (30, 30, 30),
}
SMALL_THINGS = ("ball", "box", "cup", "book", "bottle", "cone", "vase")
PEOPLE = ("man", "woman", "child")
SIZES = {"small": 0.7, "large": 1.0}

Box = tuple[int, int, int, int]  # x, y, width, height; pixels


@dataclass(frozen=True)
class Thing:
    """Something in a scene; `carrier` is the number of what it stands on, is held by or is worn by."""

    number: int
    noun: str
    colour: str | None
    words: tuple[str, ...]  # its attributes, colour included
    box: Box
    carrier: int | None
    how: str  # on | held | worn


@dataclass(frozen=True)
class Scene:
    """A scene of `width` x `height` pixels; thing 0 is the floor."""

    number: int
    width: int
    height: int
    things: tuple[Thing, ...]


class _Builder:
    """Collects the things of one scene."""

    def __init__(self, rng: np.random.Generator, width: int, height: int) -> None:
        self.rng = rng
        self.width, self.height = width, height
        self.floor_y = round(0.8 * height)
        floor = (0, self.floor_y, width, height - self.floor_y)
        self.things = [Thing(0, "floor", None, (str(rng.choice(["wooden", "tiled"])),), floor, None, "on")]

    def add(self, noun: str, box: Box, carrier: int, how: str, size: str | None = None) -> int:
        colour = str(self.rng.choice(sorted(COLOURS)))
        words = [colour] if size is None else [size, colour]
        if noun in ("ball", "box", "cup", "hat") and self.rng.random() < 0.4:
            words.append("striped")
        self.things.append(Thing(len(self.things), noun, colour, tuple(words), box, carrier, how))
        return len(self.things) - 1

    def small(self, centre: int, bottom: int, carrier: int, how: str) -> None:
        """A small thing whose lower edge is at `bottom`."""
        size = str(self.rng.choice(sorted(SIZES)))
        side = round(0.16 * self.height * SIZES[size])
        noun = str(self.rng.choice(SMALL_THINGS))
        high = round(side * (1.4 if noun in ("bottle", "vase") else 1.0))
        self.add(noun, (centre - side // 2, bottom - high, side, high), carrier, how, size)

    def person(self, centre: int) -> None:
        """A person, who may wear a hat and hold something."""
        noun = str(self.rng.choice(PEOPLE))
        high = round((0.4 if noun == "child" else 0.55) * self.height)
        wide = round(0.3 * high)
        top = self.floor_y - high
        person = self.add(noun, (centre - wide // 2, top, wide, high), 0, "on")
        shirt = self.things[person]
        self.things[person] = Thing(person, noun, shirt.colour, (), shirt.box, 0, "on")  # the colour is the shirt's
        if self.rng.random() < 0.5:
            self.add("hat", (centre - wide // 3, top - high // 12, 2 * (wide // 3), high // 9), person, "worn")
        if self.rng.random() < 0.8:
            self.small(centre + wide // 2 + round(0.05 * self.height), top + high // 2, person, "held")

    def table(self, centre: int, room: int) -> None:
        """A table with one or two things on it."""
        wide, high = round(0.85 * room), round(0.25 * self.height)
        table = self.add("table", (centre - wide // 2, self.floor_y - high, wide, high), 0, "on")
        for place in range(int(self.rng.integers(1, 3))):
            self.small(centre + (place * 2 - 1) * wide // 4, self.floor_y - high, table, "on")


def scene(seed: int, number: int, width: int, height: int) -> Scene:
    """The scene of this number: three to five places along the floor, each with a person, a table or a thing."""
    rng = generator(seed, "scene", number)
    builder = _Builder(rng, width, height)
    num_places = int(rng.integers(3, 6))
    room = width // num_places
    for place in range(num_places):
        centre = room // 2 + place * room
        kind = rng.choice(["person", "table", "thing"], p=[0.35, 0.3, 0.35])
        if kind == "person":
            builder.person(centre - round(0.05 * height))
        elif kind == "table":
            builder.table(centre, room)
        else:
            builder.small(centre, builder.floor_y, 0, "on")
    return Scene(number, width, height, tuple(builder.things))


def holds(subject: Thing, predicate: str, other: Thing) -> bool:
    """Whether a relation of the world's vocabulary is true; False for predicates it does not have."""
    if predicate in ("on", "under"):
        lower, upper = (other, subject) if predicate == "on" else (subject, other)
        return upper.carrier == lower.number and upper.how == "on"
    if predicate == "holding":
        return other.carrier == subject.number and other.how == "held"
    if predicate == "wearing":
        return other.carrier == subject.number and other.how == "worn"
    if 0 in (subject.number, other.number) or subject.carrier == other.number or other.carrier == subject.number:
        return False
    gap_right = other.box[0] - (subject.box[0] + subject.box[2])
    gap_left = subject.box[0] - (other.box[0] + other.box[2])
    return {
        "to the left of": gap_right >= 0,
        "to the right of": gap_left >= 0,
        "next to": max(gap_right, gap_left) >= 0,
    }.get(predicate, False)


def told_relations(scene: Scene) -> list[tuple[int, str, int]]:
    """The relations an annotator would draw: what carries what, and the order of neighbours on the same carrier."""
    rng = generator(scene.number, "annotator")
    relations: list[tuple[int, str, int]] = []
    for thing in scene.things[1:]:
        if thing.carrier is not None:
            ends = (thing.number, "on", thing.carrier)
            by_person = (thing.carrier, "holding" if thing.how == "held" else "wearing", thing.number)
            relations.append(ends if thing.how == "on" else by_person)
    for carrier in {thing.carrier for thing in scene.things if thing.how == "on" and thing.carrier is not None}:
        row = sorted((t for t in scene.things if t.carrier == carrier and t.how == "on"), key=lambda t: t.box[0])
        for left, right in pairwise(row):
            word = str(rng.choice(["to the left of", "to the right of", "next to"]))
            subject, other = (right, left) if word == "to the right of" else (left, right)
            if holds(subject, word, other):
                relations.append((subject.number, word, other.number))
    return sorted(relations)
