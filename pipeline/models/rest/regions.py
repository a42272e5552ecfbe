"""Regions of people and things as visual tokens: each with its place in space and time (supplement E, Table 9)."""

# Shapes: N clips, K regions of a clip, S = regions of the clip with the most, D feature size, 5 = frame x0 y0 x1 y1.
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.core.batches import Arrays

PLACE_DIM = 7  # x0 y0 x1 y1, width, height, frame

Floats = npt.NDArray[np.float32]


def places(box_K5: npt.NDArray[np.floating], num_frames: int) -> Floats:
    """place_K7 of boxes: corners, width and height in parts (0 to 1) of the picture; frames from 0 (first) to 1 (last).

    `box_K5` is what `extract` stores: the frame's number in the clip, then corners in parts of the picture.
    """
    frame_K1, corners_K4 = box_K5[:, :1], box_K5[:, 1:]
    offset_K1 = frame_K1 / max(1, num_frames - 1)
    return np.concatenate([corners_K4, corners_K4[:, 2:] - corners_K4[:, :2], offset_K1], axis=1).astype(np.float32)


def padded(regions: Sequence[Floats], place: Sequence[Floats]) -> Arrays:
    """`x` (N, S, D), `place` (N, S, 7) and `known` (N, S) of the regions of clips, zeros behind each's last."""
    num_tokens = max(1, *map(len, regions))
    known_NS = np.arange(num_tokens) < np.array([len(region_KD) for region_KD in regions])[:, None]
    x_NSD = np.zeros((len(regions), num_tokens, regions[0].shape[1]), np.float32)
    place_NS7 = np.zeros((len(regions), num_tokens, PLACE_DIM), np.float32)
    x_NSD[known_NS], place_NS7[known_NS] = np.concatenate(list(regions)), np.concatenate(list(place))
    return {"x": x_NSD, "place": place_NS7, "known": known_NS}
