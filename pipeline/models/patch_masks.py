"""Which patches are hidden in training: random ones, or those that meet the boxes of a scene graph."""

# Shapes: N items, T frames, G x P patches of a frame, S = G P, B boxes of a frame, 4 = x1 y1 x2 y2 as shares (0 to 1).
import math

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]


def random_patches(rng: np.random.Generator, shape: tuple[int, int, int, int], share: float) -> Bools:
    """hidden_NTGP: a share of every frame's patches, drawn anew for each frame."""
    return _drawn(rng, np.ones(shape, dtype=np.bool_), share)


def graph_patches(
    rng: np.random.Generator, boxes_NTB4: Floats, reach: tuple[Floats, Floats], share: float, ratio: float
) -> tuple[Bools, Bools]:
    """hidden_NTGP and fell_back_N: of every frame's patches that meet a box, the part `ratio` (1 = all).

    `reach` holds the edges of the rows (G + 1) and columns (P + 1) of patches as shares of the frame. An item without a
    box in any frame falls back to `share` of all patches; a frame without one in an item with boxes hides nothing.
    """
    meeting_NTGP = meets(boxes_NTB4, reach)
    fell_back_N: Bools = np.logical_not(meeting_NTGP.any(axis=(1, 2, 3)))
    part_N = np.where(fell_back_N, share, ratio)
    return _drawn(rng, meeting_NTGP | fell_back_N[:, None, None, None], part_N[:, None]), fell_back_N


def meets(boxes_NTB4: Floats, reach: tuple[Floats, Floats]) -> Bools:
    """meets_NTGP: the patch and a box of its frame overlap. A box without an area, such as one of zeros, meets none."""
    rows, columns = reach
    x1, y1, x2, y2 = np.moveaxis(boxes_NTB4[..., None], 3, 0)  # each (N, T, B, 1)
    down_NTBG = (y1 < rows[1:]) & (y2 > rows[:-1]) & (y2 > y1)
    across_NTBP = (x1 < columns[1:]) & (x2 > columns[:-1]) & (x2 > x1)
    return np.asarray((down_NTBG[..., :, None] & across_NTBP[..., None, :]).any(axis=2))


def _drawn(rng: np.random.Generator, candidate_NTGP: Bools, part: float | Floats) -> Bools:
    """Draw the given part of every frame's candidates, rounded, at least one; one patch of a frame is never drawn.

    The draws of an item depend on the numbers of items, frames and patches, and on nothing else of the batch.
    """
    candidate_NTS = candidate_NTGP.reshape(*candidate_NTGP.shape[:2], math.prod(candidate_NTGP.shape[2:]))
    num_NT = candidate_NTS.sum(axis=2)
    wanted_NT = np.minimum(np.maximum(np.rint(part * num_NT), 1), np.minimum(num_NT, candidate_NTS.shape[2] - 1))
    noise_NTS = rng.random(candidate_NTS.shape) + ~candidate_NTS  # candidates come first
    rank_NTS = noise_NTS.argsort(axis=2).argsort(axis=2)
    return np.asarray(rank_NTS < wanted_NT[:, :, None]).reshape(candidate_NTGP.shape)
