"""Joint layouts as data: names, bones and the joint that stands for the body's centre. Indices are 0-based.

Artefacts say a layout in one text: a known one by its name, any other by all its bones, so that nothing else is needed
to read them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from pipeline.core.errors import DataError

MAX_JOINTS = 500
_NAME = re.compile(r"[\w.+-]{1,40}", re.ASCII)
_SPELLED = re.compile(r"(space|picture): ([^;]+); (\S+) (\S+)")


@dataclass(frozen=True)
class JointLayout:
    """One sensor's or estimator's skeleton.

    `edges` are (joint, neighbour nearer to the centre), `centre` is what recipes subtract, `shoulders` (right, left).
    A planar one is estimated in pictures: x, y downwards, and a score in place of z. `name` is what artefacts call it:
    that of a known layout, or the text of `own`.
    """

    name: str
    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    centre: int
    shoulders: tuple[int, int]
    planar: bool = False

    @property
    def num_joints(self) -> int:
        """Number of joints V."""
        return len(self.names)

    @property
    def title(self) -> str:
        """What a message calls it."""
        return self.name if self.name in LAYOUTS else "your own layout"


def _layout(
    name: str, names: str, bones: str, centre: str, shoulders: tuple[str, str], *, planar: bool = False
) -> JointLayout:
    order = tuple(names.split())
    pairs = [bone.split(">") for bone in bones.split()]
    edges = tuple((order.index(child), order.index(parent)) for child, parent in pairs)
    right, left = (order.index(shoulder) for shoulder in shoulders)
    return JointLayout(name, order, edges, order.index(centre), (right, left), planar)


# Kinect v2, the order of NTU RGB+D and PKU-MMD (shahroudy/NTURGB-D README; joint 21, 1-based, is the centre).
NTU25 = _layout(
    "ntu25",
    "spine_base spine_mid neck head shoulder_left elbow_left wrist_left hand_left shoulder_right elbow_right "
    "wrist_right hand_right hip_left knee_left ankle_left foot_left hip_right knee_right ankle_right foot_right "
    "spine_shoulder hand_tip_left thumb_left hand_tip_right thumb_right",
    "spine_base>spine_mid spine_mid>spine_shoulder neck>spine_shoulder head>neck shoulder_left>spine_shoulder "
    "elbow_left>shoulder_left wrist_left>elbow_left hand_left>wrist_left shoulder_right>spine_shoulder "
    "elbow_right>shoulder_right wrist_right>elbow_right hand_right>wrist_right hip_left>spine_base knee_left>hip_left "
    "ankle_left>knee_left foot_left>ankle_left hip_right>spine_base knee_right>hip_right ankle_right>knee_right "
    "foot_right>ankle_right hand_tip_left>hand_left thumb_left>hand_left hand_tip_right>hand_right "
    "thumb_right>hand_right",
    centre="spine_shoulder",
    shoulders=("shoulder_right", "shoulder_left"),
)

# Kinect v1, the order of UTD-MHAD.
KINECT20 = _layout(
    "kinect20",
    "head shoulder_centre spine hip_centre shoulder_left elbow_left wrist_left hand_left shoulder_right elbow_right "
    "wrist_right hand_right hip_left knee_left ankle_left foot_left hip_right knee_right ankle_right foot_right",
    "head>shoulder_centre spine>shoulder_centre hip_centre>spine shoulder_left>shoulder_centre "
    "elbow_left>shoulder_left wrist_left>elbow_left hand_left>wrist_left shoulder_right>shoulder_centre "
    "elbow_right>shoulder_right wrist_right>elbow_right hand_right>wrist_right hip_left>hip_centre "
    "knee_left>hip_left ankle_left>knee_left foot_left>ankle_left hip_right>hip_centre knee_right>hip_right "
    "ankle_right>knee_right foot_right>ankle_right",
    centre="shoulder_centre",
    shoulders=("shoulder_right", "shoulder_left"),
)

# OpenPose, 18 joints of the COCO model, the order of Kinetics-Skeleton.
OPENPOSE18 = _layout(
    "openpose18",
    "nose neck shoulder_right elbow_right wrist_right shoulder_left elbow_left wrist_left hip_right knee_right "
    "ankle_right hip_left knee_left ankle_left eye_right eye_left ear_right ear_left",
    "nose>neck shoulder_right>neck elbow_right>shoulder_right wrist_right>elbow_right shoulder_left>neck "
    "elbow_left>shoulder_left wrist_left>elbow_left hip_right>shoulder_right knee_right>hip_right "
    "ankle_right>knee_right hip_left>shoulder_left knee_left>hip_left ankle_left>knee_left eye_right>nose "
    "eye_left>nose ear_right>eye_right ear_left>eye_left",
    centre="neck",
    shoulders=("shoulder_right", "shoulder_left"),
    planar=True,
)

# COCO key points, the order of HRNet estimates; there is no neck, the nose is the root of the tree.
COCO17 = _layout(
    "coco17",
    "nose eye_left eye_right ear_left ear_right shoulder_left shoulder_right elbow_left elbow_right wrist_left "
    "wrist_right hip_left hip_right knee_left knee_right ankle_left ankle_right",
    "eye_left>nose eye_right>nose ear_left>eye_left ear_right>eye_right shoulder_left>nose shoulder_right>nose "
    "elbow_left>shoulder_left elbow_right>shoulder_right wrist_left>elbow_left wrist_right>elbow_right "
    "hip_left>shoulder_left hip_right>shoulder_right knee_left>hip_left knee_right>hip_right ankle_left>knee_left "
    "ankle_right>knee_right",
    centre="nose",
    shoulders=("shoulder_right", "shoulder_left"),
    planar=True,
)

# MediaPipe Pose (BlazePose), 33 joints; there is no neck, the nose is the root of the tree.
MEDIAPIPE33 = _layout(
    "mediapipe33",
    "nose eye_inner_left eye_left eye_outer_left eye_inner_right eye_right eye_outer_right ear_left ear_right "
    "mouth_left mouth_right shoulder_left shoulder_right elbow_left elbow_right wrist_left wrist_right pinky_left "
    "pinky_right index_left index_right thumb_left thumb_right hip_left hip_right knee_left knee_right ankle_left "
    "ankle_right heel_left heel_right foot_left foot_right",
    "eye_inner_left>nose eye_left>eye_inner_left eye_outer_left>eye_left eye_inner_right>nose "
    "eye_right>eye_inner_right eye_outer_right>eye_right ear_left>eye_outer_left ear_right>eye_outer_right "
    "mouth_left>nose mouth_right>nose shoulder_left>nose shoulder_right>nose elbow_left>shoulder_left "
    "elbow_right>shoulder_right wrist_left>elbow_left wrist_right>elbow_right pinky_left>wrist_left "
    "pinky_right>wrist_right index_left>wrist_left index_right>wrist_right thumb_left>wrist_left "
    "thumb_right>wrist_right hip_left>shoulder_left hip_right>shoulder_right knee_left>hip_left knee_right>hip_right "
    "ankle_left>knee_left ankle_right>knee_right heel_left>ankle_left heel_right>ankle_right foot_left>heel_left "
    "foot_right>heel_right",
    centre="nose",
    shoulders=("shoulder_right", "shoulder_left"),
)

LAYOUTS: dict[str, JointLayout] = {layout.name: layout for layout in (NTU25, KINECT20, OPENPOSE18, COCO17, MEDIAPIPE33)}


def find(text: str) -> JointLayout:
    """The layout that an artefact names: a known one, or an own one that the text spells out. DataError for neither."""
    if text in LAYOUTS:
        return LAYOUTS[text]
    match = _SPELLED.fullmatch(text)
    if match is None:
        raise DataError(f"no joint layout '{text[:40]}'; there are {sorted(LAYOUTS)}")
    bones = [bone.partition(">") for bone in match[2].split(" ")]
    names, parents = [name for name, _, _ in bones], {name: parent or None for name, _, parent in bones}
    return _spelled(text, tuple(names), tuple(parents.items()), (match[3], match[4]), planar=match[1] == "picture")


def is_layout(text: str) -> bool:
    """Whether a text names joints, and not what the pixels of footage are."""
    return text in LAYOUTS or _SPELLED.fullmatch(text) is not None


def own(
    names: Sequence[str],
    parents: Mapping[str, str | None],
    centre: str | None,
    shoulders: tuple[str, str],
    *,
    planar: bool,
) -> JointLayout:
    """A layout of a user's own; the known one where it is the same. `parents` may lead to any joint of the body.

    `centre` None: the joint without a parent; `shoulders` are right, left. Raises DataError unless names are plain and
    unique and the bones join all joints in one tree.
    """
    _check_names(names, parents, [*([] if centre is None else [centre]), *shoulders])
    roots = [name for name in names if parents.get(name) is None]
    if len(roots) != 1:
        raise DataError(
            f"joints without a parent: {', '.join(roots) or 'none'}; expected exactly one, from which all bones start"
        )
    index = {name: place for place, name in enumerate(names)}
    middle = index[roots[0] if centre is None else centre]
    near = _towards([(index[child], index[parent]) for child, parent in parents.items() if parent], middle, len(names))
    if len(near) < len(names):
        lost = next(name for name in names if index[name] not in near)
        raise DataError(f"joint '{lost}' hangs on no bone that leads to '{names[middle]}'; mend its parents")
    edges = tuple((joint, near[joint]) for joint in range(len(names)) if joint != middle)
    layout = JointLayout("", tuple(names), edges, middle, (index[shoulders[0]], index[shoulders[1]]), planar)
    known = next((one for one in LAYOUTS.values() if _is_same(one, layout)), None)
    return known or replace(layout, name=_text(layout))


@lru_cache(maxsize=64)
def _spelled(
    text: str,
    names: tuple[str, ...],
    parents: tuple[tuple[str, str | None], ...],
    shoulders: tuple[str, str],
    *,
    planar: bool,
) -> JointLayout:
    layout = own(names, dict(parents), None, shoulders, planar=planar)
    if layout.name != text:
        raise DataError(f"no joint layout '{text[:40]}'; it should be called '{layout.name[:40]}'")
    return layout


def _text(layout: JointLayout) -> str:
    near = dict(layout.edges)
    bones = [
        f"{name}>{layout.names[near[joint]]}" if joint in near else name for joint, name in enumerate(layout.names)
    ]
    right, left = (layout.names[joint] for joint in layout.shoulders)
    return f"{'picture' if layout.planar else 'space'}: {' '.join(bones)}; {right} {left}"


def _is_same(known: JointLayout, other: JointLayout) -> bool:
    """Whether two layouts differ in nothing but their names, and in the order in which their bones are listed."""
    return replace(known, name="", edges=()) == replace(other, edges=()) and set(known.edges) == set(other.edges)


def _check_names(names: Sequence[str], parents: Mapping[str, str | None], others: Sequence[str]) -> None:
    if not 2 <= len(names) <= MAX_JOINTS:
        raise DataError(f"{len(names)} joints; expected 2 to {MAX_JOINTS}")
    odd = next((name for name in names if not _NAME.fullmatch(name)), None)
    if odd is not None:
        raise DataError(f"joint {odd[:40]!r}: a name is letters, digits and . _ + - alone, at most 40")
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise DataError(f"joint '{twice}' stands there twice; give each joint a name of its own")
    for name in [*parents, *filter(None, parents.values()), *others]:
        if name not in names:
            raise DataError(f"no joint '{str(name)[:40]}'; the joints are {', '.join(names)}")


def _towards(bones: Sequence[tuple[int, int]], centre: int, num_joints: int) -> dict[int, int]:
    """By joint that bones join with the centre: its neighbour nearer to it; of the centre itself."""
    around: list[list[int]] = [[] for _ in range(num_joints)]
    for one, other in bones:
        around[one].append(other)
        around[other].append(one)
    near, waiting = {centre: centre}, [centre]
    for joint in waiting:
        for other in around[joint]:
            if other not in near:
                near[other] = joint
                waiting.append(other)
    return near
