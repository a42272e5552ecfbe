"""Joint layouts as data: names, bones and the joint that stands for the body's centre. Indices are 0-based."""

from dataclasses import dataclass


@dataclass(frozen=True)
class JointLayout:
    """One sensor's or estimator's skeleton.

    `edges` are (joint, neighbour nearer to the centre), `centre` is what recipes subtract, `shoulders` (right, left).
    A planar one is estimated in pictures: x, y downwards, and a score in place of z.
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
