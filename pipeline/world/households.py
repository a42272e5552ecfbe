"""Frames of a demo Action Genome: a person does something to a thing in a room, and looks at it or not."""

from dataclasses import dataclass

import numpy as np

from pipeline.core.seeds import generator

Box = tuple[float, float, float, float]  # x, y, width, height; pixels

# What is done to what, as Action Genome names it. A thing is not touched before and after.
ACTIONS = (
    ("drinking_from", "cup/glass/bottle"),
    ("holding", "book"),
    ("holding", "phone/camera"),
    ("carrying", "bag"),
    ("carrying", "box"),
    ("wiping", "table"),
    ("sitting_on", "chair"),
    ("sitting_on", "sofa/couch"),
    ("leaning_on", "door"),
    ("eating", "sandwich"),
    ("holding", "broom"),
    ("touching", "laptop"),
    ("writing_on", "paper/notebook"),
    ("wearing", "clothes"),
    ("covered_by", "blanket"),
    ("lying_on", "bed"),
)
LARGE = frozenset(("table", "chair", "sofa/couch", "door", "bed", "blanket"))
# What goes with the action: who drinks from a cup holds it.
_ALSO = {"drinking_from": "holding", "eating": "holding", "wiping": "touching", "carrying": "holding"}


@dataclass(frozen=True)
class RoomThing:
    """A thing of a frame; relations are lists of Action Genome's names, None where it is not visible."""

    name: str
    box: Box | None
    attention: tuple[str, ...]
    spatial: tuple[str, ...]
    contacting: tuple[str, ...]


@dataclass(frozen=True)
class RoomFrame:
    """One frame of a video; `person` is None where the detector found nobody."""

    key: str
    person: Box | None
    drawn_person: Box
    things: tuple[RoomThing, ...]
    subset: str


def frames(seed: int, video: int, num_frames: int, width: int, height: int) -> list[RoomFrame]:
    """The annotated frames of one video: the person walks up to the thing, acts, and lets go."""
    rng = generator(seed, "household", video)
    verb, noun = ACTIONS[video % len(ACTIONS)]
    others = [name for _, name in ACTIONS if name != noun]
    bystander = str(rng.choice(sorted(set(others))))
    wide, high = 0.22 * height, 0.6 * height
    target = float(rng.uniform(0.35, 0.6)) * width
    rest = float(rng.uniform(0.75, 0.85)) * width
    seen = rng.random(num_frames)
    made = []
    for number in range(num_frames):
        acting = num_frames // 4 <= number < num_frames - num_frames // 4
        start = target - 1.5 * wide if acting else 0.05 * width
        body = (start, 0.9 * height - high, wide, high)
        thing = _thing(noun, verb if acting else None, body, target, height, visible=True)
        other = _thing(bystander, None, body, rest, height, visible=bool(seen[number] > 0.2))
        made.append(
            RoomFrame(
                f"DEMO{video:03d}.mp4/{1 + 12 * number:06d}.png",
                body if seen[number] < 0.95 else None,
                body,
                (thing, other),
                "test" if video % 4 == 3 else "train",
            )
        )
    return made


def _thing(noun: str, verb: str | None, body: Box, centre: float, height: int, *, visible: bool) -> RoomThing:
    if not visible:
        return RoomThing(noun, None, (), (), ())
    side = (0.4 if noun in LARGE else 0.14) * height
    bottom = 0.9 * height if noun in LARGE else body[1] + 0.55 * body[3] + side / 2
    left = body[0] + 0.8 * body[2] if verb and noun not in LARGE else centre - side / 2
    if verb in ("sitting_on", "lying_on"):
        left = body[0] - 0.2 * side
    box = (left, bottom - side, side, side)
    if verb in ("sitting_on", "lying_on"):
        spatial = ("beneath",)
    elif abs(left + side / 2 - body[0] - body[2] / 2) > body[2]:
        spatial = ("on_the_side_of",)
    else:
        spatial = ("in_front_of",)
    contacting = tuple(word for word in (verb, _ALSO.get(verb or "")) if word) or ("not_contacting",)
    looks = (
        "unsure" if verb == "covered_by" else "looking_at" if verb or spatial == ("in_front_of",) else "not_looking_at"
    )
    return RoomThing(noun, box, (looks,), spatial, contacting)


def person_entry(box: Box | None, width: int, height: int) -> dict[str, object]:
    """The person_bbox.pkl entry of a frame: detections as x1, y1, x2, y2 float32, none where nobody was found."""
    boxes = [] if box is None else [[box[0], box[1], box[0] + box[2], box[1] + box[3]]]
    num = len(boxes)
    return {
        "bbox": np.array(boxes, dtype=np.float32).reshape(num, 4),
        "bbox_score": np.full(num, 0.99, dtype=np.float32),
        "bbox_size": (width, height),
        "bbox_mode": "xyxy",
        "keypoints": np.zeros((num, 17, 3), dtype=np.float32),
        "keypoints_logits": np.zeros((num, 17), dtype=np.float32),
    }
