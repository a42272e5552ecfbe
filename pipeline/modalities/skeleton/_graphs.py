"""Graphs of a skeleton's joints, as in 2s-AGCN (Shi et al., CVPR 2019) and its successors."""

# Shapes: V joints, W the same.
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pipeline.core.joints import JointLayout

Weights = npt.NDArray[np.float64]
# Bones of the released graphs that differ from those of the body: joint -> its neighbour in the released graph.
RELEASED_BONES = {"ntu25": {"hand_tip_left": "thumb_left", "hand_tip_right": "thumb_right"}}


def with_released_bones(layout: JointLayout) -> JointLayout:
    """The layout with the bones of the field's released networks, where those differ."""
    others = RELEASED_BONES.get(layout.name, {})
    by_joint = {layout.names.index(joint): layout.names.index(near) for joint, near in others.items()}
    return replace(layout, edges=tuple((joint, by_joint.get(joint, near)) for joint, near in layout.edges))


def directed(layout: JointLayout) -> Weights:
    """A_3VW: each joint itself, bones towards the centre, bones away from it; each column divided by its sum.

    Element (v, w) leads from w to v: a bone towards the centre has the row of the nearer joint and the column of the
    farther one.
    """
    num_joints = layout.num_joints
    inward_VW = np.zeros((num_joints, num_joints))
    for joint, nearer in layout.edges:
        inward_VW[nearer, joint] = 1
    return np.stack([np.eye(num_joints), _by_column(inward_VW), _by_column(inward_VW.T)])


def adjacent(layout: JointLayout) -> Weights:
    """A_VW: 1 where a bone joins two joints, in both directions; 0 on the diagonal."""
    adjacent_VW = np.zeros((layout.num_joints, layout.num_joints))
    for joint, nearer in layout.edges:
        adjacent_VW[nearer, joint] = adjacent_VW[joint, nearer] = 1
    return adjacent_VW


def _by_column(weight_VW: Weights) -> Weights:
    sum_W = weight_VW.sum(axis=0)
    return weight_VW / np.where(sum_W > 0, sum_W, 1)
