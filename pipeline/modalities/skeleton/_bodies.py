"""The base class of skeleton encoders: bodies go through the network one by one, and a clip is the mean of its bodies.

Unlike in the field's released networks, absent bodies (all zero) do not enter the network: a clip's feature is the mean
over the bodies it has, not always over two, and normalisation statistics are those of real bodies.
"""

# Shapes: N clips, P bodies present in them, C channels, T frames, V joints, M bodies, D feature size, S frames after
# the strides.
from typing import ClassVar

import torch
from torch import Tensor, nn

from pipeline.core.errors import DataError

NUM_COORDINATES = 3  # of a joint
# (multiple of the width, stride) of each block of the full ST-GCN and of networks with the same plan.
PLAN = ((1, 1), (1, 1), (1, 1), (1, 1), (2, 2), (2, 1), (2, 1), (4, 2), (4, 1), (4, 1))


class BodyEncoder(nn.Module):
    """Clips of joint positions -> one vector a clip. `dim` is its size.

    `num_slots` None: the first normalisation treats all bodies alike (ST-GCN). A number: the first body of a clip, the
    second and so on have their own statistics, as in 2s-AGCN and its successors, which have 2.
    """

    parts: ClassVar[dict[str, int]] = {"frames": 2, "joints": 3}  # what of a clip can be hidden -> its axis in x_NCTVM
    blocks: nn.Module  # the network, which a subclass sets

    def __init__(self, dim: int, num_joints: int, num_slots: int | None = None) -> None:
        super().__init__()
        self.dim, self.num_joints, self.num_slots = dim, num_joints, num_slots
        self.normalise = nn.ModuleList(nn.BatchNorm1d(num_joints * NUM_COORDINATES) for _ in range(num_slots or 1))

    def maps(self, x_PCTV: Tensor) -> Tensor:
        """body_PDSV of normalised bodies: the network's last map, which is then averaged over frames and joints."""
        body_PDSV: Tensor = self.blocks(x_PCTV)
        return body_PDSV

    def forward(self, x_NCTVM: Tensor) -> Tensor:
        """feature_ND: the mean over frames and joints, then over the bodies present; 0 for a clip without a body."""
        return clip_feature(*self._encode(x_NCTVM))

    def with_tokens(self, x_NCTVM: Tensor) -> tuple[Tensor, Tensor]:
        """The feature, and the tokens_NSVD whose mean it is: of each frame and joint, mean over the bodies."""
        body_PDSV, present_NM = self._encode(x_NCTVM)
        return clip_feature(body_PDSV, present_NM), mean_body(body_PDSV, present_NM).permute(0, 2, 3, 1)

    def _encode(self, x_NCTVM: Tensor) -> tuple[Tensor, Tensor]:
        x_PCTV, present_NM = bodies(x_NCTVM)
        return self.of_bodies(x_PCTV, present_NM), present_NM

    def of_bodies(self, x_PCTV: Tensor, present_NM: Tensor) -> Tensor:
        """body_PDSV of the bodies present, even if all numbers of one are 0 (the motion of one that stands still).

        DataError for more bodies a clip than there are slots.
        """
        if self.num_slots is not None and present_NM.shape[1] > self.num_slots:
            raise DataError(
                f"clips of {present_NM.shape[1]} bodies, but the encoder normalises {self.num_slots}: set num_slots in "
                "its options or num_bodies in the recipe of params.yaml"
            )
        return self.maps(self._normalised(x_PCTV, present_NM))

    def _normalised(self, x_PCTV: Tensor, present_NM: Tensor) -> Tensor:
        num_bodies, channels, frames, joints = x_PCTV.shape
        columns = x_PCTV.permute(0, 3, 1, 2).reshape(num_bodies, joints * channels, frames)
        if self.num_slots is None:
            normalised = self.normalise[0](columns)
        else:
            slot_P, normalised = present_NM.nonzero()[:, 1], torch.empty_like(columns)
            for slot, normalise in enumerate(self.normalise):
                if (is_here_P := slot_P == slot).any():
                    normalised[is_here_P] = normalise(columns[is_here_P])
        normalised_PCTV: Tensor = normalised.view(num_bodies, joints, channels, frames).permute(0, 2, 3, 1).contiguous()
        return normalised_PCTV


def bodies(x_NCTVM: Tensor) -> tuple[Tensor, Tensor]:
    """x_PCTV of the bodies present, clip by clip, and which those are (N, M)."""
    x_NMCTV = x_NCTVM.permute(0, 4, 1, 2, 3)
    present_NM = (x_NMCTV != 0).flatten(2).any(2)
    return x_NMCTV[present_NM], present_NM


def pooled(body_PDSV: Tensor) -> Tensor:
    """body_PD, the mean over frames and joints; divided last, so that the backward pass writes no second map."""
    return body_PDSV.sum((2, 3)) / (body_PDSV.shape[2] * body_PDSV.shape[3])


def clip_feature(body_PDSV: Tensor, present_NM: Tensor) -> Tensor:
    """feature_ND: the mean over frames and joints, then over each clip's bodies."""
    return mean_body(pooled(body_PDSV), present_NM)


def mean_body(body_PD: Tensor, present_NM: Tensor) -> Tensor:
    """The mean over each clip's bodies, with any axes after D; 0 for a clip without a body."""
    sum_NMD = body_PD.new_zeros(*present_NM.shape, *body_PD.shape[1:])
    sum_NMD[present_NM] = body_PD
    num_bodies_N = present_NM.sum(1).clamp(min=1)
    return sum_NMD.sum(1) / num_bodies_N.view(-1, *[1] * (body_PD.dim() - 1))
